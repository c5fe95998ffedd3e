// What the figures were measured on: machine, versions, and which commit of the code.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
  readonly v8: string;
  readonly openssl: string;
  readonly bulkhead: string;
  /** Undefined outside a git checkout. `-dirty`: with changes that are in no commit. */
  readonly commit: string | undefined;
}

const CHECKOUT = join(import.meta.dirname, '..', '..');

export function machineOf(): Machine {
  const { version } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as { readonly version: string };
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length, memoryGib: Math.round(totalmem() / 2 ** 30), kernel: `Linux ${release()}`,
    node: process.version, v8: process.versions.v8, openssl: process.versions.openssl, bulkhead: version, commit: commitOf(),
  };
}

function commitOf(): string | undefined {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=10', '--exclude=*'], { cwd: CHECKOUT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

export const machineText = ({ cpu, cores, memoryGib, kernel, node, commit }: Machine): string =>
  `${cores} x ${cpu}, ${memoryGib} GiB, ${kernel}, Node ${node}${commit === undefined ? '' : `, commit ${commit}`}`;
