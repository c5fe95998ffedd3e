// How slow this machine is right now: bounds on time are stretched by it, so that a busy machine fails no test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** What a bare Node takes from spawn to exit where nothing else runs. Milliseconds, generously. */
const BARE_NODE_MS = 40;

/** 1 on an idle machine of today, more on a busy or slow one. */
export async function pace(): Promise<number> {
  const began = performance.now();
  await once(spawn(process.execPath, ['-e', ''], { stdio: 'ignore' }), 'exit');
  return Math.max(1, (performance.now() - began) / BARE_NODE_MS);
}
