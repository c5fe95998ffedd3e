// The answer as protobuf bytes: one packed field of int64, written by hand because the general encoder makes a BigInt of every id.
import type { Id, Run } from './ids.ts';

/** Field 1, length-delimited. */
const TAG = (1 << 3) | 2;
/** The tag, and the longest length that we write. */
const HEAD_BYTES = 1 + 5;
const MAX_VARINT_BYTES = 10;
const UINT31 = 0x7fff_ffff;

/** A NextIdResponse. */
export function packIds(runs: readonly Run[]): Uint8Array {
  let room = HEAD_BYTES;
  for (const { first, count } of runs) room += count * widest(first, count);
  const out = Buffer.allocUnsafe(room);
  let at = HEAD_BYTES;
  for (const { first, count } of runs) {
    if (typeof first === 'number') for (let id = first, end = first + count; id < end; id++) at = writeNumber(out, at, id);
    else for (let id = first, end = first + BigInt(count); id < end; id++) at = writeBigInt(out, at, id);
  }
  // The length is known only now; it goes in front, right where the ids begin.
  const head = HEAD_BYTES - 1 - varintBytes(at - HEAD_BYTES);
  out[head] = TAG;
  writeNumber(out, head + 1, at - HEAD_BYTES);
  return out.subarray(head, at);
}

/** Bytes of the largest id of a run. */
function widest(first: Id, count: number): number {
  return typeof first === 'number' ? varintBytes(first + count - 1) : MAX_VARINT_BYTES;
}

function varintBytes(value: number): number {
  let count = 1;
  for (let bound = 0x80; value >= bound; bound *= 0x80) count++;
  return count;
}

/** Returns where the next byte goes. */
function writeNumber(out: Uint8Array, at: number, value: number): number {
  let rest = value;
  for (; rest > UINT31; rest = Math.floor(rest / 0x80)) out[at++] = (rest % 0x80) | 0x80;
  for (; rest > 0x7f; rest >>>= 7) out[at++] = (rest & 0x7f) | 0x80;
  out[at++] = rest;
  return at;
}

/** Likewise. */
function writeBigInt(out: Uint8Array, at: number, value: bigint): number {
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) out[at++] = Number(rest & 0x7fn) | 0x80;
  out[at++] = Number(rest);
  return at;
}
