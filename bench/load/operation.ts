// One operation through a sidecar, in a closed loop or in an open one: what the modes are compared by. It works over gRPC and over
// HTTP, and a message that is published counts when it has arrived at the application.
import { hearDeliveries, stamp } from '../deliveries.ts';
import type { Client, Request } from './client.ts';
import type { Arrivals } from './arrivals.ts';
import { nowMs } from './clock.ts';
import { openClient } from './open-client.ts';
import { closedLoop, openLoop } from './pace.ts';
import { turnsOf, type Turn, type TurnSpec } from './turns.ts';
import { serveWindows, type Load, type LoadSpec, type Recorder } from './window.ts';

export interface OperationSpec extends LoadSpec, Omit<TurnSpec, 'port' | 'count' | 'strict'> {
  /** Where the application tells what arrived; absent for what has no messages. */
  readonly reportPort?: number | undefined;
  /** For an open loop; absent: a closed one with `streams` calls in flight. */
  readonly arrivals?: Arrivals | undefined;
}

/** Turns that an open loop may have under way, and their bytes; what is due beyond waits, and its latency grows meanwhile. */
const MOST_TURNS = 1_024;
const MOST_BYTES = 32 * 1024 * 1024;
const HTTP_CONNECTIONS = 64;
/** What was due in the window has ended by then, or never will. */
const SETTLE_MS = 3_000;
const POLL_MS = 1;
const AFTER_ERROR_MS = 2;

type Ended = (() => void) | undefined;

class Operation {
  readonly #recorder: Recorder;
  readonly #client: Client;
  readonly #free: Turn[];
  /** Calls that are due and have no turn. */
  readonly #due: { readonly dueMs: number; readonly ended: Ended }[] = [];
  readonly #isDelivery: boolean;
  /** Of a closed loop of deliveries: those who wait for a message to arrive. */
  readonly #waiting: (() => void)[] = [];
  #isOpen = false;
  #inFlight = 0;
  /** Messages that were taken and have not arrived. */
  #underWay = 0;
  stop = (): void => {};
  endReports = (): void => {};

  constructor(spec: OperationSpec, client: Client, recorder: Recorder) {
    this.#recorder = recorder;
    this.#client = client;
    this.#isDelivery = spec.operation === 'deliver';
    this.#free = turnsOf({ ...spec, count: spec.arrivals === undefined ? 2 * spec.streams : Math.min(MOST_TURNS, Math.ceil(MOST_BYTES / (spec.bytes ?? 1))), strict: true });
  }

  /** A call that is due. */
  start(dueMs: number, ended: Ended): void {
    const turn = this.#free.pop();
    if (turn === undefined) this.#due.push({ dueMs, ended });
    else this.#begin(turn, dueMs, ended);
  }

  flush(): void {
    this.#client.flush();
  }

  /** A message has arrived. */
  delivered(ageUs: number): void {
    this.#underWay--;
    this.#count(nowMs() - ageUs / 1000, ageUs / 1000);
    this.#waiting.shift()?.();
    this.#client.flush();
  }

  async settle(): Promise<void> {
    this.stop();
    const giveUp = nowMs() + SETTLE_MS;
    while (this.#inFlight > 0 || this.#underWay > 0 || this.#due.length > 0) {
      if (nowMs() > giveUp) {
        this.#recorder.failed(`${this.#inFlight + this.#due.length} calls and ${this.#underWay} messages did not end within ${SETTLE_MS} ms`);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  close(): void {
    this.stop();
    this.endReports();
    this.#client.close();
  }

  #begin(turn: Turn, dueMs: number, ended: Ended): void {
    this.#inFlight++;
    this.#step(turn, 0, dueMs, ended);
  }

  #step(turn: Turn, at: number, dueMs: number, ended: Ended): void {
    const request = turn[at] as Request;
    if (request.stampAt >= 0) stamp(request.bytes, request.stampAt, dueMs * 1000);
    if (this.#isDelivery) {
      this.#underWay++; // it may arrive before the answer does
      if (ended !== undefined) this.#waiting.push(ended);
    }
    this.#client.call(request, (fault) => {
      if (fault === undefined && at + 1 < turn.length) return this.#step(turn, at + 1, dueMs, ended);
      this.#inFlight--;
      this.#free.push(turn);
      if (fault !== undefined) this.#failed(fault, ended);
      else if (!this.#isDelivery) {
        this.#count(dueMs, nowMs() - dueMs);
        ended?.();
      }
      const due = this.#due.shift();
      if (due !== undefined) this.start(due.dueMs, due.ended);
    });
  }

  #failed(fault: string, ended: Ended): void {
    this.#recorder.failed(fault);
    if (this.#isDelivery) {
      this.#underWay--;
      if (ended !== undefined) this.#waiting.splice(this.#waiting.indexOf(ended), 1);
    }
    if (ended !== undefined) setTimeout(() => { ended(); this.flush(); }, AFTER_ERROR_MS); // a server that refuses at once is not to be asked without end
  }

  /** An open loop's calls belong to the window in which they were due. */
  #count(dueMs: number, tookMs: number): void {
    if (this.#isOpen && dueMs < this.#recorder.windowBeganMs) return;
    this.#recorder.answered(Math.max(0, tookMs));
  }

  run({ arrivals, streams }: OperationSpec): void {
    this.#isOpen = arrivals !== undefined;
    const pace = arrivals === undefined
      ? closedLoop(streams, (dueMs, ended) => this.start(dueMs, ended))
      : openLoop([arrivals], (_index, dueMs) => this.start(dueMs, undefined), () => this.flush());
    this.stop = () => pace.stop();
    this.flush();
  }
}

serveWindows<OperationSpec>(async (spec, recorder): Promise<Load> => {
  const { protocol, port, streams, arrivals, operation, reportPort } = spec;
  const client = await openClient(protocol, { port, inFlight: arrivals === undefined ? streams : HTTP_CONNECTIONS });
  const load = new Operation(spec, client, recorder);
  if (operation === 'deliver') {
    if (reportPort === undefined) throw new Error('deliveries need the port on which the application tells of them');
    load.endReports = await hearDeliveries(reportPort, (ageUs) => load.delivered(ageUs));
  }
  load.run(spec);
  return { close: () => load.close(), ...(arrivals === undefined ? {} : { settle: () => load.settle() }) };
});
