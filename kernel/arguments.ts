// Reads a command line in the manner of pflag, which daprd uses: `--name=value`, `--name value`, bare switches, one dash
// or two. Node's parser splits it into tokens; what each value means is its flag's row. Each command has a table of its own.
import { parseArgs } from 'node:util';
import { FlagError, type AnyFlag, type FlagTable, type FlagValuesOf } from './flag.ts';
import { FLAGS, type FlagName, type FlagValues } from './flags.ts';
import { nearest } from './suggest.ts';

export interface Arguments {
  /** The first word, when it is not a flag; otherwise `''`. */
  readonly command: string;
  readonly values: FlagValues;
  /** Flags that were given, whatever their value. */
  readonly given: ReadonlySet<FlagName>;
}

export interface FlagsRead<Table> {
  readonly values: FlagValuesOf<Table>;
  readonly given: ReadonlySet<keyof Table & string>;
}

/** The command line can't be read: usage, exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The sidecar's. @throws UsageError */
export function readArguments(argv: readonly string[]): Arguments {
  const command = argv[0]?.startsWith('-') === false ? argv[0] : undefined;
  return { command: command ?? '', ...readFlags(FLAGS, command === undefined ? argv : argv.slice(1)) };
}

/** Words that are all to be flags of this table, or their values. @throws UsageError */
export function readFlags<Table extends FlagTable>(table: Table, words: readonly string[]): FlagsRead<Table> {
  const values: Record<string, unknown> = Object.fromEntries(Object.entries(table).map(([name, flag]) => [name, flag.value]));
  const given = new Set<string>();
  const rowOf = (name: string): AnyFlag | undefined => (Object.hasOwn(table, name) ? table[name] : undefined);
  // Node's parser would take `-app-id` for six short flags.
  const { tokens } = parseArgs({ args: words.map((word) => (rowOf(nameIn(word, '-')) === undefined ? word : `-${word}`)), options: optionsOf(table), strict: false, tokens: true });
  for (const token of tokens) {
    const word = words[token.index] as string;
    if (token.kind !== 'option') throw unexpected(word, rowOf([...given].at(-1) ?? '')?.noun === '' ? [...given].at(-1) : undefined);
    const name = token.name === 'h' ? 'help' : token.name;
    const flag = rowOf(name);
    if (flag === undefined) throw unknown(table, word.startsWith('--') ? '--' : '-', nameIn(word, word.startsWith('--') ? '--' : '-'));
    const text = token.inlineValue === false ? words[token.index + 1] : (token.value ?? (flag.noun === '' ? 'true' : undefined));
    if (text === undefined) throw new UsageError(`flag needs an argument: --${name}`);
    try {
      values[name] = (flag.parse as ParseAny)(text, values[name], !given.has(name));
    } catch (cause) {
      if (cause instanceof FlagError) throw new UsageError(`invalid argument ${shown(text)} for "--${name}" flag: ${cause.message}`);
      throw cause;
    }
    given.add(name);
  }
  return { values: values as FlagValuesOf<Table>, given: given as Set<keyof Table & string> }; // built from the table by each row's own parse
}

/** Which flags take a value, for Node's parser. */
function optionsOf(table: FlagTable) {
  const isSwitch = [...Object.entries(table).map(([name, { noun }]) => [name, noun === ''] as const), ['h', true] as const];
  return Object.fromEntries(isSwitch.map(([name, bare]) => [name, { type: bare ? 'boolean' : 'string', multiple: true } as const]));
}

/** The flag's name in a word that begins with these dashes; `''` in any other. */
function nameIn(word: string, dashes: '-' | '--'): string {
  if (!word.startsWith(dashes) || word.startsWith(`${dashes}-`)) return '';
  return word.slice(dashes.length).split('=', 1)[0] ?? '';
}

/** A row's `parse` takes and makes values of the row's own type; here the rows are walked over without it. */
type ParseAny = (text: string, before: unknown, first: boolean) => unknown;

function unknown(table: FlagTable, dashes: string, name: string): UsageError {
  const near = nearest(name, Object.entries(table).flatMap(([known, { hidden }]) => (hidden ? [] : [known])));
  return new UsageError(`unknown flag: ${dashes}${shown(name, '')}${near === undefined ? '' : `; did you mean --${near}?`}`);
}

/** @param before the switch that was given last, where that is what was given last. */
function unexpected(word: string, before: string | undefined): UsageError {
  const advice = before === undefined ? '' : `; the value of a switch needs an equals sign: --${before}=${shown(word, '')}`;
  return new UsageError(`unexpected argument ${shown(word)}${advice}`);
}

/** A word of the command line inside a message: one line, and not all of a megabyte. */
export function shown(word: string, quote: '"' | '' = '"'): string {
  const cut = word.length > 200 ? `${word.slice(0, 200)}…` : word;
  const safe = JSON.stringify(cut);
  return quote === '' ? safe.slice(1, -1) : safe;
}
