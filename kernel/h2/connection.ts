// One HTTP/2 connection from the server's side (RFC 9113): what each frame means in the state that its stream and the connection
// are in. Reading is frame-reader.ts, sending is sender.ts, how long things may take is peer.ts' business.
import { IdTable } from '../../ipc/id-table.ts';
import { messageOf } from '../../proto/errors.ts';
import type { Budget } from './budget.ts';
import { EarlyEnds } from './early-ends.ts';
import { ConnectionError, ErrorCode, FrameFlag, FrameType, LARGEST_WINDOW, checkShape, readUint31, readUint32, type ErrorCodeValue } from './frames.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import { Guard } from './guard.ts';
import { HeaderBlocks } from './header-blocks.ts';
import { HpackError } from './hpack/errors.ts';
import type { Transport } from './output.ts';
import type { RequestHead } from './request-head.ts';
import { Sender } from './sender.ts';
import { PeerSettings } from './settings.ts';
import { STREAM_WINDOW, Stream } from './stream.ts';

/** What answers requests. It sets the handler of each stream that it is given. */
export interface Application {
  open(stream: Stream, head: RequestHead): void;
  /** The head is larger than we allow. */
  openTooLarge(stream: Stream): void;
}

export interface ConnectionOptions {
  readonly application: Application;
  /** Streams that a peer may have open at once. */
  readonly maxStreams: number;
  /** Largest header list, as RFC 9113 section 6.5.2 counts it. */
  readonly maxHeaderBytes: number;
  /** For bytes that are held for this connection. */
  readonly budget: Budget;
  /** It has failed: what was said last is on its way, and nothing else will be. */
  readonly onFail: () => void;
  /** Something went wrong that is nobody's fault but ours. */
  readonly onBug: (cause: unknown) => void;
}

/** What we let the peer send on all streams together before we have looked at it. */
export const CONNECTION_WINDOW = 4 * 1024 * 1024;
/** Encoded heads up to this size are nobody's problem: there are only so many streams. Decoded, and with their objects, they take so many times that. */
const SMALL_HEAD = 1_024;
const HEAD_FACTOR = 2;
/** Bytes for a peer that it does not read, beyond which nothing more is read of it. */
const FULL_BYTES = 1024 * 1024;

export class Connection implements FrameSink {
  readonly options: ConnectionOptions;
  readonly sender: Sender;
  /** Anything at all has come since the last look. */
  heard = true;
  /** Of the last PING of ours that is not answered. */
  pinging = false;
  readonly #transport: Transport;
  readonly #reader: FrameReader;
  readonly #blocks: HeaderBlocks;
  readonly #guard: Guard;
  readonly #peer = new PeerSettings();
  readonly #streams = new IdTable<Stream>();
  #lastId = 0;
  /** Streams above are not looked at any more: we are leaving. */
  #lastAccepted = LARGEST_WINDOW;
  #settled = false;
  #takenMs = 0;
  #receiveWindow = CONNECTION_WINDOW;
  #taken = 0;
  readonly #early = new EarlyEnds();
  #paused = false;
  #over = false;
  /** Runs when the last stream ends. */
  onIdle: () => void = () => {};
  /** Our PING was answered. */
  onPong: () => void = () => {};

