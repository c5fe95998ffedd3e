// Revokes leases that nobody needs any more, beside the calls that left them: an answer never waits for it. What is left
// over when the component closes, or when its process dies, ends by itself.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../proto/errors.ts';
import type { Logger } from '../block.ts';
import { EtcdUnreachable, type EtcdClient } from '../clients/etcd/etcd.ts';

/** Revoked side by side. */
const WORKERS = 8;
/** Leases that wait their turn; those beyond are left to end by themselves. */
const MAX_WAITING = 4096;
/** Pauses of one that waits for etcd to be back double between these bounds. Milliseconds. */
const PAUSE_MS = { min: 100, max: 5000 } as const;
/** How long closing waits for what is left. Milliseconds. */
const CLOSE_MS = 1000;
/** What a key without a lease has. */
const NO_LEASE = '0';

interface Unneeded {
  readonly lease: string;
  /** True: with the key that it may have. */
  readonly withKey: boolean;
}

export class LeaseDisposal {
  readonly #etcd: EtcdClient;
  readonly #log: Logger;
  readonly #waiting: Unneeded[] = [];
  readonly #workers = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(etcd: EtcdClient, log: Logger) {
    this.#etcd = etcd;
    this.#log = log;
  }

  /** A lease that was granted here: its key goes with it, if it has got one. */
  withKey(lease: string): void {
    this.#add({ lease, withKey: true });
  }

  /** A lease that a key had. Somebody else may have given it to more keys than that: then it stays. */
  withoutKeys(lease: string): void {
    if (lease !== NO_LEASE) this.#add({ lease, withKey: false });
  }

  /** Takes nothing more, and waits a moment for what is left. */
  async close(): Promise<void> {
    this.#closing.abort();
    const waited = new AbortController();
    const late = sleep(CLOSE_MS, undefined, { signal: waited.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.#workers), late]);
    waited.abort();
    this.#waiting.length = 0;
  }

  #add(unneeded: Unneeded): void {
    if (this.#closing.signal.aborted || this.#waiting.length >= MAX_WAITING) return;
    this.#waiting.push(unneeded);
    if (this.#workers.size >= WORKERS) return;
    const worker = this.#work().finally(() => this.#workers.delete(worker));
    this.#workers.add(worker);
  }

  async #work(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) await this.#revoke(next);
  }

  /** Tries for as long as etcd is out of reach. */
  async #revoke({ lease, withKey }: Unneeded): Promise<void> {
    for (let pauseMs: number = PAUSE_MS.min; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS.max)) {
      try {
        if (withKey || (await this.#etcd.timeToLive(lease)).keys === 0) await this.#etcd.revoke(lease);
        return;
      } catch (cause) {
        this.#log.debug({ lease, error: messageOf(cause) }, 'a lease that nobody needs could not be revoked');
        if (!(cause instanceof EtcdUnreachable)) return;
      }
      try {
        await sleep(pauseMs, undefined, { signal: this.#closing.signal });
      } catch {
        return; // the component closes
      }
    }
  }
}
