// Clients that draw ids without end, in every form of the API, and a ledger of what each was given. Faults are injected beside
// them; afterwards the ledger says whether an id came twice, or a client saw ids fall.
import { NextIdRequest, NextIdResponse } from '../../proto/gen/bulkhead/v1/sequencer.ts';
import { GrpcClient } from './grpc.ts';
import type { Sidecar } from './sidecar.ts';

const NEXT_IDS = '/bulkhead.v1.Sequencer/NextIds';
/** Requests of a stream that wait for their answers at once. Strong ones go one by one: overlapping ones have no order. */
const PIPELINED = 16;

export interface DrawersOptions {
  readonly store: string;
  readonly key: string;
  readonly strong?: boolean;
  /** A third of them each: gRPC calls, HTTP calls, streams. */
  readonly clients: number;
}

export class Drawers {
  /** The ids of each client, in the order in which they came. */
  readonly drawn: number[][];
  readonly failures: string[] = [];
  /** Streams that ended before their client wanted. */
  cut = 0;
  readonly #sidecar: Sidecar;
  readonly #options: DrawersOptions;
  readonly #grpc: GrpcClient;
  readonly #running: Promise<void>[];
  #total = 0;
  #stopped = false;
  #progress: { readonly target: number; readonly reached: () => void } | undefined;

  constructor(sidecar: Sidecar, options: DrawersOptions) {
    this.#sidecar = sidecar;
    this.#options = options;
    this.#grpc = new GrpcClient(sidecar.grpcAddress);
    this.drawn = Array.from({ length: options.clients }, () => []);
    this.#running = this.drawn.map((ids, client) => [() => this.#overGrpc(ids), () => this.#overHttp(ids), () => this.#overStreams(ids)][client % 3]!());
  }

  get total(): number {
    return this.#total;
  }

  /** Resolves when this many more ids have come. */
  draws(ids: number): Promise<void> {
    return new Promise((resolve) => (this.#progress = { target: this.#total + ids, reached: resolve }));
  }

  /** Resolves when the last call is answered. May be called twice. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
    this.#grpc.close();
  }

  /** Ids that did not rise for the client that got them. */
  falls(): number {
    return this.drawn.reduce((falls, ids) => falls + ids.filter((id, index) => index > 0 && id <= ids[index - 1]!).length, 0);
  }

  async #overGrpc(ids: number[]): Promise<void> {
    for (let turn = 0; !this.#stopped; turn++) {
      await this.#attempt(async () => {
        const answer = await this.#grpc.call('/bulkhead.v1.Sequencer/NextId', this.#request(1 + (turn % 40)));
        this.#note(ids, answer.ids);
      });
    }
  }

  async #overHttp(ids: number[]): Promise<void> {
    const { store, key, strong = false } = this.#options;
    for (let turn = 0; !this.#stopped; turn++) {
      await this.#attempt(async () => {
        const { status, body } = await this.#sidecar.client.post(`/v1.0-bulkhead/sequencer/${store}/${key}`, JSON.stringify({ count: 1 + (turn % 40), increment: strong ? 'STRONG' : 'WEAK' }));
        if (status !== 200) throw new Error(`${status} ${body}`);
        this.#note(ids, (JSON.parse(body) as { readonly ids: readonly string[] }).ids);
      });
    }
  }

  async #overStreams(ids: number[]): Promise<void> {
    while (!this.#stopped) {
      await new Promise<void>((resolve) => {
        const stream = this.#grpc.duplex(NEXT_IDS);
        const ask = () => void stream.write(NextIdRequest.encode(this.#request(1 + (this.#total % 40))).finish());
        stream.on('data', (bytes: Buffer) => {
          this.#note(ids, NextIdResponse.decode(bytes).ids);
          if (this.#stopped) stream.end();
          else ask();
        });
        stream.on('error', (cause: Error) => {
          this.cut++;
          this.failures.push(cause.message);
        });
        stream.on('status', () => resolve());
        for (let i = 0; i < (this.#options.strong === true ? 1 : PIPELINED); i++) ask();
      });
    }
  }

  async #attempt(call: () => Promise<void>): Promise<void> {
    try {
      await call();
    } catch (cause) {
      this.failures.push((cause as Error).message);
    }
  }

  #request(count: number): NextIdRequest {
    const { store, key, strong = false } = this.#options;
    return { storeName: store, key, increment: strong ? 1 : 0, count, metadata: new Map() };
  }

  #note(ids: number[], given: readonly (bigint | string)[]): void {
    for (const id of given) ids.push(Number(id));
    this.#total += given.length;
    if (this.#progress !== undefined && this.#total >= this.#progress.target) this.#progress.reached();
  }
}

/** Ids that were given more than once, over all clients. */
export function duplicates(drawers: readonly Drawers[]): number {
  const all = drawers.flatMap(({ drawn }) => drawn.flat());
  return all.length - new Set(all).size;
}
