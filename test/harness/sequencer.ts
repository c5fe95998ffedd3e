// A sequencer block in the test's own process: a store whose every answer the test decides, and calls in both protocols.
import type { Block, HttpAnswer, Method, StreamCall, StreamMethod } from '../../blocks/block.ts';
import { NO_METER } from '../../blocks/meter.ts';
import type { Awaitable, ComponentSpec } from '../../blocks/driver.ts';
import { sequencerBlock } from '../../blocks/sequencer/block.ts';
import { LAST_ID, SequenceExhausted, type SequenceStore } from '../../blocks/sequencer/store.ts';
import { ApiError, GO_CODE_NAMES } from '../../proto/errors.ts';
import { NextIdRequest, NextIdResponse, type NextIdRequest_Increment } from '../../proto/gen/bulkhead/v1/sequencer.ts';
import { ROUTE } from '../../proto/routes.ts';
import { httpBody } from '../../proto/status.ts';
import { memoryCheckpoints, memoryLog, SCOPE, type MemoryLog } from '../support.ts';
import { whole } from './messages.ts';

/** One call of the store that has not been answered. */
export interface PendingTake {
  readonly key: string;
  readonly count: number;
  readonly signal: AbortSignal;
  /** Takes the ids and answers. */
  answer(): void;
  /** Fails without taking any. */
  fail(cause: Error): void;
  /** Takes the ids, and the answer is lost. */
  lose(cause: Error): void;
}

/** Counts correctly. What it does with a call is `behaviour`: `prompt` without a promise, `later` in the next turn, `manual` when the test says so. */
export class FakeStore implements SequenceStore {
  readonly features: readonly string[] = [];
  readonly lasts = new Map<string, bigint>();
  readonly takes: { readonly key: string; readonly count: number }[] = [];
  readonly pending: PendingTake[] = [];
  behaviour: 'prompt' | 'later' | 'manual' = 'prompt';
  /** What every call throws, if anything. */
  fault: Error | undefined;
  closed = 0;

  take(key: string, count: number, { signal }: { readonly signal: AbortSignal }): Awaitable<bigint> {
    this.takes.push({ key, count });
    const act = (): bigint => {
      if (this.fault !== undefined) throw this.fault;
      return this.#take(key, count);
    };
    if (this.behaviour === 'prompt') return act();
    if (this.behaviour === 'later') return Promise.resolve().then(act);
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void): void => {
        this.pending.splice(this.pending.indexOf(pending), 1);
        outcome();
      };
      const pending: PendingTake = {
        key, count, signal,
        answer: () => settle(() => {
          try {
            resolve(this.#take(key, count));
          } catch (cause) {
            reject(cause as Error);
          }
        }),
        fail: (cause) => settle(() => reject(cause)),
        lose: (cause) => settle(() => {
          this.#take(key, count);
          reject(cause);
        }),
      };
      this.pending.push(pending);
    });
  }

  last(key: string): bigint {
    if (this.fault !== undefined) throw this.fault;
    return this.lasts.get(key) ?? 0n;
  }

  close(): void {
    this.closed++;
  }

  #take(key: string, count: number): bigint {
    const before = this.lasts.get(key) ?? 0n;
    const last = before + BigInt(count);
    if (last > LAST_ID) throw new SequenceExhausted(count);
    this.lasts.set(key, last);
    return before + 1n;
  }
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}
export interface Reply {
  /** Go's name of the gRPC code. */
  readonly code: string;
  readonly message: string;
  readonly ids: readonly bigint[];
}

/** What a request says; what is left out is empty. Numbers may be wrong. */
export interface Ask {
  readonly storeName?: string;
  readonly key?: string;
  readonly increment?: number;
  readonly count?: number;
}

export function askBytes({ storeName = 'S', key = 'k', increment = 0, count = 0 }: Ask = {}): Uint8Array {
  return NextIdRequest.encode({ storeName, key, increment: increment as NextIdRequest_Increment, count, metadata: new Map() }).finish();
}