  constructor(transport: Transport, options: ConnectionOptions) {
    this.options = options;
    this.#transport = transport;
    this.sender = new Sender(transport, this.#peer);
    this.#reader = new FrameReader(this);
    this.#blocks = new HeaderBlocks(options.maxHeaderBytes, options.budget);
    this.#guard = new Guard(performance.now(), () => this.sender.dataFrames);
    this.sender.settings(options.maxStreams, STREAM_WINDOW, options.maxHeaderBytes, CONNECTION_WINDOW);
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#streams.size;
  }
  /** The client has begun as it must. */
  get settled(): boolean {
    return this.#settled;
  }
  /** The highest stream that was opened. */
  get lastStream(): number {
    return this.#lastId;
  }
  /** Another number for each frame or header block that has begun and is not there yet; 0: nothing is unfinished. */
  get unfinished(): number {
    return this.#blocks.unfinished === 0 ? this.#reader.unfinished : -this.#blocks.unfinished;
  }
  /** When the chunk came whose requests begin now, on the monotonic clock; looked up once for all of them. */
  get takenMs(): number {
    if (this.#takenMs === 0) this.#takenMs = performance.now();
    return this.#takenMs;
  }
  get over(): boolean {
    return this.#over;
  }

  /** What came off the socket; it is kept. */
  take(chunk: Buffer): void {
    if (this.#over) return;
    this.heard = true;
    this.#takenMs = 0;
    try {
      this.#reader.take(chunk);
    } catch (cause) {
      this.#failed(cause);
    }
    if (this.sender.queuedBytes > FULL_BYTES) this.#pause();
  }

  /** The socket has room again. */
  drained(): void {
    if (this.#over) return;
    this.heard = true;
    this.sender.pump();
    if (!this.#paused || this.sender.queuedBytes > FULL_BYTES) return;
    this.#paused = false;
    this.#transport.resume();
  }

  /** The socket is gone. */
  closed(): void {
    if (this.#over) return;
    this.#over = true;
    this.sender.close();
    this.#endStreams(ErrorCode.CANCEL);
  }

  /** From now on streams that begin are left to another connection (RFC 9113 section 6.8). First without a number, then with the last. */
  goAway(final: boolean): void {
    if (this.#over) return;
    if (final) this.#lastAccepted = this.#lastId;
    this.sender.goAway(final ? this.#lastId : LARGEST_WINDOW, ErrorCode.NO_ERROR, '');
  }

  /** Says why, and ends. */
  fail(code: ErrorCodeValue, why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.sender.goAway(this.#lastId, code, why);
    this.sender.close();
    this.#endStreams(code);
    if (this.#paused) this.#transport.resume(); // what it still sends is thrown away, so that it gets to read why
    this.#transport.end();
    this.options.onFail();
  }

  /** Ends it in peace: all streams are over, and the peer knows that no more are taken. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.sender.close();
    this.#transport.end();
  }

  ping(): void {
    this.pinging = true;
    this.sender.ping();
  }

  /** Streams that have not moved since the last time this was called. */
  *stalled(): Iterable<Stream> {
    for (const [, stream] of this.#streams.entries()) {
      if (!stream.moved) yield stream;
      stream.moved = false;
    }
  }

  /** A stream has said all it has to say. A peer that has not is told that nobody listens any more (RFC 9113 section 8.1). */
  finish(stream: Stream): void {
    if (!stream.remoteEnded) return this.reset(stream, ErrorCode.NO_ERROR);
    this.#remove(stream);
  }

  reset(stream: Stream, code: ErrorCodeValue): void {
    this.sender.resetStream(stream.id, code);
    this.#early.add(stream.id);
    this.#remove(stream);
  }

  // Frames; see frame-reader.ts.

  onFrame(type: number, flags: number, stream: number, bytes: Buffer, start: number, end: number): void {
    if (!this.#settled) this.#begin(type, flags);
    checkShape(type, stream, end - start);
    if (this.#blocks.open !== 0 && (type !== FrameType.CONTINUATION || stream !== this.#blocks.open)) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'a header block that another frame cuts off');
    switch (type) {
      case FrameType.HEADERS:
        return this.#headers(flags, stream, bytes, start, end);
      case FrameType.DATA:
        return this.#paddedData(flags, stream, bytes, start, end);
      case FrameType.WINDOW_UPDATE:
        return this.#windowUpdate(stream, readUint31(bytes, start));
      case FrameType.SETTINGS:
        return this.#settings(flags, bytes, start, end);
      case FrameType.PING:
        return this.#ping(flags, bytes, start);
      case FrameType.RST_STREAM:
        return this.#resetByPeer(stream, readUint32(bytes, start));
      case FrameType.CONTINUATION:
        return this.#continuation(flags, bytes, start, end);
      case FrameType.PRIORITY:
        if (readUint31(bytes, start) === stream) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `stream ${stream} depends on itself`);
        return this.#guard.spend(1, 'PRIORITY'); // RFC 9113 section 5.3.2: it means nothing any more
      case FrameType.GOAWAY:
        return this.#guard.spend(1, 'GOAWAY'); // it is about streams of ours, and there are none
      case FrameType.PUSH_PROMISE:
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'a client does not push');
      default:
        this.#guard.spend(1, 'unknown frames'); // RFC 9113 section 4.1: ignored
    }
  }

  onDataHead(_flags: number, stream: number, length: number): void {
    if (!this.#settled) this.#begin(FrameType.DATA, 0);
    if (this.#blocks.open !== 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'a header block that another frame cuts off');
    this.#countData(stream, length);
  }

  onDataPiece(flags: number, id: number, bytes: Buffer, start: number, end: number, last: boolean): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined && !stream.remoteEnded) this.#data(stream, bytes, start, end, last && (flags & FrameFlag.END_STREAM) !== 0);
  }

  #begin(type: number, flags: number): void {
    if (type !== FrameType.SETTINGS || (flags & FrameFlag.ACK) !== 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'the first frame is not SETTINGS');
    this.#settled = true;
  }

  #headers(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if ((id & 1) === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `HEADERS on stream ${id}`);
    if ((flags & FrameFlag.PADDED) !== 0) {
      end -= padding(bytes, start, end);
      start++;
    }
    if ((flags & FrameFlag.PRIORITY) !== 0) {
      if (end - start < 5) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'HEADERS that are too short');
      if (readUint31(bytes, start) === id) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `stream ${id} depends on itself`);
      start += 5;
    }
    if ((flags & FrameFlag.END_HEADERS) !== 0) return this.#headerBlock(flags, id, bytes, start, end);
    this.#blocks.begin(id, flags, bytes.subarray(start, end));
  }

  #continuation(flags: number, bytes: Buffer, start: number, end: number): void {
    this.#guard.spend(1, 'CONTINUATION');
    const block = this.#blocks.add(flags, bytes.subarray(start, end));
    if (block !== undefined) this.#headerBlock(block.flags, block.stream, Buffer.concat(block.parts), 0, block.bytes);
  }

  #headerBlock(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const last = (flags & FrameFlag.END_STREAM) !== 0;
    if (id <= this.#lastId) return this.#laterBlock(id, last, bytes, start, end);
    this.#lastId = id;
    const head = this.#blocks.request(bytes, start, end);
    if (head === 'malformed') return this.#refuse(id, ErrorCode.PROTOCOL_ERROR);
    this.#open(id, head === 'too large' ? undefined : head, last, end - start);
  }

  /** @param head undefined: it was too large. */
  #open(id: number, head: RequestHead | undefined, last: boolean, blockBytes: number): void {
    if (id > this.#lastAccepted) return; // the peer knows, or will soon
    if (this.#streams.size >= this.options.maxStreams) return this.#refuse(id, ErrorCode.REFUSED_STREAM);
    const length = head?.contentLength ?? -1;
    if (last && length > 0) return this.#refuse(id, ErrorCode.PROTOCOL_ERROR);
    const stream = new Stream(this, id, this.#peer.streamWindow, length);
    if (blockBytes > SMALL_HEAD && !stream.hold(blockBytes * HEAD_FACTOR)) return this.#refuse(id, ErrorCode.REFUSED_STREAM);
    stream.remoteEnded = last;
    this.#streams.add(id, stream);
    const { application } = this.options;
    if (head === undefined) application.openTooLarge(stream);
    else application.open(stream, head);
    if (last && !stream.ended) stream.handler?.onData(NOTHING, 0, 0, true);
  }

  /** A block on a stream that there was before: trailers, or one that is late. */
  #laterBlock(id: number, last: boolean, bytes: Buffer, start: number, end: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined && !this.#early.has(id)) throw new ConnectionError(id === this.#lastId ? ErrorCode.STREAM_CLOSED : ErrorCode.PROTOCOL_ERROR, `HEADERS on stream ${id}, which is over`);
    const sound = this.#blocks.trailers(bytes, start, end);
    if (stream === undefined) return this.#guard.spend(1, 'HEADERS of streams that are over');
    if (stream.remoteEnded) return this.#abort(stream, ErrorCode.STREAM_CLOSED);
    if (!last || !sound) return this.#abort(stream, ErrorCode.PROTOCOL_ERROR);
    this.#data(stream, NOTHING, 0, 0, true);
  }

  #paddedData(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    this.#countData(id, end - start);
    const bodyEnd = end - padding(bytes, start, end);
    this.#streams.get(id)?.take(end - bodyEnd + 1);
    this.onDataPiece(flags, id, bytes, start + 1, bodyEnd, true);
  }

  /** Flow control counts all of a frame, whatever becomes of it (RFC 9113 section 6.9). */
  #countData(id: number, length: number): void {
    if (id > this.#lastId || (id & 1) === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `DATA on stream ${id}, which was not opened`);
    this.#receiveWindow -= length;
    if (this.#receiveWindow < 0) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'more DATA than the connection has a window for');
    this.#taken += length;
    if (this.#taken >= CONNECTION_WINDOW / 2) {
      this.sender.windowUpdate(0, this.#taken);
      this.#receiveWindow += this.#taken;
      this.#taken = 0;
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) return this.#dataTooLate(id);
    if (stream.remoteEnded) return this.#abort(stream, ErrorCode.STREAM_CLOSED);
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) this.#abort(stream, ErrorCode.FLOW_CONTROL_ERROR);
  }

  #dataTooLate(id: number): void {
    this.#guard.spend(1, 'DATA of streams that are over');
    if (!this.#early.has(id)) this.sender.resetStream(id, ErrorCode.STREAM_CLOSED);
  }

  #data(stream: Stream, bytes: Buffer, start: number, end: number, last: boolean): void {
    const length = end - start;
    if (length === 0 && !last) return this.#guard.spend(1, 'DATA without a byte');
    stream.moved = true;
    if (stream.expected >= 0) {
      stream.expected -= length;
      if (stream.expected < 0 || (last && stream.expected > 0)) return this.#abort(stream, ErrorCode.PROTOCOL_ERROR);
    }
    stream.remoteEnded = last;
    stream.handler?.onData(bytes, start, end, last);
  }

  #windowUpdate(id: number, increment: number): void {
    if (id > this.#lastId || (id !== 0 && (id & 1) === 0)) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `WINDOW_UPDATE on stream ${id}, which was not opened`);
    this.#guard.spend(1, 'WINDOW_UPDATE');
    const stream = id === 0 ? undefined : this.#streams.get(id);
    if (id !== 0 && stream === undefined) return; // it is over
    if (increment === 0) {
      if (stream === undefined) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE by 0');
      return this.#abort(stream, ErrorCode.PROTOCOL_ERROR);
    }
    const { sender } = this;
    if ((stream ?? sender).sendWindow + increment > LARGEST_WINDOW) {
      if (stream === undefined) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'WINDOW_UPDATE beyond the largest window');
      return this.#abort(stream, ErrorCode.FLOW_CONTROL_ERROR);
    }
    (stream ?? sender).sendWindow += increment;
    if (stream !== undefined) sender.windowOpened(stream);
    sender.pump();
  }

  #settings(flags: number, bytes: Buffer, start: number, end: number): void {
    if ((flags & FrameFlag.ACK) !== 0) {
      if (end > start) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'SETTINGS that acknowledge and say something');
      return this.#guard.spend(1, 'SETTINGS');
    }
    const before = this.#peer.streamWindow;
    this.#peer.take(bytes, start, end);
    const change = this.#peer.streamWindow - before;
    this.#guard.spend(change === 0 ? 1 : 1 + this.#streams.size, 'SETTINGS');
    this.sender.settingsChanged();
    if (change === 0) return;
    for (const [, stream] of this.#streams.entries()) {
      stream.sendWindow += change;
      if (stream.sendWindow > LARGEST_WINDOW) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'SETTINGS_INITIAL_WINDOW_SIZE takes a stream beyond the largest window');
      this.sender.windowOpened(stream);
    }
    if (change > 0) this.sender.pump();
  }

  #ping(flags: number, bytes: Buffer, start: number): void {
    this.#guard.spend(1, 'PING');
    if ((flags & FrameFlag.ACK) === 0) return this.sender.pong(bytes, start);
    this.pinging = false;
    this.onPong();
  }

