// What the metadata of a publish asks for: a payload without an envelope, a time to live, values for an envelope. Names
// match whatever their case (contract: messaging §1.3).
import { InvalidDuration, parseDuration } from '../../../proto/duration.ts';
import { parseGoInteger } from '../../go-integer.ts';
import type { StringMap } from '../broker.ts';

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False', '']);

/** About 292 years, the longest time of a Go program. Nanoseconds. */
const MAX_TTL_NS = (1n << 63n) - 1n;

/** The value of that name, or of the first that differs from it in case alone. @param name lower case */
export function property(metadata: StringMap | undefined, name: string): string | undefined {
  if (metadata === undefined) return undefined;
  if (Object.hasOwn(metadata, name)) return metadata[name];
  for (const key of Object.keys(metadata)) if (key.length === name.length && key.toLowerCase() === name) return metadata[key];
  return undefined;
}

/** Whether the payload goes as it is. A text: why the request's word for it is not understood. */
export function rawPayload(metadata: StringMap | undefined): boolean | string {
  const value = metadata === undefined ? undefined : (metadata['rawPayload'] ?? property(metadata, 'rawpayload'));
  if (value === undefined || FALSE.has(value)) return false;
  return TRUE.has(value) || `rawPayload value must be a valid boolean: actual is '${value}'`;
}

/** Milliseconds to live; undefined for no limit, and for one that is not understood. */
export function timeToLive(metadata: StringMap | undefined): number | undefined {
  if (metadata === undefined) return undefined;
  const text = property(metadata, 'ttl') ?? metadata['ttlInSeconds'] ?? property(metadata, 'ttlinseconds');
  if (text === undefined || text === '') return undefined;
  const nanoseconds = nanosecondsOf(text);
  if (nanoseconds === undefined || nanoseconds <= 0n) return undefined;
  return Number((nanoseconds > MAX_TTL_NS ? MAX_TTL_NS : nanoseconds) / 1_000_000n);
}

/** A Go duration, or a whole number of seconds. */
function nanosecondsOf(text: string): bigint | undefined {
  try {
    return parseDuration(text);
  } catch (cause) {
    if (!(cause instanceof InvalidDuration)) throw cause;
  }
  try {
    return parseGoInteger('ParseInt', text) * 1_000_000_000n;
  } catch {
    return undefined; // Dapr takes no notice of it either
  }
}
