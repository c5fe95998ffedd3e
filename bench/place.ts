// Where measured programs run: a folder of their own with a private compile cache, a copy of the node binary for each, and
// the program as it is in the checkout or as it is in the package.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, cpSync, fsyncSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/servers/process.ts';
import { APP_ID, STORE } from './calls.ts';
import { treeOf } from './processes.ts';

const CHECKOUT = join(import.meta.dirname, '..');
const READY_MS = 20_000;
const STOP_MS = 10_000;

/** `checkout`: TypeScript, types stripped as it is loaded. `built`: JavaScript, as in the package. */
export type Form = 'checkout' | 'built';
export const ISOLATIONS = ['monolith', 'thread', 'process'] as const;
export type Isolation = (typeof ISOLATIONS)[number];
/** What any other checkout can do, too: older ones have no threads. */
export const isComparable = (isolation: Isolation): boolean => isolation !== 'thread';

/** A program under measurement. */
export interface Server {
  readonly name: string;
  readonly pid: number;
  /** Port of its HTTP API; of a program with one port, that port. */
  readonly port: number;
  readonly grpcPort: number;
  /** Milliseconds from its launch to its first good answer. */
  readonly readyMs: number;
  /** Its process and all children. */
  readonly pids: () => number[];
  stop(): Promise<void>;
  /** As a crash would: nobody is told. Resolves when it is gone. */
  kill(): Promise<void>;
}

export interface SidecarOptions {
  readonly form?: Form;
  /** Another checkout's folder; absent: this one. Only that form of it. */
  readonly checkout?: string;
  readonly isolation: Isolation;
  /** Port of a Redis server; absent: an in-memory store. */
  readonly redisPort?: number | undefined;
  /** Manifests instead of that of a store. */
  readonly resources?: readonly object[];
  readonly app?: { readonly port: number; readonly protocol: 'http' | 'grpc' };
  /** A name for programs that share one copy of the node binary; absent: a copy of its own. */
  readonly node?: string;
  readonly nodeArgs?: readonly string[];
  /** More of the sidecar's flags. */
  readonly flags?: readonly string[];
  /** Of its HTTP and gRPC APIs, for one that takes the place of another; absent: free ones. */
  readonly ports?: readonly [http: number, grpc: number];
}

export interface BlockServerOptions {
  readonly form?: Form;
  readonly block: string;
  /** As after --listen. */
  readonly address: string;
  readonly node: string;
  readonly flags?: readonly string[];
}

export class Place {
  readonly #folder = mkdtempSync(join(tmpdir(), 'bulkhead-bench-'));
  readonly #nodes = new Map<string, string>();
  readonly #running = new Set<ChildProcess>();
  #built = '';

