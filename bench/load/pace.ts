// Two ways to make load: a closed loop, in which so many calls are always under way, and an open one, in which calls start when
// they are due.
import { Worker } from 'node:worker_threads';
import { STOPPED, WAKING, type AlarmSpec } from './alarm-thread.ts';
import { Schedule, type Arrivals } from './arrivals.ts';
import { nowMs } from './clock.ts';

export interface Pace {
  /** Starts what is due, and nothing any more. May be called twice. */
  stop(): void;
}

/** Begins `start` so many times, and again whenever one has called `ended`. @param start is given the time, on the clock of load/clock.ts */
export function closedLoop(inFlight: number, start: (nowMs: number, ended: () => void) => void): Pace {
  let stopped = false;
  const next = (): void => {
    if (!stopped) start(nowMs(), next);
  };
  for (let i = 0; i < inFlight; i++) next();
  return { stop: () => void (stopped = true) };
}

/** @param start is given the index in `all`, and when the call was due: now, or before */
export function openLoop(all: readonly Arrivals[], start: (index: number, dueMs: number) => void, turnEnded: () => void): Pace {
  const startMs = nowMs();
  const words = new Int32Array(new SharedArrayBuffer(8));
  const schedules = all.map((arrivals) => new Schedule(arrivals, startMs));
  const workerData: AlarmSpec = { all, startMs, words };
  const alarm = new Worker(new URL('alarm-thread.ts', import.meta.url), { workerData });
  let stopped = false;
  const startDue = (): void => {
    const now = nowMs();
    schedules.forEach((schedule, index) => {
      while (schedule.nextMs <= now && !stopped) start(index, schedule.take());
    });
    turnEnded();
  };
  alarm.on('message', () => {
    Atomics.store(words, WAKING, 0); // before the clock is read: what is due after that wakes again
    startDue();
  });
  return {
    stop: () => {
      if (stopped) return;
      startDue(); // what is due by now belongs to the load, though nothing has woken for it yet
      stopped = true;
      Atomics.store(words, STOPPED, 1);
      Atomics.notify(words, STOPPED);
    },
  };
}
