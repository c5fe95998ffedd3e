// What a life hands to the one that takes over from it: pieces of bytes by name, kept here from the one's HANDOVER to the
// other's ACTIVATE and no longer. Bounded in all a block controls.
import type { Calls } from '../ipc/calls.ts';
import { EMPTY, Flag } from '../ipc/frame.ts';
import { Control, HANDOVER_LIMITS } from '../proto/control.ts';

/** Pieces under way to the next life at a time: what it has not taken yet waits here, and not in its channel's queue. */
const WINDOW = 16;

export class Handed {
  #pieces: (readonly [name: string, piece: Uint8Array])[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** @param piece borrowed. False: there is no room. */
  take(name: string, piece: Uint8Array): boolean {
    const bytes = Buffer.byteLength(name) + piece.length;
    if (this.#pieces.length >= HANDOVER_LIMITS.pieces || this.#bytes + bytes > HANDOVER_LIMITS.bytes) return false;
    this.#bytes += bytes;
    this.#pieces.push([name, new Uint8Array(piece)]);
    return true;
  }

  /**
   * Gives all of it away, in order; resolves when the life has it.
   * @param deadlineMs a duration, of all of it
   * @throws Error when the life does not take it, or not in time
   */
  sendTo(calls: Calls, deadlineMs: number): Promise<void> {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#bytes = 0;
    const untilMs = performance.now() + deadlineMs;
    return new Promise((resolve, reject) => {
      let next = 0;
      let open = 0;
      let failed = false;
      const sent = {
        onEnd: (_code: number, flags: number, head: unknown): void => {
          open--;
          if (failed) return;
          failed = (flags & Flag.FAILED) !== 0;
          if (failed) reject(new Error((head as { readonly message: string }).message));
          else send();
        },
      };
      const send = (): void => {
        for (; open < WINDOW && next < pieces.length; next++) {
          const [name, piece] = pieces[next]!;
          open++;
          calls.open(Control.HANDOVER, 0, name, piece.length === 0 ? EMPTY : piece, Math.max(1, untilMs - performance.now()), sent);
        }
        if (open === 0) resolve();
      };
      send();
    });
  }
}
