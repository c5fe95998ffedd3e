// Makes gateways, and the kernel's main thread, fail on demand, without a line of their own code: `node --import
// gateway-faults.ts?folder=/tmp/x kernel/main.js`. A file in the folder names the thread that is to fail, and says how. Every thread and
// process of the sidecar loads this; blocks have other names.
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, threadName } from 'node:worker_threads';

/** `throw`: an error that nobody catches. `loop`: for ever. `busy`: nothing else is done for three and a half seconds. */
export type GatewayFault = 'throw' | 'loop' | 'busy';

const LOOK_MS = 20;
const BUSY_MS = 3_500;

/** For Node's command line. @param folder where orders are left; it exists */
export function faultArgs(folder: string): string[] {
  return ['--import', `${new URL(import.meta.url).href}?folder=${encodeURIComponent(folder)}`];
}

/** @param thread `gateway-0`, or `supervisor` */
export function orderFault(folder: string, thread: string, fault: GatewayFault): void {
  writeFileSync(join(folder, thread), fault);
}

function fail(fault: GatewayFault): void {
  if (fault === 'throw') throw new Error('an injected error that nobody catches');
  if (fault === 'busy') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_MS);
  else for (;;);
}

function look(path: string): void {
  let fault: string;
  try {
    fault = readFileSync(path, 'utf8');
  } catch {
    return; // nothing is ordered
  }
  if (fault === '') return; // it is being written
  unlinkSync(path);
  fail(fault as GatewayFault);
}

const folder = new URL(import.meta.url).searchParams.get('folder');
const isKernel = process.argv[1] === fileURLToPath(new URL('../../kernel/main.js', import.meta.url));
const name = isMainThread ? (isKernel ? 'supervisor' : '') : threadName;
if (folder !== null && name !== '' && name !== null) setInterval(() => look(join(folder, name)), LOOK_MS).unref();
