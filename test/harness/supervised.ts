// A compartment without a sidecar around it: a supervised block in a process or thread of its own, called through its seat.
import type { Exit } from '../../kernel/launch-exit.ts';
import { CHILD_DEFAULTS, type ChildSpec } from '../../kernel/child-info.ts';
import { Child } from '../../kernel/child.ts';
import { DEFAULT_LIMITS, type Limits } from '../../kernel/limits.ts';
import { Seat, type SeatLimits } from '../../kernel/seat.ts';
import { LocalSeating } from '../../kernel/seating.ts';
import { Flag } from '../../ipc/frame.ts';
import type { BlockInit, ComponentSpec } from '../../proto/init.ts';
import type { Log } from '../../proto/log.ts';
import { ROUTE, type RouteName } from '../../proto/routes.ts';
import { componentSpec } from '../support.ts';

export type { Exit };

export interface Reply {
  /** 0 for what the kernel refused over no protocol; an HTTP status else. */
  readonly status: number;
  readonly text: string;
}

export interface SupervisedOptions {
  readonly spec?: Partial<ChildSpec>;
  readonly limits?: Partial<Limits>;
  readonly seat?: Partial<SeatLimits>;
  readonly components?: readonly ComponentSpec[];
}

/** Two stores in memory, the first one called `store`. */
export const MEMORY: readonly ComponentSpec[] = [componentSpec('state.in-memory', {}, 'store'), componentSpec('state.in-memory', {}, 'other')];

export class Supervised implements AsyncDisposable {
  readonly child: Child;
  readonly seat: Seat;
  readonly lines: { readonly level: string; readonly text: string }[] = [];

  constructor({ spec = {}, limits = {}, seat = {}, components = MEMORY }: SupervisedOptions = {}) {
    const all = { ...DEFAULT_LIMITS, ...limits };
    const log = this.#log();
    this.seat = new Seat('state', { holdMs: 5_000, maxHeld: 1_000, maxHeldBytes: 1 << 20, maxInFlight: all.openCalls, maxStreams: 10, ...seat });
    this.child = new Child({
      spec: { ...CHILD_DEFAULTS, name: 'state', block: 'state', mode: 'process', hangMs: 3_000, drainMs: 2_000, spare: false, limits: all, ...spec },
      seating: new LocalSeating(this.seat), log, wrap: (channel) => channel, changed: () => {},
      launch: {
        name: 'state', ringBytes: 1 << 20, maxFrameBytes: 64 << 20, limits: all, logging: { level: 'info', json: false, appId: 'app', instance: 'i', version: 'v' }, log, compileCache: undefined,
        output: { fd: 1, write: (line) => (this.lines.push({ level: 'block', text: line }), true) },
      },
    });
    this.child.provide(initOf(components));
    this.child.start();
  }

  /** The log's texts of one level; `block` for what the block wrote itself. */
  texts(level: string): string[] {
    return this.lines.filter((line) => line.level === level).map(({ text }) => text);
  }

  /** An HTTP call. */
  call(route: RouteName, params: readonly string[], body = '', deadlineMs = 0): Promise<Reply> {
    return new Promise((resolve) => {
      this.seat.open({ route: ROUTE[route], flags: Flag.HTTP, head: [params, ''], body: Buffer.from(body), deadlineMs }, {
        onAnswer: (status, _headers, answer) => resolve({ status, text: Buffer.from(answer).toString() }),
        onFailure: (_code, message) => resolve({ status: 0, text: message }),
        onRefusal: ({ http, message }) => resolve({ status: http, text: message }),
      });
    });
  }

  get(key: string, store = 'store'): Promise<Reply> {
    return this.call('GetState', [store, key]);
  }

  set(key: string, value: string, store = 'store'): Promise<Reply> {
    return this.call('SaveState', [store], JSON.stringify([{ key, value }]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.stop();
  }

  #log(): Log {
    const at = (level: string) => (_fields: object, text: string): void => void this.lines.push({ level, text });
    const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), fatal: at('fatal'), enabled: () => true, with: () => log };
    return log;
  }
}

export function initOf(components: readonly ComponentSpec[]): BlockInit {
  return {
    block: 'state', appId: 'app', namespace: '', components, elsewhere: [], maxBodyBytes: 4 << 20, tracing: {}, subscriptions: [],
    log: { level: 'info', json: false, appId: 'app', instance: 'i', version: 'v' },
  };
}
