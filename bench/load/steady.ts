// A steady load on all operations at once, over one client as an application has one, in which every call is told of: when it was
// due, when it ended and how. It is an open loop that goes on whatever becomes of the sidecar.
import { hearDeliveries, stamp } from '../deliveries.ts';
import type { Operation, Protocol } from '../modes/names.ts';
import { nowMs } from './clock.ts';
import type { Request } from './client.ts';
import { openClient } from './open-client.ts';
import { openLoop } from './pace.ts';
import { turnsOf, type Turn } from './turns.ts';

export interface SteadySpec {
  readonly protocol: Protocol;
  readonly port: number;
  readonly reportPort: number;
  readonly topic: string;
  readonly operations: readonly Operation[];
  readonly bytes: number;
  /** Of each operation, evenly. */
  readonly perSecond: number;
  /** When the first call is due at the earliest, on the clock of load/clock.ts: clients and requests are ready by then. */
  readonly startMs: number;
  readonly runMs: number;
}

export interface SteadyReport {
  /** Four numbers a call: the operation's index, when it was due, when it ended, 1 if it failed. Times on the clock of load/clock.ts. */
  readonly calls: readonly number[];
  /** Messages that were taken and did not arrive. */
  readonly messagesLost: number;
  readonly firstErrors: readonly string[];
}

const TURNS = 512;
const HTTP_CONNECTIONS = 64;
/** After the run: what is under way may end. Longer than calls are held for their block. */
const SETTLE_MS = 6_000;
const POLL_MS = 5;
const MOST_ERRORS = 5;

async function run(spec: SteadySpec): Promise<SteadyReport> {
  const { operations, perSecond, startMs, runMs, reportPort, protocol, port } = spec;
  const client = await openClient(protocol, { port, inFlight: HTTP_CONNECTIONS });
  const free = operations.map((operation) => turnsOf({ ...spec, operation, count: TURNS, strict: false }));
  const delivery = operations.indexOf('deliver');
  const calls: number[] = [];
  const firstErrors = new Set<string>();
  let taken = 0;
  let arrived = 0;
  let open = 0;
  const endReports = await hearDeliveries(reportPort, (ageUs) => {
    const now = nowMs();
    arrived++;
    calls.push(delivery, now - ageUs / 1000, now, 0);
  });
  const ended = (index: number, dueMs: number, turn: Turn, fault: string | undefined): void => {
    free[index]?.push(turn);
    open--;
    if (fault !== undefined) {
      if (firstErrors.size < MOST_ERRORS) firstErrors.add(`${operations[index]}: ${fault}`);
      calls.push(index, dueMs, nowMs(), 1);
    } else if (index === delivery) taken++;
    else calls.push(index, dueMs, nowMs(), 0);
  };
  const step = (index: number, dueMs: number, turn: Turn, at: number): void => {
    const request = turn[at] as Request;
    if (request.stampAt >= 0) stamp(request.bytes, request.stampAt, dueMs * 1000);
    client.call(request, (fault) => (fault === undefined && at + 1 < turn.length ? step(index, dueMs, turn, at + 1) : ended(index, dueMs, turn, fault)));
  };
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, startMs - nowMs())));
  const arrivals = operations.map(() => ({ perSecond, spacing: 'even' as const, seed: 0 }));
  const pace = openLoop(arrivals, (index, dueMs) => {
    const turn = free[index]?.pop();
    if (turn === undefined) calls.push(index, dueMs, nowMs(), 1); // so many are open that nobody would wait for this one
    else {
      open++;
      step(index, dueMs, turn, 0);
    }
  }, () => client.flush());
  await new Promise((resolve) => setTimeout(resolve, runMs));
  pace.stop();
  const giveUp = nowMs() + SETTLE_MS;
  while ((open > 0 || arrived < taken) && nowMs() < giveUp) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  endReports();
  client.close();
  return { calls, messagesLost: Math.max(0, taken - arrived), firstErrors: [...firstErrors] };
}

process.on('disconnect', () => process.exit());
process.on('message', (spec: SteadySpec) => {
  void run(spec).then((report) => process.send?.(report));
});
