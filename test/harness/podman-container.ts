// A container as tests see it: started by podman with no more rights than it needs, watched by its log, looked at from outside by its processes.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Podman } from '../servers/podman.ts';
import { eventually } from './awaiting.ts';

export interface ContainerOptions {
  /** For the image's entry point. */
  readonly args: readonly string[];
  /** `none`: it has no network at all; `host`: this machine's. */
  readonly network: 'none' | 'host';
  /** Its limit, e.g. `256m`; no swap beside it. */
  readonly memory: string;
  /** `from:to` or `from:to:ro`. */
  readonly volumes?: readonly string[];
  readonly pod?: string;
}

export interface Engine {
  readonly podman: Podman;
  readonly image: string;
  /** For files of the test's own. */
  readonly folder: string;
}

export class Container {
  readonly name: string;
  readonly #podman: Podman;
  readonly #logFile: string;
  readonly #pidFile: string;

  private constructor(name: string, { podman, folder }: Engine) {
    this.name = name;
    this.#podman = podman;
    this.#logFile = join(folder, `${name}.log`);
    this.#pidFile = join(folder, `${name}.pid`);
  }

  /** Resolves when its first process runs. */
  static async start(name: string, engine: Engine, { args, network, memory, volumes = [], pod }: ContainerOptions): Promise<Container> {
    const container = new Container(name, engine);
    const { podman, image } = engine;
    await podman.run(
      'run', '--detach', '--name', name, ...(pod === undefined ? [] : ['--pod', pod]), `--network=${network}`, ...podman.confined(memory),
      '--log-driver=k8s-file', `--log-opt=path=${container.#logFile}`, `--pidfile=${container.#pidFile}`, ...volumes.map((volume) => `--volume=${volume}`), image, ...args,
    );
    return container;
  }

  /** Its first process, as this machine numbers it. */
  get pid(): number {
    return Number(readFileSync(this.#pidFile, 'utf8'));
  }

  /** The first process's children: where a block server runs its kernels' blocks, and a kernel its own. */
  get children(): number[] {
    const { pid } = this;
    // A thread's children are its own in this list; Node starts processes from its main thread.
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter((word) => word !== '').map(Number);
  }

  /** All it has said since its first start, standard output and standard error. */
  get log(): string {
    if (!existsSync(this.#logFile)) return '';
    return readFileSync(this.#logFile, 'utf8').replaceAll(/^\S+ std(out|err) [FP] /gm, '');
  }

  /** Resolves when it has said so. @param times how often: a container that was started again says things twice */
  async says(pattern: RegExp, times = 1, timeoutMs = 40_000): Promise<void> {
    const all = new RegExp(pattern, 'g');
    await eventually(`${this.name} says ${pattern}`, () => (this.log.match(all)?.length ?? 0) >= times, timeoutMs).catch((cause: unknown) => {
      throw new Error(`${(cause as Error).message}; it said:\n${this.log}`, { cause });
    });
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#podman.run('kill', `--signal=${signal}`, this.name);
  }

  /** After it has ended. */
  async startAgain(): Promise<void> {
    await this.#podman.run('start', this.name);
  }

  /** Waits until it has ended. */
  async exitCode(): Promise<number> {
    return Number(await this.#podman.run('wait', this.name));
  }

  /** SIGTERM, and the exit code that followed. */
  async end(): Promise<number> {
    await this.kill('SIGTERM');
    return this.exitCode();
  }

  /** Runs a command in it, as a probe does. @returns its exit code and what it said */
  exec(...command: string[]): Promise<{ readonly code: number; readonly said: string }> {
    return this.#podman.run('exec', this.name, ...command).then((said) => ({ code: 0, said }), (cause: Error) => ({ code: Number((cause.cause as { code?: unknown }).code), said: cause.message }));
  }

  async remove(): Promise<void> {
    await this.#podman.run('rm', '--force', '--time=0', this.name);
  }
}

/** One line's value of /proc/<pid>/status. */
export function statusOf(pid: number, field: string): string {
  return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
}

/** Network interfaces that a process has. */
export function interfacesOf(pid: number): string[] {
  return Array.from(readFileSync(`/proc/${pid}/net/dev`, 'utf8').matchAll(/^\s*([^\s:|]+):/gm), ([, name = '']) => name);
}

/** Device and inode of each segment of shared memory that a process has mapped. */
export function segmentsOf(pid: number): Set<string> {
  return new Set(Array.from(readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(/^\S+ rw-s \S+ (\S+) (\d+) +\/memfd:bulkhead/gm), ([, device = '', inode = '']) => `${device} ${inode}`));
}

/** The limit of its control group in bytes, and how many of the group were killed for it: version 1 or 2. */
export function memoryGroupOf(pid: number): { readonly limit: number; readonly kills: () => number } {
  const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  const first = /^\d+:[^:]*\bmemory\b[^:]*:(.*)$/m.exec(groups)?.[1];
  const folder = first === undefined ? `/sys/fs/cgroup${/^0::(.*)$/m.exec(groups)?.[1] ?? ''}` : `/sys/fs/cgroup/memory${first}`;
  const [limit, events] = first === undefined ? ['memory.max', 'memory.events'] : ['memory.limit_in_bytes', 'memory.oom_control'];
  return {
    limit: Number(readFileSync(join(folder, limit), 'utf8')),
    kills: () => Number(/^oom_kill (\d+)$/m.exec(readFileSync(join(folder, events), 'utf8'))?.[1]),
  };
}
