// A steady load on each block of a pod, at a fixed rate whatever the answers take, with what it came to counted for each.
import type { PodBlock } from './container-pod.ts';

const EVERY_MS = 20;
const CALL_MS = 15_000;

export interface Counts {
  ok: number;
  failed: number;
  /** What the first failures were. */
  readonly failures: string[];
  /** The longest time without an answer that was good. */
  silenceMs: number;
}

export type Calls = Readonly<Record<PodBlock, (turn: number) => Promise<Response>>>;

export class PodLoad {
  readonly counts: Readonly<Record<PodBlock, Counts>>;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #open = new Set<Promise<void>>();

  constructor(calls: Calls) {
    const names = Object.keys(calls) as PodBlock[];
    this.counts = Object.fromEntries(names.map((name) => [name, { ok: 0, failed: 0, failures: [], silenceMs: 0 }])) as unknown as PodLoad['counts'];
    for (const name of names) this.#repeat(calls[name], this.counts[name]);
  }

  /** Ends it; resolves when the last call is answered. */
  async stop(): Promise<this> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#open);
    return this;
  }

  /** A line for whoever reads the tests' output. */
  toString(): string {
    return Object.entries(this.counts).map(([name, { ok, failed, silenceMs }]) => `${name} ${ok} ok, ${failed} failed, ${Math.round(silenceMs)} ms of silence at most`).join('; ');
  }

  #repeat(call: (turn: number) => Promise<Response>, counts: Counts): void {
    let turn = 0;
    let answered = performance.now();
    this.#timers.push(setInterval(() => {
      const failed = (why: string): void => void (++counts.failed <= 5 && counts.failures.push(why));
      const done: Promise<void> = call(turn++).then(async (answer) => {
        const text = await answer.text();
        if (!answer.ok) return failed(`${answer.status} ${text}`);
        counts.ok++;
        counts.silenceMs = Math.max(counts.silenceMs, performance.now() - answered);
        answered = performance.now();
      }, (cause: Error) => failed(`${cause.message}: ${String(cause.cause)}`)).finally(() => this.#open.delete(done));
      this.#open.add(done);
    }, EVERY_MS));
  }
}

/** One call of each block, over HTTP. The configuration is not answered by the kernel: its block is asked each time. */
export function callsTo(api: string, store: string): Calls {
  const post = (path: string, body: object): Promise<Response> => fetch(`${api}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), signal: AbortSignal.timeout(CALL_MS) });
  const get = (path: string): Promise<Response> => fetch(`${api}${path}`, { signal: AbortSignal.timeout(CALL_MS) });
  return {
    state: (turn) => (turn % 2 === 0 ? post(`/v1.0/state/${store}`, [{ key: `k${turn % 100}`, value: turn }]) : get(`/v1.0/state/${store}/k${(turn - 1) % 100}`)),
    pubsub: (turn) => post('/v1.0/publish/topics/load', { turn }),
    config: () => get('/v1.0/configuration/settings?key=color'),
    lock: (turn) => post('/v1.0-alpha1/lock/locks', { resourceId: `r${turn}`, lockOwner: 'me', expiryInSeconds: 5 }),
  };
}
