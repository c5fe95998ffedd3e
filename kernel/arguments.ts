// Reads a command line in the manner of pflag, which daprd uses: `--name=value`, `--name value`, bare switches, one dash
// or two. Node's parser splits it into tokens; what each value means is its flag's row.
import { parseArgs } from 'node:util';
import { FLAGS, FlagError, type FlagName, type FlagValues } from './flags.ts';
import { nearest } from './suggest.ts';

export interface Arguments {
  /** The first word, when it is not a flag; otherwise `''`. */
  readonly command: string;
  readonly values: FlagValues;
  /** Flags that were given, whatever their value. */
  readonly given: ReadonlySet<FlagName>;
}

/** The command line can't be read: usage, exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** @throws UsageError */
export function readArguments(argv: readonly string[]): Arguments {
  const values: Record<string, unknown> = Object.fromEntries(Object.entries(FLAGS).map(([name, flag]) => [name, flag.value]));
  const given = new Set<FlagName>();
  const command = argv[0]?.startsWith('-') === false ? argv[0] : undefined;
  const words = command === undefined ? argv : argv.slice(1);
  // Node's parser would take `-app-id` for six short flags.
  const { tokens } = parseArgs({ args: words.map((word) => (isFlag(nameIn(word, '-')) ? `-${word}` : word)), options: OPTIONS, strict: false, tokens: true });
  for (const token of tokens) {
    const word = words[token.index] as string;
    if (token.kind !== 'option') throw unexpected(word, [...given].at(-1));
    const name = token.name === 'h' ? 'help' : token.name;
    if (!isFlag(name)) throw unknown(word.startsWith('--') ? '--' : '-', nameIn(word, word.startsWith('--') ? '--' : '-'));
    const text = token.inlineValue === false ? words[token.index + 1] : (token.value ?? (FLAGS[name].noun === '' ? 'true' : undefined));
    if (text === undefined) throw new UsageError(`flag needs an argument: --${name}`);
    try {
      values[name] = (FLAGS[name].parse as ParseAny)(text, values[name], !given.has(name));
    } catch (cause) {
      if (cause instanceof FlagError) throw new UsageError(`invalid argument ${shown(text)} for "--${name}" flag: ${cause.message}`);
      throw cause;
    }
    given.add(name);
  }
  return { command: command ?? '', values: values as FlagValues, given }; // built from FLAGS by each row's own parse
}

/** Which flags take a value, for Node's parser. */
const OPTIONS = Object.fromEntries([...Object.entries(FLAGS).map(([name, { noun }]) => [name, noun === ''] as const), ['h', true] as const].map(([name, isSwitch]) => [name, { type: isSwitch ? 'boolean' : 'string', multiple: true } as const]));

/** The flag's name in a word that begins with these dashes; `''` in any other. */
function nameIn(word: string, dashes: '-' | '--'): string {
  if (!word.startsWith(dashes) || word.startsWith(`${dashes}-`)) return '';
  return word.slice(dashes.length).split('=', 1)[0] ?? '';
}

/** A row's `parse` takes and makes values of the row's own type; here the rows are walked over without it. */
type ParseAny = (text: string, before: unknown, first: boolean) => unknown;

function isFlag(name: string): name is FlagName {
  return Object.hasOwn(FLAGS, name);
}

function unknown(dashes: string, name: string): UsageError {
  const near = nearest(name, Object.entries(FLAGS).flatMap(([known, { hidden }]) => (hidden ? [] : [known])));
  return new UsageError(`unknown flag: ${dashes}${shown(name, '')}${near === undefined ? '' : `; did you mean --${near}?`}`);
}

function unexpected(word: string, before: FlagName | undefined): UsageError {
  const afterSwitch = before !== undefined && FLAGS[before].noun === '';
  const advice = afterSwitch ? `; the value of a switch needs an equals sign: --${before}=${shown(word, '')}` : '';
  return new UsageError(`unexpected argument ${shown(word)}${advice}`);
}

/** A word of the command line inside a message: one line, and not all of a megabyte. */
export function shown(word: string, quote: '"' | '' = '"'): string {
  const cut = word.length > 200 ? `${word.slice(0, 200)}…` : word;
  const safe = JSON.stringify(cut);
  return quote === '' ? safe.slice(1, -1) : safe;
}
