// Looks on while something fails: calls of every block, one after the other and all blocks side by side, until it is stopped.
// What did not go well is noted by block; who failed in it is the test's business.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sidecar } from '../harness/sidecar.ts';
import type { BlockName } from './lanes.ts';

/** The components that a witness calls; all of them in memory. */
export const GOOD = [
  { name: 'good-state', type: 'state.in-memory' }, { name: 'good-pubsub', type: 'pubsub.in-memory' }, { name: 'good-config', type: 'configuration.in-memory', metadata: { items: '{"key":"value"}' } },
  { name: 'good-lock', type: 'lock.in-memory' }, { name: 'good-ids', type: 'sequencer.in-memory' },
] as const;

/** Safe: it is opened again when its block dies under it. */
interface Watched {
  readonly block: BlockName | 'kernel';
  readonly safe: boolean;
  readonly call: (sidecar: Sidecar, turn: number) => Promise<{ readonly status: number; readonly body: string }>;
}

const CALLS: readonly Watched[] = [
  { block: 'state', safe: true, call: ({ client }) => client.get('/v1.0/state/good-state/key') },
  { block: 'state', safe: false, call: ({ client }) => client.post('/v1.0/state/good-state', '[{"key":"key","value":1}]') },
  { block: 'pubsub', safe: false, call: ({ client }) => client.post('/v1.0/publish/good-pubsub/topic', '{}') },
  { block: 'config', safe: true, call: ({ client }, turn) => client.get(`/v1.0/configuration/good-config?key=key&key=k${turn}`) },
  { block: 'lock', safe: false, call: ({ client }, turn) => client.post('/v1.0-alpha1/lock/good-lock', JSON.stringify({ resourceId: `r${turn % 500}`, lockOwner: 'witness', expiryInSeconds: 1 })) },
  { block: 'sequencer', safe: true, call: ({ client }) => client.post('/v1.0-bulkhead/sequencer/good-ids/key') },
  { block: 'kernel', safe: true, call: ({ client }) => client.get('/v1.0/metadata') },
  { block: 'kernel', safe: true, call: ({ client }) => client.get('/v1.0/healthz/outbound') },
];

export interface Seen {
  readonly block: BlockName | 'kernel';
  readonly safe: boolean;
  readonly text: string;
}

/** Between a lane's answer and its next call: the machine has other things to do. Milliseconds. */
const PAUSE_MS = 4;

export class Witness implements AsyncDisposable {
  readonly faults: Seen[] = [];
  calls = 0;
  readonly #running: Promise<unknown>;
  #stopped = false;

  constructor(sidecar: Sidecar) {
    this.#running = Promise.all(CALLS.map((watched) => this.#watch(sidecar, watched)));
  }

  /** What went wrong elsewhere. */
  besides(block: BlockName): readonly Seen[] {
    return this.faults.filter((seen) => seen.block !== block);
  }

  /** Safe calls of the block that went wrong. */
  safeOf(block: BlockName): readonly Seen[] {
    return this.faults.filter((seen) => seen.block === block && seen.safe);
  }

  /** Unsafe calls of the block that went wrong. */
  unsafeOf(block: BlockName): readonly Seen[] {
    return this.faults.filter((seen) => seen.block === block && !seen.safe);
  }

  /** Resolves when the last call is answered. May be called twice. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #watch(sidecar: Sidecar, { block, safe, call }: Watched): Promise<void> {
    for (let turn = 0; !this.#stopped; turn++) {
      const text = await call(sidecar, turn).then(({ status, body }) => (status < 300 ? undefined : `${status} ${body}`), String);
      this.calls++;
      if (text !== undefined) this.faults.push({ block, safe, text });
      await sleep(PAUSE_MS);
    }
  }
}
