// The results as files: figures, table, plot.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from './machine.ts';
import { machineText } from './machine.ts';
import { markdownOf } from './markdown.ts';
import { plotOf } from './plot.ts';
import type { Summary } from './summary.ts';
import { textOf } from './tables.ts';

/** The content of modes.json. */
export interface Results extends Summary {
  readonly at: string;
  readonly machine: Machine;
  readonly command: string;
  /** In a sentence, and as settings. */
  readonly how: string;
  readonly method: readonly string[];
  readonly settings: object;
}

/** What else is to be known to read the figures; bench/README.md says more. */
export const METHOD: readonly string[] = [
  'The modes run side by side, and one at a time is asked: in each round every operation and size is measured in all modes, one after the other, another mode first in each round.',
  'Load comes from a process of its own over one gRPC connection (over HTTP: one for each call in flight); it shares the cores with the sidecar, so throughput is what the machine had left, and CPU per call is the figure to trust.',
  'Messages are delivered to an application process over HTTP, and count when they have arrived there; its processor time is not the sidecar\'s, and is shown apart.',
  'At the fixed rate arrivals are random, the same ones for all modes, and a call\'s latency counts from when it was due.',
  'Components are in memory unless it says Redis, so that the modes differ and not the stores.',
  'Where nothing else would start again what was killed, the bench does at once: no orchestrator is quicker.',
];

export function writeResults(folder: string, results: Results): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'modes.json'), `${jsonOf(results)}\n`);
  writeFileSync(join(folder, 'modes.txt'), textFor(results));
  writeFileSync(join(folder, 'modes.svg'), plotOf(results, [`${machineText(results.machine)}; ${results.at.slice(0, 10)}`, ...results.how.split('; ')]));
}

export const textFor = (results: Results): string => textOf(results, [results.command, `${machineText(results.machine)}, ${results.at}`, results.how, ...results.method]);

export const markdownFor = (results: Results): string => markdownOf(results, [`${machineText(results.machine)}; ${results.at.slice(0, 10)}. ${results.how}.`]);

export const readResults = (file: string): Results => JSON.parse(readFileSync(file, 'utf8')) as Results;

/** Lists of numbers on one line each: they are many. */
const jsonOf = (results: Results): string => JSON.stringify(results, undefined, 1).replaceAll(/\[\n\s+([-\d.e,\s]+?)\n\s+\]/g, (_, numbers: string) => `[${numbers.replaceAll(/\s+/g, ' ')}]`);
