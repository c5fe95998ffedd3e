// What the listeners count of the calls they answer (contract: metrics endpoint). Series are found once and kept at hand: a call
// costs a lookup and a few additions.
import { GO_CODE_NAMES, type Failure, type GrpcCode } from '../../proto/errors.ts';
import type { Counter, Histogram, Meter } from '../../proto/meter.ts';
import type { KernelMeasureName } from './measures.ts';
import type { PathLabels } from './paths.ts';

/** Where listeners count; members are undefined while metrics are off. */
export interface ApiCounts {
  readonly http: HttpServerCounts | undefined;
  readonly grpc: GrpcServerCounts | undefined;
  /** The kernel itself answers with an error. */
  error(failure: Failure): void;
}

interface Ends {
  readonly count: Counter;
  readonly latency: Histogram;
}

/** Labels are chosen by clients: so many paths are kept at hand, and the meter says which of them have series of their own. */
const MAX_PATHS_AT_HAND = 500;
const VERBS = ['UNKNOWN', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE'] as const;
const VERB_NUMBERS: ReadonlyMap<string, number> = new Map(VERBS.map((verb, index) => [verb, index]));

/** The label of a verb, whatever a client sends as one. */
export function verbLabel(verb: string): string {
  return VERBS[VERB_NUMBERS.get(verb) ?? 0] as string;
}

/** The label of an HTTP status. A block may answer with any number. */
export function statusLabel(status: number): string {
  return status >= 100 && status <= 599 ? String(status) : '0';
}

export class HttpServerCounts {
  readonly #meter: Meter;
  readonly #paths: PathLabels;
  readonly #excludeVerbs: boolean;
  readonly #requestBytes: Histogram;
  readonly #responseBytes: Histogram;
  /** By path label, then by verb and status in one number. */
  readonly #ends = new Map<string, Map<number, Ends>>();

  constructor(meter: Meter, paths: PathLabels, excludeVerbs: boolean) {
    this.#meter = meter;
    this.#paths = paths;
    this.#excludeVerbs = excludeVerbs;
    this.#requestBytes = meter.histogram('http_server_request_bytes' satisfies KernelMeasureName);
    this.#responseBytes = meter.histogram('http_server_response_bytes' satisfies KernelMeasureName);
  }

  /**
   * A request has been answered.
   * @param path cleaned
   * @param contentLength as the request's header says it
   * @param beginning of the path, where it is at hand: see `Match`
   */
  answered(verb: string, path: string, contentLength: string | undefined, status: number, responseBytes: number, ms: number, beginning?: string): void {
    const { count, latency } = this.#endsOf(verb, this.#paths.server(path, beginning), status);
    count.add(1);
    latency.observe(ms);
    this.#requestBytes.observe(contentLength === undefined ? 0 : Number(contentLength));
    this.#responseBytes.observe(responseBytes);
  }

  #endsOf(verb: string, path: string, status: number): Ends {
    let byNumber = this.#ends.get(path);
    if (byNumber === undefined) {
      if (this.#ends.size >= MAX_PATHS_AT_HAND) this.#ends.clear();
      this.#ends.set(path, (byNumber = new Map()));
    }
    const label = statusLabel(status);
    const number = (this.#excludeVerbs ? 0 : (VERB_NUMBERS.get(verb) ?? 0)) * 1_000 + Number(label);
    const found = byNumber.get(number);
    if (found !== undefined) return found;
    const labels = [this.#excludeVerbs ? '' : verbLabel(verb), path, label] as const;
    const made: Ends = {
      count: this.#meter.counter('http_server_request_count' satisfies KernelMeasureName, ...labels),
      latency: this.#meter.histogram('http_server_latency' satisfies KernelMeasureName, ...labels),
    };
    byNumber.set(number, made);
    return made;
  }
}

/** Of unary calls; upstream counts no stream. */
export class GrpcServerCounts {
  readonly #meter: Meter;
  readonly #byMethod = new Map<string, RpcCounts>();

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  /** @param method one of the route table's, of which there are few */
  of(method: string): RpcCounts {
    let counts = this.#byMethod.get(method);
    if (counts === undefined) this.#byMethod.set(method, (counts = new RpcCounts(this.#meter, method)));
    return counts;
  }
}

export class RpcCounts {
  readonly #meter: Meter;
  readonly #method: string;
  readonly #received: Histogram;
  readonly #sent: Histogram;
  readonly #ends: (Ends | undefined)[] = [];

  constructor(meter: Meter, method: string) {
    this.#meter = meter;
    this.#method = method;
    this.#received = meter.histogram('grpc_io_server_received_bytes_per_rpc' satisfies KernelMeasureName, method);
    this.#sent = meter.histogram('grpc_io_server_sent_bytes_per_rpc' satisfies KernelMeasureName, method);
  }

  answered(code: GrpcCode, receivedBytes: number, sentBytes: number, ms: number): void {
    const { count, latency } = (this.#ends[code] ??= this.#endsOf(code));
    count.add(1);
    latency.observe(ms);
    this.#received.observe(receivedBytes);
    this.#sent.observe(sentBytes);
  }

  #endsOf(code: GrpcCode): Ends {
    const labels = [this.#method, codeLabel(code)] as const;
    return {
      count: this.#meter.counter('grpc_io_server_completed_rpcs' satisfies KernelMeasureName, ...labels),
      latency: this.#meter.histogram('grpc_io_server_server_latency' satisfies KernelMeasureName, ...labels),
    };
  }
}

/** The label of a gRPC status, as Go prints it. */
export function codeLabel(code: number): string {
  return GO_CODE_NAMES[code] ?? 'Unknown';
}
