// The configuration block with everything around it made up: a store whose watch says what a test wants, a kernel that asks
// the test, and streams that a test holds the other end of.
import { NO_METER } from '../../blocks/meter.ts';
import { RESUME } from '../../proto/control.ts';
import { ApiError, GO_CODE_NAMES, type ErrorDetail } from '../../proto/errors.ts';
import {
  GetConfigurationRequest, GetConfigurationResponse, SubscribeConfigurationRequest, SubscribeConfigurationResponse, UnsubscribeConfigurationRequest, UnsubscribeConfigurationResponse,
} from '../../proto/gen/dapr/proto/runtime/v1/configuration.ts';
import type { AppSettings } from '../../proto/init.ts';
import type { ComponentResiliency } from '../../proto/resiliency.ts';
import { ROUTE, type RouteName } from '../../proto/routes.ts';
import { httpBody } from '../../proto/status.ts';
import type { Block, CallScope, HttpAnswer, Method, StreamCall } from '../../blocks/block.ts';
import type { OpenDriver } from '../../blocks/components.ts';
import { configBlock } from '../../blocks/config/block.ts';
import type { ConfigItem, ConfigStore, Items, Keys, StringMap, Watch, WatchListener } from '../../blocks/config/store.ts';
import { componentSpec, memoryCheckpoints, memoryLog, SCOPE, type MemoryCheckpoints, type MemoryLog } from '../support.ts';
import { FakeKernel } from './pubsub.ts';
import { whole } from './messages.ts';

export const item = (value: string, version = '', metadata: StringMap = {}): ConfigItem => ({ value, version, metadata });

export interface ReadCall {
  readonly keys: Keys;
  readonly metadata: StringMap;
}

/**
 * A store in memory. What is changed by `put` and `drop` its watch tells in the same turn, unless it is `mute`: then a test
 * says by `tell` and the like what is heard.
 */
export class FakeStore implements ConfigStore {
  readonly features: readonly string[] = ['FAKE'];
  readonly items = new Map<string, ConfigItem>();
  readonly reads: ReadCall[] = [];
  /** What the watch was told to add and remove, in order: `+a,b`, `-all`. */
  readonly asked: string[] = [];
  watchesAllCheaply = false;
  live = true;
  mute = false;
  /** Set: reads fail with it. */
  fault: Error | undefined;
  /** Set: keys can't be watched. */
  refusal: Error | undefined;
  /** Reads answer through promises. */
  slow = false;
  closed = false;
  listener!: WatchListener;
  readonly #named = new Set<string>();
  #all = false;

