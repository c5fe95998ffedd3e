// The vocabulary of HTTP/2 frames (RFC 9113 sections 4, 6 and 7), and how the head of one is written.

export const FrameType = { DATA: 0, HEADERS: 1, PRIORITY: 2, RST_STREAM: 3, SETTINGS: 4, PUSH_PROMISE: 5, PING: 6, GOAWAY: 7, WINDOW_UPDATE: 8, CONTINUATION: 9 } as const;

/** ACK and END_STREAM share a bit: they belong to different types. */
export const FrameFlag = { ACK: 0x1, END_STREAM: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const;

export const ErrorCode = {
  NO_ERROR: 0, PROTOCOL_ERROR: 1, INTERNAL_ERROR: 2, FLOW_CONTROL_ERROR: 3, SETTINGS_TIMEOUT: 4, STREAM_CLOSED: 5, FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7, CANCEL: 8, COMPRESSION_ERROR: 9, CONNECT_ERROR: 10, ENHANCE_YOUR_CALM: 11, INADEQUATE_SECURITY: 12, HTTP_1_1_REQUIRED: 13,
} as const;
export type ErrorCodeValue = (typeof ErrorCode)[keyof typeof ErrorCode];

/** The connection can't go on: GOAWAY, and it is closed (RFC 9113 section 5.4.1). */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: ErrorCodeValue;

  constructor(code: ErrorCodeValue, message: string) {
    super(message);
    this.code = code;
  }
}

export const FRAME_HEAD_BYTES = 9;
/** The least that SETTINGS_MAX_FRAME_SIZE may be, and what we say: smaller frames let streams take turns. */
export const FRAME_BYTES = 16_384;
/** What a client begins with (RFC 9113 section 3.4). */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const LARGEST_WINDOW = 2 ** 31 - 1;
export const LARGEST_STREAM_ID = 2 ** 31 - 1;

/** Where a frame may stand, and how long its payload must be; of those that anything is wrong with. */
const SHAPES: readonly { readonly name: string; readonly onStream: boolean; readonly least: number; readonly most: number }[] = [
  { name: 'DATA', onStream: true, least: 0, most: FRAME_BYTES }, { name: 'HEADERS', onStream: true, least: 0, most: FRAME_BYTES },
  { name: 'PRIORITY', onStream: true, least: 5, most: 5 }, { name: 'RST_STREAM', onStream: true, least: 4, most: 4 },
  { name: 'SETTINGS', onStream: false, least: 0, most: FRAME_BYTES }, { name: 'PUSH_PROMISE', onStream: true, least: 0, most: FRAME_BYTES },
  { name: 'PING', onStream: false, least: 8, most: 8 }, { name: 'GOAWAY', onStream: false, least: 8, most: FRAME_BYTES },
];

/** WINDOW_UPDATE may be about a stream or all, CONTINUATION belongs to what came before. @throws ConnectionError */
export function checkShape(type: number, stream: number, length: number): void {
  if (type === FrameType.WINDOW_UPDATE && length !== 4) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `WINDOW_UPDATE of ${length} bytes`);
  const shape = SHAPES[type];
  if (shape === undefined) return;
  const { name, onStream, least, most } = shape;
  if (onStream !== (stream !== 0)) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `${name} on stream ${stream}`);
  if (length < least || length > most) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `${name} of ${length} bytes`);
}

/** Returns where the payload begins. */
export function writeFrameHead(out: Uint8Array, at: number, length: number, type: number, flags: number, stream: number): number {
  out[at] = length >>> 16;
  out[at + 1] = length >>> 8;
  out[at + 2] = length;
  out[at + 3] = type;
  out[at + 4] = flags;
  return writeUint32(out, at + 5, stream);
}

/** Returns where the next byte goes. */
export function writeUint32(out: Uint8Array, at: number, value: number): number {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
  return at + 4;
}

/** Unsigned. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Without the reserved bit. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) & 0x7fff_ffff;
}
