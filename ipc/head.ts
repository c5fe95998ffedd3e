// Heads as msgpack: flat and small, packed and read where a frame stands. A frame's bytes never depend on an earlier one.
import { BadFrame } from './frame.ts';
import { pack } from './pack.ts';
import { unpack } from './unpack.ts';

/** The head's bytes; valid until the next call. @throws TypeError for a value that no head can carry */
export const packHead = pack;

/** Reads the head at `start`..`end`. Copies everything. @throws BadFrame when the bytes are no msgpack value of ours. */
export function unpackHead(bytes: Buffer, start: number, end: number): unknown {
  try {
    return unpack(bytes, start, end);
  } catch (cause) {
    throw new BadFrame(`head is no msgpack: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** True when `head` and `bodyBytes` together exceed `limit`. Packs only what may be too large. */
export function exceeds(head: unknown, bodyBytes: number, limit: number): boolean {
  if (head === undefined) return bodyBytes > limit;
  if (bodyBytes + atMost(head, limit) <= limit) return false;
  return bodyBytes + pack(head).length > limit;
}

/** Never less than the head takes when packed; stops counting past `limit`. */
function atMost(value: unknown, limit: number): number {
  if (typeof value === 'string') return 5 + 3 * value.length;
  if (typeof value !== 'object' || value === null) return 9;
  if (value instanceof Uint8Array) return 5 + value.length;
  let bytes = 5;
  for (const key in value) {
    if (bytes > limit) break;
    bytes += 5 + 3 * key.length + atMost((value as Record<string, unknown>)[key], limit - bytes);
  }
  return bytes;
}
