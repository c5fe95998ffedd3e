// What leaves on a connection: frames in the order in which they were sent, DATA only as far as the peer's windows go, header blocks
// encoded at the moment they leave. What has no window waits in its stream; streams that wait take turns.
import { ErrorCode, FRAME_HEAD_BYTES, FrameFlag, FrameType, writeFrameHead, writeUint32, type ErrorCodeValue } from './frames.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import { Output, type Transport } from './output.ts';
import { INITIAL_WINDOW, SETTING_BYTES, Setting, writeSettings, type PeerSettings } from './settings.ts';
import type { Stream } from './stream.ts';

/** Bytes that a socket has not taken, beyond which DATA waits as if there were no window. */
const FULL_BYTES = 256 * 1024;
/** Blocks that are kept as they were encoded: the head and the trailers of a usual answer. */
const KEPT_BLOCKS = 4;
/** Longest that is kept. */
const KEPT_BYTES = 128;
const MAX_DEBUG_LENGTH = 200;
/** Says that all is well, and nothing else. */
const PING_BYTES = Buffer.from('bulkhead', 'latin1');

interface Kept {
  readonly fields: readonly string[];
  readonly version: number;
  readonly block: Buffer;
}

export class Sender {
  /** DATA frames that were sent. */
  dataFrames = 0;
  /** Of the connection; negative never. */
  sendWindow = INITIAL_WINDOW;
  readonly #output: Output;
  readonly #encoder = new HpackEncoder();
  readonly #peer: PeerSettings;
  readonly #kept: Kept[] = [];
  #keptNext = 0;
  /** Streams with bodies that wait for the connection's window, or the socket, and not for a window of their own. */
  readonly #ready = new Set<Stream>();

  constructor(transport: Transport, peer: PeerSettings) {
    this.#output = new Output(transport);
    this.#peer = peer;
  }

  get queuedBytes(): number {
    return this.#output.queuedBytes;
  }

