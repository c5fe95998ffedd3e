// What does it cost to ask another process? Echo over the shared-memory ring, a unix socket, and Node's own `send`.
// Rounds are interleaved and the medians shown, because the machine's other work comes and goes.
//
//   npm run bench:ipc [-- --quick] [--sizes 200,1024] [--depths 1,64] [--transports ring,socket] [--rounds 5] [--ms 100]
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Channel } from '../ipc/channel.ts';
import { EMPTY, Kind } from '../ipc/frame.ts';
import { socketDoorbell } from '../ipc/doorbell-socket.ts';
import { createSegment } from '../ipc/memory.ts';
import { openShared, segmentBytes } from '../ipc/shared.ts';
import { openSocket } from '../ipc/socket.ts';
import { CPU, ECHO, OPTIONS, type Message } from './ipc-setup.ts';
import { median, percentile } from './statistics.ts';
import { printTable, writeResult, type Row } from './table.ts';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    sizes: { type: 'string', default: '64,200,1024,16384,262144' },
    depths: { type: 'string', default: '1,8,64,256' },
    transports: { type: 'string', default: 'ring,socket,send' },
    rounds: { type: 'string' },
    ms: { type: 'string' },
  },
});
const list = (text: string): string[] => text.split(',');
const rounds = Number(flags.rounds ?? (flags.quick ? 3 : 7));
const runMs = Number(flags.ms ?? (flags.quick ? 50 : 150));

/** One transport to one echoing process. */
interface Lane {
  readonly name: string;
  send(call: number, code: number, body: Uint8Array): void;
  onAnswer: (call: number, head: unknown) => void;
  close(): void;
}

function openLane(name: string): Lane {
  const program = join(import.meta.dirname, 'ipc-echo.ts');
  if (name === 'send') {
    const child = spawn(process.execPath, [program, name], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' });
    const lane: Lane = { name, send: (call, code, body) => void child.send({ call, code, body } satisfies Message), onAnswer: () => {}, close: () => child.disconnect() };
    child.on('message', ({ call, code }: Message) => lane.onAnswer(call, code));
    return lane;
  }
  const segment = createSegment(segmentBytes(OPTIONS.ringBytes));
  const child = spawn(process.execPath, [program, name], { stdio: ['ignore', 'inherit', 'inherit', segment.fd, 'pipe'] });
  segment.closeFd();
  const socket = child.stdio[4] as Socket;
  const channel: Channel = name === 'ring' ? openShared(segment.buffer, 'a', socketDoorbell(socket), OPTIONS, segment.release) : openSocket(socket, OPTIONS);
  const lane: Lane = {
    name,
    send: (call, code, body) => void channel.send({ kind: Kind.OPEN, flags: 0, code, call, arg: 0, head: undefined, body }),
    onAnswer: () => {},
    close: () => channel.close(),
  };
  channel.onFrame = (frame) => lane.onAnswer(frame.call, frame.head);
  channel.onEnd = (end) => {
    if (end.kind !== 'closed') throw new Error(`${name}: the channel ended: ${JSON.stringify(end)}`);
  };
  return lane;
}

const theirCpu = (lane: Lane): Promise<number> =>
  new Promise((resolve) => {
    lane.onAnswer = (_, micros) => resolve(Number(micros));
    lane.send(1, CPU, EMPTY);
  });

function ourCpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

interface Run {
  readonly perSecond: number;
  readonly cpuMicros: number;
  readonly latencies: Float64Array;
}

/** Keeps `depth` messages in flight for `ms`. */
async function run(lane: Lane, bytes: number, depth: number, ms: number): Promise<Run> {
  const body = Buffer.alloc(bytes, 1);
  const latencies = new Float64Array(depth === 1 ? 1_000_000 : 0);
  const cpu = (await theirCpu(lane)) + ourCpu();
  let call = 1;
  let sentAt = 0;
  let answers = 0;
  const start = performance.now();
  await new Promise<void>((resolve) => {
    let inFlight = depth;
    lane.onAnswer = (): void => {
      // The clock costs as much as a frame: read it each time only where latency is the question.
      const now = depth === 1 || answers % 64 === 0 ? performance.now() : 0;
      if (depth === 1) latencies[answers] = now - sentAt;
      answers++;
      if (inFlight < depth || now - start > ms || answers >= 1_000_000) {
        if (--inFlight === 0) resolve();
        return;
      }
      if (depth === 1) sentAt = performance.now();
      lane.send(++call, ECHO, body);
    };
    sentAt = performance.now();
    for (let i = 0; i < depth; i++) lane.send(++call, ECHO, body);
  });
  const seconds = (performance.now() - start) / 1000;
  const used = (await theirCpu(lane)) + ourCpu() - cpu;
  return { perSecond: answers / seconds, cpuMicros: used / answers, latencies: latencies.subarray(0, Math.min(answers, latencies.length)).sort() };
}

const lanes = list(flags.transports).map(openLane);
for (const lane of lanes) for (const depth of [1, 64]) await run(lane, 200, depth, 300); // until compiled
const rows: Row[] = [];
for (const bytes of list(flags.sizes).map(Number)) {
  for (const depth of list(flags.depths).map(Number)) {
    const runs = new Map<Lane, Run[]>(lanes.map((lane) => [lane, []]));
    for (const lane of lanes) await run(lane, bytes, depth, runMs / 3);
    for (let round = 0; round < rounds; round++) for (const lane of lanes) runs.get(lane)?.push(await run(lane, bytes, depth, runMs));
    const rate = (lane: Lane): number => median((runs.get(lane) ?? []).map(({ perSecond }) => perSecond));
    const socket = lanes.find(({ name }) => name === 'socket');
    for (const [lane, of] of runs) {
      const at = (share: number): number | undefined => (depth === 1 ? median(of.map(({ latencies }) => percentile(latencies, share))) * 1000 : undefined);
      rows.push({
        bytes,
        depth,
        transport: lane.name,
        'round trips/s': Math.round(rate(lane)),
        'x socket': socket === undefined ? undefined : rate(lane) / rate(socket),
        'CPU us': median(of.map(({ cpuMicros }) => cpuMicros)),
        'p50 us': at(0.5),
        'p99 us': at(0.99),
      });
    }
  }
}
for (const lane of lanes) lane.close();
printTable(`Echo between two processes: ${rounds} interleaved rounds of ${runMs} ms, medians. CPU is both processes' for one round trip.`, rows);
if (!flags.quick) writeResult('ipc', rows, { rounds, runMs });
