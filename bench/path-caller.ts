// The calling process of bench/path.ts: a kernel without listeners. Opens state calls on a seat whose block it has started, so
// many in flight, and says what they cost. `path-caller.ts <checkout> <isolation>`; windows come and go over Node's channel.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { StateOptions_StateConsistency } from '../proto/gen/dapr/proto/common/v1/common.ts';
import { GetBulkStateRequest, GetStateRequest, SaveStateRequest } from '../proto/gen/dapr/proto/runtime/v1/state.ts';
import type { Answer, CallRequest } from '../kernel/call.ts';
import type { InitRequest } from '../proto/control.ts';
import type { LogSettings } from '../proto/init.ts';
import type { Route } from '../proto/routes.ts';
import { APP_ID, STORE } from './calls.ts';
import type { Operation, Window, WindowReport } from './path-window.ts';
import { contextSwitches, cpuMicros } from './processes.ts';
import { percentile } from './statistics.ts';

const MI = 2 ** 20;
const KEYS_IN_BULK = 10;
const LIMITS = { heapBytes: 512 * MI, memoryBytes: 0, openFiles: 4096, openCalls: 32_768, queueBytes: 64 * MI };

const [, , checkout = '', isolation = ''] = process.argv;
/** Of the checkout under measurement, which need not be this one. */
const moduleOf = async <M>(path: string): Promise<M> => (await import(pathToFileURL(join(checkout, path)).href)) as M;

const { LAUNCH } = await moduleOf<typeof import('../kernel/launch.ts')>('kernel/launch.ts');
const { Seat } = await moduleOf<typeof import('../kernel/seat.ts')>('kernel/seat.ts');
const { Calls } = await moduleOf<typeof import('../ipc/calls.ts')>('ipc/calls.ts');
const { ask } = await moduleOf<typeof import('../kernel/ask.ts')>('kernel/ask.ts');
const { Control, PROTOCOL_VERSION } = await moduleOf<typeof import('../proto/control.ts')>('proto/control.ts');
const { ROUTE } = await moduleOf<typeof import('../proto/routes.ts')>('proto/routes.ts');
const { openLog, outputTo } = await moduleOf<typeof import('../proto/log.ts')>('proto/log.ts');

const logging: LogSettings = { level: 'warn', json: false, appId: APP_ID, instance: 'bench', version: '0' };
const log = openLog(logging);
const life = LAUNCH[isolation as keyof typeof LAUNCH]('state', {
  name: 'state', ringBytes: MI, maxFrameBytes: 16 * MI, limits: LIMITS, output: outputTo(1), logging, log, compileCache: undefined,
});
const calls = new Calls(life.channel, {
  ids: 'odd', maxIncoming: 4096, maxQueuedBytes: 64 * MI,
  serve: (call) => call.end(0, 0, undefined, new Uint8Array(0)),
});
const init: InitRequest = {
  protocol: PROTOCOL_VERSION,
  inheritance: { suspects: [], checkpoints: [] },
  init: {
    block: 'state', appId: APP_ID, namespace: '', elsewhere: [], maxBodyBytes: 4 * MI, log: logging, tracing: {}, subscriptions: [],
    components: [{ name: STORE, type: 'state.in-memory', version: 'v1', metadata: [], ignoreErrors: false, initTimeoutMs: 5_000 }],
    metrics: { latencyBuckets: [], recordErrorCodes: false }, // as by default
  },
};
await ask(calls, Control.INIT, init, 15_000);
const seat = new Seat('state', { holdMs: 5000, maxHeld: 10_000, maxHeldBytes: 64 * MI, maxStreams: 1024, maxInFlight: 32_768 });
seat.attach(calls, () => {});

const request = (route: Route, body: Uint8Array): CallRequest => ({ route, flags: 0, head: undefined, body, deadlineMs: 0 });
const keysOf = (bytes: number): string[] => Array.from({ length: 64 }, (_, i) => `key-${bytes}-${i}`);
const saveBody = (key: string, bytes: number): Uint8Array =>
  SaveStateRequest.encode({ storeName: STORE, states: [{ key, value: Buffer.alloc(bytes, 'v'), metadata: new Map() }] }).finish();

