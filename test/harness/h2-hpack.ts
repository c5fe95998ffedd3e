// Header blocks to the byte (RFC 7541): every field in the representation that the test asks for, nothing chosen by an encoder.

const NOTHING = Buffer.alloc(0);

/** An integer with a prefix of so many bits; `first` has the bits before them (RFC 7541 section 5.1). */
export function integer(prefixBits: number, first: number, value: number): Buffer {
  const limit = 2 ** prefixBits - 1;
  if (value < limit) return Buffer.of(first | value);
  const bytes = [first | limit];
  let rest = value - limit;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function text(value: string | Uint8Array): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  return Buffer.concat([integer(7, 0, bytes.length), bytes]);
}

/** A field of the static or the dynamic table. */
export const indexed = (index: number): Buffer => integer(7, 0x80, index);
/** A literal that goes into no table. @param name a text, or an index. */
export const literal = (name: string | number, value: string | Uint8Array): Buffer => named(4, 0x00, name, value);
/** A literal that goes into the dynamic table, where it has index 62 then. */
export const remembered = (name: string | number, value: string | Uint8Array): Buffer => named(6, 0x40, name, value);
/** A literal that no intermediary may put into a table. */
export const neverIndexed = (name: string | number, value: string | Uint8Array): Buffer => named(4, 0x10, name, value);
export const tableSize = (bytes: number): Buffer => integer(5, 0x20, bytes);

function named(prefixBits: number, first: number, name: string | number, value: string | Uint8Array): Buffer {
  return typeof name === 'number' ? Buffer.concat([integer(prefixBits, first, name), text(value)]) : Buffer.concat([Buffer.of(first), text(name), text(value)]);
}

/** A whole block of literals that leave the decoder's table alone. */
export function blockOf(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(fields.map(([name, value]) => literal(name, value)));
}

/** The first entry of the dynamic table (RFC 7541 section 2.3.3). */
export const FIRST_DYNAMIC = 62;

/** The request of a gRPC call as a block of literals. */
export function grpcRequest(path: string, extra: readonly (readonly [name: string, value: string])[] = []): Buffer {
  return blockOf([[':method', 'POST'], [':scheme', 'http'], [':path', path.startsWith('/') ? path : `/dapr.proto.runtime.v1.Dapr/${path}`], [':authority', 'localhost'], ['te', 'trailers'], ['content-type', 'application/grpc'], ...extra]);
}

/** GetStateRequest: store and key as fields 1 and 2. Each shorter than 128 bytes. */
export function getStateRequest(store: string, key: string): Buffer {
  const field = (number: number, value: string): Buffer => Buffer.concat([Buffer.of(number * 8 + 2, value.length), Buffer.from(value)]);
  return Buffer.concat([field(1, store), key === '' ? NOTHING : field(2, key)]);
}
