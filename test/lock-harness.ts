// A lock block in the test's own process: a store that the test can trouble, an application and a kernel made of notes, and
// calls in both protocols.
import { NO_METER } from '../blocks/meter.ts';
import type { Block, HttpAnswer, Method, StreamCall } from '../blocks/block.ts';
import type { Awaitable, ComponentSpec } from '../blocks/driver.ts';
import type { AppAnswer, AppRequest } from '../blocks/kernel.ts';
import { lockBlock } from '../blocks/lock/block.ts';
import { monotonicMs } from '../blocks/lock/clock.ts';
import type { Lease, LockRequest, LockStore, Release, Renewal } from '../blocks/lock/store.ts';
import { ApiError, GO_CODE_NAMES } from '../proto/errors.ts';
import { HoldLockRequest, HoldLockResponse } from '../proto/gen/bulkhead/v1/lock.ts';
import { ROUTE, type RouteName } from '../proto/routes.ts';
import { httpBody, statusDetails } from '../proto/status.ts';
import { componentSpec, memoryCheckpoints, memoryLog, SCOPE, type MemoryCheckpoints, type MemoryLog } from './support.ts';
import { whole } from './harness/messages.ts';

interface Call extends LockRequest {
  readonly method: 'tryLock' | 'renew' | 'unlock';
  readonly expirySeconds?: number;
}

/** A lock store without a timer: what has expired is seen when somebody looks. */
class PlainLocks {
  readonly #locks = new Map<string, { readonly owner: string; readonly token: bigint; readonly untilMs: number }>();
  #token = 0n;

  tryLock({ key, owner, expirySeconds }: Lease): bigint | undefined {
    if (this.#held(key) !== undefined) return undefined;
    this.#locks.set(key, { owner, token: ++this.#token, untilMs: monotonicMs() + expirySeconds * 1000 });
    return this.#token;
  }
  renew({ key, owner, expirySeconds }: Lease): Renewal {
    const held = this.#held(key);
    if (held?.owner !== owner) return { status: held === undefined ? 'absent' : 'others' };
    this.#locks.set(key, { ...held, untilMs: monotonicMs() + expirySeconds * 1000 });
    return { status: 'renewed', token: held.token };
  }
  unlock({ key, owner }: LockRequest): Release {
    const held = this.#held(key);
    if (held?.owner !== owner) return held === undefined ? 'absent' : 'others';
    this.#locks.delete(key);
    return 'released';
  }
  #held(key: string) {
    const held = this.#locks.get(key);
    return held !== undefined && monotonicMs() < held.untilMs ? held : undefined;
  }
}

/** Locks in memory, as long as nothing is wrong. */
export class TroubledStore implements LockStore {
  readonly features = [];
  readonly calls: Call[] = [];
  /** What a call meets before it reaches the locks: thrown if it is an error, waited for if it is a promise. */
  trouble: (call: Call) => Error | Promise<unknown> | undefined = () => undefined;
  /** The same locks for somebody else who uses the backend: no trouble, and no notes. */
  readonly behind = new PlainLocks();

  tryLock({ key, owner, expirySeconds }: Lease): Awaitable<bigint | undefined> {
    return this.#answer({ method: 'tryLock', key, owner, expirySeconds }, () => this.behind.tryLock({ key, owner, expirySeconds }));
  }
  renew({ key, owner, expirySeconds }: Lease): Awaitable<Renewal> {
    return this.#answer({ method: 'renew', key, owner, expirySeconds }, () => this.behind.renew({ key, owner, expirySeconds }));
  }
  unlock({ key, owner }: LockRequest): Awaitable<Release> {
    return this.#answer({ method: 'unlock', key, owner }, () => this.behind.unlock({ key, owner }));
  }
  of(method: Call['method']): Call[] {
    return this.calls.filter((call) => call.method === method);
  }
  close(): void {}

  #answer<T>(call: Call, act: () => Awaitable<T>): Awaitable<T> {
    this.calls.push(call);
    const trouble = this.trouble(call);
    if (trouble instanceof Error) throw trouble;
    return trouble === undefined ? act() : trouble.then(act);
  }
}

/** What the application is asked, and what it answers. */
export class TestKernel {
  readonly requests: AppRequest[] = [];
  readonly suspects: ReadonlyMap<string, number> = new Map();
  /** Undefined: no answer, until the call is given up. */
  answer: AppAnswer | undefined = { status: 200, body: new Uint8Array(0) };
  givenUp = 0;

  callApp(request: AppRequest, answer: (answer: AppAnswer) => void): () => void {
    this.requests.push(request);
    const said = this.answer;
    if (said !== undefined) queueMicrotask(() => answer(said));
    return () => { this.givenUp++; };
  }
  processing(): () => void {
    return () => undefined;
  }
  acquit(): void {}
}

