// The contract of a sequence store. Its definition is the suite in test/conformance/sequencer.ts, run against every driver.
import type { CallScope } from '../block.ts';
import type { Awaitable, Driver } from '../driver.ts';

/** The last id that there is: ids are int64 on the wire, and no sequence wraps. */
export const LAST_ID = 2n ** 63n - 1n;

/** Fewer ids are left than were asked for, and none was taken. */
export class SequenceExhausted extends Error {
  override readonly name = 'SequenceExhausted';
  constructor(count: number) {
    super(`the sequence ends at ${LAST_ID}, and fewer than ${count} ids are left`);
  }
}

/** Driver contract of the sequencer block. All methods may run side by side. */
export interface SequenceStore extends Driver {
  /**
   * Takes the next ids of a key: `count` of them without a gap, the first of a new key is 1. Nobody ever gets them again,
   * and all are above those of every call that was answered before this one began. A call that throws may have taken some.
   * @param key the stored key: prefix included
   * @param count from 1 to Number.MAX_SAFE_INTEGER
   * @returns the first of them
   * @throws SequenceExhausted when the last of them would be above LAST_ID
   */
  take(key: string, count: number, scope: CallScope): Awaitable<bigint>;
  /** The last id taken; 0 for a new key. For `biggerThan`, when the component starts. */
  last(key: string, scope: CallScope): Awaitable<bigint>;
}
