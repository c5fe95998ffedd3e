// The real program as tests use it: spawned with its own ports and files, watched by its log, ended whatever happens.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GrpcListenerKind } from '../../kernel/grpc/kinds.ts';
import { eventually, within } from './awaiting.ts';
import { REMOTE_BLOCKS, RemoteBlocks, type RemoteBlock } from './block-server.ts';
import { HttpClient } from './http.ts';
import { Lines } from './lines.ts';
import { watch } from './watchdog.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAIN = join(ROOT, 'kernel', 'main.js');
/** Compiled modules outlive one test run, and stay in the checkout. */
const CACHE = join(ROOT, 'node_modules', '.cache');
/** Tests look into the sidecar's processes, which its own user may not. */
const LOOKING_IN = process.getuid?.() === 0 ? {} : { BULKHEAD_DUMPABLE: '1' };
const START_MS = 30_000;
const STOP_MS = 20_000;
const HTTP_LINE = /msg="HTTP server is running on port (\S+)"/;
const GRPC_LINE = /msg="API gRPC server is running on port (\S+)"/;

export const ISOLATIONS = ['monolith', 'thread', 'process'] as const;
/** `remote`: each block behind a server of its own, over a Unix socket. */
export type Isolation = (typeof ISOLATIONS)[number] | 'remote';
/** Where a real backend is behind a component: it sees nothing of threads, and the rows in memory run in them. */
export const BACKEND_ISOLATIONS: readonly Isolation[] = ['monolith', 'process'];

/** The gRPC listener of the product first, then the reference that it is compared with. */
export const LISTENERS = ['own', 'grpc-js'] as const satisfies readonly GrpcListenerKind[];

/** Where a suite of the API runs: part of a sidecar's options, and the words for a title. */
export interface Stage {
  readonly isolation: Isolation;
  readonly listener: GrpcListenerKind;
}

/**
 * Every isolation and both listeners, each once: a listener sees nothing of the isolation, nor of what is behind a component
 * (`thrifty`). A suite that has no stages runs on the program's default,
 * unless it is cheap enough to run on all `LISTENERS`.
 */
export const STAGES: readonly Stage[] = [{ isolation: 'monolith', listener: 'own' }, { isolation: 'process', listener: 'own' }, { isolation: 'thread', listener: 'grpc-js' }];

/** The stores, brokers or backends that a suite has on this stage: on the reference listener the first, which is to be in memory. */
export function thrifty<Row>({ listener }: Stage, rows: readonly Row[]): readonly Row[] {
  return listener === LISTENERS[0] ? rows : rows.slice(0, 1);
}

/** A component as an object; what it leaves out is left out of the manifest. */
export interface ComponentManifest {
  readonly name: string;
  readonly type: string;
  readonly version?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly ignoreErrors?: boolean;
  readonly initTimeout?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface SidecarOptions {
  readonly isolation?: Isolation;
  /** Those behind which the blocks are; absent, and `isolation` is `remote`: they are begun with the sidecar, and end with it. */
  readonly servers?: RemoteBlocks;
  /** Absent: the program's default. */
  readonly listener?: GrpcListenerKind;
  readonly appId?: string;
  /** YAML text of one file, or components of which each becomes a file. */
  readonly components?: string | readonly ComponentManifest[];
  /** YAML text of a Configuration. */
  readonly configuration?: string;
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Before the program's name: Node's own. */
  readonly nodeArgs?: readonly string[];
  /** `ready`: healthz answers 204. `listening`: all ports are bound. `nothing`: the process has been started. */
  readonly until?: 'ready' | 'listening' | 'nothing';
}

/** How the process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How a life ended that nobody had told to. */
export interface LastDeath {
  readonly life: number;
  readonly at: string;
  readonly cause: string;
  readonly reason: string;
  readonly signal?: string;
  readonly code?: number;
  readonly lastError: string;
  /** Names of routes, the latest last. */
  readonly inFlight: readonly string[];
}

/** One row of `GET /actuator/blocks`. */
export interface BlockRow {
  /** `state`, or `state/orders` for a component's own. */
  readonly name: string;
  readonly block: string;
  /** Of a component that has it for itself. */
  readonly component?: string;
  readonly transport: string;
  readonly pid: number;
  readonly life: number;
  readonly state: string;
  readonly restarts: number;
  readonly lastExit?: string;
  readonly lastDeath?: LastDeath;
  /** Lives that another one took over from while they worked. */
  readonly replaced?: number;
  readonly spare?: 'starting' | 'ready';
  readonly reload?: { readonly at: string; readonly refused?: string };
  readonly inFlight: number;
  readonly held: number;
  readonly repeated: number;
  readonly lost: number;
  readonly components: readonly { readonly name: string; readonly state: string; readonly reason?: string }[];
}

export class Sidecar implements AsyncDisposable {
  /** Of the kernel. */
  readonly pid: number;
  /** Standard output and standard error, in the order they came. */
  readonly logs = new Lines();
  readonly folder: string;
  /** Where the manifests lie. */
  readonly resources: string;
  /** Resolves when the process has ended and all its output is there. */
  readonly exited: Promise<Exit>;
  /** Where its blocks are, if they are remote. */
  readonly servers: RemoteBlocks | undefined;
  readonly #ownServers: RemoteBlocks | undefined;
  #exit: Exit | undefined;
  #client: HttpClient | undefined;
  #grpcPort = '';
  readonly #child: ChildProcess;

