// Calls that nobody waits for any more and that a life may be at work on still: whoever gives up first, over a call that makes its
// block hang, must not hide what it was. Bounded in number and in what they hold.
import type { Calls } from '../ipc/calls.ts';
import type { CallRequest } from './call.ts';

/** The latest that are kept; and the largest body of one, in bytes. */
export const MAX_ABANDONED = 64;
const LARGEST_BODY = 64 * 1024;

export class Abandoned {
  readonly #kept: { readonly calls: Calls; readonly id: number; readonly request: CallRequest }[] = [];
  #next = 0;

  add(calls: Calls, id: number, request: CallRequest): void {
    if (request.body.length > LARGEST_BODY) return;
    this.#kept[this.#next] = { calls, id, request };
    this.#next = (this.#next + 1) % MAX_ABANDONED;
  }

  /** What that life was asked under that id. */
  find(calls: Calls, id: number): CallRequest | undefined {
    return this.#kept.find((kept) => kept.calls === calls && kept.id === id)?.request;
  }

  /** That life is over, and accounted for. */
  drop(calls: Calls): void {
    const left = this.#kept.filter((kept) => kept.calls !== calls);
    this.#kept.splice(0, this.#kept.length, ...left);
    this.#next = left.length % MAX_ABANDONED;
  }
}
