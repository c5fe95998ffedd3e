// Calls of a gRPC client as data, what comes of one, and the same for two listeners: for comparing them.
import { Client, credentials, Metadata, type ClientDuplexStream, type ClientReadableStream, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { within } from './awaiting.ts';

export type MetadataPair = readonly [name: string, value: string | Buffer];

interface Common {
  readonly path: string;
  readonly metadata?: readonly MetadataPair[];
  readonly gzip?: boolean;
}
export interface UnaryCallSpec extends Common {
  readonly kind: 'unary';
  readonly request: Buffer;
  readonly deadline?: 'passed' | 'far';
}
/** The client leaves at once. */
export interface LeftCallSpec extends Common {
  readonly kind: 'left';
  readonly request: Buffer;
}
/** A stream from the server; its client leaves after so many messages, if it comes to them. */
export interface DownCallSpec extends Common {
  readonly kind: 'down';
  readonly request: Buffer;
  readonly leaveAfter: number;
}
/** A stream both ways; a client that ends after its answers waits for `answers` messages. */
export interface BidiCallSpec extends Common {
  readonly kind: 'bidi';
  readonly requests: readonly Buffer[];
  readonly close: 'at once' | 'after answers' | 'leave after answers';
  readonly answers: number;
}
export type CallSpec = UnaryCallSpec | LeftCallSpec | DownCallSpec | BidiCallSpec;

/** What the client saw. Of an OK there is no text. */
export interface Seen {
  readonly code: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly trailers: Readonly<Record<string, readonly string[]>>;
  readonly messages: readonly string[];
}

/** What listeners may say or not in any answer: nothing that a client acts on. `grpc-encoding: identity` is what its absence means. */
const BESIDE = new Set(['date', 'content-type', 'grpc-accept-encoding', 'grpc-encoding']);
/** Chosen by chance or by the clock, so that two sidecars never have the same. */
const CHANCE = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** Metadata whose values are of that kind: the clock's, and whether a watch has begun already. */
const CHANCES = new Set(['bulkhead-fencing-token', 'bulkhead-cache']);
const CALL_LIMIT_MS = 20_000;

const masked = (text: string): string => text.replaceAll(CHANCE, (id) => '#'.repeat(id.length));
const plain = (metadata: Metadata | undefined): Record<string, string[]> =>
  Object.fromEntries(Object.keys(metadata?.getMap() ?? {}).filter((name) => !BESIDE.has(name)).map((name) => [name, (metadata as Metadata).get(name).map((value) => (CHANCES.has(name) ? 'chance' : masked(Buffer.from(value as string).toString('latin1'))))]));

/** Fencing tokens come from the clock: of the answers that have one only the length is compared. */
const readable = (path: string, message: Buffer): string => (path.startsWith('/bulkhead.v1.Lock/') ? `${message.length} bytes` : masked(message.toString('latin1')));
const asBuffer = (bytes: Buffer): Buffer => bytes;

/** A client's two connections to one sidecar: as usual, and with compressed requests. */
export class SpecClient implements Disposable {
  readonly #plain: Client;
  readonly #gzip: Client;

  constructor(address: string) {
    const common = { 'grpc.use_local_subchannel_pool': 1, 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };
    this.#plain = new Client(address, credentials.createInsecure(), common);
    this.#gzip = new Client(address, credentials.createInsecure(), { ...common, 'grpc.default_compression_algorithm': 2 });
  }

  [Symbol.dispose](): void {
    this.#plain.close();
    this.#gzip.close();
  }

  run(spec: CallSpec): Promise<Seen> {
    return within(CALL_LIMIT_MS, `the call ends: ${JSON.stringify(spec).slice(0, 400)}`, this.#run(spec));
  }

  #run(spec: CallSpec): Promise<Seen> {
    const client = spec.gzip === true ? this.#gzip : this.#plain;
    const metadata = new Metadata();
    for (const [name, value] of spec.metadata ?? []) metadata.add(name, value);
    switch (spec.kind) {
      case 'unary':
      case 'left': {
        const deadline = spec.kind === 'unary' && spec.deadline !== undefined ? { deadline: spec.deadline === 'passed' ? Date.now() - 1 : Date.now() + 3_600_000 } : {};
        return new Promise((resolve) => {
          let headers: Metadata | undefined;
          let message: Buffer | undefined;
          const call = client.makeUnaryRequest(spec.path, asBuffer, asBuffer, spec.request, metadata, deadline, (_failure: ServiceError | null, answer) => (message = answer));
          call.on('metadata', (received: Metadata) => (headers = received));
          call.on('status', (status: StatusObject) => setImmediate(() => resolve(seen(spec.path, status, headers, message === undefined ? [] : [message]))));
          if (spec.kind === 'left') call.cancel();
        });
      }
      case 'down': {
        const call = client.makeServerStreamRequest(spec.path, asBuffer, asBuffer, spec.request, metadata);
        return follow(spec.path, call, spec.leaveAfter, () => call.cancel());
      }
      case 'bidi': {
        const call: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(spec.path, asBuffer, asBuffer, metadata);
        for (const request of spec.requests) call.write(request);
        if (spec.close === 'at once') call.end();
        return follow(spec.path, call, spec.close === 'at once' ? Infinity : spec.answers, () => (spec.close === 'leave after answers' ? call.cancel() : call.end()));
      }
    }
  }
}

/** @param then what the client does after so many messages. */
function follow(path: string, call: ClientReadableStream<Buffer>, messages: number, then: () => void): Promise<Seen> {
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    let headers: Metadata | undefined;
    call.on('error', () => {}); // the status says the same
    call.on('metadata', (metadata: Metadata) => (headers = metadata));
    call.on('data', (message: Buffer) => {
      if (received.push(message) === messages) then();
    });
    call.on('status', (status: StatusObject) => resolve(seen(path, status, headers, received)));
    if (messages === 0) then();
  });
}

function seen(path: string, { code, details, metadata }: StatusObject, headers: Metadata | undefined, messages: readonly Buffer[]): Seen {
  return { code, text: code === 0 ? '' : masked(details), headers: plain(headers), trailers: plain(metadata), messages: messages.map((message) => readable(path, message)) };
}
