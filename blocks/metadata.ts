// Typed reading of a component's metadata: a driver declares its fields once and gets a checked object of their type.
import { closest, distance } from 'fastest-levenshtein';
import type { Logger } from './block.ts';
import { InvalidMetadata, logName, type ComponentSpec } from './driver.ts';
import { formatDurationMs, InvalidDuration, parseDurationMs } from '../proto/duration.ts';

/** One declared field. Names and aliases match whatever the case of their letters. */
export interface Field<T> {
  /** Older or alternative names; the field's own name wins where both are set. */
  readonly aliases?: readonly string[];
  /** True: the value never appears in a message. A value that came from a secret store is secret anyway. */
  readonly secret?: boolean;
  /** The message when the field is missing; absent for an optional field. */
  readonly missing?: string;
  /** The value of a field that is missing or empty. */
  readonly absent: T;
  /** @throws Refusal, whose text is what is allowed. */
  read(text: string): T;
  /** Set: the field is accepted but changes nothing, for this reason. The log says so. */
  readonly noEffect?: { readonly reason: string; readonly level: 'debug' | 'warn' };
  /** True: somebody else reads the field; nothing is checked or logged here. */
  readonly elsewhere?: boolean;
}
export type Fields = Readonly<Record<string, Field<unknown>>>;
/** The object that a declaration yields. */
export type Values<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

interface Common {
  readonly aliases?: readonly string[];
  readonly secret?: boolean;
  /** True, or the message for when the field is missing. An empty value counts as missing. */
  readonly required?: boolean | string;
}
/** Undefined is part of the type only where a value may be absent: neither required nor defaulted. */
type Present<O, T> = O extends { readonly required: true | string } | { readonly default: NonNullable<unknown> } ? T : T | undefined;

/** What a value had to be; becomes the end of an InvalidMetadata message. */
class Refusal extends Error {}

const TRUE = new Set(['y', 'yes', 'true', 't', 'on', '1']);
const FALSE = new Set(['n', 'no', 'false', 'f', 'off', '0', '']);

/** Any text, as it stands. */
export function text<const O extends Common & { readonly default?: string }>(options: O = {} as O): Field<Present<O, string>> {
  return field(options, (value) => value as Present<O, string>);
}

/** A whole number within safe integers, optionally bounded (both ends included). */
export function integer<const O extends Common & { readonly default?: number; readonly min?: number; readonly max?: number }>(
  options: O = {} as O,
): Field<Present<O, number>> {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = options;
  return field(options, (value) => {
    const number = /^[+-]?\d+$/.test(value) ? Number(value) : Number.NaN;
    if (!(number >= min && number <= max)) throw new Refusal(`a whole number${range(options.min, options.max, String)}`);
    return number as Present<O, number>;
  });
}

/** Yes or no, in any of Dapr's spellings. An empty value means no. */
export function flag(options: Omit<Common, 'required' | 'secret'> & { readonly default?: boolean } = {}): Field<boolean> {
  const absent = options.default ?? false;
  return {
    ...pick(options),
    absent,
    read: (value) => {
      const lower = value.toLowerCase();
      if (!TRUE.has(lower) && !FALSE.has(lower)) throw new Refusal('one of y, yes, true, t, on, 1 or n, no, false, f, off, 0');
      return TRUE.has(lower);
    },
  };
}

/** Milliseconds. The text is a Go duration, or a plain whole number of `unit`s. */
export function duration<const O extends Common & { readonly unit: 'ms' | 's'; readonly default?: number; readonly minMs?: number; readonly maxMs?: number }>(
  options: O,
): Field<Present<O, number>> {
  const { unit, minMs = Number.NEGATIVE_INFINITY, maxMs = Number.POSITIVE_INFINITY } = options;
  const allowed = () => `a duration such as 500ms or 1m30s, or a whole number of ${unit === 's' ? 'seconds' : 'milliseconds'}${range(options.minMs, options.maxMs, formatDurationMs)}`;
  return field(options, (value) => {
    let ms: number;
    try {
      ms = /^[+-]?\d{1,15}$/.test(value) ? Number(value) * (unit === 's' ? 1000 : 1) : parseDurationMs(value);
    } catch (cause) {
      if (cause instanceof InvalidDuration) throw new Refusal(allowed());
      throw cause;
    }
    if (ms < minMs || ms > maxMs) throw new Refusal(allowed());
    return ms as Present<O, number>;
  });
}

/** One of a few words, whatever their case; the value is spelt as declared. */
export function oneOf<const W extends string, const O extends Common & { readonly default?: W }>(words: readonly W[], options: O = {} as O): Field<Present<O, W>> {
  return field(options, (value) => {
    const word = words.find((candidate) => candidate.toLowerCase() === value.toLowerCase());
    if (word === undefined) throw new Refusal(`one of ${words.join(', ')}`);
    return word as Present<O, W>;
  });
}

/** Parts of a comma list, trimmed, empty ones left out. */
export function list(options: Common & { readonly default?: readonly string[] } = {}): Field<readonly string[]> {
  return {
    ...pick(options),
    absent: options.default ?? [],
    read: (value) => value.split(',').map((part) => part.trim()).filter((part) => part !== ''),
  };
}

/**
 * A field that Dapr knows and bulkhead can't honour: setting it is refused, because ignoring it would be a lie.
 * @param why completes "is not supported: ..."
 * @param options.switch true for an on/off field: saying "off" is then fine
 */
