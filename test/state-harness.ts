// A state block in the test's own process: a store whose every answer the test decides, and calls in both protocols.
import type { HttpAnswer, HttpHead, Logger, Method } from '../blocks/block.ts';
import { NO_METER } from '../blocks/meter.ts';
import type { Awaitable, ComponentSpec } from '../blocks/driver.ts';
import { stateBlock } from '../blocks/state/block.ts';
import type { Item, Operation, Read, Removal, StateStore, StringMap, Write } from '../blocks/state/store.ts';
import { ApiError, GO_CODE_NAMES } from '../proto/errors.ts';
import { ROUTE, type RouteName } from '../proto/routes.ts';
import { httpBody } from '../proto/status.ts';
import { memoryCheckpoints } from './support.ts';
import { whole } from './harness/messages.ts';

/** Keeps what it is given, by stored key; fails where `faults` says so. Answers through promises if `slow`. */
export class FakeStore implements StateStore {
  readonly items = new Map<string, Item>();
  readonly faults = new Map<string, unknown>();
  readonly calls: (Read | Operation)[] = [];
  transactions: { operations: readonly Operation[]; metadata: StringMap }[] = [];
  features: string[] = ['ETAG', 'TRANSACTIONAL'];
  slow = false;
  maxTransactionOperations?: number;
  getMany?: (reads: readonly Read[]) => Awaitable<(Item | undefined)[]>;
  transact?: (operations: readonly Operation[], metadata: StringMap) => Awaitable<void> = (operations, metadata) => {
    this.transactions.push({ operations: operations.map(plain), metadata });
    return this.#answer('transact', () => undefined);
  };

  get(read: Read): Awaitable<Item | undefined> {
    this.calls.push(read);
    return this.#answer(read.key, () => this.items.get(read.key));
  }

  set(write: Write): Awaitable<void> {
    this.calls.push(plain(write));
    return this.#answer(write.key, () => { this.items.set(write.key, { data: write.value, etag: '1' }); });
  }

  delete(removal: Removal): Awaitable<void> {
    this.calls.push(removal);
    return this.#answer(removal.key, () => { this.items.delete(removal.key); });
  }

  close(): void {}

  #answer<T>(key: string, act: () => T): Awaitable<T> {
    const run = (): T => {
      if (this.faults.has(key)) throw this.faults.get(key);
      return act();
    };
    return this.slow ? Promise.resolve().then(run) : run();
  }
}

/** With bytes of one kind, so that tests can compare. */
function plain(operation: Operation): Operation {
  return operation.kind === 'upsert' ? { ...operation, value: operation.value && new Uint8Array(operation.value) } : operation;
}

export interface Answer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string | undefined;
}

export interface Reply {
  /** Go's name of the gRPC code. */
  readonly code: string;
  readonly message: string;
  readonly body: Uint8Array;
}

export interface Sidecar {
  readonly logs: string[];
  method(name: RouteName): Method;
  /** @param path parameters, unescaped. */
  http(name: RouteName, path: string[], call?: { query?: string; body?: string | Uint8Array; headers?: Record<string, string> }): Promise<Answer>;
  grpc(name: RouteName, request: Uint8Array): Promise<Reply>;
  capabilities(store: string): readonly string[];
  reason(store: string): string | undefined;
  close(): Promise<void>;
}

export interface StoreOptions {
  readonly store: StateStore;
  readonly metadata?: ComponentSpec['metadata'];
}

export function openSidecar(stores: Record<string, StoreOptions>, namespace = ''): Sidecar {
  const logs: string[] = [];
  const write = (_: object, text: string): void => { logs.push(text); };
  const log: Logger = { debug: write, info: write, warn: write, error: write };
  const table = Object.fromEntries(Object.entries(stores).map(([name, { store }]) => [`state.${name}`, async () => () => store]));
  const components = Object.entries(stores).map(([name, { metadata = [] }]) => ({ name, type: `state.${name}`, version: 'v1', metadata, ignoreErrors: false, initTimeoutMs: 1000 }));
  const block = stateBlock(table)(
    { block: 'state', appId: 'A', namespace, components, maxBodyBytes: 4 << 20, log: { level: 'error', json: false, appId: 'A', instance: 'i', version: 'v' }, tracing: {}, elsewhere: [], subscriptions: [] },
    { log, changed: () => undefined, checkpoints: memoryCheckpoints(), meter: NO_METER },
  );
  const scope = { signal: new AbortController().signal };

  const method = (name: RouteName): Method => {
    const found = block.methods.get(ROUTE[name].id);
    if (found === undefined) throw new Error(`no method ${name}`);
    return found;
  };

  return {
    logs,
    method,
    http: async (name, params, { query = '', body = '', headers = {} } = {}) => {
      const { decodeHttp, encodeHttp, run } = method(name);
      const head: HttpHead = { params, query, headers };
      let answer: HttpAnswer;
      try {
        answer = encodeHttp(await run(decodeHttp(head, Buffer.from(body)), scope));
      } catch (cause) {
        if (!(cause instanceof ApiError)) throw cause;
        answer = { status: cause.failure.http, body: httpBody(cause.failure) };
      }
      return { status: answer.status, headers: answer.headers ?? [], body: answer.body === undefined ? undefined : Buffer.from(answer.body).toString() };
    },
    grpc: async (name, request) => {
      const { decodeGrpc, encodeGrpc, run } = method(name);
      try {
        return { code: 'OK', message: '', body: whole(encodeGrpc(await run(decodeGrpc(request, {}), scope))) };
      } catch (cause) {
        if (!(cause instanceof ApiError)) throw cause;
        return { code: GO_CODE_NAMES[cause.failure.grpc], message: cause.failure.message, body: new Uint8Array(0) };
      }
    },
    capabilities: (store) => block.components().find(({ name }) => name === store)?.capabilities ?? [],
    reason: (store) => block.components().find(({ name }) => name === store)?.reason,
    close: () => block.close(),
  };
}