  #resetByPeer(id: number, code: number): void {
    if (id > this.#lastId || (id & 1) === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `RST_STREAM on stream ${id}, which was not opened`);
    this.#guard.spend(1, 'RST_STREAM');
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#remove(stream);
    stream.handler?.onReset(code);
  }

  /** A stream that is not opened. */
  #refuse(id: number, code: ErrorCodeValue): void {
    this.#guard.spend(1, 'requests that could not be opened');
    this.sender.resetStream(id, code);
    this.#early.add(id);
  }

  /** Ends a stream for what the peer did. */
  #abort(stream: Stream, code: ErrorCodeValue): void {
    this.#guard.spend(1, 'streams that had to be reset');
    this.reset(stream, code);
    stream.handler?.onReset(code);
  }

  #remove(stream: Stream): void {
    stream.ended = true;
    stream.forget();
    if (this.#streams.take(stream.id) !== undefined && this.#streams.size === 0) this.onIdle();
  }

  #pause(): void {
    if (this.#paused || this.#over) return;
    this.#paused = true;
    this.#transport.pause();
  }

  #failed(cause: unknown): void {
    if (cause instanceof ConnectionError) return this.fail(cause.code, cause.message);
    if (cause instanceof HpackError) return this.fail(ErrorCode.COMPRESSION_ERROR, cause.message);
    this.options.onBug(cause);
    this.fail(ErrorCode.INTERNAL_ERROR, messageOf(cause));
  }

  #endStreams(code: number): void {
    this.#blocks.close();
    for (const [, stream] of this.#streams.entries()) {
      this.#remove(stream);
      stream.handler?.onReset(code);
    }
  }
}

const NOTHING = Buffer.alloc(0);

/** Bytes at the end that are padding. @throws ConnectionError */
function padding(bytes: Buffer, start: number, end: number): number {
  if (start === end) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'a padded frame without a length of its padding');
  const length = bytes[start]!;
  if (length >= end - start) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'more padding than frame');
  return length;
}
