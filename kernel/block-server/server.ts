// A block server: takes kernels in, one process of the block for each life that one of them wants, and keeps them apart. It never looks at a
// frame. What is said on links is in proto/remote.ts.
import { timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { closeAll } from '../../ipc/handing.ts';
import { packWord } from '../../ipc/link.ts';
import { PROTOCOL_VERSION } from '../../proto/control.ts';
import { messageOf } from '../../proto/errors.ts';
import { LineLimit } from '../../proto/line-limit.ts';
import type { Log, LogDescriptor } from '../../proto/log.ts';
import { versionProblem, type Hello, type Here } from '../../proto/remote.ts';
import { privately } from '../bind.ts';
import { FatalError, systemReason } from '../fatal.ts';
import { addressText, type RemoteAddress } from '../remote/address.ts';
import { plainProblem } from '../remote/tcp-plain.ts';
import { credentialsOf, readFirstWords, takeFirstWords, type FirstWords } from './first-words.ts';
import type { BlockServerConfig } from './flags.ts';
import { closeSocketToOthers, prepareSocketPlace } from './socket-place.ts';
import { Tenant } from './tenant.ts';

export interface BlockServerOptions {
  readonly config: BlockServerConfig;
  readonly log: Log;
  readonly output: LogDescriptor;
  readonly compileCache: string | undefined;
}

/** From a connection to its first words. */
const HELLO_MS = 5_000;
/** Connections that have said nothing yet. */
const MOST_STRANGERS = 64;
const BACKLOG = 64;
/** A ring as a kernel may ask for it; the same bounds as --ring-bytes. */
const SMALLEST_RING = 64 * 1024;
const LARGEST_RING = 256 * 1024 * 1024;
/** Lines about whoever was refused. Of more than these it is said how many there were. */
const COMPLAINTS = { burstLines: 10, burstBytes: 8 * 1024, linesPerSecond: 0.2, bytesPerSecond: 256 } as const;
/** A refused kernel has this long to read why. */
const LAST_WORD_MS = 1_000;

export class BlockServer {
  readonly #options: BlockServerOptions;
  readonly #tenants = new Set<Tenant>();
  readonly #complaints: LineLimit;
  /** They have said nothing yet; the oldest first. */
  readonly #strangers = new Set<Duplex>();
  #stop: () => Promise<void> = async () => {};
  #stopping = false;

  constructor(options: BlockServerOptions) {
    this.#options = options;
    this.#complaints = new LineLimit((lines) => options.log.warn({}, `${lines} more lines about connections that were refused are not shown`), COMPLAINTS);
  }

  /** Where it listens; resolves when it does. @throws FatalError */
  async listen(): Promise<RemoteAddress> {
    const { listen } = this.#options.config;
    return listen.kind === 'unix' ? this.#listenUnix(listen.path) : this.#listenTcp(listen.host, listen.port);
  }

  /** Takes nobody any more, has the kernels finish what they have begun, and ends. */
  async close(): Promise<void> {
    this.#stopping = true;
    await this.#stop();
    for (const tenant of this.#tenants) tenant.leave(this.#options.config.graceMs);
    await Promise.all([...this.#tenants].map(({ ended }) => ended));
    this.#complaints.settle();
  }

  async #listenUnix(path: string): Promise<RemoteAddress> {
    await prepareSocketPlace(path);
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => void this.#acceptUnix(socket));
    try {
      await listening(server, path);
    } catch (cause) {
      throw new FatalError(`--listen unix:${path}: ${systemReason(cause)}`);
    }
    closeSocketToOthers(path);
    this.#stop = () => new Promise((resolve) => {
      server.close();
      resolve(); // connections stay until their tenants are ended
    });
    return { kind: 'unix', path };
  }

  async #listenTcp(host: string, port: number): Promise<RemoteAddress> {
    const { config: { tcp, peers }, log } = this.#options;
    const problem = tcp.tls === undefined ? plainProblem(host, tcp.plain) : undefined;
    if (problem !== undefined) throw new FatalError(`--listen ${addressText({ kind: 'tcp', host, port })}: ${problem}; give --tls-cert, --tls-key and --tls-ca, or, on a loopback address, --plain-tcp`);
    const [{ listenTcp }, { LinkTls }] = await Promise.all([import('../remote/tcp.ts'), import('../remote/tls.ts')]);
    const tls = tcp.tls === undefined ? undefined : new LinkTls(tcp.tls, (part) => `--tls-${part}`, log);
    const listener = await listenTcp({ host, port, tls, peers, handshakeMs: HELLO_MS, maxPending: MOST_STRANGERS, log }, (stream, peer) => void this.#meet(stream, peer, () => readFirstWords(stream, HELLO_MS)));
    this.#stop = () => listener.close();
    return { kind: 'tcp', host, port: listener.port };
  }

  async #acceptUnix(socket: Socket): Promise<void> {
    socket.on('error', () => {}); // 'close' follows
    const { uids } = this.#options.config;
    let peer = 'somebody';
    try {
      const credentials = credentialsOf(socket);
      if (credentials !== undefined) {
        peer = `user ${credentials.uid}${credentials.pid === 0 ? '' : `, process ${credentials.pid}`}`;
        if (!uids.includes(credentials.uid)) throw new Error(`it is not among the users ${uids.join(', ')}: see --uids`);
      }
    } catch (cause) {
      this.#complain(`${peer} is refused: ${messageOf(cause)}`);
      return this.#refuse(socket, messageOf(cause));
    }
    await this.#meet(socket, peer, () => takeFirstWords(socket, HELLO_MS));
  }

  /** Somebody is here; what is wanted? */
  async #meet(stream: Duplex, peer: string, read: () => Promise<FirstWords>): Promise<void> {
    if (this.#stopping) return void stream.destroy();
    // A kernel speaks at once: who has been silent for longest is the least likely to be one.
    const [oldest] = this.#strangers;
    if (this.#strangers.size >= MOST_STRANGERS && oldest !== undefined) {
      this.#strangers.delete(oldest);
      oldest.destroy();
    }
    this.#strangers.add(stream);
    let words: FirstWords;
    try {
      words = await read();
    } catch (cause) {
      if (!stream.destroyed) this.#complain(`${peer} is left: ${messageOf(cause)}`);
      return void stream.destroy();
    } finally {
      this.#strangers.delete(stream);
    }
    try {
      this.#serve(stream, peer, words);
    } catch (cause) {
      this.#complain(`${peer} is refused: ${messageOf(cause)}`);
      this.#refuse(stream, messageOf(cause));
    }
  }

  /** @throws Error for what is not done */
  #serve(stream: Duplex, peer: string, { word, rest, descriptors }: FirstWords): void {
    if (word.say !== 'hello') closeAll(descriptors);
    switch (word.say) {
      case 'hello':
        return this.#admit(stream, peer, word, rest, descriptors);
      case 'carry': {
        const tenant = this.#waitingFor(word.key);
        if (tenant === undefined) throw new Error('nobody waits for its frames');
        return tenant.carry(stream, rest);
      }
      case 'probe': {
        const { config: { block, log } } = this.#options;
        const here: Here = { say: 'here', block, version: log.version, protocol: PROTOCOL_VERSION, kernels: this.#tenants.size };
        return this.#part(stream, here);
      }
      default:
        throw new Error('it did not begin at the beginning');
    }
  }

  #admit(stream: Duplex, peer: string, hello: Hello, rest: Buffer, descriptors: readonly number[]): void {
    const { config: { ceilings, log: { json } }, log, output, compileCache } = this.#options;
    const problem = this.#problemOf(hello);
    if (problem !== undefined) {
      closeAll(descriptors);
      throw new Error(problem);
    }
    const tenant = new Tenant({ hello, descriptors, stream, rest, peer, ceilings, output, json, log, compileCache });
    this.#tenants.add(tenant);
    void tenant.ended.then(() => this.#tenants.delete(tenant));
  }

  /** Why this kernel is not served; undefined: it is. */
  #problemOf({ protocol, version, block, ringBytes }: Hello): string | undefined {
    const { config } = this.#options;
    const problem = versionProblem(protocol, 'block server', version);
    if (problem !== undefined) return problem;
    if (this.#stopping) return 'it is about to end';
    if (block !== config.block) return `it wants the ${block} block, and this is the ${config.block} block`;
    if (this.#tenants.size >= config.maxKernels) return `${config.maxKernels} kernels are served already: see --max-kernels`;
    if (ringBytes < SMALLEST_RING || ringBytes > LARGEST_RING || !Number.isInteger(Math.log2(ringBytes))) return `rings of ${ringBytes} bytes: expected a power of two from ${SMALLEST_RING} to ${LARGEST_RING}`;
    return undefined;
  }

  /** Compared with each in the same time, whatever they have in common. */
  #waitingFor(key: string): Tenant | undefined {
    const given = Buffer.from(key);
    return [...this.#tenants].find((tenant) => tenant.key !== '' && given.length === tenant.key.length && timingSafeEqual(given, Buffer.from(tenant.key)));
  }

  #refuse(stream: Duplex, reason: string): void {
    this.#part(stream, { say: 'refused', reason: reason.slice(0, 1_000) });
  }

  /** Says the last word. */
  #part(stream: Duplex, word: object): void {
    stream.resume(); // so that its end is seen
    stream.end(packWord(word));
    setTimeout(() => stream.destroy(), LAST_WORD_MS).unref();
  }

  #complain(line: string): void {
    if (this.#complaints.take(line.length)) this.#options.log.warn({}, line);
  }
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    privately(() => server.listen({ path, backlog: BACKLOG }, () => {
      server.off('error', reject);
      server.on('error', () => {}); // of one connection that could not be accepted
      resolve();
    }));
  });
}
