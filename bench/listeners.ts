// What does each listener cost: gRPC on bulkhead's own HTTP/2, on grpc-js and on node:http2, HTTP on node:http, with a state
// block behind it and with nothing, and through one gateway and two?
//
//   npm run bench:listeners [-- --quick] [--rounds 5] [--ms 450] [--bytes 200] [--built] [--only words+joined+by+plus]
// `--only`: servers whose name has one of these words in it, beside the references that ratios need.
import { getRequests, saveAll } from './calls.ts';
import { stateAnswers } from './grpc-answers.ts';
import { GET_STATE, getMessages } from './grpc-calls.ts';
import { measureIdle } from './idle-connections.ts';
import { judge, gatewayRows, type Findings } from './listener-targets.ts';
import { startGenerator } from './load/generator.ts';
import type { GrpcSpec } from './load/grpc.ts';
import type { HttpSpec } from './load/http.ts';
import { commandLine, describe, notesOf, readOptions } from './options.ts';
import { Place, type Server } from './place.ts';
import { lane, measureAll, type Lane, type Measured, type Rounds } from './rounds.ts';
import { freePort } from '../test/servers/process.ts';
import { tableText, writeResult, writeText, type Row } from './table.ts';

const options = readOptions({ rounds: 5, windowMs: 450, warmMs: 100, compileMs: 1_500 });
const { bytes, form, only, quick } = options;
/** Later questions find their servers compiled. */
const WARM_AGAIN_MS = quick ? 100 : 300;
const IDLE_CONNECTIONS = quick ? 200 : 2_000;
const began = performance.now();

const place = new Place();
const grpc = startGenerator<GrpcSpec>('grpc');
const http = startGenerator<HttpSpec>('http');
const messages = getMessages();

/** A server, and what it answers to each gRPC message. */
interface Subject {
  readonly server: Server;
  readonly answers: readonly string[];
}

const REFERENCE = 'bare grpc-js';
const HTTP_REFERENCE = 'bare node:http';
const CANNED = 'canned bytes';
const BARE = [[REFERENCE, 'grpc.ts'], ['bare node:http2', 'http2.ts'], ['bare own', 'own.ts'], [CANNED, 'canned.ts']] as const;
const SIDECARS = (['grpc-js', 'own'] as const).flatMap((listener) => (['monolith', 'process'] as const).flatMap((isolation) => (listener === 'own' ? [1, 2] : [1]).map((gateways) => ({
  name: `${listener}, ${isolation}${gateways === 1 ? '' : `, ${gateways} gateways`}`, listener, isolation, gateways,
})))); // grpc-js can't share its port
const faults: Row[] = [];
const LONGEST_FAULT = 150;

const say = (what: string): void => void process.stderr.write(`[${Math.round((performance.now() - began) / 1000)} s] ${what}\n`);

/** Undefined for one that isn't wanted, or doesn't start: the others are measured all the same. */
async function started<T>(name: string, start: () => Promise<T>): Promise<T | undefined> {
  if (only.length > 0 && name !== REFERENCE && name !== HTTP_REFERENCE && !only.some((word) => name.includes(word))) return undefined;
  try {
    return await start();
  } catch (cause) {
    const said = String(cause instanceof Error ? cause.message : cause).trim();
    say(`${name} is left out: ${said}`);
    faults.push({ server: name, fault: shortFault(said) });
    return undefined;
  }
}

/** The line of a log that says it, if there is one. */
function shortFault(said: string): string {
  const lines = said.split('\n');
  const line = lines.findLast((one) => /Error|level=fatal/.test(one)) ?? lines[0] ?? '';
  return (/msg="(.*?)(?:\\n|")/.exec(line)?.[1] ?? line).slice(0, LONGEST_FAULT);
}

async function startBare(name: string, file: string): Promise<Subject> {
  const server = await place.reference(name, file, bytes);
  return { server, answers: await stateAnswers(server.grpcPort, bytes) };
}

async function startSidecar({ name, listener, isolation, gateways }: (typeof SIDECARS)[number]): Promise<Subject> {
  const server = await place.sidecar(name, { form, isolation, flags: [`--grpc-listener=${listener}`, `--gateways=${gateways}`] });
  await saveAll(server.port, bytes);
  return { server, answers: await stateAnswers(server.grpcPort, bytes) };
}

const grpcLane = ({ server: { name, grpcPort, pids }, answers }: Subject, connections: number, streams: number): Lane =>
  lane(name, grpc, pids, { port: grpcPort, connections, streams, path: GET_STATE, messages, answerBytes: bytes, answers });
const httpLane = ({ server: { name, port, pids } }: Subject, connections: number): Lane =>
  lane(name, http, pids, { port, connections, streams: 1, requests: getRequests(port), status: 200 });

const measured = new Map<string, Measured>();
const warm = new Set<string>();

/** What has been measured by then is not lost. */
async function ask(protocol: 'gRPC' | 'HTTP', connections: number, streams: number, subjects: readonly Subject[]): Promise<void> {
  try {
    await measureQuestion(protocol, connections, streams, subjects);
  } catch (cause) {
    say(`${protocol} ${connections} x ${streams} failed: ${String(cause)}`);
    faults.push({ server: `${protocol} ${connections} x ${streams}`, fault: shortFault(String(cause)) });
  }
}