  get watched(): string[] {
    return [...(this.#all ? ['<all>'] : []), ...[...this.#named].sort()];
  }

  get(keys: Keys, metadata: StringMap): Items | Promise<Items> {
    this.reads.push({ keys, metadata });
    const read = (): Items => {
      if (this.fault !== undefined) throw this.fault;
      return new Map([...this.items].filter(([key]) => keys === 'all' || keys.includes(key)));
    };
    return this.slow ? Promise.resolve().then(read) : read();
  }

  openWatch(listener: WatchListener): Watch {
    this.listener = listener;
    return {
      add: (keys) => {
        this.asked.push(`+${String(keys)}`);
        const { refusal } = this;
        if (refusal !== undefined) return queueMicrotask(() => listener.failed(keys, refusal));
        if (keys === 'all') this.#all = true;
        else for (const key of keys) this.#named.add(key);
        if (!this.mute) queueMicrotask(() => this.tell(keys));
      },
      remove: (keys) => {
        this.asked.push(`-${String(keys)}`);
        if (keys === 'all') this.#all = false;
        else for (const key of keys) this.#named.delete(key);
      },
      isLive: () => this.live,
    };
  }

  close(): void {
    this.closed = true;
  }

  /** One step: the keys change together. */
  put(values: Readonly<Record<string, string | ConfigItem>>): void {
    for (const [key, value] of Object.entries(values)) this.items.set(key, typeof value === 'string' ? item(value) : value);
    if (!this.mute) this.tell(Object.keys(values));
  }

  drop(...keys: string[]): void {
    for (const key of keys) this.items.delete(key);
    if (!this.mute) this.tell(keys);
  }

  /** The watch says what these are now, as far as they are watched. */
  tell(keys: Keys): void {
    if (keys === 'all') {
      if (this.#all) this.listener.state(new Map([...this.items].concat([...this.#named].filter((key) => !this.items.has(key)).map((key) => [key, undefined as never]))), true);
      return;
    }
    const watched = keys.filter((key) => this.#all || this.#named.has(key));
    if (watched.length > 0) this.listener.state(new Map(watched.map((key) => [key, this.items.get(key)])), false);
  }

  /** The watch is there again after `lost`. */
  found(): void {
    if (this.#all) this.tell('all');
    else if (this.#named.size > 0) this.tell([...this.#named]);
  }
}

/** What a client was told: the items of a message by their keys; a key that is gone has undefined. */
export type Told = Readonly<Record<string, string | undefined>>;

/** A client's end of a subscription by stream. */
export class FakeStream implements StreamCall {
  readonly headers: Readonly<Record<string, string>>;
  onMessage: (message: Uint8Array) => void = () => {};
  onHalfClose: () => void = () => {};
  onCancel: () => void = () => {};
  onCredit: () => void = () => {};
  credit = Infinity;
  /** Of messages with items. */
  readonly told: Told[] = [];
  readonly messages: SubscribeConfigurationResponse[] = [];
  ended: 'ok' | ApiError | undefined;

  constructor(headers: Readonly<Record<string, string>> = {}) {
    this.headers = headers;
  }

  /** From the first message, or any. */
  get id(): string {
    return this.messages[0]?.id ?? '';
  }

  /** What each key was at last. */
  get last(): Told {
    return Object.assign({}, ...this.told) as Told;
  }

  send(bytes: Uint8Array): boolean {
    if (this.ended !== undefined) return false;
    if (this.credit === 0) throw new RangeError('no credit');
    this.credit--;
    const message = SubscribeConfigurationResponse.decode(bytes);
    this.messages.push(message);
    bytes.fill(0xdb); // they were given away
    if (message.items.size > 0) this.told.push(Object.fromEntries([...message.items].map(([key, { value, version }]) => [key, value === '' && version === '' ? undefined : value])));
    return this.credit > 0;
  }

  pause(): void {}

  resume(): void {}

  end(): void {
    this.ended ??= 'ok';
  }

  fail(error: ApiError): void {
    this.ended ??= error;
  }

  grant(messages: number): void {
    const starved = this.credit === 0;
    this.credit += messages;
    if (starved) this.onCredit();
  }
}

export interface HttpReply {
  readonly status: number;
  /** Of `bulkhead-cache`. */
  readonly cache: string | undefined;
  readonly body: string;
}

export interface GrpcReply {
  /** Go's name of the gRPC code. */
  readonly code: string;
  readonly message: string;
  readonly cache: string | undefined;
  readonly details: readonly ErrorDetail[] | undefined;
  readonly body: Uint8Array;
}

export interface Rig {
  readonly block: Block;
  readonly kernel: FakeKernel;
  readonly log: MemoryLog;
  readonly checkpoints: MemoryCheckpoints;
  http(name: RouteName, params: readonly string[], query?: string, scope?: CallScope): Promise<HttpReply>;
  grpc(name: RouteName, request: Uint8Array): Promise<GrpcReply>;
  /** Values by key, and whether they came from memory. */
  get(store: string, ...keys: string[]): Promise<readonly [values: Record<string, string>, cache: string | undefined]>;
  stream(store: string, keys?: readonly string[], headers?: Readonly<Record<string, string>>): FakeStream;
  /** A stream that stands. */
  subscribed(store: string, ...keys: string[]): Promise<FakeStream>;
  unsubscribe(id: string): Promise<UnsubscribeConfigurationResponse>;
  /** The id of a subscription over HTTP. */
  subscribeApp(store: string, ...keys: string[]): Promise<string>;
}

export interface RigOptions {
  /** Metadata of every component. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** `null`: there is no application. It is there from the start unless `appUp` is false. */
  readonly app?: Partial<AppSettings> | null;
  readonly appUp?: boolean;
  readonly checkpoints?: MemoryCheckpoints;
  readonly kernel?: FakeKernel;
  readonly maxBodyBytes?: number;
  /** Opens a component; by default at once. */
  readonly open?: (store: FakeStore) => ReturnType<OpenDriver<FakeStore>>;
  /** The policies of every component. */
  readonly resiliency?: ComponentResiliency;
}

/** Lets promises go on that wait for nothing else. */
export const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

export const getRequest = (storeName: string, keys: readonly string[] = [], metadata: StringMap = {}): Uint8Array =>
  GetConfigurationRequest.encode({ storeName, keys: [...keys], metadata: new Map(Object.entries(metadata)) }).finish();
export const subscribeRequest = (storeName: string, keys: readonly string[] = []): Uint8Array => SubscribeConfigurationRequest.encode({ storeName, keys: [...keys], metadata: new Map() }).finish();
export const unsubscribeRequest = (storeName: string, id: string): Uint8Array => UnsubscribeConfigurationRequest.encode({ storeName, id }).finish();

/** A block with these stores by name; each has started. */
export async function rig(stores: Readonly<Record<string, FakeStore>>, options: RigOptions = {}): Promise<Rig> {
  const { metadata = {}, app = {}, appUp = true, checkpoints = memoryCheckpoints(), kernel = new FakeKernel(), maxBodyBytes = 4 << 20, open = (store) => store, resiliency } = options;
  const log = memoryLog();
  const table = Object.fromEntries(Object.entries(stores).map(([name, store]) => [`configuration.${name}`, async () => () => open(store)]));
  const block = configBlock(table)({
    block: 'config', appId: 'app', namespace: '', components: Object.keys(stores).map((name) => ({ ...componentSpec(`configuration.${name}`, metadata, name), ...(resiliency && { resiliency }) })), maxBodyBytes,
    log: { level: 'debug', json: false, appId: 'app', instance: 'i', version: 'v' },
    ...(app === null ? {} : { app: { protocol: 'http' as const, askSubscriptions: true, ...app } }),
    tracing: {}, elsewhere: [], subscriptions: [],
  }, { log, changed: () => {}, checkpoints, subscriptionsChanged: () => {}, kernel, meter: NO_METER });
  if (app !== null && appUp) await block.appChanged!('up');
  await turn();

  const method = (name: RouteName): Method => {
    const found = block.methods.get(ROUTE[name].id);
    if (found === undefined) throw new Error(`no method ${name}`);
    return found;
  };
  const made: Rig = {
    block, kernel, log, checkpoints,
    http: async (name, params, query = '', scope = SCOPE) => {
      const { decodeHttp, encodeHttp, run } = method(name);
      let answer: HttpAnswer;
      try {
        answer = encodeHttp(await run(decodeHttp({ params, query, headers: {} }, new Uint8Array(0)), scope));
      } catch (cause) {
        if (!(cause instanceof ApiError)) throw cause;
        answer = { status: cause.failure.http, body: httpBody(cause.failure) };
      }
      return { status: answer.status, cache: valueOf(answer.headers, 'bulkhead-cache'), body: Buffer.from(answer.body ?? '').toString() };
    },
    grpc: async (name, request) => {
      const { decodeGrpc, encodeGrpc, grpcMetadata, run } = method(name);
      try {
        const response: unknown = await run(decodeGrpc(request, {}), SCOPE);
        return { code: 'OK', message: '', details: undefined, body: whole(encodeGrpc(response)), cache: valueOf(grpcMetadata?.(response), 'bulkhead-cache') };
      } catch (cause) {
        if (!(cause instanceof ApiError)) throw cause;
        const { grpc, message, details } = cause.failure;
        return { code: GO_CODE_NAMES[grpc], message, details, body: new Uint8Array(0), cache: undefined };
      }
    },
    get: async (store, ...keys) => {
      const { code, message, body, cache } = await made.grpc('GetConfiguration', getRequest(store, keys));
      if (code !== 'OK') throw new Error(message);
      return [Object.fromEntries([...GetConfigurationResponse.decode(body).items].map(([key, { value }]) => [key, value])), cache];
    },
    stream: (store, keys = [], headers = {}) => {
      const stream = new FakeStream(headers);
      try {
        block.streams!.get(ROUTE.SubscribeConfiguration.id)!.open(stream, subscribeRequest(store, keys));
      } catch (cause) {
        if (!(cause instanceof ApiError)) throw cause;
        stream.fail(cause);
      }
      return stream;
    },
    subscribed: async (store, ...keys) => {
      const stream = made.stream(store, keys, { [RESUME.stream]: String(++streams) });
      await turn();
      if (stream.messages.length !== 1) throw new Error(`the subscription does not stand: ${String(stream.ended)}`);
      return stream;
    },
    unsubscribe: async (id) => UnsubscribeConfigurationResponse.decode((await made.grpc('UnsubscribeConfiguration', unsubscribeRequest('', id))).body),
    subscribeApp: async (store, ...keys) => {
      const { status, body } = await made.http('SubscribeConfiguration', [store], keys.map((key) => `key=${encodeURIComponent(key)}`).join('&'));
      if (status !== 200) throw new Error(`${status} ${body}`);
      return (JSON.parse(body) as { readonly id: string }).id;
    },
  };
  return made;
}

let streams = 0;

function valueOf(flat: readonly string[] | undefined, name: string): string | undefined {
  const at = flat?.indexOf(name) ?? -1;
  return at < 0 ? undefined : flat?.[at + 1];
}
