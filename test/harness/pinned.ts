// Clients that keep to one connection each, so that it can be told whose gateway ended: many of them, which read and write keys of
// their own all the time and note what each call came to.
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { eventually } from './awaiting.ts';

export interface PinnedReply {
  /** 0: the connection broke. */
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

/** One connection; a new one when it breaks. */
export class Pinned {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #target: { readonly host: string; readonly port: number } | { readonly socketPath: string };
  /** Times that the connection broke under a call. */
  broken = 0;

  /** @param target a port, or a socket's path */
  constructor(target: number | string) {
    this.#target = typeof target === 'number' ? { host: '127.0.0.1', port: target } : { socketPath: target };
  }

  call(method: string, path: string, body?: unknown): Promise<PinnedReply> {
    return new Promise((resolve) => {
      const failed = (): void => {
        this.broken++;
        resolve({ status: 0, body: '', headers: {} });
      };
      const sent = request({ ...this.#target, agent: this.#agent, method, path, headers: body === undefined ? {} : { 'Content-Type': 'application/json' } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), headers: response.headers })).on('error', failed);
      });
      sent.on('error', failed).end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** How calls ended that were no success. */
export interface PinnedFailure {
  readonly client: number;
  readonly kind: 'read' | 'write';
  readonly status: number;
  readonly body: string;
}

/** Between two calls of a client. */
const PAUSE_MS = 15;

export class PinnedLoad implements AsyncDisposable {
  readonly clients: readonly Pinned[];
  readonly failures: PinnedFailure[] = [];
  /** Values that were read and not what had been written. */
  readonly wrong: string[] = [];
  calls = 0;
  #stopped = false;
  readonly #running: readonly Promise<void>[];

  constructor(port: number, store: string, clients: number) {
    this.clients = Array.from({ length: clients }, () => new Pinned(port));
    this.#running = this.clients.map((client, index) => this.#run(client, index, store));
  }

  /** Clients whose connection has broken at least once. */
  get broken(): number {
    return this.clients.filter(({ broken }) => broken > 0).length;
  }
  /** Failures of calls whose connection held. */
  get refused(): readonly PinnedFailure[] {
    return this.failures.filter(({ status }) => status !== 0);
  }

  /** Resolves when so many calls more have been answered. */
  async answers(calls: number): Promise<void> {
    const target = this.calls + calls;
    await eventually(`${calls} calls more are answered`, () => this.calls >= target);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
    for (const client of this.clients) client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(client: Pinned, index: number, store: string): Promise<void> {
    for (let turn = 0; !this.#stopped; turn++) {
      const key = `pinned-${index}-${turn}`;
      const written = await client.call('POST', `/v1.0/state/${store}`, [{ key, value: key }]);
      this.#count(index, 'write', written, 204);
      if (written.status !== 204) continue;
      const read = await client.call('GET', `/v1.0/state/${store}/${key}`);
      this.#count(index, 'read', read, 200);
      if (read.status === 200 && read.body !== JSON.stringify(key)) this.wrong.push(`${key}: ${read.body}`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  #count(client: number, kind: PinnedFailure['kind'], { status, body }: PinnedReply, wanted: number): void {
    this.calls++;
    if (status !== wanted) this.failures.push({ client, kind, status, body });
  }
}