export interface SequencerRig {
  readonly block: Block;
  readonly log: MemoryLog;
  http(path: readonly [store: string, key: string], body?: string | Uint8Array): Promise<Answer>;
  grpc(ask: Ask | Uint8Array): Promise<Reply>;
  stream(): FakeStream;
  reason(store: string): string | undefined;
}

/** @param stores by name, with the component's metadata */
export function openSequencer(stores: Readonly<Record<string, { readonly store: SequenceStore; readonly metadata?: Readonly<Record<string, string>> }>>, appId = 'A'): SequencerRig {
  const log = memoryLog();
  const table = Object.fromEntries(Object.entries(stores).map(([name, { store }]) => [`sequencer.${name}`, async () => () => store]));
  const components: ComponentSpec[] = Object.entries(stores).map(([name, { metadata = {} }]) => ({
    name, type: `sequencer.${name}`, version: 'v1', metadata: Object.entries(metadata).map(([key, value]) => ({ name: key, value })), ignoreErrors: false, initTimeoutMs: 1000,
  }));
  const block = sequencerBlock(table)(
    { block: 'sequencer', appId, namespace: '', components, maxBodyBytes: 4 << 20, log: { level: 'error', json: false, appId, instance: 'i', version: 'v' }, tracing: {}, elsewhere: [], subscriptions: [] },
    { log, changed: () => undefined, checkpoints: memoryCheckpoints(), meter: NO_METER },
  );
  const method = block.methods.get(ROUTE.NextId.id) as Method;
  const streaming = block.streams?.get(ROUTE.NextIds.id) as StreamMethod;
  return {
    block,
    log,
    http: async (params, body = '') => {
      let answer: HttpAnswer;
      try {
        answer = method.encodeHttp(await method.run(method.decodeHttp({ params, query: '', headers: {} }, Buffer.from(body)), SCOPE));
      } catch (cause) {
        if (!(cause instanceof ApiError)) throw cause;
        answer = { status: cause.failure.http, body: httpBody(cause.failure) };
      }
      return { status: answer.status, body: Buffer.from(answer.body ?? '').toString() };
    },
    grpc: async (ask) => {
      try {
        const bytes = whole(method.encodeGrpc(await method.run(method.decodeGrpc(ask instanceof Uint8Array ? ask : askBytes(ask), {}), SCOPE)));
        return { code: 'OK', message: '', ids: NextIdResponse.decode(bytes).ids };
      } catch (cause) {
        if (!(cause instanceof ApiError)) throw cause;
        return { code: GO_CODE_NAMES[cause.failure.grpc], message: cause.failure.message, ids: [] };
      }
    },
    stream: () => {
      const stream = new FakeStream();
      streaming.open(stream, new Uint8Array(0));
      return stream;
    },
    reason: (store) => block.components().find(({ name }) => name === store)?.reason,
  };
}

/** A client's end of a stream. */
export class FakeStream implements StreamCall {
  readonly headers = {};
  onMessage: (message: Uint8Array) => void = () => {};
  onHalfClose: () => void = () => {};
  onCancel: () => void = () => {};
  onCredit: () => void = () => {};
  /** Messages that may still be sent. */
  credit = Infinity;
  paused = false;
  readonly answers: (readonly bigint[])[] = [];
  ended: 'OK' | ApiError | undefined;

  send(message: Uint8Array): boolean {
    if (this.credit === 0) throw new RangeError('no credit');
    if (this.ended !== undefined) throw new Error('the stream is over');
    this.credit--;
    this.answers.push(NextIdResponse.decode(message).ids);
    return this.credit > 0;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  end(): void {
    if (this.ended !== undefined) throw new Error('the stream is over');
    this.ended = 'OK';
  }
  fail(error: ApiError): void {
    if (this.ended !== undefined) throw new Error('the stream is over');
    this.ended = error;
  }

  ask(ask: Ask = {}): void {
    this.onMessage(askBytes(ask));
  }
  /** Lets it send more. */
  grant(messages: number): void {
    const starved = this.credit === 0;
    this.credit += messages;
    if (starved) this.onCredit();
  }
}
