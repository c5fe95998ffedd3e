// The time to live of a write, as most of Dapr's state stores read it from request metadata.
import { parseGoInteger } from '../go-integer.ts';
import type { StringMap } from './store.ts';

const MAX_SECONDS = 2_147_483_647n;

/**
 * Seconds to live: undefined when the request doesn't say, -1 or 0 for no expiry.
 * @param context how the store begins its message
 * @throws Error with the text that Dapr's stores give
 */
export function readTtlSeconds(metadata: StringMap, context = 'error parsing TTL: '): number | undefined {
  const text = metadata['ttlInSeconds'];
  if (text === undefined || text === '') return undefined;
  let seconds: bigint;
  try {
    seconds = parseGoInteger('ParseInt', text);
  } catch (cause) {
    throw new Error(`${context}incorrect value for metadata 'ttlInSeconds': ${(cause as Error).message}`, { cause });
  }
  if (seconds < -1n || seconds > MAX_SECONDS) throw new Error(`${context}incorrect value for metadata 'ttlInSeconds': must be -1 or greater`);
  return Number(seconds);
}
