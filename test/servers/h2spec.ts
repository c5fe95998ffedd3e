// h2spec, the conformance suite of HTTP/2 servers: built once with Go into the cache folder, while other tests run.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { TEST_CACHE } from './cache.ts';
import type { Availability } from './install.ts';

const run = promisify(execFile);

/** The newest that the Go module proxy offers. */
const VERSION = '2.2.1';
const PROGRAM = 'github.com/summerwind/h2spec/cmd/h2spec';
const CACHE = TEST_CACHE;
const LOCK = join(CACHE, 'h2spec-lock');
const INSTALL_MS = 400_000;
const LOOK_MS = 250;

/** Where the program is, or will be: there all at once or not at all. */
export const H2SPEC = join(CACHE, `h2spec-${VERSION}`);

/**
 * Builds it where it is not there yet; of several callers, whatever their process, one does, and the others wait for it. With
 * nothing built before, that takes a minute of somebody else's processor: it runs at a low priority. `BULKHEAD_TEST_INSTALL=0`
 * forbids it.
 * @param signal ends the building
 */
export async function installH2spec(signal?: AbortSignal): Promise<Availability> {
  const missing = (why: string): Availability => ({ available: false, reason: `h2spec ${VERSION} is not there and ${why}` });
  const until = performance.now() + INSTALL_MS;
  for (;;) {
    if (existsSync(H2SPEC)) return { available: true };
    if (process.env['BULKHEAD_TEST_INSTALL'] === '0') return missing('BULKHEAD_TEST_INSTALL=0 forbids building it');
    if (performance.now() > until) return missing('somebody else has been building it for too long');
    if (locked()) break;
    await sleep(LOOK_MS);
  }
  try {
    if (!existsSync(H2SPEC)) await build(signal);
    return { available: true };
  } catch (cause) {
    const { code, stderr, message } = cause as { readonly code?: unknown; readonly stderr?: string; readonly message: string };
    if (code === 'ENOENT') return missing('there is no go to build it with; install Go (Debian: apt-get install golang-go) and run the tests again');
    return missing(`go failed: ${(stderr || message).trim().split('\n').at(-1)}`);
  } finally {
    rmSync(LOCK, { force: true });
  }
}

/** Makes the lock ours, unless its owner still lives. */
function locked(): boolean {
  mkdirSync(CACHE, { recursive: true });
  try {
    writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    if (!isAlive(ownerOfLock())) rmSync(LOCK, { force: true });
    return false;
  }
}

/** 0: it is being written, or gone by now. */
function ownerOfLock(): number {
  try {
    return Number(readFileSync(LOCK, 'utf8'));
  } catch {
    return 0;
  }
}

function isAlive(pid: number): boolean {
  if (pid === 0) return true;
  try {
    return process.kill(pid, 0);
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function build(signal: AbortSignal | undefined): Promise<void> {
  process.stdout.write(`tests: building h2spec ${VERSION} (once, with go, in the background) ...\n`);
  const folder = mkdtempSync(join(CACHE, 'building-'));
  try {
    writeFileSync(join(folder, 'go.mod'), MODULE);
    await run('go', ['version'], { timeout: 20_000, signal }); // says ENOENT where there is none, which `nice` would not
    await run('nice', ['-n', '10', 'go', 'build', '-mod=mod', '-o', 'h2spec', PROGRAM], { cwd: folder, timeout: INSTALL_MS, signal, maxBuffer: 16 * 1024 * 1024 });
    renameSync(join(folder, 'h2spec'), H2SPEC);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** It says nothing of what it needs itself. The versions here are some that it works with. */
const MODULE = `module bulkhead.test/h2spec

go 1.21

require (
	github.com/summerwind/h2spec v${VERSION}+incompatible
	github.com/fatih/color v1.19.0
	github.com/spf13/cobra v1.10.2
	golang.org/x/net v0.62.0
)
`;
