// Which response fields our encoder has the client remember: a policy, apart from the code that follows it.
import { ENTRY_OVERHEAD } from './dynamic-table.ts';

/**
 * What becomes of a field that no table holds. `add`: the peer remembers it. `leave`: it doesn't. `never`: it doesn't, and no
 * proxy on the way may do so either (RFC 7541 section 7.1.3).
 */
export type Indexing = 'add' | 'leave' | 'never';

/** @param free bytes of the dynamic table that no entry takes */
export type IndexingPolicy = (name: string, value: string, free: number) => Indexing;

/** Fields whose values hardly differ from one answer to the next. */
const REPEATED: ReadonlySet<string> = new Set(['content-type', 'content-encoding', 'grpc-encoding', 'grpc-accept-encoding', 'accept-encoding', 'server']);
/** Credentials: whoever may send fields of his own to a shared table could guess them by the size of what comes back. */
const SENSITIVE: ReadonlySet<string> = new Set(['set-cookie', 'cookie', 'authorization', 'proxy-authorization', 'dapr-api-token']);

/**
 * Adds what is repeated, while there is room: nothing is evicted for it. So a table that is full or small stays as it is,
 * and with it the bytes of blocks that were encoded before.
 */
export const indexResponses: IndexingPolicy = (name, value, free) => {
  if (SENSITIVE.has(name)) return 'never';
  const isRepeated = REPEATED.has(name) || (name === 'grpc-status' && value.length <= 2);
  return isRepeated && name.length + value.length + ENTRY_OVERHEAD <= free ? 'add' : 'leave';
};
