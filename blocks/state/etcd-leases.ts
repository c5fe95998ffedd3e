// Leases of the values in etcd: one for each value that expires, and an end to those that no value needs any more.
//
// A lease lives until its time is over, also when its key was overwritten or deleted, and etcd keeps all of them in memory:
// a key that is written each second with a time to live of a day would leave 86,400 behind. So they are revoked, after the
// change and behind the client's back. Dying between the two costs nothing but that memory, since a lease ends by itself;
// revoking first would delete a value whose replacement may fail. A revoked lease takes all its keys with it, and though
// everybody who writes this layout has a lease for each value, people who fill the store by hand may not: only a lease
// without keys is revoked. Nobody gives such a one a key again.
import type { Logger } from '../block.ts';
import type { EtcdClient } from '../clients/etcd/etcd.ts';

/** Ends that are under way at once. */
const IN_FLIGHT = 8;
/** Leases that wait for their end; those beyond are left to expire. */
const MAX_WAITING = 4096;

export class Leases {
  readonly #etcd: EtcdClient;
  readonly #log: Logger;
  readonly #waiting: string[] = [];
  #busy = 0;
  #closed = false;

  constructor(etcd: EtcdClient, log: Logger) {
    this.#etcd = etcd;
    this.#log = log;
  }

  /** A lease for each time to live, in order; none for 0. All or none: if one fails, the others are given back. */
  async grant(ttls: readonly number[]): Promise<(string | undefined)[]> {
    const granted = await Promise.allSettled(ttls.map((seconds) => (seconds > 0 ? this.#etcd.grant(seconds) : undefined)));
    const failed = granted.find((result) => result.status === 'rejected');
    const leases = granted.map((result) => (result.status === 'fulfilled' ? result.value : undefined));
    if (failed === undefined) return leases;
    this.discard(leases);
    throw failed.reason;
  }

  /** Ends those that have no key, soon. What fails is left to expire. */
  discard(leases: readonly (string | undefined)[]): void {
    if (this.#closed) return;
    for (const lease of leases) {
      if (lease !== undefined && this.#waiting.length < MAX_WAITING) this.#waiting.push(lease);
    }
    while (this.#busy < IN_FLIGHT && this.#waiting.length > 0) void this.#work();
  }

  /** Those that still wait are left to expire. May be called twice. */
  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
  }

  async #work(): Promise<void> {
    this.#busy++;
    for (let lease = this.#waiting.shift(); lease !== undefined; lease = this.#waiting.shift()) await this.#end(lease);
    this.#busy--;
  }

  async #end(lease: string): Promise<void> {
    try {
      const { leftSeconds, keys } = await this.#etcd.timeToLive(lease);
      if (leftSeconds >= 0 && keys === 0) await this.#etcd.revoke(lease);
    } catch (cause) {
      if (!this.#closed) this.#log.debug({ etcd: this.#etcd.address, lease }, `lease ${lease} is left to expire: ${(cause as Error).message}`);
    }
  }
}
