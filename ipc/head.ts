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
