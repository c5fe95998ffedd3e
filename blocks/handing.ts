// What a driver holds in memory as the pieces in which it is handed over: many small items in few pieces. Both ends are this
// very code in lives of one sidecar, so the form is V8's own, which keeps every text as it is; bytes lie beside it.
import { deserialize, serialize } from 'node:v8';
import type { Checkpoints } from './checkpoints.ts';

/** What V8 can clone, and bytes of its own. */
export type Item<Fields> = readonly [fields: Fields, bytes: Uint8Array | undefined];

/** A piece is about this long, unless a single item is longer. */
const PIECE_BYTES = 128 * 1024;
/** In front of the fields: their length. */
const LENGTH_BYTES = 4;
const NO_BYTES = -1;

/**
 * Hands items over, in order.
 * @param sizeOf about how many bytes an item's fields take
 * @throws Error when it is more than can be handed over
 */
export function handItems<Fields>(checkpoints: Checkpoints, name: string, items: Iterable<Item<Fields>>, sizeOf: (fields: Fields) => number): void {
  let batch: Item<Fields>[] = [];
  let size = 0;
  for (const item of items) {
    const next = sizeOf(item[0]) + (item[1]?.length ?? 0);
    if (size + next > PIECE_BYTES && batch.length > 0) {
      checkpoints.hand(name, pack(batch));
      batch = [];
      size = 0;
    }
    batch.push(item);
    size += next;
  }
  if (batch.length > 0) checkpoints.hand(name, pack(batch));
}

/** What was handed over by `handItems`, in order. Bytes are views of their piece. */
export function* handedItems<Fields>(pieces: readonly Uint8Array[] | undefined): Iterable<Item<Fields>> {
  for (const piece of pieces ?? []) yield* unpack<Fields>(piece);
}

function pack<Fields>(items: readonly Item<Fields>[]): Buffer {
  const fields = serialize([items.map(([own]) => own), items.map(([, bytes]) => bytes?.length ?? NO_BYTES)]);
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32LE(fields.length);
  return Buffer.concat([length, fields, ...items.flatMap(([, bytes]) => bytes ?? [])]);
}

function* unpack<Fields>(piece: Uint8Array): Iterable<Item<Fields>> {
  let at = LENGTH_BYTES + Buffer.from(piece.buffer, piece.byteOffset).readUInt32LE();
  const [fields, lengths] = deserialize(piece.subarray(LENGTH_BYTES, at)) as [fields: Fields[], lengths: number[]];
  for (const [index, own] of fields.entries()) {
    const length = lengths[index] as number;
    yield [own, length === NO_BYTES ? undefined : piece.subarray(at, at + length)];
    at += Math.max(0, length);
  }
}
