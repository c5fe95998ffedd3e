// The program where it says something and ends by itself: a probe, a start that is refused.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { within } from './awaiting.ts';
import { watch } from './watchdog.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const END_MS = 30_000;

export interface ProgramEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @throws Error when it does not end, and is ended then */
export async function runProgram(...words: readonly string[]): Promise<ProgramEnd> {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], XDG_CACHE_HOME: join(ROOT, 'node_modules', '.cache') };
  const child = spawn(process.execPath, [join(ROOT, 'kernel', 'main.js'), ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const release = watch(child.pid ?? 0);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString(); });
  child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString(); });
  try {
    const [code] = (await within(END_MS, `bulkhead ${words.join(' ')} has ended`, once(child, 'close'))) as [number | null];
    return { code, stdout, stderr };
  } finally {
    child.kill('SIGKILL');
    release();
  }
}
