// Load with a ledger: many clients that write keys of their own and read them back, in both protocols, and note what each
// call came to. Faults are injected beside it; afterwards the ledger says what must be there.
import { GrpcClient, GrpcFailure } from './grpc.ts';
import type { Sidecar } from './sidecar.ts';
import { getBulkState, getState, saveState, stateItem } from './states.ts';

export interface CallFailed {
  readonly protocol: 'HTTP' | 'gRPC';
  readonly kind: 'read' | 'write';
  /** `503` or `Unavailable`. */
  readonly code: string;
  /** The error's text and details, as JSON. */
  readonly text: string;
  readonly tookMs: number;
}

export interface LoadOptions {
  readonly store: string;
  /** Half of them speak HTTP, half gRPC. */
  readonly clients: number;
}

/** Connections that the gRPC clients share. */
const GRPC_CONNECTIONS = 4;

export class Load {
  /** Keys whose write was acknowledged; the value is the key. */
  readonly acknowledged: string[] = [];
  /** Keys whose write failed: nobody knows whether it happened. */
  readonly unknown: string[] = [];
  readonly failures: CallFailed[] = [];
  /** Reads that were answered with what had been written. */
  reads = 0;
  /** Answers that were no failure and wrong. */
  readonly wrong: string[] = [];
  slowestMs = 0;
  readonly #sidecar: Sidecar;
  readonly #store: string;
  readonly #grpc: GrpcClient[];
  readonly #running: Promise<void>[];
  #stopped = false;
  #progress: { readonly target: number; readonly reached: () => void } | undefined;

  constructor(sidecar: Sidecar, { store, clients }: LoadOptions) {
    this.#sidecar = sidecar;
    this.#store = store;
    this.#grpc = Array.from({ length: GRPC_CONNECTIONS }, () => new GrpcClient(sidecar.grpcAddress));
    this.#running = Array.from({ length: clients }, (_, index) => this.#run(index, index % 2 === 0 ? this.#overHttp() : this.#overGrpc(this.#grpc[index % GRPC_CONNECTIONS] as GrpcClient)));
  }

  /** Resolves when this many more writes have been acknowledged. */
  acknowledges(writes: number): Promise<void> {
    return new Promise((resolve) => (this.#progress = { target: this.acknowledged.length + writes, reached: resolve }));
  }

  /** Ends it; resolves when the last call is answered. May be called twice. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
    for (const client of this.#grpc) client.close();
  }

  of(kind: CallFailed['kind']): CallFailed[] {
    return this.failures.filter((failure) => failure.kind === kind);
  }

  /** Acknowledged keys that the store does not have, or has with another value. */
  async missing(): Promise<string[]> {
    const missing: string[] = [];
    using grpc = new GrpcClient(this.#sidecar.grpcAddress);
    for (let at = 0; at < this.acknowledged.length; at += 1_000) {
      const { items } = await grpc.call('GetBulkState', getBulkState(this.#store, ...this.acknowledged.slice(at, at + 1_000)));
      for (const { key, data } of items) if (Buffer.from(data).toString() !== JSON.stringify(key)) missing.push(key);
    }
    return missing;
  }

  async #run(client: number, { protocol, write, read }: Protocol): Promise<void> {
    for (let turn = 0; !this.#stopped; turn++) {
      const key = `client-${client}-${turn}`;
      const written = await this.#attempt(protocol, 'write', () => write(key));
      if (written === undefined) {
        this.unknown.push(key);
        continue;
      }
      this.acknowledged.push(key);
      if (this.#progress !== undefined && this.acknowledged.length >= this.#progress.target) this.#progress.reached();
      const found = await this.#attempt(protocol, 'read', () => read(key));
      if (found === undefined) continue;
      if (found === JSON.stringify(key)) this.reads++;
      else this.wrong.push(`${key}: ${found}`);
    }
  }

  /** What the call gave, or undefined when it failed. */
  async #attempt(protocol: CallFailed['protocol'], kind: CallFailed['kind'], call: () => Promise<string>): Promise<string | undefined> {
    const began = performance.now();
    try {
      return await call();
    } catch (cause) {
      const tookMs = performance.now() - began;
      const [code, text] = cause instanceof GrpcFailure ? [cause.code, JSON.stringify([cause.text, ...cause.details])] : cause instanceof HttpFailure ? [cause.code, cause.message] : ['none', String(cause)];
      this.failures.push({ protocol, kind, code, text, tookMs });
      return undefined;
    } finally {
      this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
    }
  }

  #overHttp(): Protocol {
    const { client } = this.#sidecar;
    const at = `/v1.0/state/${this.#store}`;
    const expect = async (status: number, reply: Promise<{ status: number; body: string }>): Promise<string> => {
      const { status: got, body } = await reply;
      if (got !== status) throw new HttpFailure(String(got), body);
      return body;
    };
    return {
      protocol: 'HTTP',
      write: (key) => expect(204, client.post(at, JSON.stringify([{ key, value: key }]))),
      read: (key) => expect(200, client.get(`${at}/${key}`)),
    };
  }

  #overGrpc(client: GrpcClient): Protocol {
    return {
      protocol: 'gRPC',
      write: async (key) => {
        await client.call('SaveState', saveState(this.#store, stateItem(key, JSON.stringify(key))));
        return '';
      },
      read: async (key) => Buffer.from((await client.call('GetState', getState(this.#store, key))).data).toString(),
    };
  }
}

interface Protocol {
  readonly protocol: CallFailed['protocol'];
  /** Both reject when the call failed. */
  write(key: string): Promise<string>;
  read(key: string): Promise<string>;
}

class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
  readonly code: string;
  constructor(code: string, body: string) {
    super(body);
    this.code = code;
  }
}

/** Calls of everything but the store, one after the other, for as long as it runs. */
export class Bystanders {
  /** Answers that were not what they should be. */
  readonly surprises: string[] = [];
  calls = 0;
  readonly #sidecar: Sidecar;
  readonly #grpc: GrpcClient;
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(sidecar: Sidecar) {
    this.#sidecar = sidecar;
    this.#grpc = new GrpcClient(sidecar.grpcAddress);
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    this.#grpc.close();
  }

  async #run(): Promise<void> {
    const { client } = this.#sidecar;
    while (!this.#stopped) {
      await this.#expects('healthz', 204, async () => (await client.get('/v1.0/healthz')).status);
      await this.#expects('outbound health', 204, async () => (await client.get('/v1.0/healthz/outbound')).status);
      await this.#expects('metadata', 200, async () => (await client.get('/v1.0/metadata')).status);
      await this.#expects('its components', true, async () => (await client.get('/v1.0/metadata')).body.includes('"components":[{"name":'));
      await this.#expects('metadata over gRPC', 'app', async () => (await this.#grpc.call('GetMetadata', {})).id);
      await this.#expects('setting metadata', 204, async () => (await client.put('/v1.0/metadata/k', 'v')).status);
      await this.#expects('the actuator', 200, async () => (await client.get('/actuator/blocks')).status);
      await this.#expects('another API', 501, async () => (await client.post('/v1.0/bindings/other')).status);
      await this.#expects('an unknown path', 404, async () => (await client.get('/nothing')).status);
    }
  }

  async #expects(what: string, expected: unknown, call: () => Promise<unknown>): Promise<void> {
    this.calls++;
    const got = await call().catch(String);
    if (got !== expected) this.surprises.push(`${what}: ${String(got)}`);
  }
}
