// Makes dist/, which is what the package holds: JavaScript and declarations of the shipped folders. No source maps: types
// are erased where they stand, so a line of a stack trace is the line of the .js file, which is there to read.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const ENTRY = 'kernel/main.js';

/** Compiles elsewhere and takes dist's place at the end: a failed build leaves the last good one. @param flags for the compiler, beside its file's */
export function build(dist = join(root, 'dist'), flags: readonly string[] = []): void {
  const fresh = mkdtempSync(join(tmpdir(), 'bulkhead-build-'));
  try {
    const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
    execFileSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--outDir', fresh, ...flags], { cwd: root, stdio: 'inherit' });
    const entry = join(fresh, ENTRY);
    if (!readFileSync(entry, 'utf8').startsWith('#!/usr/bin/env node\n')) throw new Error(`${ENTRY} has lost its first line`);
    chmodSync(entry, 0o755);
    rmSync(dist, { recursive: true, force: true });
    cpSync(fresh, dist, { recursive: true });
    chmodSync(dist, 0o755); // the temporary folder was ours alone
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

if (import.meta.main) build();