  constructor() {
    process.once('exit', () => this.#remove());
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  }

  /** A sidecar with one state store, or what `resources` say. Resolves when its health check is good. */
  async sidecar(name: string, { form = 'checkout', checkout = CHECKOUT, isolation, redisPort, resources = [stateStore(redisPort)], app, node = name, nodeArgs = [], flags: more = [], ports }: SidecarOptions): Promise<Server> {
    const [port, grpcPort] = ports ?? [await freePort(), await freePort()];
    const [metricsPort, internalPort] = [await freePort(), await freePort()];
    const flags = [
      '--app-id', APP_ID, '--isolation', isolation, '--resources-path', this.#resources(name, resources), '--dapr-listen-addresses', '127.0.0.1',
      '--dapr-http-port', port, '--dapr-grpc-port', grpcPort, '--metrics-port', metricsPort, '--dapr-internal-grpc-port', internalPort,
      ...(app === undefined ? [] : ['--app-port', app.port, '--app-protocol', app.protocol]),
      ...more,
    ].map(String);
    return this.#start(name, node, [...nodeArgs, this.#mainOf(form, checkout), ...flags], port, grpcPort, () => untilReady(port));
  }

  /** A server of one block, for kernels elsewhere. Resolves when it listens. */
  blockServer(name: string, { form = 'checkout', block, address, node, flags = [] }: BlockServerOptions): Promise<Server> {
    const where = address.startsWith('unix:') ? { path: address.slice('unix:'.length) } : { port: Number(address.slice(address.lastIndexOf(':') + 1)) };
    return this.#start(name, node, [this.#mainOf(form, CHECKOUT), 'block', block, '--listen', address, ...flags], 0, 0, () => untilListening(where));
  }

  /** One of bench/servers. Resolves when it listens. */
  reference(name: string, file: string, ...args: readonly number[]): Promise<Server> {
    return this.referenceWith([], name, file, ...args);
  }

  /** The same under a Node with options of its own. */
  async referenceWith(nodeArgs: readonly string[], name: string, file: string, ...args: readonly number[]): Promise<Server> {
    const port = await freePort();
    return this.#start(name, name, [...nodeArgs, join(import.meta.dirname, 'servers', file), String(port), ...args.map(String)], port, port, () => untilListening({ port }));
  }

  /** Node with a line of code that never ends: what the binary alone needs. */
  async bareNode(name: string): Promise<Server> {
    return this.#start(name, name, ['-e', 'setInterval(() => {}, 2 ** 30)'], 0, 0, async () => {});
  }

  /** Milliseconds that node takes to do nothing, from launch to exit. */
  async bareStart(name: string): Promise<number> {
    const node = this.#node(name);
    const began = performance.now();
    await once(spawn(node, ['-e', '0'], { stdio: 'ignore', env: this.#environment() }), 'exit');
    return performance.now() - began;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((child) => stop(child)));
    this.#remove();
  }

  async #start(name: string, node: string, args: readonly string[], port: number, grpcPort: number, ready: () => Promise<void>): Promise<Server> {
    const binary = this.#node(node);
    const logFile = join(this.#folder, `${name.replaceAll(/\W+/g, '-')}.log`);
    const log = openSync(logFile, 'w');
    const began = performance.now();
    const child = spawn(binary, args, { stdio: ['ignore', log, log], cwd: this.#folder, env: this.#environment() });
    this.#running.add(child);
    const ended = once(child, 'exit').then(() => {
      this.#running.delete(child);
      throw new Error(`${name} has ended:\n${readFileSync(logFile, 'utf8')}`);
    });
    ended.catch(() => {}); // also the way it ends when it is stopped
    closeSync(log);
    const late = (cause: Error): never => {
      throw new Error(`${name}: ${cause.message}:\n${readFileSync(logFile, 'utf8')}`);
    };
    await Promise.race([ready().catch(late), ended]);
    const { pid } = child;
    if (pid === undefined) throw new Error(`${name} did not start`);
    return { name, pid, port, grpcPort, readyMs: performance.now() - began, pids: () => treeOf(pid), stop: () => stop(child), kill: () => kill(child) };
  }

  #environment(): NodeJS.ProcessEnv {
    return { PATH: process.env['PATH'], HOME: this.#folder, XDG_CACHE_HOME: join(this.#folder, 'cache') };
  }

  /** A copy, so that its pages are shared among the processes of one program only: with others they would count for less. */
  #node(name: string): string {
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const path = join(this.#folder, `node-${this.#nodes.size}`);
    copyFileSync(process.execPath, path);
    const file = openSync(path, 'r');
    fsyncSync(file); // now, and not while something is measured
    closeSync(file);
    this.#nodes.set(name, path);
    return path;
  }

  #mainOf(form: Form, checkout: string): string {
    return form === 'checkout' ? join(checkout, 'kernel/main.js') : join(this.#build(), 'dist/kernel/main.js');
  }

  #build(): string {
    if (this.#built !== '') return this.#built;
    const folder = join(this.#folder, 'package');
    mkdirSync(folder);
    execFileSync(process.execPath, [join(CHECKOUT, 'node_modules/typescript/bin/tsc'), '-p', join(CHECKOUT, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')], { stdio: 'inherit' });
    cpSync(join(CHECKOUT, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(CHECKOUT, 'node_modules'), join(folder, 'node_modules'));
    this.#built = folder;
    return folder;
  }

  #resources(name: string, manifests: readonly object[]): string {
    const folder = join(this.#folder, `resources-${name.replaceAll(/\W+/g, '-')}`);
    mkdirSync(folder, { recursive: true });
    manifests.forEach((manifest, i) => writeFileSync(join(folder, `${i}.yaml`), JSON.stringify(manifest))); // JSON is YAML
    return folder;
  }

  #remove(): void {
    for (const child of this.#running) child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function stateStore(redisPort: number | undefined): object {
  const spec = redisPort === undefined
    ? { type: 'state.in-memory', version: 'v1', metadata: [] }
    : { type: 'state.redis', version: 'v1', metadata: [{ name: 'redisHost', value: `127.0.0.1:${redisPort}` }] };
  return { apiVersion: 'dapr.io/v1alpha1', kind: 'Component', metadata: { name: STORE }, spec };
}

/** In order, so that Node writes its compile cache. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

const POLL_MS = 2;
const HEALTHZ = 'GET /v1.0/healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';

/** Asks for the sidecar's health every 2 ms, over a socket that is kept as soon as there is one. */
const untilReady = (port: number): Promise<void> => until({ port }, (socket, good) => {
  const ask = (): void => void socket.write(HEALTHZ);
  socket.on('data', (chunk: Buffer) => {
    if (chunk.toString('latin1', 9, 12) === '204') good();
    else setTimeout(ask, POLL_MS);
  });
  ask();
});

const untilListening = (where: Address): Promise<void> => until(where, (_socket, good) => good());

type Address = { readonly port: number } | { readonly path: string };

async function until(where: Address, connected: (socket: ReturnType<typeof connect>, good: () => void) => void): Promise<void> {
  const giveUp = performance.now() + READY_MS;
  for (;;) {
    const good = await new Promise<boolean>((resolve) => {
      const socket = connect('path' in where ? { path: where.path } : { port: where.port, host: '127.0.0.1', noDelay: true });
      const timer = setTimeout(() => finish(false), giveUp - performance.now());
      const finish = (isGood: boolean): void => {
        clearTimeout(timer);
        socket.destroy();
        resolve(isGood);
      };
      socket.on('connect', () => connected(socket, () => finish(true)));
      socket.on('error', () => finish(false));
      socket.on('close', () => finish(false));
    });
    if (good) return;
    if (performance.now() > giveUp) throw new Error(`nothing is ready at ${'path' in where ? where.path : `port ${where.port}`} after ${READY_MS} ms`);
    await sleep(POLL_MS);
  }
}
