// What the client of a watched connection has said (h2-checker.ts): streams it opened, windows it granted, settings it sent and
// which of them the server has acknowledged. It may say anything, valid or not.
import { HpackDecoder } from '../../kernel/h2/hpack/decoder.ts';
import { Bit, FrameSplitter, INITIAL_MAX_FRAME, INITIAL_WINDOW, PREFACE, Setting, Type, type Frame } from './h2-wire.ts';

/** Of one SETTINGS frame; undefined is not mentioned. The last of several values counts (RFC 9113 section 6.5.3). */
export interface ClientSettings {
  readonly window: number | undefined;
  readonly maxFrame: number | undefined;
  readonly tableBytes: number | undefined;
}

export class ClientSide {
  readonly #splitter = new FrameSplitter();
  readonly #decoder = new HpackDecoder({ maxTableBytes: 4_096, maxListBytes: 1 << 16 });
  /** Of a header block that is not whole; undefined when nobody asks, or it can't be understood any more. */
  #block: { readonly stream: number; readonly parts: Buffer[] } | undefined;
  readonly #requests = new Map<number, readonly string[]>();
  #preface = PREFACE.length;
  readonly #opened = new Set<number>();
  /** Streams whose request it has ended. */
  readonly #ended = new Set<number>();
  readonly #granted = new Map<number, number>();
  readonly #dataBytes = new Map<number, number>();
  readonly #pings: string[] = [];
  readonly #unacknowledged: ClientSettings[] = [];
  /** Streams it has reset, and those of them of which the server knows by now. */
  #reset: number[] = [];
  readonly #longReset = new Set<number>();
  #window = INITIAL_WINDOW;
  #maxFrame = INITIAL_MAX_FRAME;
  #connectionGranted = 0;
  /** All that it has sent, whole. */
  frames = 0;
  /** Of all its DATA frames, padding included. */
  dataBytes = 0;
  /** Highest stream it has opened. */
  highest = 0;

  /** @param isRead whether somebody will ask for `requestOn`. */
  constructor(isRead: boolean) {
    if (isRead) this.#block = { stream: 0, parts: [] };
  }

  sent(bytes: Uint8Array): void {
    let chunk = bytes;
    if (this.#preface > 0) {
      const taken = Math.min(this.#preface, chunk.length);
      this.#preface -= taken;
      chunk = chunk.subarray(taken);
    }
    if (chunk.length > 0) for (const frame of this.#splitter.push(Buffer.from(chunk))) this.#on(frame);
  }

  settled(): void {
    for (const stream of this.#reset) this.#longReset.add(stream);
    this.#reset = [];
  }

  /** Fields of the request on a stream, names and values in turn. Undefined: it made no sense. */
  requestOn(stream: number): readonly string[] | undefined {
    return this.#requests.get(stream);
  }
  isOpened(stream: number): boolean {
    return this.#opened.has(stream);
  }
  hasEnded(stream: number): boolean {
    return this.#ended.has(stream);
  }
  hasReset(stream: number): boolean {
    return this.#longReset.has(stream);
  }

  /** Takes one content out of those that were sent and not acknowledged. */
  wasPing(content: Buffer): boolean {
    const index = this.#pings.indexOf(content.toString('latin1'));
    if (index < 0) return false;
    this.#pings.splice(index, 1);
    return true;
  }

  /** The oldest SETTINGS are in force. Undefined: there were none. */
  acknowledge(): ClientSettings | undefined {
    const settings = this.#unacknowledged.shift();
    if (settings === undefined) return undefined;
    this.#window = settings.window ?? this.#window;
    this.#maxFrame = settings.maxFrame ?? this.#maxFrame;
    return settings;
  }

  /** What the server may send on the stream in all. */
  windowOf(stream: number): number {
    return this.#unacknowledged.reduce((most, { window }) => Math.max(most, window ?? 0), this.#window) + (this.#granted.get(stream) ?? 0);
  }
  /** What the server may send on all streams in all. */
  get connectionWindow(): number {
    return INITIAL_WINDOW + this.#connectionGranted;
  }
  get maxFrame(): number {
    return this.#unacknowledged.reduce((most, { maxFrame }) => Math.max(most, maxFrame ?? 0), this.#maxFrame);
  }
  dataBytesOf(stream: number): number {
    return this.#dataBytes.get(stream) ?? 0;
  }

  #on({ type, flags, stream: word, payload }: Frame): void {
    this.frames++;
    const stream = word & 0x7fff_ffff; // whoever receives ignores the reserved bit
    switch (type) {
      case Type.CONTINUATION:
        return this.#onBlock(stream, flags, payload);
      case Type.HEADERS:
        if (this.#block !== undefined) this.#block = { stream, parts: [] };
        this.#onBlock(stream, flags, fragmentOf(flags, payload));
        if (stream % 2 === 0) return;
        this.#opened.add(stream);
        this.highest = Math.max(this.highest, stream);
        if ((flags & Bit.END_STREAM) !== 0) this.#ended.add(stream);
        return;
      case Type.DATA:
        this.dataBytes += payload.length;
        this.#dataBytes.set(stream, (this.#dataBytes.get(stream) ?? 0) + payload.length);
        if ((flags & Bit.END_STREAM) !== 0) this.#ended.add(stream);
        return;
      case Type.RST_STREAM:
        if (payload.length === 4) this.#reset.push(stream);
        return;
      case Type.PING:
        if ((flags & Bit.ACK) === 0) this.#pings.push(payload.toString('latin1'));
        return;
      case Type.WINDOW_UPDATE:
        if (payload.length !== 4) return;
        if (stream === 0) this.#connectionGranted += payload.readUInt32BE(0) & 0x7fff_ffff;
        else this.#granted.set(stream, (this.#granted.get(stream) ?? 0) + (payload.readUInt32BE(0) & 0x7fff_ffff));
        return;
      case Type.SETTINGS:
        if ((flags & Bit.ACK) === 0) this.#unacknowledged.push(settingsOf(payload));
        return;
      default:
    }
  }

  #onBlock(stream: number, flags: number, part: Buffer): void {
    const block = this.#block;
    if (block?.stream !== stream) return;
    block.parts.push(part);
    if ((flags & Bit.END_HEADERS) === 0) return;
    const bytes = Buffer.concat(block.parts);
    try {
      const { fields } = this.#decoder.decode(bytes, 0, bytes.length);
      if (!this.#requests.has(stream)) this.#requests.set(stream, fields);
    } catch {
      this.#block = undefined; // from here on nobody knows what the table holds
    }
  }
}

/** The part of a header block in a HEADERS frame: without padding and priority. */
function fragmentOf(flags: number, payload: Buffer): Buffer {
  const padding = (flags & Bit.PADDED) === 0 ? 0 : (payload[0] ?? 0);
  const start = ((flags & Bit.PADDED) === 0 ? 0 : 1) + ((flags & Bit.PRIORITY) === 0 ? 0 : 5);
  return payload.subarray(start, Math.max(start, payload.length - padding));
}

function settingsOf(payload: Buffer): ClientSettings {
  const values = new Map<number, number>();
  for (let at = 0; at + 6 <= payload.length; at += 6) values.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  return { window: values.get(Setting.INITIAL_WINDOW_SIZE), maxFrame: values.get(Setting.MAX_FRAME_SIZE), tableBytes: values.get(Setting.HEADER_TABLE_SIZE) };
}
