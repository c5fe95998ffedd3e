// One broker subscription for each component and topic, whoever wants its messages: a broker that shares a topic out among
// a group would otherwise give each of them a part. Each subscriber gets every message; it is done when all are done with it.
import { within } from '../../awaitable.ts';
import type { Logger } from '../../block.ts';
import type { BrokerSubscription, IncomingMessage, StringMap, SubscribeRequest } from '../broker.ts';
import type { OpenBroker } from '../brokers.ts';
import { topicKey } from './wanted.ts';

/** One of those that share a broker subscription. */
export interface Branch {
  deliver(message: IncomingMessage): void;
  /** The broker's subscription is over: nothing more comes, and what is unsettled is the broker's again. */
  ended(cause: Error): void;
}

/** A branch's part in a broker subscription. */
export interface Membership {
  /** Deliveries that may run at a time. */
  readonly concurrency: number;
  /** The branch gets nothing more. */
  pause(): void;
  /** The branch has settled all it had. Settles when the broker has it, if nobody else is left. */
  leave(): Promise<void>;
}

/** A start or a close that takes longer has failed: the caller goes on without it. Milliseconds. */
const START_LIMIT_MS = 30_000;
const CLOSE_LIMIT_MS = 10_000;
/** Messages remembered that some have and some want again. */
const MAX_PARTIAL = 10_000;

