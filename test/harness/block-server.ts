// Block servers as tests use them: the real program at a socket of its own, watched by its log, ended whatever happens. And all blocks
// of a sidecar behind such servers (`isolation: 'remote'` of sidecar.ts).
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Lines } from './lines.ts';
import { isRunning } from './processes.ts';
import { watch } from './watchdog.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAIN = join(ROOT, 'kernel', 'main.js');
const CACHE = join(ROOT, 'node_modules', '.cache');
/** Tests look into processes, which their own user may not. */
const LOOKING_IN = process.getuid?.() === 0 ? {} : { BULKHEAD_DUMPABLE: '1' };
const START_MS = 30_000;
const STOP_MS = 20_000;
const LISTENING = /msg="listening at (unix:[^"]+|tcp:[^"]+)"/;
const SERVING = /msg="serving app ([^,]*), compartment ([^,]*), from (.*): process (\d+), (ring|socket|carried)/;

export const REMOTE_BLOCKS = ['state', 'pubsub', 'config', 'lock', 'sequencer'] as const;
export type RemoteBlock = (typeof REMOTE_BLOCKS)[number];

export interface BlockServerOptions {
  readonly block: string;
  /** Default: a Unix socket in a folder of its own, which goes with the server. */
  readonly listen?: string;
  readonly flags?: readonly string[];
  /** Before the program's name: Node's own. Blocks get them, too. */
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: number;
  /** `nothing`: the process has been started. */
  readonly until?: 'listening' | 'nothing';
}

/** One kernel's life of the block. */
export interface TenantRow {
  readonly app: string;
  readonly compartment: string;
  /** Who it is for, as the log says it: `user 0, process 4711`. */
  readonly peer: string;
  readonly pid: number;
  readonly way: string;
}

export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class BlockServer implements AsyncDisposable {
  readonly block: string;
  readonly pid: number;
  /** Standard output and standard error, in the order they came. */
  readonly logs = new Lines();
  readonly exited: Promise<ServerExit>;
  readonly #child: ChildProcess;
  #address: string;
  #exit: ServerExit | undefined;

  constructor({ block, listen, flags = [], nodeArgs = [], env = {}, user }: BlockServerOptions) {
    this.block = block;
    const folder = listen === undefined ? mkdtempSync(join(tmpdir(), 'bulkhead-server-')) : undefined;
    this.#address = listen ?? `unix:${join(folder as string, `${block}.sock`)}`;
    this.#child = spawn(process.execPath, [...nodeArgs, MAIN, 'block', block, '--listen', this.#address, ...flags], {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], XDG_CACHE_HOME: CACHE, ...LOOKING_IN, ...env }, stdio: ['ignore', 'pipe', 'pipe'], ...(user === undefined ? {} : { uid: user, gid: user }),
    });
    this.pid = this.#child.pid ?? 0;
    const release = watch(this.pid);
    const { stdout, stderr } = this.#child;
    if (stdout !== null) this.logs.follow(stdout);
    if (stderr !== null) this.logs.follow(stderr);
    this.exited = once(this.#child, 'close').then(([code, signal]) => {
      release();
      this.#exit = { code: code as ServerExit['code'], signal: signal as ServerExit['signal'] };
      this.logs.end(`the block server ended: ${JSON.stringify(this.#exit)}`);
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
      return this.#exit;
    });
  }

  /** For `--block <name>=remote:<address>`. Where a port was left open it is there once it listens. */
  get address(): string {
    return this.#address;
  }
  /** Of a Unix socket. */
  get path(): string {
    return this.#address.slice('unix:'.length);
  }
  /** For a sidecar. */
  get flag(): string {
    return `--block=${this.block}=remote:${this.#address}`;
  }

  async listens(): Promise<void> {
    this.#address = await this.logs.match(LISTENING, START_MS);
  }

  /** Those whose processes live, the oldest first. */
  tenants(): readonly TenantRow[] {
    return this.everServed().filter(({ pid }) => isRunning(pid));
  }

  everServed(): readonly TenantRow[] {
    return this.logs.matching(SERVING).map((line) => {
      const [, app = '', compartment = '', peer = '', pid, way = ''] = SERVING.exec(line) ?? [];
      return { app, compartment, peer, pid: Number(pid), way };
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks it to end, insists when it doesn't, and tells how it ended. May be called twice. */
  async stop(): Promise<ServerExit> {
    if (this.#exit !== undefined) return this.#exit;
    this.#child.kill('SIGTERM');
    const insist = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    try {
      return await this.exited;
    } finally {
      clearTimeout(insist);
    }
  }

  /** Ends it as a crash would. */
  async crash(): Promise<ServerExit> {
    this.#child.kill('SIGKILL');
    return this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

export async function startBlockServer(options: BlockServerOptions): Promise<BlockServer> {
  const server = new BlockServer(options);
  if (options.until === 'nothing') return server;
  try {
    await server.listens();
    return server;
  } catch (cause) {
    await server.crash();
    throw new Error(`${(cause as Error).message}\n${server.logs.all.join('\n')}`, { cause });
  }
}

/** The blocks of one sidecar, or of several, each behind a server of its own. */
export class RemoteBlocks implements AsyncDisposable {
  readonly servers: ReadonlyMap<string, BlockServer>;

  constructor(servers: readonly BlockServer[]) {
    this.servers = new Map(servers.map((server) => [server.block, server]));
  }

  static async start(blocks: readonly string[] = REMOTE_BLOCKS, options: Omit<BlockServerOptions, 'block' | 'listen'> = {}): Promise<RemoteBlocks> {
    return new RemoteBlocks(await Promise.all(blocks.map((block) => startBlockServer({ ...options, block }))));
  }

  get flags(): readonly string[] {
    return [...this.servers.values()].map(({ flag }) => flag);
  }

  of(block: string): BlockServer {
    const server = this.servers.get(block);
    if (server === undefined) throw new Error(`there is no server of the ${block} block`);
    return server;
  }

  /** The process that a sidecar's compartment has there: of several the youngest. @param kernel its process */
  pidOf(kernel: number, compartment: string): number | undefined {
    const server = this.servers.get(compartment.split(/[/#]/, 1)[0] ?? '');
    return server?.tenants().findLast((tenant) => tenant.compartment === compartment && tenant.peer.endsWith(`process ${kernel}`))?.pid;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.servers.values()].map((server) => server.stop()));
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
