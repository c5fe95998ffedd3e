// What does a state call cost between seat and block, without any listener? Calls are opened as listeners open them, on a real
// state block in memory. Rounds are interleaved and the medians shown.
//
//   node bench/path.ts [--quick] [--rounds 7] [--ms 300] [--bytes 200,4096] [--depths 1,64] [--operations get,set] [--isolations process,monolith] [--against another-checkout]
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { notesOf } from './options.ts';
import { OPERATIONS, type Operation, type Window, type WindowReport } from './path-window.ts';
import { median } from './statistics.ts';
import { printTable, writeResult, type Row } from './table.ts';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    ms: { type: 'string' },
    bytes: { type: 'string', default: '200,4096,262144' },
    depths: { type: 'string', default: '1,64' },
    operations: { type: 'string', default: OPERATIONS.join(',') },
    isolations: { type: 'string', default: 'process,monolith' },
    against: { type: 'string' },
  },
});
const list = (text: string): string[] => text.split(',');
const rounds = Number(flags.rounds ?? (flags.quick ? 3 : 7));
const ms = Number(flags.ms ?? (flags.quick ? 100 : 300));
const WARM_MS = 1_500;

/** One checkout in one mode. */
interface Lane {
  readonly name: string;
  run(window: Window): Promise<WindowReport>;
  stop(): void;
}

async function startLane(isolation: string, checkout: string, note: string): Promise<Lane> {
  const child: ChildProcess = fork(join(import.meta.dirname, 'path-caller.ts'), [checkout, isolation], { execArgv: ['--disable-warning=ExperimentalWarning'] });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the caller of ${isolation} ended with exit code ${code}`);
  });
  ended.catch(() => {}); // it is the next window's failure
  await Promise.race([once(child, 'message'), ended]);
  return {
    name: `${isolation}${note}`,
    run: async (window) => {
      child.send(window);
      const [report] = (await Promise.race([once(child, 'message'), ended])) as [WindowReport];
      return report;
    },
    stop: () => child.disconnect(),
  };
}

const checkouts = [[join(import.meta.dirname, '..'), '']];
if (flags.against !== undefined) checkouts.push([resolve(flags.against), ' (other)']);
const lanes: Lane[] = [];
for (const isolation of list(flags.isolations)) for (const [checkout = '', note = ''] of checkouts) lanes.push(await startLane(isolation, checkout, note));

const rows: Row[] = [];
try {
  for (const operation of list(flags.operations) as Operation[]) for (const lane of lanes) await lane.run({ operation, bytes: 200, depth: 64, ms: WARM_MS }); // until compiled
  for (const operation of list(flags.operations) as Operation[]) {
    for (const bytes of list(flags.bytes).map(Number)) {
      for (const depth of list(flags.depths).map(Number)) {
        const reports = new Map<Lane, WindowReport[]>(lanes.map((lane) => [lane, []]));
        for (const lane of lanes) await lane.run({ operation, bytes, depth, ms: ms / 3 });
        for (let round = 0; round < rounds; round++) for (const lane of lanes) reports.get(lane)?.push(await lane.run({ operation, bytes, depth, ms }));
        for (const [lane, of] of reports) rows.push(rowOf(operation, bytes, depth, lane, of));
      }
    }
  }
} finally {
  for (const lane of lanes) lane.stop();
}
printTable(`State calls from seat to block and back: ${rounds} interleaved rounds of ${ms} ms, medians. caller us, block us: processor time per call of the kernel's side and of the block's process.`, rows);
if (!flags.quick) writeResult('path', rows, notesOf({ rounds, ms }));

function rowOf(operation: Operation, bytes: number, depth: number, { name }: Lane, reports: readonly WindowReport[]): Row {
  const middle = (value: (report: WindowReport) => number | undefined): number => median(reports.map((report) => value(report) ?? NaN));
  const micros = reports.map((report) => (report.callerMicros + report.blockMicros) / report.calls);
  return {
    operation,
    bytes,
    depth,
    mode: name,
    'calls/s': Math.round(middle(({ calls, seconds }) => calls / seconds)),
    'CPU us': median(micros),
    '+-%': ((Math.max(...micros) - Math.min(...micros)) / 2 / median(micros)) * 100,
    'caller us': middle(({ callerMicros, calls }) => callerMicros / calls),
    'block us': middle(({ blockMicros, calls }) => blockMicros / calls),
    switches: middle(({ switches, calls }) => switches / calls),
    'p50 us': depth === 1 ? middle(({ p50Us }) => p50Us) : undefined,
    'p99 us': depth === 1 ? middle(({ p99Us }) => p99Us) : undefined,
  };
}
