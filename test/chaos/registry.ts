// What the preload shows to the failures of a process or thread: it is loaded before all others, so they meet in a global.
import type { Channel } from '../../ipc/channel.ts';
import type { Orders } from './control.ts';

export interface Chaos {
  readonly orders: Orders;
  /** Shared with the kernel; undefined where there is none. */
  segment: ArrayBufferLike | undefined;
  /** The block's ends, by block. */
  readonly channels: Map<string, Channel>;
}

export const CHAOS: unique symbol = Symbol.for('bulkhead.chaos');

/** @throws Error where the preload was not loaded */
export function chaosHere(): Chaos {
  const found = (globalThis as { [CHAOS]?: Chaos })[CHAOS];
  if (found === undefined) throw new Error('test/chaos/preload.ts was not loaded');
  return found;
}
