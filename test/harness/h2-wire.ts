// HTTP/2 frames as bytes, right ones and wrong ones (RFC 9113 sections 4 and 6). Shares nothing with kernel/h2, which is what
// it is there to examine.

/** What a client begins with (RFC 9113 section 3.4). */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const FRAME_HEADER_BYTES = 9;
export const MAX_WINDOW = 2 ** 31 - 1;
/** Windows and sizes until somebody says otherwise (RFC 9113 section 6.5.2). */
export const INITIAL_WINDOW = 65_535;
export const INITIAL_MAX_FRAME = 16_384;

export const Type = { DATA: 0, HEADERS: 1, PRIORITY: 2, RST_STREAM: 3, SETTINGS: 4, PUSH_PROMISE: 5, PING: 6, GOAWAY: 7, WINDOW_UPDATE: 8, CONTINUATION: 9 } as const;
/** ACK shares its bit with END_STREAM: on SETTINGS and PING it is the one, on DATA and HEADERS the other. */
export const Bit = { END_STREAM: 0x1, ACK: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const;
export const Setting = { HEADER_TABLE_SIZE: 1, ENABLE_PUSH: 2, MAX_CONCURRENT_STREAMS: 3, INITIAL_WINDOW_SIZE: 4, MAX_FRAME_SIZE: 5, MAX_HEADER_LIST_SIZE: 6 } as const;
export const Code = {
  NO_ERROR: 0, PROTOCOL_ERROR: 1, INTERNAL_ERROR: 2, FLOW_CONTROL_ERROR: 3, SETTINGS_TIMEOUT: 4, STREAM_CLOSED: 5, FRAME_SIZE_ERROR: 6, REFUSED_STREAM: 7, CANCEL: 8,
  COMPRESSION_ERROR: 9, CONNECT_ERROR: 10, ENHANCE_YOUR_CALM: 11, INADEQUATE_SECURITY: 12, HTTP_1_1_REQUIRED: 13,
} as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

const NOTHING = Buffer.alloc(0);

/** @param length what the header says, where that is not the payload's own length. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = NOTHING, length = payload.length): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  bytes.writeUIntBE(length, 0, 3);
  bytes.writeUInt8(type, 3);
  bytes.writeUInt8(flags, 4);
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

export function headers(stream: number, block: Uint8Array, flags: number = Bit.END_HEADERS): Buffer {
  return frame(Type.HEADERS, flags, stream, block);
}

export function data(stream: number, payload: Uint8Array, flags = 0): Buffer {
  return frame(Type.DATA, flags, stream, payload);
}

export function settings(...entries: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * entries.length);
  entries.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  });
  return frame(Type.SETTINGS, 0, 0, payload);
}

export const SETTINGS_ACK = frame(Type.SETTINGS, Bit.ACK, 0);

/** @param content eight bytes. */
export function ping(content: Uint8Array = Buffer.alloc(8), flags = 0): Buffer {
  return frame(Type.PING, flags, 0, content);
}

export function resetStream(stream: number, code: number = Code.CANCEL): Buffer {
  return frame(Type.RST_STREAM, 0, stream, uint32(code));
}

export function windowUpdate(stream: number, increment: number): Buffer {
  return frame(Type.WINDOW_UPDATE, 0, stream, uint32(increment));
}

export function goAway(lastStream: number, code: number): Buffer {
  return frame(Type.GOAWAY, 0, 0, Buffer.concat([uint32(lastStream), uint32(code)]));
}

/** @param dependsOn a stream that depends on itself is an error. */
export function priority(stream: number, dependsOn = 0, weight = 15): Buffer {
  return frame(Type.PRIORITY, 0, stream, Buffer.concat([uint32(dependsOn), Buffer.of(weight)]));
}

export function continuation(stream: number, block: Uint8Array, flags: number = Bit.END_HEADERS): Buffer {
  return frame(Type.CONTINUATION, flags, stream, block);
}

/** The payload of a PADDED frame. */
export function padded(payload: Uint8Array, padding: number): Buffer {
  return Buffer.concat([Buffer.of(padding), payload, Buffer.alloc(padding)]);
}

/** A gRPC message with its prefix. @param length what the prefix says, where that is not the message's own length. */
export function grpcMessage(message: Uint8Array, length = message.length, compressed = 0): Buffer {
  const bytes = Buffer.alloc(5 + message.length);
  bytes.writeUInt8(compressed, 0);
  bytes.writeUInt32BE(length, 1);
  bytes.set(message, 5);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** Cuts what comes into frames, whatever chunks it comes in. */
export class FrameSplitter {
  #parts: Uint8Array[] = [];
  #have = 0;
  /** Bytes without which there is nothing to find. */
  #need = FRAME_HEADER_BYTES;

  /** Payloads are copies. */
  push(chunk: Uint8Array): Frame[] {
    this.#parts.push(chunk);
    this.#have += chunk.length;
    if (this.#have < this.#need) return [];
    const bytes = Buffer.concat(this.#parts, this.#have);
    const found: Frame[] = [];
    let at = 0;
    this.#need = FRAME_HEADER_BYTES;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const end = at + FRAME_HEADER_BYTES + bytes.readUIntBE(at, 3);
      if (end > bytes.length) {
        this.#need = end - at;
        break;
      }
      found.push({ type: bytes.readUInt8(at + 3), flags: bytes.readUInt8(at + 4), stream: bytes.readUInt32BE(at + 5), payload: bytes.subarray(at + FRAME_HEADER_BYTES, end) });
      at = end;
    }
    this.#parts = at < bytes.length ? [bytes.subarray(at)] : [];
    this.#have = bytes.length - at;
    return found;
  }

  /** Bytes of a frame that is not whole yet. */
  get pending(): number {
    return this.#have;
  }
}
