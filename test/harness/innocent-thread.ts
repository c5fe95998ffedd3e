// The thread of innocent.ts.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { RawH2 } from './h2-raw.ts';
import { residentBytesOf } from './processes.ts';
import type { InnocentData, InnocentOrder, Toll } from './innocent.ts';

const { port, pid, store } = workerData as InnocentData;
const PAUSE_MS = 2;
const MI = 2 ** 20;
/** Of the clock that /proc counts in (USER_HZ). */
const TICK_MS = 10;

let [calls, slowestMs, starvedMs] = [0, 0, 0];
let errors: string[] = [];
let [ticksBefore, residentBefore, residentHighest] = [0, 0, 0];
const orders: InnocentOrder[] = [];

/** Of all threads, those included that have ended. */
function ticks(): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

function look(): void {
  residentHighest = Math.max(residentHighest, residentBytesOf(pid));
}

/** Both orders end one report and begin the next. */
function report(): void {
  look();
  parentPort?.postMessage({ calls, slowestMs, errors, starvedMs, cpuMs: (ticks() - ticksBefore) * TICK_MS, grownMiB: (residentHighest - residentBefore) / MI } satisfies Toll);
  [calls, slowestMs, starvedMs] = [0, 0, 0];
  errors = [];
  ticksBefore = ticks();
  residentBefore = residentHighest = residentBytesOf(pid);
}

parentPort?.on('message', (order: InnocentOrder) => orders.push(order));

let connection: RawH2 | undefined;
for (;;) { // until it is terminated
  // Taken before the call: it then lies within the time that is reported.
  const due = orders.splice(0);
  const began = performance.now();
  try {
    connection ??= await RawH2.to(port, { checks: false });
    const { fields, reset } = await connection.reply(connection.getState(store, 'innocent'));
    const status = fields.get('grpc-status');
    if (status !== '0') errors.push(reset === undefined ? `status ${status}: ${fields.get('grpc-message')}` : `reset with ${reset}`);
    connection.forget();
  } catch (cause) {
    errors.push((cause as Error).message);
    connection = undefined;
  }
  calls++;
  slowestMs = Math.max(slowestMs, performance.now() - began);
  look();
  due.forEach(report);
  const asleep = performance.now();
  await sleep(PAUSE_MS);
  starvedMs = Math.max(starvedMs, performance.now() - asleep - PAUSE_MS);
}
