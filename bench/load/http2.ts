// The little of HTTP/2 that a load of gRPC calls needs (RFC 9113, RFC 7541): frames, and one request's header block.

export const FrameType = { DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, PING: 6, GOAWAY: 7, WINDOW_UPDATE: 8 } as const;
export const ACK = 0x1;
export const END_STREAM = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
export const FRAME_HEADER_BYTES = 9;
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** That any server takes. */
export const LARGEST_FRAME_BYTES = 16_384;

/** RFC 9113 section 6.5.2. */
export const Setting = { HEADER_TABLE_SIZE: 1, ENABLE_PUSH: 2, MAX_CONCURRENT_STREAMS: 3, INITIAL_WINDOW_SIZE: 4 } as const;
/** Of a peer that says nothing. */
export const DEFAULT_WINDOW = 65_535;
export const DEFAULT_TABLE_BYTES = 4_096;
export const LARGEST_WINDOW = 2 ** 31 - 1;

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

export function settings(entries: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(entries.length * 6);
  entries.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  });
  return frame(FrameType.SETTINGS, 0, 0, payload);
}

export function windowUpdate(increment: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(increment);
  return frame(FrameType.WINDOW_UPDATE, 0, 0, payload);
}

/** A gRPC message as it lies in DATA, not compressed. */
export function withPrefix(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** A gRPC message in as few DATA frames as will do, on stream 0. @param flags of the last one */
export function messageFrames(message: Buffer, flags: number): Buffer {
  const bytes = withPrefix(message);
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += LARGEST_FRAME_BYTES) {
    frames.push(frame(FrameType.DATA, at + LARGEST_FRAME_BYTES < bytes.length ? 0 : flags, 0, bytes.subarray(at, at + LARGEST_FRAME_BYTES)));
  }
  return Buffer.concat(frames);
}

/** HEADERS frames of one request after another, on stream 0. */
export interface RequestHeaders {
  readonly first: Buffer;
  /** Of all requests after it, so that they are the same bytes. */
  readonly later: Buffer;
}

/** `:method: POST` and `:scheme: http` are entries 3 and 6 of the static table. */
const METHOD_AND_SCHEME = [0x83, 0x86] as const;
/** Names in the static table. */
const PATH = 4;
const AUTHORITY = 1;
const CONTENT_TYPE = 31;
const USER_AGENT = 58;
/** The newest entry of the dynamic table. */
const NEWEST = 62;

/**
 * As clients do: the first request puts its fields into the table, those after it name the entries.
 * @param hasTable false for a server that keeps none: fields are spelt out each time
 */
export function requestHeaders(path: string, authority: string, hasTable: boolean): RequestHeaders {
  const fields: readonly (readonly [name: number | string, value: string])[] = [
    [PATH, path], [AUTHORITY, authority], [CONTENT_TYPE, 'application/grpc'], [USER_AGENT, 'bench/1.0'], ['te', 'trailers'],
  ];
  const block = (bytes: readonly number[]): Buffer => frame(FrameType.HEADERS, END_HEADERS, 0, Buffer.from(bytes));
  const spelt = (kind: number): number[] => [...METHOD_AND_SCHEME, ...fields.flatMap(([name, value]) => literal(kind, name, value))];
  if (!hasTable) return { first: block([0x20, ...spelt(0)]), later: block(spelt(0)) }; // 0x20: the table's size is 0 from here on
  return { first: block(spelt(0x40)), later: block([...METHOD_AND_SCHEME, ...fields.map((_, i) => 0x80 | (NEWEST + fields.length - 1 - i))]) };
}

/** A literal field without Huffman code. `kind` 0x40: goes into the table; 0: does not. */
export function literal(kind: number, name: number | string, value: string): number[] {
  const named = typeof name === 'string' ? [kind, ...text(name)] : kind === 0 && name >= 15 ? [15, name - 15] : [kind | name];
  return [...named, ...text(value)];
}

function text(value: string): number[] {
  if (value.length > 126) throw new RangeError('lengths of one byte are enough here');
  return [value.length, ...Buffer.from(value, 'latin1')];
}
