// How a message lies in a Redis stream: the layout of daprd, so that both can work on one stream (contract: messaging §11.7).
import { stringify } from '../../../proto/gojson.ts';
import { utf8 } from '../../gojson.ts';
import type { RedisArgument, RedisReply } from '../../clients/redis-client.ts';
import type { OutgoingMessage, StringMap } from '../broker.ts';

/** What a stream may keep; undefined: everything. */
export interface Retention {
  /** Entries, about. */
  readonly maxLength: number | undefined;
  /** Milliseconds. */
  readonly ttlMs: number | undefined;
}

/** An entry of a stream. */
export interface StreamEntry {
  readonly id: string;
  /** Undefined: the entry has none, so no publisher of ours or daprd's made it. */
  readonly data: Buffer | undefined;
  readonly metadata: StringMap;
  /** What was wrong with the metadata, if anything. */
  readonly fault: string | undefined;
}

const NO_METADATA: StringMap = {};
/** What follows XADD. Redis takes one limit in a command: the length goes before the age. */
export function entryArguments(topic: string, { data, metadata }: OutgoingMessage, { maxLength, ttlMs }: Retention): RedisArgument[] {
  const args: RedisArgument[] = [topic];
  if (maxLength !== undefined) args.push('MAXLEN', '~', maxLength);
  else if (ttlMs !== undefined) args.push('MINID', '~', `${Math.floor(Date.now() - ttlMs)}-1`);
  args.push('*', 'data', Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  if (metadata !== undefined) args.push('metadata', stringify(metadata));
  return args;
}

/** The entries of one stream in an answer to XREADGROUP; none when nothing came in time. */
export function readEntries(reply: RedisReply): StreamEntry[] {
  if (!Array.isArray(reply)) return [];
  const [stream] = reply;
  return Array.isArray(stream) ? listedEntries(stream[1] ?? null) : [];
}

/** The entries in an answer to XCLAIM. Servers before 7.0 have null for one that was deleted. */
export function listedEntries(reply: RedisReply): StreamEntry[] {
  const entries: StreamEntry[] = [];
  if (!Array.isArray(reply)) return entries;
  for (const item of reply) if (Array.isArray(item)) entries.push(toEntry(String(item[0]), item[1] ?? null));
  return entries;
}

function toEntry(id: string, fields: RedisReply): StreamEntry {
  let data: Buffer | undefined;
  let json: Buffer | undefined;
  if (Array.isArray(fields)) {
    for (let i = 0; i + 1 < fields.length; i += 2) {
      const value = fields[i + 1];
      if (!Buffer.isBuffer(value)) continue;
      const name = String(fields[i]);
      if (name === 'data') data = value;
      else if (name === 'metadata') json = value;
    }
  }
  if (json === undefined) return { id, data, metadata: NO_METADATA, fault: undefined };
  try {
    return { id, data, metadata: toMetadata(JSON.parse(utf8(json))), fault: undefined };
  } catch (cause) {
    return { id, data, metadata: NO_METADATA, fault: (cause as Error).message };
  }
}

function toMetadata(value: unknown): StringMap {
  if (value === null) return NO_METADATA; // what Go makes of an empty map that was never made
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error('it is no JSON object');
  for (const [name, text] of Object.entries(value)) if (typeof text !== 'string') throw new Error(`its member ${JSON.stringify(name)} is no string`);
  return value as StringMap;
}