export function unsupported(why: string, options: { readonly aliases?: readonly string[]; readonly switch?: boolean } = {}): Field<undefined> {
  return {
    ...pick(options),
    absent: undefined,
    read: (value) => {
      if (options.switch === true && FALSE.has(value.toLowerCase())) return undefined;
      throw new InvalidMetadata(why);
    },
  };
}

/** A field that is accepted and changes nothing, because what it tunes doesn't exist here. */
export function noEffect(reason: string, options: { readonly aliases?: readonly string[]; readonly level?: 'debug' | 'warn' } = {}): Field<undefined> {
  return { ...pick(options), absent: undefined, read: () => undefined, noEffect: { reason, level: options.level ?? 'debug' } };
}

/** A field of the same component that another part reads: the block, or the kernel. */
export function elsewhere(): Field<undefined> {
  return { absent: undefined, read: () => undefined, elsewhere: true };
}

/**
 * Checks and converts a component's metadata. Unknown fields are logged with the nearest known name.
 * @throws InvalidMetadata naming the field, the value (unless secret) and what is allowed
 */
export function readMetadata<F extends Fields>(spec: ComponentSpec, fields: F, log: Logger): Values<F> {
  const names = new Map<string, { readonly field: string; readonly alias: boolean }>();
  for (const [name, { aliases = [] }] of Object.entries(fields)) {
    names.set(name.toLowerCase(), { field: name, alias: false });
    for (const alias of aliases) names.set(alias.toLowerCase(), { field: name, alias: true });
  }
  const given = collect(spec, names, log);
  const values: Record<string, unknown> = {};
  for (const [name, declared] of Object.entries(fields)) {
    const item = given.get(name);
    if (item === undefined || item.value === '') {
      if (declared.missing !== undefined) throw new InvalidMetadata(declared.missing || `metadata field "${name}" is required`);
      values[name] = declared.absent;
      continue;
    }
    const { noEffect: idle } = declared;
    if (idle !== undefined) log[idle.level]({ component: logName(spec), field: item.name }, `metadata field "${item.name}" has no effect: ${idle.reason}`);
    values[name] = read(declared, item.name, item.value, declared.secret === true || item.secretName !== undefined);
  }
  return values as Values<F>;
}

type Item = ComponentSpec['metadata'][number];

/** The items by the name of their field. A name given twice is an error; an alias beside the name itself loses. */
function collect(spec: ComponentSpec, names: ReadonlyMap<string, { readonly field: string; readonly alias: boolean }>, log: Logger): Map<string, Item> {
  const component = logName(spec);
  const seen = new Set<string>();
  const given = new Map<string, { readonly item: Item; readonly alias: boolean }>();
  for (const item of spec.metadata) {
    const lower = item.name.toLowerCase();
    if (seen.has(lower)) throw new InvalidMetadata(`metadata field "${item.name}" is given twice`);
    seen.add(lower);
    const known = names.get(lower);
    if (known === undefined) {
      log.warn({ component, field: item.name }, `metadata field "${item.name}" is not known to ${spec.type} and has no effect${suggestion(lower, names)}`);
      continue;
    }
    const other = given.get(known.field);
    const [kept, dropped] = other === undefined || (other.alias && !known.alias) ? [item, other?.item] : [other.item, item];
    if (dropped !== undefined) log.warn({ component, field: dropped.name }, `metadata field "${dropped.name}" is ignored: "${kept.name}" is set too and means the same`);
    if (kept === item) given.set(known.field, { item, alias: known.alias });
  }
  return new Map([...given].map(([name, { item }]) => [name, item]));
}

function read(declared: Field<unknown>, name: string, value: string, secret: boolean): unknown {
  try {
    return declared.read(value);
  } catch (cause) {
    if (cause instanceof InvalidMetadata) throw new InvalidMetadata(`metadata field "${name}" is not supported: ${cause.message}`);
    if (!(cause instanceof Refusal)) throw cause;
    throw new InvalidMetadata(`metadata field "${name}" has an invalid value${secret ? '' : ` ${JSON.stringify(value)}`}: it must be ${cause.message}`);
  }
}

/** `; did you mean "x"?`, if a known name is near enough to be a typing error. */
function suggestion(lower: string, names: ReadonlyMap<string, { readonly field: string; readonly alias: boolean }>): string {
  if (names.size === 0 || lower.length > 64) return '';
  const near = closest(lower, [...names.keys()]);
  const known = names.get(near);
  if (known === undefined || distance(lower, near) > Math.max(1, Math.floor(near.length / 3))) return '';
  return `; did you mean "${known.alias ? near : known.field}"?`;
}

function field<O extends Common & { readonly default?: unknown }, T>(options: O, parse: (value: string) => T): Field<T> {
  // `absent` is undefined only where Present<O, T> has undefined in it; the compiler can't see that through the generic
  return { ...pick(options), absent: options.default as T, read: parse };
}

function pick({ aliases, secret, required }: Common): Pick<Field<unknown>, 'aliases' | 'secret' | 'missing'> {
  return {
    ...(aliases === undefined ? {} : { aliases }),
    ...(secret === undefined ? {} : { secret }),
    ...(required === undefined || required === false ? {} : { missing: required === true ? '' : required }),
  };
}

function range(min: number | undefined, max: number | undefined, show: (value: number) => string): string {
  if (min !== undefined && max !== undefined) return ` from ${show(min)} to ${show(max)}`;
  if (min !== undefined) return ` of at least ${show(min)}`;
  return max === undefined ? '' : ` of at most ${show(max)}`;
}
