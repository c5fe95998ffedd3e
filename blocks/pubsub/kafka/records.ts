// What a message is as a Kafka record, both ways (contract: messaging §11.8).
import type { KafkaMessage } from '../../clients/kafka/member.ts';
import type { KafkaRecord } from '../../clients/kafka/producer.ts';
import type { OutgoingMessage, StringMap } from '../broker.ts';

export interface HeaderRules {
  /** Metadata of these names becomes no header. */
  readonly excluded: RegExp | undefined;
  /** Header values are URL-encoded, because not every client's headers bear all characters. */
  readonly escaped: boolean;
}

/** Record headers, key and timestamp included, count against a broker's limit: about this much for the fixed part. */
const RECORD_OVERHEAD_BYTES = 64;

/** @throws Error for a partition that is no number */
export function toRecord({ data, metadata }: OutgoingMessage, { excluded, escaped }: HeaderRules): KafkaRecord {
  const key = metadata?.['partitionKey'] ?? metadata?.['__key'];
  let headers: Record<string, string> | undefined;
  for (const name in metadata) {
    if (excluded?.test(name) === true) continue;
    headers ??= {};
    headers[name] = escaped ? encodeURIComponent(metadata[name] as string) : (metadata[name] as string);
  }
  return {
    key: key === undefined ? null : Buffer.from(key),
    value: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    headers,
    partition: partitionOf(metadata?.['partitionNumber']),
  };
}

/** What a record takes of a request, about. */
export function recordBytes({ key, value, headers }: KafkaRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const name in headers) bytes += name.length + (headers[name] as string).length;
  return bytes;
}

/** What travelled with the record, and where it lay. Of a header that is there more than once the last one counts. */
export function metadataOf(topic: string, partition: number, { key, headers, offset, timestamp }: KafkaMessage, escaped: boolean): StringMap {
  const metadata: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    const last = Array.isArray(value) ? value.at(-1) : value;
    if (last !== undefined) metadata[name] = escaped ? unescaped(last.toString()) : last.toString();
  }
  if (key !== null) metadata['__key'] = escaped ? unescaped(key.toString()) : key.toString();
  metadata['__topic'] = topic;
  metadata['__partition'] = String(partition);
  metadata['__offset'] = offset;
  metadata['__timestamp'] = timestamp;
  return metadata;
}

const NULL = Buffer.from('null');

/** A record without a value is what compaction takes for a deletion; applications are given JSON's word for it. */
export function dataOf({ value }: KafkaMessage): Uint8Array {
  return value ?? NULL;
}

function partitionOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new Error(`partitionNumber has an invalid value ${JSON.stringify(text)}: it must be the number of a partition`);
  return Number(text);
}

/** Whoever wrote it may not have escaped it. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
