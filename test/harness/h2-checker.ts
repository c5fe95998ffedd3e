// Watches both directions of an HTTP/2 connection and says what the server did that no server may do (RFC 9113): frames of wrong
// sizes, on streams that nobody opened, after the end of a stream, beyond the client's windows, replies to what was never
// asked. Where client and server may see things in another order, the client's limits are those most in the server's favour.
import { ClientSide } from './h2-checker-client.ts';
import { BlockChecker } from './h2-checker-blocks.ts';
import { Bit, Code, FrameSplitter, INITIAL_WINDOW, MAX_WINDOW, Setting, Type, type Frame } from './h2-wire.ts';

/** Flags that a server's frames of each type may have. Undefined: a server of gRPC sends no such frame. */
const FLAGS: readonly (number | undefined)[] = [
  Bit.END_STREAM | Bit.PADDED, Bit.END_STREAM | Bit.END_HEADERS | Bit.PADDED, undefined, 0, Bit.ACK, undefined, Bit.ACK, 0, 0, Bit.END_HEADERS,
];
/** Lengths of payloads that have only one. */
const LENGTHS: Readonly<Record<number, number>> = { [Type.RST_STREAM]: 4, [Type.PING]: 8, [Type.WINDOW_UPDATE]: 4 };
const HIGHEST_CODE = Code.HTTP_1_1_REQUIRED;
const GRPC_PREFIX_BYTES = 5;

/** A stream as the server's frames show it. */
interface Served {
  headers: boolean;
  ended: boolean;
  reset: boolean;
  /** Of DATA. */
  bytes: number;
  /** Given by WINDOW_UPDATE. */
  granted: number;
  /** Of the gRPC message under way: bytes of the prefix that are there, and bytes that are missing. */
  readonly prefix: number[];
  missing: number;
}

export class OutputChecker {
  /** What was wrong, in order. */
  readonly violations: string[] = [];
  readonly client: ClientSide;
  /** By stream, what a client could make of it: for comparing. */
  readonly outcomes = new Map<number, string>();
  /** Of the last GOAWAY. */
  goAwayCode: number | undefined;
  readonly #splitter = new FrameSplitter();
  readonly #blocks = new BlockChecker((what) => this.#violated(what));
  readonly #streams = new Map<number, Served>();
  #frames = 0;
  #open: { readonly frame: Frame; readonly parts: Buffer[] } | undefined;
  #lastStream = MAX_WINDOW;
  #dataBytes = 0;
  #granted = 0;
  /** The server's SETTINGS_INITIAL_WINDOW_SIZE. */
  #window = INITIAL_WINDOW;

  /** @param isRead whether requests are decoded as well (`client.requestOn`). */
  constructor({ isRead = false }: { readonly isRead?: boolean } = {}) {
    this.client = new ClientSide(isRead);
  }

  /** Tell it before the server gets them. */
  sent(bytes: Uint8Array): void {
    this.client.sent(bytes);
  }

