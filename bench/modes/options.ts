// The flags of the comparison, and how long it does what.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Form } from '../place.ts';
import { MODES, OPERATIONS, PROTOCOLS, SIZES, sizeName, type Mode, type Operation, type Protocol } from './names.ts';

/** `starts`: time to ready, memory at rest. `work`: calls. `kills`: what a killed block costs. */
export const PARTS = ['starts', 'work', 'kills'] as const;
export type Part = (typeof PARTS)[number];

export interface Times {
  /** Before the first window of a mode: until everything is compiled. */
  readonly compileMs: number;
  /** Before each window, on the same connections. */
  readonly warmMs: number;
  readonly saturationMs: number;
  readonly pacedMs: number;
  /** From ready until memory is looked at. */
  readonly restMs: number;
  /** From the load's begin to the kill, and from there to the end. */
  readonly calmMs: number;
  readonly afterKillMs: number;
}

export interface Options {
  readonly parts: readonly Part[];
  readonly modes: readonly Mode[];
  readonly operations: readonly Operation[];
  readonly sizes: readonly number[];
  readonly rounds: number;
  readonly protocol: Protocol;
  readonly redis: boolean;
  /** Of what the slowest mode can do: the rate that all modes are asked at. */
  readonly share: number;
  readonly form: Form;
  readonly quick: boolean;
  /** Where the results go. */
  readonly folder: string;
  readonly resume: boolean;
  readonly times: Times;
}

const FULL: Times = { compileMs: 500, warmMs: 150, saturationMs: 400, pacedMs: 600, restMs: 700, calmMs: 1_000, afterKillMs: 2_200 };
const QUICK: Times = { compileMs: 200, warmMs: 60, saturationMs: 120, pacedMs: 200, restMs: 100, calmMs: 300, afterKillMs: 1_200 };
const LEAST_ROUNDS = 5;
const LARGEST_SIZE = 900 * 1024;

const RESULTS = resolve(import.meta.dirname, '..', 'results');

/** @throws Error that says which value is not one, and what may stand there */
export function readOptions(words: readonly string[], temporary: () => string): Options {
  const { values } = parseArgs({
    args: [...words],
    options: {
      'parts': { type: 'string' }, 'modes': { type: 'string' }, 'operations': { type: 'string' }, 'sizes': { type: 'string' }, 'rounds': { type: 'string' },
      'protocol': { type: 'string', default: 'grpc' }, 'redis': { type: 'boolean', default: false }, 'share': { type: 'string', default: '0.4' }, 'built': { type: 'boolean', default: false },
      'quick': { type: 'boolean', default: false }, 'to': { type: 'string' }, 'resume': { type: 'boolean', default: false },
    },
  });
  const { quick } = values;
  const rounds = numberFrom('--rounds', values.rounds ?? String(quick ? 1 : LEAST_ROUNDS), 1, 1_000);
  // A part of the comparison is no result to be shown, and doesn't take the place of one.
  const isWhole = !quick && rounds >= LEAST_ROUNDS && [values.parts, values.modes, values.operations, values.sizes].every((value) => value === undefined) && values.protocol === 'grpc' && !values.redis;
  return {
    parts: wordsFrom('--parts', values.parts, PARTS),
    modes: wordsFrom('--modes', values.modes, MODES),
    operations: wordsFrom('--operations', values.operations, OPERATIONS),
    sizes: values.sizes === undefined ? (quick ? [100, 262_144] : SIZES) : values.sizes.split(',').map((size) => numberFrom('--sizes', size, 64, LARGEST_SIZE)),
    rounds,
    protocol: wordsFrom('--protocol', values.protocol, PROTOCOLS)[0] as Protocol,
    redis: values.redis,
    share: numberFrom('--share', values.share, 0.01, 1),
    form: values.built ? 'built' : 'checkout',
    quick,
    folder: values.to !== undefined ? resolve(values.to) : isWhole ? RESULTS : temporary(),
    resume: values.resume,
    times: quick ? QUICK : FULL,
  };
}

function wordsFrom<Word extends string>(flag: string, value: string | undefined, all: readonly Word[]): readonly Word[] {
  if (value === undefined) return all;
  const given = value.split(',').map((word) => word.trim());
  const wrong = given.find((word) => !all.some((one) => one === word));
  if (wrong !== undefined) throw new Error(`${flag} ${value}: "${wrong}" is none of ${all.join(', ')}`);
  return all.filter((word) => given.includes(word));
}

function numberFrom(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most)) throw new Error(`${flag} ${text}: a number from ${least} to ${most} is wanted`);
  return value;
}

export const describe = ({ rounds, protocol, redis, share, sizes, times: { warmMs, saturationMs, pacedMs } }: Options): string =>
  `${protocol === 'grpc' ? 'gRPC' : 'HTTP'}, components ${redis ? 'on Redis' : 'in memory'}, ${rounds} interleaved rounds; windows of ${saturationMs} ms (saturation) and ${pacedMs} ms (fixed rate: ` +
  `${Math.round(share * 100)} % of what the slowest mode can do) after ${warmMs} ms of warm-up; sizes ${sizes.map(sizeName).join(', ')}`;
