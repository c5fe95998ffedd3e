// Calls that answer by a callback, under a guard.
import { messageOf } from '../../proto/errors.ts';
import type { CallScope } from '../block.ts';
import { AppFailure } from './app-failure.ts';
import type { Guard } from './guard.ts';

/** Begins one attempt; one of the two is called, once, in a later turn. Returns what gives it up: then neither is. */
export type Start<T> = (succeed: (value: T) => void, fail: (cause: Error) => void) => () => void;

/**
 * Runs attempts as the guard says; `done` or `failed` runs once, in a later turn. Returns what gives them up: then neither does.
 * @throws what the first attempt throws when it can't even begin
 */
export function runGuarded<T>(guard: Guard, start: Start<T>, done: (value: T) => void, failed: (cause: unknown) => void): () => void {
  const flight = new AbortController();
  let unsendable: { readonly cause: unknown } | undefined;
  const attempt = ({ signal }: CallScope): Promise<T> => new Promise((resolve, reject) => {
    let giveUp: () => void;
    const abandon = (): void => {
      giveUp();
      reject(signal.reason as Error);
    };
    const settle = <V>(how: (value: V) => void) => (value: V): void => {
      signal.removeEventListener('abort', abandon);
      how(value);
    };
    try {
      giveUp = start(settle(resolve), settle(reject));
    } catch (cause) {
      unsendable ??= { cause };
      return reject(new AppFailure(messageOf(cause), { unasked: true }));
    }
    signal.addEventListener('abort', abandon);
  });
  const run = async (): Promise<T> => guard.run(flight, attempt);
  run().then((value) => {
    if (!flight.signal.aborted) done(value);
  }, (cause: unknown) => {
    if (!flight.signal.aborted) failed(cause);
  });
  if (unsendable !== undefined) {
    flight.abort();
    throw unsendable.cause;
  }
  return () => flight.abort();
}
