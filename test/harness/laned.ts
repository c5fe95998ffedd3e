// A life of the state block with lanes, without a supervisor: initialised as the kernel does it, and gateways for its lanes, in this
// thread or in threads of their own.
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { Calls } from '../../ipc/calls.ts';
import { EMPTY } from '../../ipc/frame.ts';
import { laneTransfer, openLane, type LaneEnd } from '../../ipc/lane.ts';
import { ask } from '../../kernel/ask.ts';
import type { Isolation } from '../../kernel/flags.ts';
import { Control, PROTOCOL_VERSION } from '../../proto/control.ts';
import { Grpc } from '../../proto/errors.ts';
import type { BlockInit, ComponentSpec, ComponentStatus } from '../../proto/init.ts';
import { LaneCalls } from '../fixtures/lane-calls.ts';
import type { GatewayNews, GatewayOrder } from '../fixtures/lane-gateway.ts';
import { componentSpec } from '../support.ts';
import { eventually, within } from './awaiting.ts';
import { Launched } from './launched.ts';

const ASK_MS = 10_000;
const NEWS_MS = 20_000;

export class Laned {
  readonly launched: Launched;
  /** Of the supervision channel. */
  readonly calls: Calls;
  components: readonly ComponentStatus[] = [];

  constructor(mode: Isolation, lanes: number) {
    this.launched = new Launched(mode, { lanes });
    this.calls = new Calls(this.launched.life.channel, {
      ids: 'odd', maxIncoming: 64, maxQueuedBytes: 1 << 24,
      serve: (call, head) => {
        if (call.method === Control.COMPONENTS) this.components = head as ComponentStatus[];
        call.end(Grpc.OK, 0, undefined, EMPTY);
      },
    });
  }

  async init(components: readonly ComponentSpec[] = [componentSpec('state.in-memory')]): Promise<this> {
    const init: BlockInit = {
      block: 'state', appId: 'app', namespace: '', components, maxBodyBytes: 1 << 20, log: { level: 'fatal', json: false, appId: 'app', instance: 'i', version: 'v' }, tracing: {}, elsewhere: [], subscriptions: [],
    };
    await this.ask(Control.INIT, { protocol: PROTOCOL_VERSION, init, inheritance: { suspects: [], checkpoints: [] } });
    await eventually('its store is there', () => this.components[0]?.state === 'ready');
    return this;
  }

  ask(method: number, head?: unknown): Promise<unknown> {
    return ask(this.calls, method, head, ASK_MS);
  }

  take(index: number): LaneEnd {
    return this.launched.life.lanes.take(index);
  }

  renew(index: number): Promise<LaneEnd> {
    return this.launched.life.lanes.renew(index, async () => void (await this.ask(Control.LANE, index)));
  }

  /** A gateway in this thread. */
  here(end: LaneEnd): LaneCalls {
    return new LaneCalls(openLane(end));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.calls.close();
    await this.launched.end();
  }
}

/** A gateway in a thread of its own. */
export class GatewayThread {
  readonly #worker = new Worker(new URL('../fixtures/lane-gateway.ts', import.meta.url));
  readonly #news: GatewayNews[] = [];
  readonly #exit = once(this.#worker, 'exit');

  constructor(end: LaneEnd, order: Omit<GatewayOrder, 'end'>) {
    this.#worker.on('message', (news: GatewayNews) => this.#news.push(news));
    this.#worker.postMessage({ end, ...order } satisfies GatewayOrder, laneTransfer(end));
  }

  /** Rounds that it has made. */
  get rounds(): number {
    return this.#news.filter(({ kind }) => kind === 'round').length;
  }

  /** How its channel ended. @throws Error when a call went wrong */
  async done(): Promise<string> {
    await eventually('the gateway has done its work', () => this.#news.some(({ kind }) => kind !== 'round'), NEWS_MS);
    const last = this.#news.at(-1);
    if (last?.kind !== 'done') throw new Error(last?.kind === 'failed' ? last.reason : 'it goes on');
    return last.ended;
  }

  /** It is terminated, in whatever it does, if it has not ended by itself. */
  async die(): Promise<void> {
    void this.#worker.terminate();
    await within(NEWS_MS, 'the thread is gone', this.#exit);
  }
}

/** What this process holds: open descriptors, and segments that are mapped. */
export function holdings(): { readonly descriptors: number; readonly segments: number } {
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    segments: readFileSync('/proc/self/maps', 'utf8').split('\n').filter((line) => line.includes('memfd:bulkhead')).length,
  };
}
