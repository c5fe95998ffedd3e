// The doorbell between two threads: a MessagePort, a message for each ring. A thread that ends takes its end with it, whether it
// is terminated, has thrown, or has used up its heap.
import type { MessagePort } from 'node:worker_threads';
import type { Doorbell } from './doorbell.ts';
import { BELL_A, BELL_B } from './layout.ts';

/**
 * @param port one end of a MessageChannel; the doorbell owns it.
 * @param buffer the segment that it rings for: a port doesn't tell what its peer has heard, so a word there does.
 * @param side as for `openShared`.
 */
export function portDoorbell(port: MessagePort, buffer: ArrayBufferLike, side: 'a' | 'b'): Doorbell {
  const bell = (offset: number): Int32Array => new Int32Array(buffer, offset, 1);
  return side === 'a' ? new PortDoorbell(port, bell(BELL_B), bell(BELL_A)) : new PortDoorbell(port, bell(BELL_A), bell(BELL_B));
}

class PortDoorbell implements Doorbell {
  readonly #port: MessagePort;
  readonly #theirs: Int32Array;
  readonly #ours: Int32Array;

  constructor(port: MessagePort, theirs: Int32Array, ours: Int32Array) {
    this.#port = port;
    this.#theirs = theirs;
    this.#ours = ours;
  }

  ring(): void {
    // What this ring is to tell of was stored before the exchange; if it finds a 1, the peer's store of 0 below comes after it,
    // and the peer looks after that.
    if (Atomics.exchange(this.#theirs, 0, 1) === 0) this.#port.postMessage(0);
  }

  listen(rung: () => void, gone: () => void): void {
    this.#port.on('message', () => {
      Atomics.store(this.#ours, 0, 0); // before the look; pairs with the exchange in `ring`
      rung();
    });
    this.#port.on('close', gone);
  }

  close(): void {
    this.#port.close();
  }
}
