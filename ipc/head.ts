// Heads as msgpack: flat and small. A frame's bytes never depend on an earlier one.
// The build that makes no code from what it reads; it looks for no native addon either.
import { Packr, Unpackr } from 'msgpackr/index-no-eval';
import { BadFrame } from './frame.ts';
import { checkShape } from './head-shape.ts';
import { messageOf } from '../proto/errors.ts';

// Records would make bytes depend on what was sent before.
const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, copyBuffers: true });

/** A head is copied here before it is looked at: on a ring the peer could change it between the check and the reading. */
let scratch = Buffer.allocUnsafeSlow(16 * 1024);
/** A larger scratch than this is given up again after use. */
const KEPT_BYTES = 64 * 1024;

/** The head's bytes; valid until the next call. @throws Error for a value that msgpack can't carry, such as a function */
export function packHead(head: unknown): Uint8Array {
  return packr.pack(head);
}

/** Reads the head at `start`..`end`. Copies everything. @throws BadFrame when the bytes are no msgpack value of ours. */
export function unpackHead(bytes: Buffer, start: number, end: number): unknown {
  const length = end - start;
  if (length > scratch.length) scratch = Buffer.allocUnsafeSlow(length);
  bytes.copy(scratch, 0, start, end);
  try {
    checkShape(scratch, length);
    return unpackr.unpack(scratch, length) as unknown;
  } catch (cause) {
    throw new BadFrame(`head is no msgpack: ${messageOf(cause)}`, { cause });
  } finally {
    if (scratch.length > KEPT_BYTES) scratch = Buffer.allocUnsafeSlow(16 * 1024);
  }
}

/** True when `head` and `bodyBytes` together exceed `limit`. Packs only what may be too large. */
export function exceeds(head: unknown, bodyBytes: number, limit: number): boolean {
  if (head === undefined) return bodyBytes > limit;
  if (bodyBytes + atMost(head, limit) <= limit) return false;
  return bodyBytes + packHead(head).length > limit;
}

/** Never less than the head takes when packed; stops counting past `limit`. */
function atMost(value: unknown, limit: number): number {
  if (typeof value === 'string') return 5 + 3 * value.length;
  if (typeof value !== 'object' || value === null) return 9;
  if (value instanceof Uint8Array) return 5 + value.length;
  let bytes = 5;
  if (Array.isArray(value)) {
    for (const item of value) {
      if (bytes > limit) break;
      bytes += atMost(item, limit - bytes);
    }
    return bytes;
  }
  for (const key in value) {
    if (bytes > limit) break;
    bytes += 5 + 3 * key.length + atMost((value as Record<string, unknown>)[key], limit - bytes);
  }
  return bytes;
}
