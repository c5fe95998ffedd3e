// Metadata fields that every sequencer component may carry and that the block reads, not the driver.
import type { Logger } from '../block.ts';
import { InvalidMetadata, type ComponentSpec } from '../driver.ts';
import { duration, elsewhere, integer, readMetadata, text } from '../metadata.ts';
import { LAST_ID } from './store.ts';

/** For the drivers: somebody else reads these. */
export const SEQUENCER_FIELDS = { keyPrefix: elsewhere(), segmentSize: elsewhere(), biggerThan: elsewhere(), refillTimeout: elsewhere() } as const;

const FIELDS = {
  keyPrefix: text({ default: 'appid' }),
  segmentSize: integer({ min: 1, max: 1_000_000, default: 10_000 }),
  biggerThan: text({ default: '' }),
  refillTimeout: duration({ unit: 'ms', minMs: 1, maxMs: 3_600_000, default: 2000 }),
} as const;

/** What a component says to the block. */
export interface SequencerSettings {
  readonly keyPrefix: string;
  /** Ids that a segment grows to. */
  readonly segmentSize: number;
  /** By the app's key: the store must have given this id, or a higher one, before the component starts. */
  readonly floors: ReadonlyMap<string, bigint>;
  /** How long a call waits for a segment. */
  readonly refillTimeoutMs: number;
}

/** @throws InvalidMetadata */
export function sequencerSettings(spec: ComponentSpec, log: Logger): SequencerSettings {
  const own = spec.metadata.filter(({ name }) => NAMES.has(name.toLowerCase())); // the rest is the driver's to read, and to complain about
  const { keyPrefix, segmentSize, biggerThan, refillTimeout } = readMetadata({ ...spec, metadata: own }, FIELDS, log);
  return { keyPrefix, segmentSize, floors: readFloors(biggerThan), refillTimeoutMs: refillTimeout };
}

const NAMES = new Set(Object.keys(FIELDS).map((name) => name.toLowerCase()));

/** A key, quoted or plain, a colon, a whole number; then a comma, a new line or the end. */
const PAIR = /\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^\s"',:{}][^"',:{}\n]*?))\s*:\s*(?:"(\d+)"|'(\d+)'|(\d+))[^\S\n]*(?:,|\n|$)\s*/y;

/** An object of keys and numbers, as JSON or as YAML writes it: numbers beyond 2^53 stay what they are. @throws InvalidMetadata */
function readFloors(value: string): ReadonlyMap<string, bigint> {
  const refuse = (): never => {
    throw new InvalidMetadata(`metadata field "biggerThan" has an invalid value ${JSON.stringify(value)}: it must be keys with whole numbers up to ${LAST_ID}, such as {"orders": 1000}`);
  };
  const trimmed = value.trim();
  const pairs = (/^\{(.*)\}$/s.exec(trimmed)?.[1] ?? trimmed).trim();
  const floors = new Map<string, bigint>();
  for (PAIR.lastIndex = 0; PAIR.lastIndex < pairs.length;) {
    const found = PAIR.exec(pairs);
    if (found === null) return refuse();
    const [, json, single, plain, ...numbers] = found;
    const key = json === undefined ? single?.replaceAll("''", "'") ?? plain : unescaped(json);
    const floor = BigInt(numbers.find((digits) => digits !== undefined) ?? 0);
    if (key === undefined || key === '' || floor > LAST_ID || floors.has(key)) return refuse();
    floors.set(key, floor);
  }
  return floors;
}

/** Undefined for a text that is none in JSON. */
function unescaped(json: string): string | undefined {
  try {
    return JSON.parse(`"${json}"`) as string;
  } catch {
    return undefined;
  }
}
