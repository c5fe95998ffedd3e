// One kernel's life of the block: a process that serves this kernel and no other, and the link on which its end is told. The link's end is
// the process' end, and the other way round.
import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { closeAll } from '../../ipc/handing.ts';
import { Link } from '../../ipc/link.ts';
import { PROTOCOL_VERSION } from '../../proto/control.ts';
import { openLog, type Log, type LogDescriptor } from '../../proto/log.ts';
import { asKernelWord, type Hello, type KernelWord, type TenantLimits, type Welcome } from '../../proto/remote.ts';
import { BlockProcess } from '../block-process.ts';
import { openFiles, residentBytes } from '../process-usage.ts';
import { sortHanded, type Handed } from './handed.ts';
import { oomKills } from './oom-kills.ts';

export interface TenantOptions {
  readonly hello: Hello;
  readonly descriptors: readonly number[];
  readonly stream: Duplex;
  readonly rest: Buffer;
  /** For logs: who it is. */
  readonly peer: string;
  readonly ceilings: TenantLimits;
  readonly output: LogDescriptor;
  readonly json: boolean;
  readonly log: Log;
  readonly compileCache: string | undefined;
}

/** A process whose kernel has gone is left this long to go by itself. */
const LEAVE_MS = 500;
/** A kernel that was told where its frames may travel takes them there within that. */
const CARRY_MS = 10_000;
const KEY_BYTES = 32;

export class Tenant {
  /** Resolves when nothing of it is left. Never rejects. */
  readonly ended: Promise<void>;
  /** What its second connection has to bring; `''`: there is none to come. */
  key = '';
  readonly #options: TenantOptions;
  readonly #process: BlockProcess;
  readonly #link: Link<KernelWord>;
  #carrying: NodeJS.Timeout | undefined;
  #leaving: NodeJS.Timeout | undefined;

  /** Takes the descriptors and the stream over. @throws Error where the process can't be had; the descriptors are closed then */
  constructor(options: TenantOptions) {
    this.#options = options;
    const { hello, descriptors, stream, rest, peer, log } = options;
    const handed = hello.handed && descriptors.length > 0 ? sortHanded(hello, descriptors) : undefined;
    if (handed === undefined) closeAll(descriptors);
    if (handed === undefined && hello.lanes > 0) throw new Error(`lanes for ${hello.lanes} gateways need shared memory, and nothing of it has arrived`);
    const why = handed?.why ?? (hello.handed ? 'what it has handed over can\'t be taken on this system' : '');
    this.#process = this.#start(handed);
    this.#link = new Link<KernelWord>(stream, { as: asKernelWord, take: (word) => this.#heard(word), ended: (problem) => this.#left(problem), rest });
    this.ended = this.#end();
    if (handed === undefined) {
      this.key = randomBytes(KEY_BYTES).toString('hex');
      this.#carrying = setTimeout(() => this.kill(), CARRY_MS);
    }
    const welcome: Welcome = { say: 'welcome', protocol: PROTOCOL_VERSION, way: handed === undefined ? 'carried' : handed.segment === undefined ? 'socket' : 'ring', why, key: this.key, cgroup: this.#process.cgroup };
    this.#link.say(welcome);
    log.info({}, `serving app ${hello.log.appId}, compartment ${hello.name}, from ${peer}: process ${this.#process.pid}, ${welcome.way}${why === '' ? '' : ` (${why})`}`);
  }

  /** The connection that the frames come over. Once. */
  carry(stream: Duplex, rest: Buffer): void {
    this.key = '';
    clearTimeout(this.#carrying);
    const { socket } = this.#process;
    if (socket === undefined) return void stream.destroy();
    if (rest.length > 0) socket.write(rest);
    for (const [from, to] of [[stream, socket], [socket, stream]] as const) {
      from.pipe(to);
      from.on('error', () => {}).on('close', () => to.destroy());
    }
  }

  kill(): void {
    this.#process.kill();
  }

  /** This server is about to end: the kernel finishes what it has begun and closes the life. What is left after `graceMs` is killed. */
  leave(graceMs: number): void {
    this.#link.say({ say: 'leaving' });
    this.#leaving ??= setTimeout(() => this.kill(), graceMs);
  }

  #start(handed: Handed | undefined): BlockProcess {
    const { hello: { block, name, ringBytes, maxFrameBytes, limits, log: logging }, ceilings, output, json, compileCache } = this.#options;
    const own = { ...logging, json };
    const log = openLog(own, { output, fields: { block: name } });
    const before = oomKills();
    try {
      return new BlockProcess({
        name, block, ringBytes: handed?.segment === undefined ? 0 : ringBytes, maxFrameBytes, logging: own, output, log, compileCache,
        limits: { heapBytes: bounded(limits.heapBytes, ceilings.heapBytes), memoryBytes: bounded(limits.memoryBytes, ceilings.memoryBytes), openFiles: bounded(limits.openFiles, ceilings.openFiles) },
        segment: handed?.segment, socket: handed?.socket ?? 'pipe', lanes: handed?.lanes ?? [],
        lastWords: () => '', // they lie in memory that the kernel maps, and it reads them there
        outOfMemory: () => before !== undefined && (oomKills() ?? before) > before,
      });
    } finally {
      if (handed !== undefined) closeAll([handed.socket, ...(handed.segment === undefined ? [] : [handed.segment]), ...handed.lanes]);
    }
  }

  #heard(word: KernelWord): void {
    switch (word.say) {
      case 'kill':
        return this.kill();
      case 'usage': {
        const { pid } = this.#process;
        return this.#link.say({ say: 'usage', rss: (pid === undefined ? undefined : residentBytes(pid)) ?? -1, files: (pid === undefined ? undefined : openFiles(pid)) ?? -1 });
      }
      default:
        throw new Error('it said what is said only at first');
    }
  }

  #left(problem: string | undefined): void {
    if (problem !== undefined) this.#options.log.warn({}, `${this.#options.peer} is left: ${problem}`);
    clearTimeout(this.#leaving);
    this.#leaving = setTimeout(() => this.kill(), LEAVE_MS);
  }

  async #end(): Promise<void> {
    const { hello, peer, log } = this.#options;
    const { reason, heap, said, signal, code } = await this.#process.ended;
    clearTimeout(this.#carrying);
    clearTimeout(this.#leaving);
    this.key = '';
    this.#link.say({ say: 'exit', reason, heap, said, ...(signal === undefined ? {} : { signal }), ...(code === undefined ? {} : { code }) });
    this.#link.close();
    log.info({}, `app ${hello.log.appId}, compartment ${hello.name}, from ${peer}: its process has ended: ${reason}`);
  }
}

/** The lower of two limits of which 0 is none. */
function bounded(asked: number, ceiling: number): number {
  if (ceiling === 0) return asked;
  return asked === 0 ? ceiling : Math.min(asked, ceiling);
}
