// The flags that benchmarks under load share, and the notes that say how a result came to be.
import { basename, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Form } from './place.ts';
import type { Rounds } from './rounds.ts';
import type { Row } from './table.ts';

export interface Options extends Rounds {
  readonly form: Form;
  /** Size of the value in a state call. */
  readonly bytes: number;
  /** Folder of another checkout to compare this one with. */
  readonly against: string | undefined;
  /** Whether rows with Redis are wanted. */
  readonly redis: boolean;
  /** Whether rows with Kafka are wanted, where there are any. */
  readonly kafka: boolean;
  readonly quick: boolean;
  /** Servers whose name has one of these words in it, where a benchmark has many; none: all. */
  readonly only: readonly string[];
}

/** @param usual what a full run does where no flag says otherwise */
export function readOptions(usual: Rounds = { rounds: 7, windowMs: 1_000, warmMs: 250, compileMs: 2_500 }): Options {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      ms: { type: 'string' },
      bytes: { type: 'string', default: '200' },
      against: { type: 'string' },
      built: { type: 'boolean', default: false },
      'no-redis': { type: 'boolean', default: false },
      'no-kafka': { type: 'boolean', default: false },
      only: { type: 'string' },
    },
  });
  const { quick } = values;
  return {
    quick,
    rounds: Number(values.rounds ?? (quick ? 3 : usual.rounds)),
    windowMs: Number(values.ms ?? (quick ? 300 : usual.windowMs)),
    warmMs: quick ? 100 : usual.warmMs,
    compileMs: quick ? 700 : usual.compileMs,
    form: values.built ? 'built' : 'checkout',
    bytes: Number(values.bytes),
    against: values.against === undefined ? undefined : resolve(values.against),
    redis: !values['no-redis'],
    kafka: !values['no-kafka'],
    only: values.only?.split('+') ?? [],
  };
}

/** For the result's file. */
export const notesOf = (options: object): Row => ({ command: commandLine(), ...options });

/** As it can be typed again in the checkout. */
export const commandLine = (): string => ['node', `bench/${basename(process.argv[1] ?? '')}`, ...process.argv.slice(2)].join(' ');

export const describe = ({ rounds, warmMs, windowMs, bytes, form }: Options): string =>
  `${rounds} interleaved rounds of ${windowMs} ms after ${warmMs} ms of warm-up, medians; values of ${bytes} bytes; sidecar: ${form}.\n` +
  "CPU us: the server's processor time per call, all its processes. x first: ratio to the group's first row. +-%: half the range of the rounds.\n" +
  'switches: context switches of the server per call. load %: what the generator used of a core; it shares the machine with the server. PSS: kernel and blocks, after the load.';