async function measureQuestion(protocol: 'gRPC' | 'HTTP', connections: number, streams: number, subjects: readonly Subject[]): Promise<void> {
  const question = `${protocol} ${connections} x ${streams}`;
  const lanes = subjects.map((subject) => (protocol === 'gRPC' ? grpcLane(subject, connections, streams) : httpLane(subject, connections)));
  if (lanes.length === 0) return;
  say(`${question}: ${options.rounds} rounds of ${lanes.length} servers`);
  const isNew = ({ name }: Lane): boolean => !warm.has(`${protocol} ${name}`);
  for (const one of lanes.filter(isNew)) {
    await one.run({ warmMs: options.compileMs, windowMs: 100 }, {});
    warm.add(`${protocol} ${one.name}`);
  }
  const rounds: Rounds = { ...options, compileMs: WARM_AGAIN_MS };
  measured.set(question, await measureAll(question, lanes, rounds, { load: 'self' }));
}

/** Each in a process of its own that has had no load: what a pool has once grown to would hide what a connection takes. */
async function idle(): Promise<Row[]> {
  const rows: Row[] = [];
  const measureOne = async (name: string, start: (nodeArgs: readonly string[]) => Promise<Server>): Promise<void> => {
    const row = await started(name, async () => {
      say(`${IDLE_CONNECTIONS} idle connections at ${name}`);
      const port = await freePort();
      const server = await start([`--inspect-port=${port}`]);
      try {
        return await measureIdle(server, port, IDLE_CONNECTIONS);
      } finally {
        await server.stop();
      }
    });
    if (row !== undefined) rows.push(row);
  };
  for (const [name, file] of BARE.filter(([name]) => name !== CANNED)) await measureOne(name, (nodeArgs) => place.referenceWith(nodeArgs, name, file, bytes));
  for (const listener of ['grpc-js', 'own'] as const) {
    const name = `${listener}, process`;
    await measureOne(name, (nodeArgs) => place.sidecar(name, { form, isolation: 'process', nodeArgs, flags: [`--grpc-listener=${listener}`] }));
  }
  return rows;
}

async function measureListeners(): Promise<Findings> {
  say('starting servers');
  const bare: Subject[] = [];
  for (const [name, file] of BARE) {
    const subject = await started(name, () => startBare(name, file));
    if (subject !== undefined) bare.push(subject);
  }
  const sidecars: Subject[] = [];
  for (const sidecar of SIDECARS) {
    const subject = await started(sidecar.name, () => startSidecar(sidecar));
    if (subject !== undefined) sidecars.push(subject);
  }
  const all = [...bare, ...sidecars];
  for (const [connections, streams] of [[1, 64], [1, 1], [8, 16], [64, 1]] as const) await ask('gRPC', connections, streams, all);

  const bareHttp = await started(HTTP_REFERENCE, async () => ({ server: await place.reference(HTTP_REFERENCE, 'http.ts', bytes), answers: [] }));
  const own = sidecars.filter(({ server: { name } }) => name.startsWith('own, ')); // who serves gRPC makes no difference here
  const canned = bare.filter(({ server: { name } }) => name === CANNED);
  for (const connections of [64, 1]) await ask('HTTP', connections, 1, [...(bareHttp === undefined ? [] : [bareHttp]), ...own, ...canned]);

  const inProcesses = own.filter(({ server: { name } }) => name.startsWith('own, process'));
  for (const connections of [8, 256]) {
    await ask('gRPC', connections, 1, inProcesses);
    await ask('HTTP', connections, 1, inProcesses);
  }
  for (const { server } of [...all, ...(bareHttp === undefined ? [] : [bareHttp])]) await server.stop();
  return { measured, idle: await idle(), faults };
}

let found: Findings;
try {
  found = await measureListeners();
} finally {
  grpc.stop();
  http.stop();
  await place.close();
}
const rowsOf = (protocol: string): Row[] => [...found.measured.values()].filter(({ question }) => question.startsWith(protocol)).flatMap(({ rows }) => rows);
const gateways = gatewayRows(found);
const verdict = judge(found);
const tables: readonly (readonly [name: string, title: string, rows: readonly Row[]])[] = [
  ['grpc', `GetState over gRPC in memory, connections x calls in flight on each; bare servers answer with bytes that lie ready. ${describe(options)}\nload us: the generator's processor time per call; ${CANNED} is its floor, at a server that hardly reads.`, rowsOf('gRPC')],
  ['http', 'State get over HTTP/1.1 in memory, connections x calls in flight on each; sidecars as above, whose gRPC listener makes no difference here.', rowsOf('HTTP')],
  ['gateways', 'One gateway and two, own listener, block in a process; gRPC with one call in flight on each connection. Generator, gateways and block share the cores.', gateways],
  ['idle', `Memory of the server's process (of a sidecar, its gateway) for each of ${IDLE_CONNECTIONS} HTTP/2 connections that have made a call and are idle; after a garbage collection. What the system's kernel keeps is not in it.`, found.idle],
  ['verdict', 'What was to be reached. Ratios are medians over rounds.', verdict],
  ...(faults.length === 0 ? [] : [['faults', 'Servers that did not start, and questions without an answer.', faults] as const]),
];
const text = tables.filter(([, , rows]) => rows.length > 0).map(([, title, rows]) => tableText(title, rows)).join('');
process.stdout.write(text);
say('done');
if (!quick && only.length === 0) {
  writeResult('listeners', tables.flatMap(([table, , rows]) => rows.map((row) => ({ table, ...row }))), notesOf(options));
  writeText('listeners', `${commandLine()}\n${text}`);
}
process.exit(0); // sockets to inspectors may linger
