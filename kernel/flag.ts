// What a flag is, as data, and the kinds of flags there are: how a text becomes a value, and what is said of one that does not.
import { InvalidDuration, parseDurationMs } from '../proto/duration.ts';

export interface Flag<Value> {
  /** Its part of the usage. */
  readonly group: string;
  /** The value's noun in the usage; `''` for a switch, which needs no value. */
  readonly noun: string;
  readonly value: Value;
  readonly help: string;
  /** Hidden flags parse, and the usage is silent about them. */
  readonly hidden: boolean;
  /** What to use instead; `''` when the flag is not deprecated. */
  readonly deprecated: string;
  /** The value after one more occurrence on the command line. @throws FlagError */
  readonly parse: (text: string, before: Value, first: boolean) => Value;
}

/** A value that can't be read. The message says what was expected. */
export class FlagError extends Error {
  override readonly name = 'FlagError';
}

type Extra = Partial<Pick<Flag<unknown>, 'hidden' | 'deprecated' | 'noun'>>;

export function flag<Value>(group: string, noun: string, value: Value, help: string, parse: Flag<Value>['parse'], extra: Extra = {}): Flag<Value> {
  return { group, noun, value, help, parse, hidden: false, deprecated: '', ...extra };
}

export function text(group: string, value: string, help: string, extra?: Extra): Flag<string> {
  return flag(group, 'text', value, help, (given) => given, extra);
}

/** Go's strconv.ParseBool. */
const BOOLEANS: Readonly<Record<string, boolean>> = {
  1: true, t: true, T: true, true: true, TRUE: true, True: true, 0: false, f: false, F: false, false: false, FALSE: false, False: false,
};

export function toggle(group: string, value: boolean, help: string, extra?: Extra): Flag<boolean> {
  return flag(group, '', value, help, (given) => {
    const parsed = Object.hasOwn(BOOLEANS, given) ? BOOLEANS[given] : undefined;
    if (parsed === undefined) throw new FlagError('expected true or false');
    return parsed;
  }, extra);
}

export function whole(group: string, value: number, help: string, extra?: Extra): Flag<number> {
  return flag(group, 'number', value, help, (given) => {
    const parsed = /^[+-]?\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
    if (Number.isNaN(parsed)) throw new FlagError('expected a whole number');
    return parsed;
  }, extra);
}

/** CSV, and every occurrence adds to those before it. */
export function list(group: string, help: string, extra?: Extra): Flag<readonly string[]> {
  return flag<readonly string[]>(group, 'list', [], help, (given, before, first) => {
    const items = parseCsv(given);
    if (!first && before.length + items.length > LONGEST_LIST) throw new FlagError(`expected at most ${LONGEST_LIST} items`);
    return first ? items : [...before, ...items];
  }, extra);
}

const LONGEST_LIST = 10_000;

/** In milliseconds. */
export function duration(group: string, value: number, help: string, extra?: Extra): Flag<number> {
  return flag(group, 'duration', value, help, (given) => {
    try {
      return parseDurationMs(given);
    } catch (cause) {
      if (cause instanceof InvalidDuration) throw new FlagError(`expected a duration such as 5s or 1m30s: ${cause.message}`);
      throw cause;
    }
  }, extra);
}

export function choice<const Word extends string>(group: string, words: readonly Word[], value: Word, help: string, extra?: Extra): Flag<Word> {
  return flag<Word>(group, words.join('|'), value, help, (given) => {
    const word = words.find((one) => one === given);
    if (word === undefined) throw new FlagError(`expected one of ${words.join(', ')}`);
    return word;
  }, extra);
}

/** One line of CSV as Go reads it: fields may be quoted, a quote inside is doubled. */
export function parseCsv(line: string): string[] {
  if (line === '') return [];
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (let more = true; more;) {
    const match = field.exec(line);
    if (match === null) throw new FlagError('expected comma-separated values, a quoted one closed by its quote');
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    more = match[3] === ',';
  }
  return fields;
}

/** A flag of whatever value. */
export type AnyFlag = Omit<Flag<unknown>, 'parse'> & { readonly parse: (text: string, before: never, first: boolean) => unknown };
/** Flags by name, in the order of the usage. */
export type FlagTable = Readonly<Record<string, AnyFlag>>;
export type FlagValuesOf<Table> = { readonly [Name in keyof Table]: Table[Name] extends { readonly value: infer Value } ? Value : never };