export class Sources {
  readonly #log: Logger;
  readonly #sources = new Map<string, Source>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /**
   * Settles when the broker's subscription is active; messages may come before. The first to join says what the driver is
   * told; who joins later takes what there is, and a batch that never fills up starts when its time is over.
   * @throws Error when the broker is away or refuses
   */
  async join(broker: OpenBroker, request: SubscribeRequest, branch: Branch): Promise<Membership> {
    const key = topicKey({ pubsubName: broker.name, topic: request.topic });
    let source = this.#sources.get(key);
    while (source?.retired === true) {
      await source.gone;
      source = this.#sources.get(key);
    }
    if (source === undefined) {
      const created = new Source(broker, request, this.#log);
      this.#sources.set(key, created);
      void created.gone.then(() => {
        if (this.#sources.get(key) === created) this.#sources.delete(key);
      });
      source = created;
    }
    return await source.join(branch);
  }
}

class Source {
  /** Settles when the broker's subscription is closed and another may be opened. */
  readonly gone: Promise<void>;
  /** Nobody may join any more. */
  retired = false;
  readonly #log: Logger;
  readonly #name: string;
  readonly #started: Promise<BrokerSubscription>;
  /** Those that get messages. */
  readonly #branches = new Set<Branch>();
  /** With those that still work on what they got. */
  #members = 0;
  readonly #partial = new Map<string, Set<Branch>>();
  /** Came when nobody wanted any more: neither acknowledged nor refused before the subscription has ended. */
  readonly #late: IncomingMessage[] = [];
  /** The broker's subscription is closed. */
  #over = false;
  #subscription: BrokerSubscription | undefined;
  #leave!: () => void;

  constructor(broker: OpenBroker, request: SubscribeRequest, log: Logger) {
    this.#log = log;
    this.#name = `topic ${request.topic} of pubsub ${broker.name}`;
    this.gone = new Promise((resolve) => (this.#leave = resolve));
    this.#started = this.#start(broker, request);
    this.#started.catch(() => this.#leave()); // whoever joined hears of it by its own wait
  }

  async join(branch: Branch): Promise<Membership> {
    this.#branches.add(branch);
    this.#members++;
    const { concurrency } = await this.#started;
    return {
      concurrency,
      pause: () => this.#pause(branch),
      leave: () => this.#part(branch),
    };
  }

  async #start(broker: OpenBroker, request: SubscribeRequest): Promise<BrokerSubscription> {
    const sink = { deliver: (message: IncomingMessage) => this.#deliver(message), ended: (cause: Error) => this.#ended(cause) };
    const opening = Promise.resolve().then(() => broker.driver.subscribe({ ...request, topic: broker.toBroker(request.topic) }, sink));
    try {
      this.#subscription = await within(START_LIMIT_MS, `the broker did not begin to deliver within ${START_LIMIT_MS / 1000} s`, opening);
      return this.#subscription;
    } catch (cause) {
      this.retired = true;
      this.#branches.clear();
      opening.then((late) => this.#close(late), () => undefined); // what begins after its time is nobody's
      throw cause;
    }
  }

  #deliver(message: IncomingMessage): void {
    const earlier = this.#partial.size === 0 ? undefined : this.#partial.get(message.id); // an id costs something to make
    const [only] = this.#branches;
    if (only === undefined) {
      if (this.#over) message.release();
      else this.#late.push(message);
      return;
    }
    if (earlier === undefined && this.#branches.size === 1) return only.deliver(message);
    const wanting = [...this.#branches].filter((branch) => earlier?.has(branch) !== true);
    if (wanting.length === 0) { // those that failed it have left
      this.#partial.delete(message.id);
      return message.ack();
    }
    const split = new Split(message, wanting.length, (acked) => this.#remember(message.id, acked, earlier));
    for (const branch of wanting) branch.deliver(new Share(split, branch));
  }

  /** @param acked those that need it no more; undefined: nobody does. */
  #remember(id: string, acked: ReadonlySet<Branch> | undefined, earlier: ReadonlySet<Branch> | undefined): void {
    this.#partial.delete(id);
    if (acked === undefined) return;
    const [oldest] = this.#partial.keys();
    if (this.#partial.size === MAX_PARTIAL && oldest !== undefined) this.#partial.delete(oldest);
    this.#partial.set(id, new Set([...acked, ...(earlier ?? [])]));
  }

  #ended(cause: Error): void {
    if (this.retired) return;
    this.retired = true;
    const branches = [...this.#branches];
    this.#branches.clear();
    this.#started.then((subscription) => this.#finish(subscription), () => undefined);
    for (const branch of branches) branch.ended(cause);
  }

  #pause(branch: Branch): void {
    if (!this.#branches.delete(branch) || this.#branches.size > 0) return;
    this.retired = true;
    this.#subscription?.pause();
  }

  async #part(branch: Branch): Promise<void> {
    this.#pause(branch);
    if (--this.#members > 0 || this.#subscription === undefined) return;
    await this.#finish(this.#subscription);
  }

  async #finish(subscription: BrokerSubscription): Promise<void> {
    await this.#close(subscription);
    this.#leave();
  }

  async #close(subscription: BrokerSubscription): Promise<void> {
    try {
      await within(CLOSE_LIMIT_MS, `it did not end within ${CLOSE_LIMIT_MS / 1000} s`, subscription.close());
    } catch (cause) {
      this.#log.warn({}, `closing the subscription to ${this.#name} failed: ${String(cause)}`);
    }
    this.#over = true;
    for (const message of this.#late.splice(0)) message.release();
  }
}

/** A message that several have. */
class Split {
  readonly message: IncomingMessage;
  readonly #settled: (acked: ReadonlySet<Branch> | undefined) => void;
  readonly #acked = new Set<Branch>();
  readonly #parties: number;
  #left: number;
  #uncleared: number;
  #failed = false;

  constructor(message: IncomingMessage, parties: number, settled: (acked: ReadonlySet<Branch> | undefined) => void) {
    this.message = message;
    this.#parties = this.#left = this.#uncleared = parties;
    this.#settled = settled;
  }

  settle(branch: Branch, how: 'ack' | 'retry' | 'release'): void {
    if (how === 'ack') this.#acked.add(branch);
    else this.#failed ||= how === 'retry';
    if (--this.#left > 0) return;
    const all = this.#acked.size === this.#parties;
    this.#settled(all ? undefined : this.#acked);
    if (all) this.message.ack();
    else if (this.#failed) this.message.retry();
    else this.message.release();
  }

  /** True when it was the last one. */
  clear(): boolean {
    return --this.#uncleared === 0;
  }
}

/** One branch's view of a message that several have. */
class Share implements IncomingMessage {
  readonly id: string;
  readonly topic: string;
  readonly data: Uint8Array;
  readonly metadata: StringMap;
  readonly contentType: string;
  readonly attempt: number;
  readonly orderKey: string | undefined;
  readonly #split: Split;
  readonly #branch: Branch;
  #open = true;
  #cleared = false;

  constructor(split: Split, branch: Branch) {
    const { id, topic, data, metadata, contentType, attempt, orderKey } = split.message;
    this.id = id;
    this.topic = topic;
    this.data = data;
    this.metadata = metadata;
    this.contentType = contentType;
    this.attempt = attempt;
    this.orderKey = orderKey;
    this.#split = split;
    this.#branch = branch;
  }

  ack(): void {
    this.#settle('ack');
  }
  retry(): void {
    this.#settle('retry');
  }
  release(): void {
    this.#settle('release');
  }

  clear(): boolean {
    if (this.#cleared) return false;
    this.#cleared = true;
    return this.#split.clear();
  }

  #settle(how: 'ack' | 'retry' | 'release'): void {
    if (!this.#open) return;
    this.#open = false;
    this.#split.settle(this.#branch, how);
  }
}

/** One branch found a suspected message harmless. True when all that have it did. */
export function clearedByAll(message: IncomingMessage): boolean {
  return !(message instanceof Share) || message.clear();
}
