// How a message tells when it was published, and how whoever got it tells the generator: the two sides of a measurement that
// begins in one process and ends in another.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where the time stands in a payload: so many digits behind this. */
const AT = Buffer.from('"at":"');
const DIGITS = 16;
const BYTES_PER_DELIVERY = 4;
const GREETED = Symbol('greeted');

/** A JSON object of so many bytes with a place for the time. */
export const payloadOf = (bytes: number): string => {
  const empty = `{"at":"${'0'.repeat(DIGITS)}","text":""}`;
  return empty.replace('""', `"${'v'.repeat(Math.max(0, bytes - empty.length))}"`);
};

/** Microseconds on a clock that all processes of a machine share. */
export function clockUs(): number {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1e6 + Math.floor(nanos / 1e3);
}

/** Where the first place for the time is in these bytes; -1 when there is none. */
export const stampPlace = (bytes: Buffer): number => placesIn(bytes)[0] ?? -1;

/** Puts a time there. */
export const stamp = (bytes: Buffer, at: number, us: number): void => void bytes.write(String(Math.floor(us)).padStart(DIGITS, '0'), at, 'latin1');

/** A request's bytes in which each payload has a place for the time. */
export class Stamped {
  readonly bytes: Buffer;
  readonly #places: readonly number[];

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.#places = placesIn(bytes);
  }

  get payloads(): number {
    return this.#places.length;
  }

  /** Not before the bytes of the last time are sent. */
  stamp(us: number): void {
    for (const at of this.#places) stamp(this.bytes, at, us);
  }
}

/** The receiver's side: says on a port of its own how old each payload was, in microseconds. */
export class DeliveryReport {
  readonly #readers = new Set<Socket>();
  #ages: number[] = [];

  constructor(port: number) {
    createServer({ noDelay: true }, (socket) => {
      this.#readers.add(socket);
      socket.on('error', () => {}); // 'close' follows
      socket.on('close', () => this.#readers.delete(socket));
      socket.write(Buffer.alloc(BYTES_PER_DELIVERY)); // from here on nothing is missed
    }).listen(port, '127.0.0.1');
  }

  /** All payloads in these bytes have arrived. */
  delivered(bytes: Buffer): void {
    if (this.#readers.size === 0) return;
    const now = clockUs();
    if (this.#ages.length === 0) setImmediate(() => this.#flush());
    for (const at of placesIn(bytes)) this.#ages.push(now - numberAt(bytes, at));
  }

  /** Those of one turn in one packet. */
  #flush(): void {
    const packet = Buffer.allocUnsafe(this.#ages.length * BYTES_PER_DELIVERY);
    this.#ages.forEach((age, i) => packet.writeUInt32LE(Math.min(Math.max(age, 0), 0xffff_ffff), i * BYTES_PER_DELIVERY));
    this.#ages = [];
    for (const reader of this.#readers) reader.write(packet);
  }
}

/** The publisher's side. Settles when it misses nothing any more. @returns what ends it */
export async function hearDeliveries(port: number, delivered: (ageUs: number) => void): Promise<() => void> {
  const socket = connect({ port, host: '127.0.0.1' });
  let rest = Buffer.alloc(0);
  let greeted = false;
  socket.on('data', (chunk: Buffer) => {
    const packet = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    if (!greeted && packet.length >= BYTES_PER_DELIVERY) {
      greeted = true;
      at = BYTES_PER_DELIVERY;
      socket.emit(GREETED);
    }
    for (; at + BYTES_PER_DELIVERY <= packet.length; at += BYTES_PER_DELIVERY) delivered(packet.readUInt32LE(at));
    rest = Buffer.from(packet.subarray(at));
  });
  await once(socket, GREETED);
  return () => socket.destroy();
}

const AGAIN_MS = 250;
const PATIENCE_MS = 60_000;

/** Publishes until something arrives: before, a subscription may not stand yet. @throws Error when nothing ever does */
export async function untilDelivered(port: number, publish: () => Promise<void>): Promise<void> {
  let published = 0;
  let heard = 0;
  const end = await hearDeliveries(port, () => heard++);
  const giveUp = performance.now() + PATIENCE_MS;
  for (let before = -1; heard === 0 || heard !== before; await sleep(AGAIN_MS)) { // all that is on its way arrives before anything is measured
    before = heard;
    if (heard === 0) {
      await publish();
      published++;
    }
    if (performance.now() > giveUp) throw new Error(`of ${published} messages none was delivered within ${PATIENCE_MS} ms`);
  }
  end();
}

function placesIn(bytes: Buffer): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(AT); at >= 0; at = bytes.indexOf(AT, at + DIGITS)) places.push((at += AT.length));
  return places;
}

function numberAt(bytes: Buffer, at: number): number {
  let number = 0;
  for (let i = at; i < at + DIGITS; i++) number = number * 10 + bytes[i]! - 48;
  return number;
}