  /** @param ownServers those among `servers` that end with it */
  constructor(options: SidecarOptions, ownServers?: RemoteBlocks) {
    const { isolation = 'process', servers = ownServers, listener, appId = 'app', components = [], configuration, flags = [], env = {}, nodeArgs = [] } = options;
    this.servers = servers;
    this.#ownServers = ownServers;
    this.folder = mkdtempSync(join(tmpdir(), 'bulkhead-test-'));
    this.resources = join(this.folder, 'resources');
    mkdirSync(this.resources);
    if (typeof components === 'string') writeFileSync(join(this.resources, '0.yaml'), components);
    else components.forEach((component, index) => writeFileSync(join(this.resources, `${String(index).padStart(4, '0')}.yaml`), manifestOf(component)));
    const configFlags: string[] = [];
    if (configuration !== undefined) {
      writeFileSync(this.configurationFile, configuration);
      configFlags.push(`--config=${this.configurationFile}`);
    }
    this.#child = spawn(process.execPath, [
      ...nodeArgs, MAIN, ...(appId === '' ? [] : [`--app-id=${appId}`]), `--isolation=${isolation === 'remote' ? 'process' : isolation}`, ...(servers?.flags ?? []), '--dapr-http-port=0', '--dapr-grpc-port=0', '--dapr-listen-addresses=127.0.0.1',
      '--enable-metrics=false', `--resources-path=${this.resources}`, ...(listener === undefined ? [] : [`--grpc-listener=${listener}`]), ...configFlags, ...flags,
    ], { cwd: this.folder, env: { PATH: process.env['PATH'], HOME: process.env['HOME'], XDG_CACHE_HOME: CACHE, ...LOOKING_IN, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.pid = this.#child.pid ?? 0;
    const release = watch(this.pid);
    const { stdout, stderr } = this.#child;
    if (stdout !== null) this.logs.follow(stdout);
    if (stderr !== null) this.logs.follow(stderr);
    this.exited = once(this.#child, 'close').then(([code, signal]) => {
      release();
      this.#exit = { code: code as Exit['code'], signal: signal as Exit['signal'] };
      this.#client?.close();
      this.logs.end(`the sidecar ended: ${JSON.stringify(this.#exit)}`);
      rmSync(this.folder, { recursive: true, force: true });
      return this.#exit;
    });
  }

  get configurationFile(): string {
    return join(this.folder, 'configuration.yaml');
  }