function requestsOf(operation: Operation, bytes: number): readonly CallRequest[] {
  const keys = keysOf(bytes);
  switch (operation) {
    case 'get':
      return keys.map((key) => request(ROUTE.GetState, GetStateRequest.encode({ storeName: STORE, key, consistency: StateOptions_StateConsistency.CONSISTENCY_UNSPECIFIED, metadata: new Map() }).finish()));
    case 'set':
      return keys.map((key) => request(ROUTE.SaveState, saveBody(key, bytes)));
    case 'bulk get':
      return [request(ROUTE.GetBulkState, GetBulkStateRequest.encode({ storeName: STORE, keys: keys.slice(0, KEYS_IN_BULK), parallelism: 0, metadata: new Map() }).finish())];
  }
}

/** Resolves when the calls have been answered. @throws Error for one that failed */
async function saveAll(bytes: number): Promise<void> {
  await Promise.all(keysOf(bytes).map((key) => new Promise<void>((resolve, reject) => {
    seat.open(request(ROUTE.SaveState, saveBody(key, bytes)), {
      onAnswer: () => resolve(),
      onFailure: (code, message) => reject(new Error(`${code} ${message}`)),
      onRefusal: ({ message }) => reject(new Error(message)),
    });
  })));
}

/** A listener reads many requests from a socket in one turn, so what was answered in a turn is opened again in the next. */
function run({ operation, bytes, depth, ms }: Window): Promise<WindowReport> {
  const requests = requestsOf(operation, bytes);
  const latencies = new Float64Array(depth === 1 ? 1_000_000 : 0);
  const { promise, resolve, reject } = Promise.withResolvers<WindowReport>();
  const caller = [process.pid];
  const block = life.pid === undefined ? [] : [life.pid];
  const before = { caller: cpuMicros(caller), block: cpuMicros(block), switches: contextSwitches([...caller, ...block]) };
  let count = 0;
  let next = 0;
  let due = depth;
  let inFlight = 0;
  let openedAt = 0;
  let scheduled = false;
  const began = performance.now();

  /** One an open call, as listeners have. */
  class Waiting implements Answer {
    onAnswer(): void {
      if (depth === 1) latencies[count] = performance.now() - openedAt;
      count++;
      due++;
      if (--inFlight === 0 || !scheduled) schedule();
    }
    onFailure(code: number, message: string): void {
      reject(new Error(`${operation} failed: ${code} ${message}`));
    }
    onRefusal({ message }: { readonly message: string }): void {
      reject(new Error(`${operation} was refused: ${message}`));
    }
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(turn);
  }

  function turn(): void {
    scheduled = false;
    const now = performance.now();
    if (now - began >= ms || count >= 900_000) {
      if (inFlight === 0) finish(now);
      return;
    }
    openedAt = now;
    for (; due > 0; due--, inFlight++) {
      if (++next >= requests.length) next = 0;
      seat.open(requests[next] as CallRequest, new Waiting());
    }
  }

  function finish(now: number): void {
    const sorted = latencies.subarray(0, Math.min(count, latencies.length)).sort();
    resolve({
      calls: count, seconds: (now - began) / 1000,
      callerMicros: cpuMicros(caller) - before.caller, blockMicros: cpuMicros(block) - before.block, switches: contextSwitches([...caller, ...block]) - before.switches,
      p50Us: depth === 1 ? percentile(sorted, 0.5) * 1000 : undefined, p99Us: depth === 1 ? percentile(sorted, 0.99) * 1000 : undefined,
    });
  }
  turn();
  return promise;
}

const saved = new Set<number>();
process.on('message', (window: Window) => {
  void (async () => {
    if (!saved.has(window.bytes)) await saveAll(window.bytes);
    saved.add(window.bytes);
    process.send?.(await run(window));
  })();
});
process.on('disconnect', () => {
  calls.close();
  void life.ended.then(() => process.exit(0));
});
process.send?.('ready');
