// `remote`: a block's life in another container. A block server there starts a process for it and is told of the life's end by the end of
// a link; where both see the same memory the frames travel through rings, as if that process were a child of ours.
import { codeReason, type Exit } from '../launch-exit.ts';
import type { LaunchOptions, Life } from '../launch.ts';
import { NO_LANES, type Lanes } from '../lanes/lanes.ts';
import type { Channel } from '../../ipc/channel.ts';
import { DeferredChannel } from '../../ipc/deferred.ts';
import { Link, packWord } from '../../ipc/link.ts';
import { openSocket } from '../../ipc/socket.ts';
import { PROTOCOL_VERSION } from '../../proto/control.ts';
import { messageOf } from '../../proto/errors.ts';
import { asServerWord, LINK_MAGIC, versionProblem, type Carry, type Gone, type Hello, type ServerWord, type Welcome } from '../../proto/remote.ts';
import { addressText } from './address.ts';
import { dial, dialHanding, handsOver } from './dial.ts';
import { Offer } from './offer.ts';
import type { RemoteSettings } from './settings.ts';

/** A server has started a process and said so within that. */
const WELCOME_MS = 10_000;
/** A server that does not say that it has killed what it should within that is left, which ends the life as well. */
const KILL_MS = 2_000;
const USAGE_MS = 1_000;
/** An answer is good for so long: however often somebody looks at `/actuator/blocks`, little is said on the link, whose words are counted. */
const FRESH_MS = 250;

/** @throws Error where it can't be tried */
export function launchRemote(block: string, options: LaunchOptions, settings: RemoteSettings): Life {
  return new RemoteLife(block, options, settings);
}

class RemoteLife implements Life {
  readonly channel: DeferredChannel;
  readonly lanes: Lanes;
  readonly pid = undefined;
  readonly reached: Promise<void>;
  readonly withdrawn: Promise<void>;
  readonly ended: Promise<Exit>;
  transport: string | undefined;
  cgroup: string | undefined;
  readonly #options: LaunchOptions;
  readonly #settings: RemoteSettings;
  readonly #block: string;
  /** Absent where nothing can be handed over. */
  readonly #offer: Offer | undefined;
  readonly #dialling = new AbortController();
  readonly #reached = Promise.withResolvers<void>();
  readonly #withdrawn = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<Exit>();
  #link: Link<ServerWord> | undefined;
  #welcome: NodeJS.Timeout | undefined;
  #killing: NodeJS.Timeout | undefined;
  #usage: { readonly promise: Promise<{ readonly rssBytes: number; readonly openFiles: number } | undefined>; answer(rss: number, files: number): void } | undefined;
  /** The last answer, and when it came. */
  #measured: { readonly rssBytes: number; readonly openFiles: number } | undefined;
  #measuredMs = -Infinity;
  #over = false;

