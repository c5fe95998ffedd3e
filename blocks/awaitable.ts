// Working with values that may be ready at once: no promise is made where none came in.
import type { Awaitable } from './driver.ts';

/** `next` of the value, now or when it is there. What rejects goes through. */
export function whenReady<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** Runs `task` for 0 to `count - 1`, in this order, with at most `limit` unfinished. A task must not fail. */
export function forEachBounded(count: number, limit: number, task: (index: number) => Awaitable<void>): Awaitable<void> {
  let next = 0;
  const lanes: Promise<void>[] = [];
  const lane = async (running: Promise<void>): Promise<void> => {
    await running;
    while (next < count) {
      const done = task(next++);
      if (done instanceof Promise) await done;
    }
  };
  while (next < count && lanes.length < limit) {
    const done = task(next++);
    if (done instanceof Promise) lanes.push(lane(done));
  }
  return lanes.length === 0 ? undefined : Promise.all(lanes).then(() => undefined);
}

/** The promise's result. @throws Error with the text `late` when it takes longer than `limitMs`; what comes of it then is nobody's */
export async function within<T>(limitMs: number, late: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(late)), limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