  received(bytes: Uint8Array): void {
    for (const frame of this.#splitter.push(bytes)) this.#check(frame);
  }

  /** The server has had time to see all that was sent: what is on its way to it now is nothing. */
  settled(): void {
    this.client.settled();
  }

  /** The connection has ended. */
  ended(): void {
    if (this.#splitter.pending > 0) this.#violated(`the connection ended within a frame, after ${this.#splitter.pending} bytes`);
    if (this.#open !== undefined) this.#violated('the connection ended within a header block');
  }

  get frames(): number {
    return this.#frames;
  }

  #violated(what: string): void {
    this.violations.push(`frame ${this.#frames}: ${what}`);
  }

  #check(frame: Frame): void {
    const { type, flags, stream, payload } = frame;
    const name = `${Object.keys(Type)[type] ?? `type ${type}`} on stream ${stream}`;
    this.#frames++;
    if (this.goAwayCode !== undefined && this.goAwayCode !== Code.NO_ERROR) this.#violated(`${name} after a GOAWAY with an error`);
    if (this.#frames === 1 && (type !== Type.SETTINGS || (flags & Bit.ACK) !== 0)) this.#violated(`begins with ${name}`);
    if (payload.length > this.client.maxFrame) this.#violated(`${name} has ${payload.length} bytes, the client takes ${this.client.maxFrame}`);
    const known = FLAGS[type];
    if (known === undefined) return this.#violated(`${name} from a server`);
    if ((flags & ~known) !== 0) this.#violated(`${name} has flags ${flags}`);
    const length = LENGTHS[type];
    if (length !== undefined && payload.length !== length) return this.#violated(`${name} has ${payload.length} bytes`);
    if (this.#open !== undefined && (type !== Type.CONTINUATION || this.#open.frame.stream !== stream)) this.#violated(`${name} within a header block`);
    if (this.#belongsTo(type, stream, name)) this.#act(frame, name);
  }

  /** Whether it is on a stream that there is, or rightly on none. */
  #belongsTo(type: number, stream: number, name: string): boolean {
    if (type === Type.SETTINGS || type === Type.PING || type === Type.GOAWAY) {
      if (stream !== 0) this.#violated(name);
      return stream === 0;
    }
    if (stream === 0) {
      if (type !== Type.WINDOW_UPDATE) this.#violated(name);
      return type === Type.WINDOW_UPDATE;
    }
    // Lower streams that were never opened are closed by a higher one (RFC 9113 section 5.1.1), and an error on them is told so.
    if (!this.client.isOpened(stream) && !(type === Type.RST_STREAM && stream % 2 === 1 && stream < this.client.highest)) {
      this.#violated(`${name}, which the client did not open`);
      return false;
    }
    if (stream > this.#lastStream && type !== Type.RST_STREAM) this.#violated(`${name}, above the ${this.#lastStream} of GOAWAY`);
    return true;
  }

  #act(frame: Frame, name: string): void {
    const { type, flags, stream, payload } = frame;
    switch (type) {
      case Type.SETTINGS: return this.#onSettings(flags, payload);
      case Type.PING:
        if ((flags & Bit.ACK) !== 0 && !this.client.wasPing(payload)) this.#violated('an ACK of a PING that nobody sent');
        return;
      case Type.GOAWAY: return this.#onGoAway(payload);
      case Type.WINDOW_UPDATE: return this.#onWindowUpdate(stream, payload.readUInt32BE(0), name);
      case Type.RST_STREAM: return this.#onReset(stream, payload.readUInt32BE(0), name);
      case Type.DATA: return this.#onData(frame, name);
      case Type.HEADERS:
        this.#mayBeSent(stream, name);
        this.#open = { frame, parts: [withoutPadding(frame)] };
        if ((flags & Bit.END_HEADERS) !== 0) this.#onBlock();
        return;
      default:
        if (this.#open === undefined) return this.#violated(`${name} without HEADERS`);
        this.#open.parts.push(payload);
        if ((flags & Bit.END_HEADERS) !== 0) this.#onBlock();
    }
  }

  #onSettings(flags: number, payload: Buffer): void {
    if ((flags & Bit.ACK) !== 0) {
      if (payload.length > 0) this.#violated('an ACK of SETTINGS with a payload');
      const acknowledged = this.client.acknowledge();
      if (acknowledged === undefined) this.#violated('an ACK of SETTINGS that nobody sent');
      else if (acknowledged.tableBytes !== undefined) this.#blocks.limitTable(acknowledged.tableBytes);
      return;
    }
    if (payload.length % 6 !== 0) return this.#violated(`SETTINGS with ${payload.length} bytes`);
    for (let at = 0; at < payload.length; at += 6) {
      const [id, value] = [payload.readUInt16BE(at), payload.readUInt32BE(at + 2)];
      if (id === Setting.INITIAL_WINDOW_SIZE) this.#window = value;
      const wrong = (id === Setting.ENABLE_PUSH && value !== 0) || (id === Setting.INITIAL_WINDOW_SIZE && value > MAX_WINDOW) || (id === Setting.MAX_FRAME_SIZE && (value < 16_384 || value > 16_777_215));
      if (wrong) this.#violated(`SETTINGS say that ${id} is ${value}`);
    }
  }

  #onGoAway(payload: Buffer): void {
    if (payload.length < 8) return this.#violated(`GOAWAY with ${payload.length} bytes`);
    const [last, code] = [payload.readUInt32BE(0), payload.readUInt32BE(4)];
    if (last > this.#lastStream) this.#violated(`GOAWAY names ${last} after ${this.#lastStream}`);
    if (last !== MAX_WINDOW && last > this.client.highest) this.#violated(`GOAWAY names ${last}, which nobody opened`);
    if (code > HIGHEST_CODE) this.#violated(`GOAWAY with code ${code}`);
    this.#lastStream = last;
    this.goAwayCode = code;
  }

  #onWindowUpdate(stream: number, increment: number, name: string): void {
    if (increment < 1 || increment > MAX_WINDOW) return this.#violated(`${name} by ${increment}`);
    if (stream === 0) {
      this.#granted += increment;
      if (INITIAL_WINDOW + this.#granted - this.client.dataBytes > MAX_WINDOW) this.#violated('the window of the connection overflows');
      return;
    }
    const served = this.#served(stream);
    if (served.reset) this.#violated(`${name} after RST_STREAM`);
    served.granted += increment;
    if (this.#window + served.granted - this.client.dataBytesOf(stream) > MAX_WINDOW) this.#violated(`the window of stream ${stream} overflows`);
  }

  #onReset(stream: number, code: number, name: string): void {
    const served = this.#served(stream);
    if (code > HIGHEST_CODE) this.#violated(`${name} with code ${code}`);
    const isWithin = this.client.dataBytesOf(stream) <= this.#window + served.granted && this.client.windowOf(stream) <= MAX_WINDOW;
    if (code === Code.FLOW_CONTROL_ERROR && isWithin) this.#violated(`${name} says FLOW_CONTROL_ERROR, and all windows were kept to`);
    served.reset = true;
    this.#note(stream, `reset ${code}`);
  }

  #onData({ stream, flags, payload }: Frame, name: string): void {
    const served = this.#served(stream);
    this.#mayBeSent(stream, name);
    if (!served.headers) this.#violated(`${name} before HEADERS`);
    served.bytes += payload.length; // padding included: it counts (RFC 9113 section 6.9.1)
    this.#dataBytes += payload.length;
    if (payload.length > 0 && served.bytes > this.client.windowOf(stream)) this.#violated(`${name}: ${served.bytes} bytes, the window of the stream is ${this.client.windowOf(stream)}`);
    if (payload.length > 0 && this.#dataBytes > this.client.connectionWindow) this.#violated(`${name}: ${this.#dataBytes} bytes, the window of the connection is ${this.client.connectionWindow}`);
    this.#onMessageBytes(served, payload);
    if ((flags & Bit.END_STREAM) !== 0) {
      served.ended = true;
      this.#violated(`${name} ends a gRPC call without trailers`);
    }
  }

  #onMessageBytes(served: Served, payload: Buffer): void {
    for (let at = 0; at < payload.length;) {
      if (served.missing > 0) {
        const taken = Math.min(served.missing, payload.length - at);
        served.missing -= taken;
        at += taken;
        continue;
      }
      served.prefix.push(payload[at++] as number);
      if (served.prefix.length < GRPC_PREFIX_BYTES) continue;
      served.missing = Buffer.from(served.prefix).readUInt32BE(1);
      served.prefix.length = 0;
    }
  }

  #onBlock(): void {
    const { frame: { stream, flags }, parts } = this.#open as { frame: Frame; parts: Buffer[] };
    this.#open = undefined;
    const served = this.#served(stream);
    const fields = this.#blocks.check(stream, Buffer.concat(parts), { trailers: served.headers, last: (flags & Bit.END_STREAM) !== 0 });
    served.headers = true;
    if (fields !== undefined) this.#note(stream, fields);
    if ((flags & Bit.END_STREAM) === 0) return;
    served.ended = true;
    this.#note(stream, `${served.bytes} bytes, ended`);
    if (served.missing > 0 || served.prefix.length > 0) this.#violated(`stream ${stream} ends within a message`);
  }

  /** HEADERS and DATA have a place in the stream, and are not for one that is over. */
  #mayBeSent(stream: number, name: string): void {
    const served = this.#served(stream);
    if (served.ended) this.#violated(`${name} after END_STREAM`);
    if (served.reset) this.#violated(`${name} after RST_STREAM`);
    if (this.client.hasReset(stream)) this.#violated(`${name}, which the client has reset long ago`);
  }

  #served(stream: number): Served {
    let served = this.#streams.get(stream);
    if (served === undefined) this.#streams.set(stream, served = { headers: false, ended: false, reset: false, bytes: 0, granted: 0, prefix: [], missing: 0 });
    return served;
  }

  #note(stream: number, what: string): void {
    const before = this.outcomes.get(stream);
    this.outcomes.set(stream, before === undefined ? what : `${before}; ${what}`);
  }
}

function withoutPadding({ flags, payload }: Frame): Buffer {
  return (flags & Bit.PADDED) === 0 ? payload : payload.subarray(1, payload.length - (payload[0] ?? 0));
}