  /** @throws Error with the log when it ends before, or takes too long */
  async reached(until: 'ready' | 'listening'): Promise<void> {
    const [http, grpc] = await Promise.all([this.logs.match(HTTP_LINE, START_MS), this.logs.match(GRPC_LINE, START_MS)]);
    this.#client = HttpClient.to(http);
    this.#grpcPort = grpc;
    if (until === 'listening') return;
    await this.logs.match(/msg="dapr initialized\./, START_MS);
    const { status, body } = await this.client.get('/v1.0/healthz');
    if (status !== 204) throw new Error(`the sidecar is not ready: ${status} ${body}`);
  }

  /** For HTTP requests as they are written: nothing is normalised. */
  get client(): HttpClient {
    if (this.#client === undefined) throw new Error('the sidecar does not listen yet');
    return this.#client;
  }
  get http(): string {
    return `http://127.0.0.1:${this.httpPort}`;
  }
  get httpPort(): number {
    return Number(this.client.port);
  }
  get grpcPort(): number {
    return Number(this.#grpcPort);
  }
  /** A target for grpc-js. */
  get grpcAddress(): string {
    return this.#grpcPort.startsWith('/') ? `unix:${this.#grpcPort}` : `127.0.0.1:${this.#grpcPort}`;
  }

  async metadata(): Promise<Record<string, unknown>> {
    return JSON.parse((await this.client.get('/v1.0/metadata')).body) as Record<string, unknown>;
  }

  async blocks(): Promise<readonly BlockRow[]> {
    const { blocks } = JSON.parse((await this.client.get('/actuator/blocks')).body) as { readonly blocks: readonly BlockRow[] };
    if (this.servers === undefined) return blocks;
    // A kernel knows nothing of processes elsewhere; whoever serves them does.
    return blocks.map((row) => ({ ...row, pid: row.pid ?? this.servers?.pidOf(this.pid, row.name) }));
  }

  /** @param name a block, or a block and a component with a compartment of its own: `state/orders` */
  async block(name: string): Promise<BlockRow> {
    const row = (await this.blocks()).find((one) => one.name === name);
    if (row === undefined) throw new Error(`there is no block ${name}`);
    return row;
  }

  /** Of a block that has just ended it is that of its next life. */
  pidOf(block: string): Promise<number> {
    return eventually(`the ${block} block has a process`, async () => (await this.block(block)).pid);
  }

  /** A signal to a block's process; resolves when it has been sent. */
  async kill(block: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    process.kill(await this.pidOf(block), signal);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks it to end, insists when it doesn't, and tells how it ended. May be called twice. */
  async stop(): Promise<Exit> {
    if (this.#exit !== undefined) return this.#exit;
    this.#child.kill('SIGTERM');
    const insist = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    try {
      return await this.exited;
    } finally {
      clearTimeout(insist);
      await this.#ownServers?.stop();
    }
  }

  /** Ends it as a crash would. */
  async crash(): Promise<Exit> {
    this.#child.kill('SIGKILL');
    await this.#ownServers?.stop();
    return this.exited;
  }

  /** How it ended by itself, within a time no test should need. */
  async end(timeoutMs = STOP_MS): Promise<Exit> {
    return within(timeoutMs, 'the sidecar ends', this.exited);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

export async function startSidecar(options: SidecarOptions = {}): Promise<Sidecar> {
  const { until = 'ready', isolation, servers, nodeArgs = [] } = options;
  const sidecar = new Sidecar(options, isolation === 'remote' && servers === undefined ? await RemoteBlocks.start(blocksOf(options), { nodeArgs }) : undefined);
  if (until === 'nothing') return sidecar;
  try {
    await sidecar.reached(until);
    return sidecar;
  } catch (cause) {
    await sidecar.crash();
    throw new Error(`${(cause as Error).message}\n${sidecar.logs.all.join('\n')}`, { cause });
  }
}

/** Those for which there are components; a server of its own for each other one would have nothing to do. */
function blocksOf({ components = [] }: SidecarOptions): readonly RemoteBlock[] {
  const types = typeof components === 'string' ? components : components.map(({ type }) => type).join(' ');
  return REMOTE_BLOCKS.filter((block) => types.includes(block === 'config' ? 'configuration.' : `${block}.`));
}

/** JSON is YAML. */
export function manifestOf({ name, type, version = 'v1', metadata = {}, annotations, ...rest }: ComponentManifest): string {
  return JSON.stringify({
    apiVersion: 'dapr.io/v1alpha1', kind: 'Component', metadata: { name, annotations },
    spec: { type, version, metadata: Object.entries(metadata).map(([key, value]) => ({ name: key, value })), ...rest },
  });
}