  /** HEADERS, in as many frames as they need. */
  head(stream: Stream, fields: readonly string[], last: boolean): void {
    const flags = last ? FrameFlag.END_HEADERS | FrameFlag.END_STREAM : FrameFlag.END_HEADERS;
    const output = this.#output;
    const kept = this.#find(fields);
    if (kept !== undefined) {
      output.room(FRAME_HEAD_BYTES + kept.length);
      output.at = putHeaders(output.buffer, output.at, kept, flags, stream.id);
      return;
    }
    const largest = HpackEncoder.worstCase(fields);
    output.room(FRAME_HEAD_BYTES + largest);
    const start = output.at + FRAME_HEAD_BYTES;
    const { version } = this.#encoder;
    const end = this.#encoder.encode(fields, output.buffer, start);
    if (end - start > this.#peer.frameBytes) return this.#longHead(stream.id, Buffer.from(output.buffer.subarray(start, end)), flags);
    writeFrameHead(output.buffer, output.at, end - start, FrameType.HEADERS, flags, stream.id);
    output.at = end;
    if (this.#encoder.version === version && end - start <= KEPT_BYTES) this.#keep(fields, output.buffer.subarray(start, end));
  }

  /** One body as DATA. False: at least a part of it waits. Both are borrowed. */
  body(stream: Stream, prefix: Uint8Array, body: Uint8Array): boolean {
    const length = prefix.length + body.length;
    if (stream.waiting.length === 0 && length <= this.#peer.frameBytes && length <= stream.sendWindow && length <= this.sendWindow && this.#output.queuedBytes <= FULL_BYTES) {
      const output = this.#output;
      output.room(FRAME_HEAD_BYTES + length);
      output.at = this.#putData(output.buffer, output.at, stream, prefix, body, length);
      return true;
    }
    const copy = Buffer.allocUnsafeSlow(length);
    copy.set(prefix);
    copy.set(body, prefix.length);
    stream.waiting.push(copy);
    stream.waitingBytes += length;
    this.#push(stream, Infinity);
    return stream.waiting.length === 0;
  }

  /** All of a usual answer. False: it has not the usual form, or no room, and nothing was sent. */
  answer(stream: Stream, head: readonly string[], prefix: Uint8Array, body: Uint8Array, trailers: readonly string[]): boolean {
    const length = prefix.length + body.length;
    if (length > this.#peer.frameBytes || length > stream.sendWindow || length > this.sendWindow || stream.waiting.length > 0 || this.#output.queuedBytes > FULL_BYTES) return false;
    const headBlock = this.#find(head);
    const trailerBlock = this.#find(trailers);
    if (headBlock === undefined || trailerBlock === undefined) return false;
    const output = this.#output;
    output.room(3 * FRAME_HEAD_BYTES + headBlock.length + length + trailerBlock.length);
    const out = output.buffer;
    const afterHead = putHeaders(out, output.at, headBlock, FrameFlag.END_HEADERS, stream.id);
    const afterBody = this.#putData(out, afterHead, stream, prefix, body, length);
    output.at = putHeaders(out, afterBody, trailerBlock, FrameFlag.END_HEADERS | FrameFlag.END_STREAM, stream.id);
    return true;
  }

  /** The connection's window has grown, or the socket has room: what waits goes on, streams taking turns, a frame of each at a time. */
  pump(): void {
    for (const stream of this.#ready) { // what is put back comes up again
      if (this.sendWindow <= 0 || this.#output.queuedBytes > FULL_BYTES) return;
      this.#ready.delete(stream);
      this.#push(stream, 1);
      if (stream.waiting.length === 0) stream.sent();
    }
  }

  /** A stream's window has grown. `pump` must follow. */
  windowOpened(stream: Stream): void {
    if (stream.waiting.length > 0 && stream.sendWindow > 0) this.#ready.add(stream);
  }

  /** A stream is over: what waits on it is not sent any more. */
  forget(stream: Stream): void {
    if (stream.waiting.length === 0) return;
    stream.waiting.length = 0;
    stream.waitingBytes = 0;
    this.#ready.delete(stream);
  }

  /** What we want of the peer; and that it may send more on the connection than it begins with. */
  settings(maxStreams: number, streamWindow: number, maxHeaderBytes: number, connectionWindow: number): void {
    const pairs = [[Setting.MAX_CONCURRENT_STREAMS, maxStreams], [Setting.INITIAL_WINDOW_SIZE, streamWindow], [Setting.MAX_HEADER_LIST_SIZE, maxHeaderBytes]] as const;
    const output = this.#output;
    output.room(FRAME_HEAD_BYTES + pairs.length * SETTING_BYTES);
    output.at = writeSettings(output.buffer, writeFrameHead(output.buffer, output.at, pairs.length * SETTING_BYTES, FrameType.SETTINGS, 0, 0), pairs);
    this.windowUpdate(0, connectionWindow - INITIAL_WINDOW);
  }

  /** The peer's settings are in force, and it is told so. */
  settingsChanged(): void {
    this.#encoder.setMaxTableBytes(this.#peer.tableBytes);
    this.#put(0, FrameType.SETTINGS, FrameFlag.ACK, 0);
  }

  windowUpdate(stream: number, increment: number): void {
    const at = this.#put(4, FrameType.WINDOW_UPDATE, 0, stream);
    writeUint32(this.#output.buffer, at, increment);
  }

  resetStream(stream: number, code: ErrorCodeValue): void {
    const at = this.#put(4, FrameType.RST_STREAM, 0, stream);
    writeUint32(this.#output.buffer, at, code);
  }

  ping(): void {
    const at = this.#put(PING_BYTES.length, FrameType.PING, 0, 0);
    this.#output.buffer.set(PING_BYTES, at);
  }

  pong(bytes: Buffer, start: number): void {
    const at = this.#put(8, FrameType.PING, FrameFlag.ACK, 0);
    bytes.copy(this.#output.buffer, at, start, start + 8);
  }

  goAway(lastStream: number, code: ErrorCodeValue, why: string): void {
    const debug = code === ErrorCode.NO_ERROR ? '' : why.slice(0, MAX_DEBUG_LENGTH);
    const at = this.#put(8 + debug.length, FrameType.GOAWAY, 0, 0);
    const { buffer } = this.#output;
    buffer.write(debug, writeUint32(buffer, writeUint32(buffer, at, lastStream), code), 'latin1');
  }

  /** What was sent leaves now; nothing more does. */
  close(): void {
    this.#output.flush();
    this.#output.close();
  }

  /** Room for a small frame, its head written. Returns where its payload goes. */
  #put(length: number, type: number, flags: number, stream: number): number {
    const output = this.#output;
    output.room(FRAME_HEAD_BYTES + length);
    const at = writeFrameHead(output.buffer, output.at, length, type, flags, stream);
    output.at = at + length;
    return at;
  }

  #putData(out: Buffer, at: number, stream: Stream, prefix: Uint8Array, body: Uint8Array, length: number): number {
    const payload = writeFrameHead(out, at, length, FrameType.DATA, 0, stream.id);
    out.set(prefix, payload);
    out.set(body, payload + prefix.length);
    stream.sendWindow -= length;
    this.sendWindow -= length;
    this.dataFrames++;
    stream.moved = true;
    return payload + length;
  }

  /** Sends of what waits on a stream, as far as windows and socket go. What could go on then is ready. */
  #push(stream: Stream, frames: number): void {
    const output = this.#output;
    for (let sent = 0; sent < frames && stream.waiting.length > 0 && output.queuedBytes <= FULL_BYTES; sent++) {
      const first = stream.waiting[0]!;
      const length = Math.min(first.length - stream.waitingAt, this.#peer.frameBytes, stream.sendWindow, this.sendWindow);
      if (length <= 0) break;
      output.room(FRAME_HEAD_BYTES + length);
      output.at = this.#putData(output.buffer, output.at, stream, NO_PREFIX, first.subarray(stream.waitingAt, stream.waitingAt + length), length);
      stream.waitingAt += length;
      stream.waitingBytes -= length;
      if (stream.waitingAt < first.length) continue;
      stream.waiting.shift();
      stream.waitingAt = 0;
    }
    this.windowOpened(stream);
  }

  #longHead(stream: number, block: Buffer, flags: number): void {
    const { frameBytes } = this.#peer;
    for (let at = 0; at < block.length; at += frameBytes) {
      const piece = block.subarray(at, at + frameBytes);
      const own = (at === 0 ? flags & ~FrameFlag.END_HEADERS : 0) | (at + frameBytes < block.length ? 0 : FrameFlag.END_HEADERS);
      const payload = this.#put(piece.length, at === 0 ? FrameType.HEADERS : FrameType.CONTINUATION, own, stream);
      this.#output.buffer.set(piece, payload);
    }
  }

  #find(fields: readonly string[]): Buffer | undefined {
    const { version } = this.#encoder;
    for (const kept of this.#kept) if (kept.fields === fields && kept.version === version) return kept.block;
    return undefined;
  }

  #keep(fields: readonly string[], block: Buffer): void {
    this.#kept[this.#keptNext] = { fields, version: this.#encoder.version, block: Buffer.from(block) };
    this.#keptNext = (this.#keptNext + 1) % KEPT_BLOCKS;
  }
}

const NO_PREFIX = new Uint8Array(0);

function putHeaders(out: Buffer, at: number, block: Buffer, flags: number, stream: number): number {
  const payload = writeFrameHead(out, at, block.length, FrameType.HEADERS, flags, stream);
  for (let i = 0; i < block.length; i++) out[payload + i] = block[i]!; // shorter than a call into C
  return payload + block.length;
}
