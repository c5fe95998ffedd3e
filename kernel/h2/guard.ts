// What a peer may do that costs us and is of no use to it, in numbers: pings, resets, empty frames and the like are honest now and
// then, and a flood of them is an attack (RFC 9113 section 10.5). A bucket of tokens for each connection; one that is empty ends it.
import { ConnectionError, ErrorCode } from './frames.ts';

/** Honest clients stay far below both: a client of 10,000 calls a second may give up one in ten of them. */
const BURST = 5_000;
const PER_SECOND = 1_000;
/** A window of the stream and one of the connection for each frame, and a ping. */
const PER_REASON = 3;

export class Guard {
  #tokens = BURST;
  #filledMs: number;

  /** What an honest peer answers with such frames, since the beginning: it grants windows for DATA, and measures with pings. */
  readonly #reasons: () => number;
  #seenReasons = 0;

  /** @param nowMs on the monotonic clock. */
  constructor(nowMs: number, reasons: () => number) {
    this.#filledMs = nowMs;
    this.#reasons = reasons;
  }

  /** Something that was of no use to us. @throws ConnectionError when there is too much of it */
  spend(tokens: number, what: string): void {
    this.#tokens -= tokens;
    if (this.#tokens >= 0) return;
    const now = performance.now();
    const reasons = this.#reasons();
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#filledMs) * PER_SECOND) / 1_000 + (reasons - this.#seenReasons) * PER_REASON);
    this.#filledMs = now;
    this.#seenReasons = reasons;
    if (this.#tokens < 0) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, `too many frames that carry nothing: ${what}`);
  }
}
