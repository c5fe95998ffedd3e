// What every etcd driver works with: one client of an etcd cluster, in etcd's own terms (etcd API reference, v3). Bytes stay
// bytes, revisions are numbers, leases are decimal texts because they use all 64 bits.

/** etcd answered with an error, or refused the call: asking again changes nothing. */
export class EtcdRefusal extends Error {
  override readonly name = 'EtcdRefusal';
}

/** There is no working connection, or nobody answered in time. Says which servers, and why; for a change also whether it may have been made. */
export class EtcdUnreachable extends Error {
  override readonly name = 'EtcdUnreachable';
}

export interface EtcdItem {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly createRevision: number;
  readonly modRevision: number;
  /** Changes since its creation; 1 for a new key. */
  readonly version: number;
  /** `'0'`: none. */
  readonly lease: string;
}

/** One key, or all that begin with a prefix. */
export type EtcdRange = { readonly key: string } | { readonly prefix: string };

/** What a transaction compares: all must hold. A revision or version of 0 stands for a key that does not exist. */
export type EtcdCompare =
  | { readonly key: string; readonly target: 'create' | 'mod' | 'version'; readonly is: '=' | '!=' | '<' | '>'; readonly than: number }
  | { readonly key: string; readonly target: 'value'; readonly is: '=' | '!='; readonly than: Buffer };

export type EtcdOperation =
  | { readonly kind: 'put'; readonly key: string; readonly value: Buffer; readonly lease?: string }
  /** Gives an existing key another lease and leaves its value alone. */
  | { readonly kind: 'touch'; readonly key: string; readonly lease: string }
  | { readonly kind: 'delete'; readonly range: EtcdRange }
  /** `keysOnly`: leaves the values out, which then come as no bytes. */
  | { readonly kind: 'range'; readonly range: EtcdRange; readonly keysOnly?: boolean };

export interface EtcdTransaction {
  readonly compare: readonly EtcdCompare[];
  readonly success: readonly EtcdOperation[];
  readonly failure?: readonly EtcdOperation[];
}

export interface EtcdOutcome {
  /** Whether all comparisons held. */
  readonly succeeded: boolean;
  /** Of the store, after the transaction. */
  readonly revision: number;
  /** For each operation that was done what it found: items for a range, none for others. */
  readonly found: readonly (readonly EtcdItem[])[];
}

/** Calls end within the request timeout of the settings, or when the signal aborts. They may run side by side. */
export interface EtcdClient {
  /** Where to, for messages. */
  readonly address: string;
  /** Linearizable. Sent again if the connection breaks under it. @throws EtcdRefusal, EtcdUnreachable */
  range(range: EtcdRange, signal?: AbortSignal): Promise<{ readonly revision: number; readonly items: readonly EtcdItem[] }>;
  /** Sent at most once if it holds a put, touch or delete. @throws as `range` */
  transact(transaction: EtcdTransaction, signal?: AbortSignal): Promise<EtcdOutcome>;
  /** A new lease. etcd has a lower bound of its own (2 s with default settings): a shorter one lasts longer than asked. */
  grant(ttlSeconds: number, signal?: AbortSignal): Promise<string>;
  /** Ends a lease; its keys go. A lease that is gone already is no error. */
  revoke(lease: string, signal?: AbortSignal): Promise<void>;
  /** Seconds that a lease has left, without renewing it, and how many keys hang on it. -1 or less: there is no such lease. */
  timeToLive(lease: string, signal?: AbortSignal): Promise<{ readonly leftSeconds: number; readonly grantedSeconds: number; readonly keys: number }>;
  /** A watch that lives until it is closed, or the client is. */
  watch(range: EtcdRange, listener: EtcdWatchListener): EtcdWatch;
  /** Fails what still waits, and leaves no timer behind. May be called twice. */
  close(): Promise<void>;
}

export interface EtcdWatch {
  /** As `Watch.isLive` of the configuration store: proof that is at most a second old, looked for only because somebody asks. */
  isLive(): boolean;
  close(): void;
}

export interface EtcdWatchListener {
  /**
   * All there is, as of a revision; at first, and again whenever changes may have been missed (the connection was away and
   * the store has compacted what happened meanwhile). What changes after that revision is told by `changed`.
   */
  snapshot(items: readonly EtcdItem[], revision: number): void;
  /** What one revision changed, in order of revisions; undefined: the key is gone. */
  changed(changes: ReadonlyMap<string, EtcdItem | undefined>, revision: number): void;
  /** The connection went away; it is being mended. Told once until `snapshot`, `changed` or `found` comes. */
  lost(reason: string): void;
  /** The connection is back, and nothing was missed. */
  found(): void;
  /** The server refuses to let it be watched. Nothing follows. */
  refused(cause: Error): void;
}