  constructor(block: string, options: LaunchOptions, settings: RemoteSettings) {
    const { ringBytes, maxFrameBytes, lanes = 0 } = options;
    this.#block = block;
    this.#options = options;
    this.#settings = settings;
    const handing = handsOver(settings);
    if (lanes > 0 && !(handing && settings.rings)) throw new Error(`a block at ${addressText(settings.address)} serves one gateway only, because no memory is shared with it`);
    this.#offer = handing ? new Offer({ rings: settings.rings, ringBytes, maxFrameBytes, lanes }) : undefined;
    this.lanes = this.#offer?.lanes ?? NO_LANES;
    this.channel = new DeferredChannel(maxFrameBytes);
    this.reached = this.#reached.promise;
    this.withdrawn = this.#withdrawn.promise;
    this.ended = this.#ended.promise;
    queueMicrotask(() => void this.#reach()); // whoever launches has its life first
  }

  usage(): Promise<{ readonly rssBytes: number; readonly openFiles: number } | undefined> {
    if (this.#usage !== undefined || this.#link === undefined || this.#over) return this.#usage?.promise ?? Promise.resolve(undefined);
    if (performance.now() - this.#measuredMs < FRESH_MS) return Promise.resolve(this.#measured);
    const { promise, resolve } = Promise.withResolvers<{ readonly rssBytes: number; readonly openFiles: number } | undefined>();
    const timer = setTimeout(() => settle(undefined), USAGE_MS).unref();
    const settle = (usage: { readonly rssBytes: number; readonly openFiles: number } | undefined): void => {
      clearTimeout(timer);
      this.#usage = undefined;
      this.#measured = usage;
      this.#measuredMs = performance.now();
      resolve(usage);
    };
    this.#usage = { promise, answer: (rss, files) => settle(rss < 0 ? undefined : { rssBytes: rss, openFiles: Math.max(files, 0) }) };
    this.#link.say({ say: 'usage' });
    return promise;
  }

  kill(): void {
    if (this.#over || this.#killing !== undefined) return;
    this.#killing = setTimeout(() => {
      this.#link?.close();
      this.#finish({ reason: 'it was left, because its block server does not answer', heap: false, said: '' });
    }, KILL_MS);
    if (this.#link === undefined) {
      this.#dialling.abort();
      return this.#finish(unreached('it was given up before it was reached'));
    }
    this.#link.say({ say: 'kill' });
  }

  async #reach(): Promise<void> {
    const { address, uids } = this.#settings;
    if (this.#over) return;
    try {
      const words = packWord(this.#hello());
      const stream = this.#offer === undefined || address.kind !== 'unix'
        ? await dial(this.#settings, words, this.#dialling.signal)
        : dialHanding(address.path, uids, words, this.#offer.descriptors);
      this.#offer?.handed();
      if (this.#over) return void stream.destroy();
      this.#link = new Link(stream, { as: asServerWord, take: (word) => this.#heard(word), ended: (problem) => this.#left(problem) });
      this.#welcome = setTimeout(() => this.#give(`its block server at ${addressText(address)} did not answer within ${WELCOME_MS} ms`), WELCOME_MS);
    } catch (cause) {
      this.#finish(unreached(`it can't be reached at ${addressText(address)}: ${messageOf(cause)}`));
    }
  }

  #hello(): Hello {
    const { name, ringBytes, maxFrameBytes, limits: { heapBytes, memoryBytes, openFiles }, logging, lanes = 0 } = this.#options;
    return {
      say: 'hello', magic: LINK_MAGIC, protocol: PROTOCOL_VERSION, version: this.#settings.version, block: this.#block, name, ringBytes, maxFrameBytes,
      handed: this.#offer !== undefined, rings: this.#offer !== undefined && this.#settings.rings, lanes, limits: { heapBytes, memoryBytes, openFiles }, log: logging,
    };
  }

  #heard(word: ServerWord): void {
    switch (word.say) {
      case 'welcome':
        return void this.#welcomed(word).catch((cause: unknown) => this.#give(`its frames can't travel to ${addressText(this.#settings.address)}: ${messageOf(cause)}`));
      case 'refused':
        return this.#give(`its block server at ${addressText(this.#settings.address)} refuses: ${word.reason}`);
      case 'leaving':
        return this.#withdrawn.resolve();
      case 'usage':
        return this.#usage?.answer(word.rss, word.files);
      case 'exit':
        return this.#finish(this.#exitOf(word));
      default:
        throw new Error('it said what nobody had asked for');
    }
  }

  async #welcomed({ protocol, way, why, key, cgroup }: Welcome): Promise<void> {
    const problem = versionProblem(protocol, 'kernel', '');
    if (problem !== undefined) throw new Error(problem);
    if (this.transport !== undefined) throw new Error('its block server has said welcome twice');
    clearTimeout(this.#welcome);
    const { address, rings } = this.#settings;
    if (rings && way !== 'ring' && address.kind === 'unix') {
      this.#options.log.warn({}, `the ${this.#options.name} block at ${addressText(address)} shares no memory with this sidecar, its calls cost more${why === '' ? '' : `: ${why}`}`);
    }
    this.transport = way === 'ring' ? 'ring' : address.kind === 'unix' ? 'socket' : this.#settings.tls === undefined ? 'tcp' : 'tls';
    const channel = way === 'carried' ? await this.#carry(key) : this.#open(way === 'ring');
    this.cgroup = cgroup;
    this.channel.attach(channel);
    if (!this.#over) this.#reached.resolve();
  }

  #open(rings: boolean): Channel {
    if (this.#offer === undefined || this.#over) throw new Error('frames were to travel over what was not handed over');
    return this.#offer.open(rings);
  }

  /** Frames get a connection of their own. */
  async #carry(key: string): Promise<Channel> {
    this.#offer?.withdraw(); // it was not wanted
    const carry: Carry = { say: 'carry', magic: LINK_MAGIC, key };
    const stream = await dial(this.#settings, packWord(carry), this.#dialling.signal);
    return openSocket(stream, { maxFrameBytes: this.#options.maxFrameBytes });
  }

  /** What the block left in memory says more than an exit code does. */
  #exitOf({ reason, heap, said, signal, code }: Gone): Exit {
    const lastWords = this.channel.peer?.blackBox.lastWords ?? '';
    const told = code !== undefined && signal === undefined && !heap && lastWords !== '' ? codeReason(code, lastWords) : reason;
    return { reason: told, heap, said, ...(signal === undefined ? {} : { signal: signal as NodeJS.Signals }), ...(code === undefined ? {} : { code }) };
  }

  /** We can't go on with it. */
  #give(reason: string): void {
    this.#link?.close();
    this.#finish(this.transport === undefined ? unreached(reason) : { reason, heap: false, said: '' });
  }

  #left(problem: string | undefined): void {
    const where = addressText(this.#settings.address);
    if (problem !== undefined && this.transport === undefined) this.#finish(unreached(`what answers at ${where} is no block server of this version: ${problem}`));
    else if (problem !== undefined) this.#finish({ reason: `its block server at ${where} was left: ${problem}`, heap: false, said: '' });
    else if (this.transport === undefined) this.#finish(unreached(`its block server at ${where} closed the connection`));
    else this.#finish({ reason: `its block server at ${where} is gone`, heap: false, said: '' });
  }

  #finish(exit: Exit): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#welcome);
    clearTimeout(this.#killing);
    this.#dialling.abort();
    this.#usage?.answer(-1, -1);
    this.#offer?.withdraw();
    this.channel.fail();
    this.#link?.close();
    this.#ended.resolve(exit);
  }
}

function unreached(reason: string): Exit {
  return { reason, heap: false, said: '', unlaunched: true };
}