export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface GrpcReply {
  /** Go's name of the gRPC code. */
  readonly code: string;
  readonly message: string;
  readonly details: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** A client of Hold, and what it has heard. */
export class TestStream implements StreamCall {
  readonly headers: Readonly<Record<string, string>>;
  onMessage = (): void => undefined;
  onHalfClose = (): void => undefined;
  onCancel = (): void => undefined;
  onCredit = (): void => undefined;
  /** `acquired` with its token, `not acquired`, `lost: <reason>`, and at the end `end` or the failure's code and text. */
  readonly heard: string[] = [];

  constructor(headers: Readonly<Record<string, string>>) {
    this.headers = headers;
  }

  send(message: Uint8Array): boolean {
    const { event } = HoldLockResponse.decode(message);
    if (event?.$case === 'acquired') this.heard.push(`acquired ${event.value.fencingToken}`);
    else if (event?.$case === 'notAcquired') this.heard.push('not acquired');
    else this.heard.push(`lost: ${event?.value.reason}`);
    return true;
  }
  pause(): void {}
  resume(): void {}
  end(): void {
    this.heard.push('end');
  }
  fail({ failure }: ApiError): void {
    this.heard.push(`${GO_CODE_NAMES[failure.grpc]}: ${failure.message}`);
  }
}

export interface LockSidecar {
  readonly block: Block;
  readonly log: MemoryLog;
  readonly kernel: TestKernel;
  readonly checkpoints: MemoryCheckpoints;
  http(name: RouteName, store: string, body?: string | Uint8Array | object, headers?: Readonly<Record<string, string>>): Promise<HttpReply>;
  grpc(name: RouteName, request: Uint8Array, metadata?: Readonly<Record<string, string>>): Promise<GrpcReply>;
  hold(request: Partial<HoldLockRequest>, headers?: Readonly<Record<string, string>>): TestStream;
  reason(store: string): string | undefined;
  close(): Promise<void>;
}

export interface LockSidecarOptions {
  readonly appId?: string;
  readonly app?: 'http' | 'grpc';
  /** Whether the application's health is probed. Default: true. */
  readonly probed?: boolean;
  readonly checkpoints?: MemoryCheckpoints;
  readonly kernel?: TestKernel;
}

/** @param stores by component name; metadata beside a store is its component's */
export function openLockSidecar(stores: Readonly<Record<string, LockStore | { readonly store: LockStore; readonly metadata: Readonly<Record<string, string>> }>>, options: LockSidecarOptions = {}): LockSidecar {
  const { appId = 'A', app, probed = true, checkpoints = memoryCheckpoints(), kernel = new TestKernel() } = options;
  const log = memoryLog();
  const given = Object.entries(stores).map(([name, entry]) => ('store' in entry ? { name, ...entry } : { name, store: entry, metadata: {} }));
  const table = Object.fromEntries(given.map(({ name, store }) => [`lock.${name}`, async () => () => store]));
  const components: ComponentSpec[] = given.map(({ name, metadata }) => componentSpec(`lock.${name}`, metadata, name));
  const block = lockBlock(table)(
    {
      block: 'lock', appId, namespace: 'prod', components, maxBodyBytes: 4 << 20, tracing: {}, elsewhere: [], subscriptions: [],
      log: { level: 'error', json: false, appId, instance: 'i', version: 'v' }, ...(app === undefined ? {} : { app: { protocol: app, askSubscriptions: false, ...(probed ? { probed } : {}) } }),
    },
    { log, kernel, checkpoints, meter: NO_METER, changed: () => undefined, subscriptionsChanged: () => undefined },
  );

  const method = (name: RouteName): Method => {
    const found = block.methods.get(ROUTE[name].id);
    if (found === undefined) throw new Error(`no method ${name}`);
    return found;
  };

  return {
    block, log, kernel, checkpoints,
    http: async (name, store, body = '', headers = {}) => {
      const { decodeHttp, encodeHttp, run } = method(name);
      let answer: HttpAnswer;
      try {
        const bytes = Buffer.from(typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body));
        answer = encodeHttp(await run(decodeHttp({ params: [store], query: '', headers }, bytes), SCOPE));
      } catch (cause) {
        if (!(cause instanceof ApiError)) throw cause;
        answer = { status: cause.failure.http, body: httpBody(cause.failure) };
      }
      return { status: answer.status, headers: recordOf(answer.headers), body: Buffer.from(answer.body ?? '').toString() };
    },
    grpc: async (name, request, metadata = {}) => {
      const { decodeGrpc, encodeGrpc, grpcMetadata, run } = method(name);
      try {
        const response: unknown = await run(decodeGrpc(request, metadata), SCOPE);
        return { code: 'OK', message: '', details: false, metadata: recordOf(grpcMetadata?.(response)), body: whole(encodeGrpc(response)) };
      } catch (cause) {
        if (!(cause instanceof ApiError)) throw cause;
        const { failure } = cause;
        return { code: GO_CODE_NAMES[failure.grpc], message: failure.message, details: statusDetails(failure) !== undefined, metadata: {}, body: new Uint8Array(0) };
      }
    },
    hold: (request, headers = { 'bulkhead-stream': '1' }) => {
      const stream = new TestStream(headers);
      const message = { storeName: '', resourceId: '', lockOwner: '', expiryInSeconds: 0, releaseOnClose: false, ...request };
      try {
        block.streams?.get(ROUTE.HoldLock.id)?.open(stream, HoldLockRequest.encode(message).finish());
      } catch (cause) {
        if (!(cause instanceof ApiError)) throw cause;
        stream.fail(cause);
      }
      return stream;
    },
    reason: (store) => block.components().find(({ name }) => name === store)?.reason,
    close: () => block.close(),
  };
}

function recordOf(flat: readonly string[] | undefined): Record<string, string> {
  const record: Record<string, string> = {};
  for (let i = 0; i + 1 < (flat?.length ?? 0); i += 2) record[flat?.[i] as string] = flat?.[i + 1] as string;
  return record;
}
