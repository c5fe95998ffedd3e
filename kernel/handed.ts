// What a life hands to the one that takes over from it: pieces of bytes by name, passed on in their order as they come. What the
// other life has not taken yet is kept here, bounded in all a block controls.
import type { Calls } from '../ipc/calls.ts';
import { Flag } from '../ipc/frame.ts';
import { Control, HANDOVER_LIMITS } from '../proto/control.ts';

/** Pieces under way to the next life at a time: what it has not taken waits here, and not in its channel's queue. */
const WINDOW = 16;

export class Handed {
  readonly #heir: Calls;
  readonly #waiting: (readonly [name: string, piece: Uint8Array])[] = [];
  /** The first of them that was not sent. */
  #next = 0;
  #bytes = 0;
  #open = 0;
  #failure: string | undefined;
  #onSettled: () => void = () => {};
  readonly #reply = {
    onEnd: (_code: number, flags: number, head: unknown): void => {
      this.#open--;
      if ((flags & Flag.FAILED) !== 0) this.#failure ??= (head as { readonly message: string }).message;
      this.#send();
    },
  };

  /** @param heir the life that takes over */
  constructor(heir: Calls) {
    this.#heir = heir;
  }

  /** @param piece borrowed. False: there is no room. */
  take(name: string, piece: Uint8Array): boolean {
    const bytes = Buffer.byteLength(name) + piece.length;
    if (this.#waiting.length >= HANDOVER_LIMITS.pieces || this.#bytes + bytes > HANDOVER_LIMITS.bytes) return false;
    this.#bytes += bytes;
    this.#waiting.push([name, new Uint8Array(piece)]);
    this.#send();
    return true;
  }

  /**
   * Resolves when the heir has all that was taken.
   * @param deadlineMs a duration
   * @throws Error when the heir does not take it, or not in time
   */
  async arrived(deadlineMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    if (!this.#isSettled) {
      await new Promise<void>((resolve) => {
        this.#onSettled = resolve;
        timer = setTimeout(resolve, deadlineMs);
      });
    }
    clearTimeout(timer);
    if (this.#failure !== undefined) throw new Error(this.#failure);
    if (!this.#isSettled) throw new Error(`the next life did not take ${Math.ceil(this.#bytes / 2 ** 20)} MiB within ${deadlineMs} ms`);
  }

  get #isSettled(): boolean {
    return this.#failure !== undefined || (this.#open === 0 && this.#next === this.#waiting.length);
  }

  #send(): void {
    const waiting = this.#waiting;
    for (; this.#failure === undefined && this.#open < WINDOW && this.#next < waiting.length; this.#next++) {
      const [name, piece] = waiting[this.#next]!;
      waiting[this.#next] = SENT;
      this.#open++;
      this.#heir.open(Control.HANDOVER, 0, name, piece, 0, this.#reply);
    }
    if (this.#isSettled) this.#onSettled();
  }
}

const SENT = ['', new Uint8Array(0)] as const;
