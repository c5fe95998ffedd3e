// What lies where in a shared segment, before its two rings. Each word that one side writes while the other looks at it has a
// cache line of its own. Change LAYOUT with anything here: kernel and block of different versions must refuse each other.
import { CONTROL_BYTES } from './ring.ts';

export const MAGIC = 0x424c4b48; // "BLKH"
export const LAYOUT = 2;

/** Bytes before the rings. */
export const PREFIX_BYTES = 4096;

/**
 * All offsets are in bytes.
 *
 *      0  magic, layout version, ring size
 *     64  beats        how often side b has looked at its channel
 *    128  bell A       1 while a ring is on its way to side a that nobody has heard; only where the doorbell can't tell
 *    192  bell B       the same for side b
 *    256  flights      what side b works on: FLIGHTS slots
 *   1024  control A    of the ring from a to b
 *   1280  control B    of the ring from b to a
 *   1536  words        how many bytes of last words there are
 *   2048  text         the last words, in UTF-8
 *   4096  the data of ring A, then of ring B
 */
export const BEATS = 64;
export const BELL_A = 128;
export const BELL_B = 192;
export const FLIGHT_TABLE = 256;
export const CONTROL_A = 1024;
export const CONTROL_B = CONTROL_A + CONTROL_BYTES;
export const WORDS = 1536;
export const TEXT = 2048;
export const TEXT_BYTES = PREFIX_BYTES - TEXT;

/** Slots of the flight table, a power of two: call ids of one side take turns. */
export const FLIGHTS = 64;
/** Words of a slot: call (0: free), method, and a count that tells which began last. */
export const FLIGHT_WORDS = 3;

/** Size of the segment for two rings of `ringBytes` each. */
export const segmentBytes = (ringBytes: number): number => PREFIX_BYTES + 2 * ringBytes;

/** Side a writes what a segment is before anybody else sees it. */
export function markLayout(buffer: ArrayBufferLike, ringBytes: number): void {
  new Uint32Array(buffer, 0, 3).set([MAGIC, LAYOUT, ringBytes]);
}

/** A segment as it was when it was made, its data apart: what no counter says to be there is never read. Nobody else may be at work in it. */
export function clearLayout(buffer: ArrayBufferLike, ringBytes: number): void {
  new Uint8Array(buffer, 0, PREFIX_BYTES).fill(0);
  markLayout(buffer, ringBytes);
}

/** @throws Error when the segment is not of this layout */
export function checkLayout(buffer: ArrayBufferLike, ringBytes: number): void {
  const [magic, layout, bytes] = new Uint32Array(buffer, 0, 3);
  if (magic !== MAGIC || layout !== LAYOUT || bytes !== ringBytes) throw new Error('the shared segment has another layout: kernel and block are of different versions');
}
