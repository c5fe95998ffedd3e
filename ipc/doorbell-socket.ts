// The doorbell between two processes: a socket pair, a byte for each ring. A process that dies takes its end with it.
import type { Duplex } from 'node:stream';
import type { Doorbell } from './doorbell.ts';

const RING = Buffer.of(1);
/** A byte that hasn't left yet will be heard after whatever it is to tell of; so a peer that never listens costs no more. */
const UNHEARD_RINGS = 64;

/** @param socket one end of a socket pair; the doorbell owns it. */
export function socketDoorbell(socket: Duplex): Doorbell {
  return new SocketDoorbell(socket);
}

class SocketDoorbell implements Doorbell {
  readonly #socket: Duplex;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  ring(): void {
    if (this.#socket.writableLength < UNHEARD_RINGS) this.#socket.write(RING);
  }

  listen(rung: () => void, gone: () => void): void {
    this.#socket.on('data', rung);
    this.#socket.on('error', () => {}); // a broken pair is the peer's end; 'close' follows
    this.#socket.on('close', gone);
  }

  close(): void {
    this.#socket.destroy();
  }
}
