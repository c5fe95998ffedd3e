// The contract of a state store. Its definition is the suite in test/conformance/state.ts, run against every driver.
import type { CallScope } from '../block.ts';
import type { Awaitable, Driver } from '../driver.ts';

export type Concurrency = '' | 'first-write' | 'last-write';
export type Consistency = '' | 'eventual' | 'strong';
export type StringMap = Readonly<Record<string, string>>;

/** A stored value. Absence of the whole item is `undefined`; `data` is undefined for a stored null. */
export interface Item {
  readonly data: Uint8Array | undefined;
  readonly etag?: string;
  /** Answer metadata, e.g. `ttlExpireTime` (RFC 3339, UTC, whole seconds). */
  readonly metadata?: StringMap;
  /** Why this one could not be read, among others of a `getMany` that could. */
  readonly fault?: unknown;
}

export interface Read {
  /** The stored key: prefix included. */
  readonly key: string;
  readonly consistency: Consistency;
  readonly metadata: StringMap;
}

/** Etag and options of one change. */
interface Change {
  /** The stored key: prefix included. */
  readonly key: string;
  /** Undefined when none was given; `''` equals none. */
  readonly etag: string | undefined;
  readonly concurrency: Concurrency;
  readonly consistency: Consistency;
  readonly metadata: StringMap;
}

export interface Write extends Change {
  readonly kind: 'upsert';
  /**
   * Undefined stores null. Nobody changes the bytes after the call, but they may be a small part of a larger piece of memory:
   * a driver that keeps them keeps a copy.
   */
  readonly value: Uint8Array | undefined;
  /** True: `value` is JSON text that the HTTP API re-serialised. False: bytes as a gRPC client sent them. */
  readonly isJson: boolean;
}

export interface Removal extends Change {
  readonly kind: 'delete';
}

export type Operation = Write | Removal;


/** Driver contract of the state block. All methods may run side by side; a driver keeps no order between calls. */
export interface StateStore extends Driver {
  /** The item, or undefined when the key does not exist: absence is not an error. */
  get(read: Read, scope: CallScope): Awaitable<Item | undefined>;
  /** @throws EtagMismatch, EtagInvalid (contract: state semantics, concurrency) or the backend's own error. */
  set(write: Write, scope: CallScope): Awaitable<void>;
  /** Deleting a key that does not exist succeeds unless a non-empty etag was given. @throws as `set`. */
  delete(removal: Removal, scope: CallScope): Awaitable<void>;
  /** Results in request order. Absent when the backend has no native bulk read; the block then fans out `get`. */
  getMany?(reads: readonly Read[], scope: CallScope): Awaitable<(Item | undefined)[]>;
  /** All or nothing as far as the backend goes; operations apply in order. Absent: the store is not transactional. */
  transact?(operations: readonly Operation[], metadata: StringMap, scope: CallScope): Awaitable<void>;
  /** Operations that one transaction may hold at most; absent means no limit. */
  readonly maxTransactionOperations?: number;
  /** Checks that the backend answers. */
  ping?(scope: CallScope): Awaitable<void>;
}

/** The etag given is not the stored one, or first-write found the key taken. */
export class EtagMismatch extends Error {
  override readonly name = 'EtagMismatch';
  constructor(detail: string) {
    super(`possible etag mismatch. error from state store: ${detail}`);
  }
}

/** The etag is not of the form that this store gives out. */
export class EtagInvalid extends Error {
  override readonly name = 'EtagInvalid';
  constructor(detail: string) {
    super(`invalid etag value: ${detail}`);
  }
}
