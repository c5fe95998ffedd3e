// The typed requests and answers of the configuration block: what both protocols decode to and encode from.
import type { KnownItem } from './known-item.ts';
import type { Keys, StringMap } from './store.ts';

export interface GetRequest {
  readonly store: string;
  /** As the client put them; none for all. */
  readonly keys: readonly string[];
  readonly metadata: StringMap;
}

/** What exists of it; each key once, in any order. */
export interface GetAnswer {
  readonly items: readonly KnownItem[];
  /** It came from memory, and the store was not asked. */
  readonly hit: boolean;
}

export interface SubscribeRequest {
  readonly store: string;
  /** As the client put them, over gRPC in order; none for all. */
  readonly keys: readonly string[];
}

export interface UnsubscribeRequest {
  /** Undefined: whatever store it is of. */
  readonly store: string | undefined;
  readonly id: string;
}

export interface UnsubscribeAnswer {
  /** False: there is no such subscription. */
  readonly ok: boolean;
  readonly id: string;
}

/** The keys as stores know them: each once, or all where none is named. */
export function keysOf({ keys }: { readonly keys: readonly string[] }): Keys {
  if (keys.length === 0) return 'all';
  return keys.length === 1 ? keys : [...new Set(keys)];
}
