// The little of HTTP/2 that a load of gRPC calls needs (RFC 9113, RFC 7541): frames, one request's header block, and the
// bytes of `grpc-status: 0`.

export const FrameType = { DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, PING: 6, GOAWAY: 7, WINDOW_UPDATE: 8 } as const;
export const ACK = 0x1;
export const END_STREAM = 0x1;
export const END_HEADERS = 0x4;

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
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

/** HEADERS frames of one request after another, on stream 0. */
export interface RequestHeaders {
  next(): Buffer;
  /** The server keeps no table: fields are spelt out each time. Before the first `next`. */
  useNoTable(): void;
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

/** As clients do: the first request puts its fields into the table, those after it name the entries. */
export function requestHeaders(path: string, authority: string): RequestHeaders {
  const fields: readonly (readonly [name: number | string, value: string])[] = [
    [PATH, path], [AUTHORITY, authority], [CONTENT_TYPE, 'application/grpc'], [USER_AGENT, 'bench/1.0'], ['te', 'trailers'],
  ];
  const block = (bytes: readonly number[]): Buffer => frame(FrameType.HEADERS, END_HEADERS, 0, Buffer.from([...METHOD_AND_SCHEME, ...bytes]));
  let first = block(fields.flatMap(([name, value]) => literal(0x40, name, value)));
  let later = block(fields.map((_, i) => 0x80 | (NEWEST + fields.length - 1 - i)));
  let next = first;
  return {
    next: () => {
      const block = next;
      next = later;
      return block;
    },
    useNoTable: () => {
      const spelt = [...METHOD_AND_SCHEME, ...fields.flatMap(([name, value]) => literal(0, name, value))];
      later = frame(FrameType.HEADERS, END_HEADERS, 0, Buffer.from(spelt));
      first = frame(FrameType.HEADERS, END_HEADERS, 0, Buffer.from([0x20, ...spelt])); // the table's size is 0 from here on
      next = first;
    },
  };
}

/** A literal field without Huffman code. `kind` 0x40: goes into the table; 0: does not. */
function literal(kind: number, name: number | string, value: string): number[] {
  const named = typeof name === 'string' ? [kind, ...text(name)] : kind === 0 && name >= 15 ? [15, name - 15] : [kind | name];
  return [...named, ...text(value)];
}

function text(value: string): number[] {
  if (value.length > 126) throw new RangeError('lengths of one byte are enough here');
  return [value.length, ...Buffer.from(value, 'latin1')];
}

/** `grpc-status`, with Huffman code and without. */
const NAMES = [Buffer.from('9acac8b21234da8f', 'hex'), Buffer.from('grpc-status')];

/** Whether a block of trailers, made without a dynamic table, says `grpc-status: 0`. */
export function isStatusOk(block: Buffer): boolean {
  for (const name of NAMES) {
    const at = block.indexOf(name);
    if (at < 0) continue;
    const value = at + name.length;
    return (block[value] === 0x01 && block[value + 1] === 0x30) || (block[value] === 0x81 && block[value + 1] === 0x07);
  }
  return false;
}
