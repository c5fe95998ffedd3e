// `Upgrade: h2c` (RFC 7540, 3.2): the request that asked for HTTP/2 becomes stream 1 of the new connection. Node's HTTP/2
// server knows no upgrade, so the connection is handed to it as if the client had sent that request as a HEADERS frame
// right after its own SETTINGS.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** Largest HEADERS frame that needs no agreement on sizes (RFC 9113, 4.2). */
const MAX_FRAME_BYTES = 16_384;
const PREFACE_BYTES = 24;
const FRAME_HEADER_BYTES = 9;
const HEADERS = 1;
const END_STREAM_AND_HEADERS = 0x5;
/** Fields that belong to the HTTP/1.1 connection and mean nothing, or are errors, in HTTP/2 (RFC 9113, 8.2.2). */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set(['connection', 'upgrade', 'http2-settings', 'host', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'te', 'content-length']);

/** True for a request that can go on as HTTP/2: it asks for it and has no body. */
export function wantsH2c(request: IncomingMessage): boolean {
  const { upgrade, connection } = request.headers;
  if (upgrade?.toLowerCase() !== 'h2c' || request.headers['http2-settings'] === undefined) return false;
  const named = (connection ?? '').toLowerCase().split(',').map((name) => name.trim());
  const length = request.headers['content-length'];
  return named.includes('upgrade') && (length === undefined || length === '0') && request.headers['transfer-encoding'] === undefined;
}

/** Answers 101 and returns the connection as Node's HTTP/2 server wants it. */
export function upgradeToH2c(request: IncomingMessage, socket: Socket, head: Buffer): Duplex {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
  return new UpgradedConnection(socket, head, headersFrame(request));
}

class UpgradedConnection extends Duplex {
  readonly #socket: Socket;
  readonly #request: Buffer;
  /** The client's preface and first frame, until both are whole; then undefined. */
  #beginning: Buffer | undefined = Buffer.alloc(0);

  constructor(socket: Socket, head: Buffer, request: Buffer) {
    super();
    this.#socket = socket;
    this.#request = request;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => this.push(null));
    socket.on('error', (cause) => this.destroy(cause));
    socket.on('close', () => this.destroy());
    if (head.length > 0) this.#take(head);
    socket.resume();
  }

  #take(chunk: Buffer): void {
    if (this.#beginning === undefined) {
      if (!this.push(chunk)) this.#socket.pause();
      return;
    }
    this.#beginning = Buffer.concat([this.#beginning, chunk]);
    if (this.#beginning.length < PREFACE_BYTES + FRAME_HEADER_BYTES) return;
    const settingsEnd = PREFACE_BYTES + FRAME_HEADER_BYTES + this.#beginning.readUIntBE(PREFACE_BYTES, 3);
    if (settingsEnd > PREFACE_BYTES + FRAME_HEADER_BYTES + MAX_FRAME_BYTES) return void this.#socket.destroy();
    if (this.#beginning.length < settingsEnd) return;
    this.push(this.#beginning.subarray(0, settingsEnd));
    this.push(this.#request);
    if (this.#beginning.length > settingsEnd) this.push(this.#beginning.subarray(settingsEnd));
    this.#beginning = undefined;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (cause?: Error | null) => void): void {
    if (this.#socket.write(chunk)) done();
    else this.#socket.once('drain', () => done());
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(cause: Error | null, done: (cause: Error | null) => void): void {
    this.#socket.destroy();
    done(cause);
  }
}

/** The request as a HEADERS frame of stream 1: literal fields, no table, no Huffman code (RFC 7541, 6.2.2). */
function headersFrame(request: IncomingMessage): Buffer {
  const fields: Buffer[] = [
    field(':method', request.method ?? 'GET'), field(':scheme', 'http'), field(':path', request.url ?? '/'), field(':authority', request.headers.host ?? ''),
  ];
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || CONNECTION_FIELDS.has(name)) continue;
    for (const one of Array.isArray(value) ? value : [value]) fields.push(field(name, one));
  }
  const block = Buffer.concat(fields);
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUIntBE(block.length, 0, 3);
  header.writeUInt8(HEADERS, 3);
  header.writeUInt8(END_STREAM_AND_HEADERS, 4);
  header.writeUInt32BE(1, 5);
  return Buffer.concat([header, block]);
}

function field(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0), text(name), text(value)]);
}

/** A string literal with its length as an integer of a 7-bit prefix (RFC 7541, 5.1 and 5.2). */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  const length: number[] = [];
  let rest = bytes.length;
  if (rest < 127) length.push(rest);
  else {
    length.push(127);
    for (rest -= 127; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}
