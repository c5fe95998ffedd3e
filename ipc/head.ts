// Heads as msgpack. One packer for the process: heads are flat and small, and packing is never re-entered.
import { Packr, Unpackr } from 'msgpackr';
import { BadFrame } from './frame.ts';

// Records would make bytes depend on what was sent before; a channel's frames stand alone.
const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, copyBuffers: true });

/** The head's bytes; valid until the next call. */
export function packHead(head: unknown): Uint8Array {
  return packr.pack(head);
}

/** Reads the head at `start`..`end`. Copies everything. @throws BadFrame when the bytes are no msgpack value. */
export function unpackHead(bytes: Uint8Array, start: number, end: number): unknown {
  try {
    return unpackr.unpack(bytes.subarray(start, end)) as unknown;
  } catch (cause) {
    throw new BadFrame(`head is no msgpack: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
