// The trace context of a publish and of a delivery (contract: messaging §8.1). Without a sampling rate no span is made and
// what came in goes out as it was; with one each hop has a span id of its own. Spans are recorded nowhere.
import { randomBytes } from 'node:crypto';
import type { TracingSettings } from '../../proto/init.ts';

/** W3C trace context; `''` for what there isn't. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate: string;
}

export const NO_TRACE: TraceContext = Object.freeze({ traceparent: '', tracestate: '' });

/** What a delivery says where there is no trace at all. */
export const ZERO_TRACEPARENT = '00-00000000000000000000000000000000-0000000000000000-00';

const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/i;
const NOTHING = /^0+$/;
const SAMPLED = 1;
/** Longer ones are dropped, as the standard allows from there on. */
const MAX_TRACESTATE = 512;
/** version, trace id, span id, flags; each field after the version is led by its number. */
const BIN_LENGTH = 29;

/** The context that a request's headers or metadata bring; the binary form of gRPC comes first. Broken ones count as none. */
export function incomingTrace(headers: Readonly<Record<string, string>>): TraceContext {
  const binary = headers['grpc-trace-bin'];
  const text = headers['traceparent'];
  if (binary === undefined && text === undefined) return NO_TRACE;
  const traceparent = (binary === undefined ? undefined : fromTraceBin(binary)) ?? (text === undefined ? undefined : normalized(text));
  if (traceparent === undefined) return NO_TRACE;
  const tracestate = headers['tracestate'] ?? '';
  return { traceparent, tracestate: tracestate.length > MAX_TRACESTATE ? '' : tracestate };
}

/** Makes the spans that the settings ask for. */
export class Tracer {
  /** Share of new traces that are sampled; undefined: no span is made. A rate of zero turns tracing off, as in Dapr. */
  readonly #rate: number | undefined;

  constructor({ samplingRate }: TracingSettings) {
    this.#rate = samplingRate === 0 ? undefined : samplingRate;
  }

  /** The context within a new span below `parent`, or in a new trace when there is none. */
  span(parent: TraceContext): TraceContext {
    if (this.#rate === undefined) return parent;
    return { traceparent: child(parent.traceparent, this.#rate), tracestate: parent.tracestate };
  }

  /** The `traceparent` of a delivery. @param traceparent as the message brought it, `''` for none; what isn't valid counts as none */
  deliverySpan(traceparent: string): string {
    const parent = traceparent === '' ? undefined : normalized(traceparent);
    return this.#rate === undefined ? (parent ?? ZERO_TRACEPARENT) : child(parent ?? '', this.#rate);
  }
}

/** The value of `grpc-trace-bin` in base64. @param traceparent valid, or `ZERO_TRACEPARENT` */
export function toTraceBin(traceparent: string): string {
  const [, trace = '', span = '', flags = ''] = traceparent.split('-');
  return Buffer.from(`0000${trace}01${span}02${flags}`, 'hex').toString('base64');
}

/** @returns undefined when it is not the binary form, or of an empty context */
function fromTraceBin(base64: string): string | undefined {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length < BIN_LENGTH || bytes[0] !== 0 || bytes[1] !== 0 || bytes[18] !== 1 || bytes[27] !== 2) return undefined;
  return normalized(`00-${bytes.toString('hex', 2, 18)}-${bytes.toString('hex', 19, 27)}-${bytes.toString('hex', 28, 29)}`);
}

/** In the one version that is written; undefined when it is not valid. */
function normalized(text: string): string | undefined {
  const match = TRACEPARENT.exec(text);
  if (match === null) return undefined;
  const [, version = '', trace = '', span = '', flags = '', rest] = match;
  if (version.toLowerCase() === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (NOTHING.test(trace) || NOTHING.test(span)) return undefined;
  return `00-${trace}-${span}-${flags}`.toLowerCase();
}

/** A sampled parent is followed, one that isn't too; a new trace is sampled by its id, so that all hops would agree. */
function child(parent: string, rate: number): string {
  const span = newId(8);
  if (parent !== '') return `${parent.slice(0, 36)}${span}${parent.slice(52)}`;
  const trace = newId(16);
  // the upper 52 bits of the trace id's lower half, as a fraction of 1
  const fraction = Number.parseInt(trace.slice(16, 29), 16) / 2 ** 52;
  return `00-${trace}-${span}-${fraction < rate ? `0${SAMPLED}` : '00'}`;
}

function newId(bytes: number): string {
  const id = randomBytes(bytes).toString('hex');
  return NOTHING.test(id) ? newId(bytes) : id;
}
