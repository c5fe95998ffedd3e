// What goes into a log line: fields made flat and harmless, and the text form of daprd, which is logrus' without a
// terminal (contract: log format). Pure, and it answers for whatever it is given: a log call must not be what breaks.
import { goQuote } from './quote.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export type Scalar = string | number | boolean;
/** What a line carries beside time, level and text: harmless keys in order, values without secrets. */
export type Fields = Readonly<Record<string, Scalar>>;

/** logrus' names; only one differs from ours. */
export const LEVEL_NAMES = { debug: 'debug', info: 'info', warn: 'warning', error: 'error', fatal: 'fatal' } as const satisfies Record<LogLevel, string>;
const BARE = /^[A-Za-z0-9\-._/@^+]*$/;
/** Keys that the line has already. A field of that name gets a prefix, as in logrus. */
const TAKEN: ReadonlySet<string> = new Set(['time', 'level', 'msg']);
const SENSITIVE_KEY = /(?:token|password|passwd|secret|authorization|credentials?|connection_?string)$/i;
const REDACTED = '[redacted]';
/** A longer value is cut: peers choose the text of many errors. In UTF-16 units. */
const LONGEST_VALUE = 32_768;
/** A shorter secret is not looked for in values: it would punch holes into ordinary words. */
const SHORTEST_SECRET = 6;

/** The text form: one line that ends with a newline and has no other. */
export function textLine(time: Date, level: LogLevel, text: string, fields: Fields): string {
  let line = `time="${timestamp(time)}" level=${LEVEL_NAMES[level]} msg=${bareOrQuoted(text)}`;
  for (const key of Object.keys(fields)) line += ` ${key}=${bareOrQuoted(String(fields[key]))}`;
  return `${line}\n`;
}

/** RFC 3339 with as many digits of a second as there are: Go drops trailing zeros. */
export function timestamp(time: Date): string {
  return time.toISOString().replace(/\.?0*Z$/, 'Z');
}

function bareOrQuoted(value: string): string {
  return BARE.test(value) ? value : goQuote(value);
}

/** The fields of a line, cleaned and sorted by key. Later lists win. Values may be anything; undefined ones are left out. */
export function flatten(lists: readonly object[], clean: (text: string) => string): Fields {
  const merged = new Map<string, Scalar>();
  for (const list of lists) {
    for (const key of Object.keys(list)) {
      const value = scalar(list, key, clean);
      if (value !== undefined) merged.set(keyOf(key, clean), value);
    }
  }
  const fields = Object.create(null) as Record<string, Scalar>; // a peer's `__proto__` is a key like any other
  for (const key of [...merged.keys()].sort()) fields[key] = merged.get(key) as Scalar;
  return fields;
}

/** Keys are never quoted, so only harmless characters may be in them. */
function keyOf(key: string, clean: (text: string) => string): string {
  const safe = clean(key).slice(0, 128).replace(/[^A-Za-z0-9_.-]/g, '_');
  return TAKEN.has(safe) ? `fields.${safe}` : safe;
}

function scalar(list: object, key: string, clean: (text: string) => string): Scalar | undefined {
  try {
    const value: unknown = Reflect.get(list, key);
    if (value === undefined) return undefined;
    if (SENSITIVE_KEY.test(key) && value !== '') return REDACTED;
    switch (typeof value) {
      case 'boolean': return value;
      case 'number': return Number.isFinite(value) ? value : String(value);
      case 'string': return clean(value);
      case 'object': return clean(value instanceof Error ? value.message : textOf(value));
      default: return clean(String(value));
    }
  } catch (cause) { // a getter or a toString of the caller's: the line matters more
    return clean(`[unprintable: ${cause instanceof Error ? cause.message : typeof cause}]`);
  }
}

function textOf(value: object | null): string {
  const json: unknown = JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? String(member) : member));
  return typeof json === 'string' ? json.replace(/^"(.*)"$/s, '$1') : String(value);
}

/** Takes secrets out of a text. @param conceal texts that must not be seen */
export function concealer(conceal: readonly string[]): (text: string) => string {
  const needles = conceal
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)])
    .sort((a, b) => b.length - a.length); // a secret may be a part of another
  return (text) => {
    let cleaned = text;
    for (const needle of needles) if (cleaned.includes(needle)) cleaned = cleaned.replaceAll(needle, REDACTED);
    return cleaned;
  };
}

/**
 * Takes secrets out of a text and cuts it. The cut comes last: half a secret is one, too.
 * @param conceal texts that must not appear in any line, such as the API tokens.
 */
export function cleaner(conceal: readonly string[]): (text: string) => string {
  const concealed = concealer(conceal);
  return (text) => {
    const cleaned = concealed(String(text));
    return cleaned.length <= LONGEST_VALUE ? cleaned : `${cleaned.slice(0, LONGEST_VALUE)}… (${cleaned.length - LONGEST_VALUE} more characters)`;
  };
}
