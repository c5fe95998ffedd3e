// Locks that are held for as long as a stream lives: Hold. The stream belongs to its client, not to one life of this block:
// the kernel opens it again on the next one, and what was known of its lock lies with the kernel meanwhile.
import { ApiError, messageOf } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import { RESUME } from '../../proto/control.ts';
import type { BlockHost, Logger, StreamCall, StreamMethod } from '../block.ts';
import type { Checkpoints } from '../checkpoints.ts';
import { OperationTally } from '../counting.ts';
import type { Meter } from '../meter.ts';
import { holdMessage, readHold } from './grpc.ts';
import type { Grip, Holding, Holdings } from './holdings.ts';
import type { Locks } from './locks.ts';
import type { HoldRequest, LockName } from './requests.ts';
import { OwnScope } from './scope.ts';

const STREAM = 'stream ';
/** Within this time the kernel has opened again whatever streams there were. Milliseconds. */
const CLAIM_WITHIN_MS = 60_000;

export class HoldStreams implements StreamMethod {
  readonly #locks: Locks;
  readonly #holdings: Holdings;
  readonly #checkpoints: Checkpoints;
  readonly #log: Logger;
  readonly #meter: Meter;
  readonly #open = new Set<HoldStream>();
  /** What former lives held, by stream, until the stream is there again. */
  readonly #found = new Map<string, Grip>();
  readonly #releases = new Set<Promise<void>>();
  #unclaimed: NodeJS.Timeout | undefined;
  /** Set while another life has the streams, or is about to: resolves when none does after all. */
  #handedOver: PromiseWithResolvers<void> | undefined;
  /** Their calls ended meanwhile: they went on in the other life, or their clients left. */
  readonly #left = new Set<HoldStream>();

  constructor(locks: Locks, holdings: Holdings, { checkpoints, log, meter }: BlockHost) {
    this.#locks = locks;
    this.#holdings = holdings;
    this.#checkpoints = checkpoints;
    this.#log = log;
    this.#meter = meter;
    checkpoints.inherit((found) => {
      for (const [checkpoint, text] of found) if (checkpoint.startsWith(STREAM)) this.#found.set(checkpoint, unpack(text));
      if (this.#found.size > 0) this.#unclaimed = setTimeout(() => this.#forgetFound(), CLAIM_WITHIN_MS).unref();
    });
  }

  readonly open = (call: StreamCall, body: Uint8Array): void => {
    const request = readHold(body);
    const checkpoint = STREAM + (call.headers[RESUME.stream] ?? '');
    const former = this.#found.get(checkpoint);
    this.#found.delete(checkpoint);
    const stream = new HoldStream(call, request, {
      holdings: this.#holdings,
      locks: this.#locks,
      tally: new OperationTally(this.#meter, 'lock', request.store, 'hold', 'ERR_TRY_LOCK'),
      keep: (grip) => this.#checkpoints.set(checkpoint, pack(grip)),
      over: () => {
        this.#open.delete(stream);
        this.#checkpoints.delete(checkpoint);
      },
      release: (name) => this.#release(name),
      ours: () => this.#handedOver?.promise,
      left: (leaving) => {
        if (this.#handedOver === undefined) return false;
        this.#left.add(leaving);
        return true;
      },
    });
    this.#open.add(stream);
    if (call.headers[RESUME.resumed] === undefined) void stream.acquire();
    else stream.resume(former);
  };

  /** Whether no stream is open and no lock is being released. */
  get isEmpty(): boolean {
    return this.#open.size + this.#releases.size === 0;
  }

  /**
   * Another life goes on with the streams and their locks: whatever happens to a stream here means nothing to its lock. Settles
   * when the locks are released whose streams ended before.
   */
  async handOver(): Promise<void> {
    this.#handedOver = Promise.withResolvers();
    await Promise.all(this.#releases);
  }

  /** None does. */
  resume(): void {
    this.#handedOver?.resolve();
    this.#handedOver = undefined;
    const left = [...this.#left];
    this.#left.clear();
    for (const stream of left) stream.leave();
  }

  /** Ends what is open, and resolves when the locks that are to be released are, as far as the store can be reached. */
  async close(): Promise<void> {
    clearTimeout(this.#unclaimed);
    if (this.#handedOver === undefined) for (const stream of [...this.#open]) stream.fail(FAIL.blockUnavailable('lock', 'the sidecar is shutting down'));
    await Promise.all(this.#releases);
  }

  #release(name: LockName): void {
    const release = this.#unlock(name).finally(() => this.#releases.delete(release));
    this.#releases.add(release);
  }

  async #unlock(name: LockName): Promise<void> {
    try {
      await this.#locks.unlock(name, new OwnScope());
    } catch (cause) {
      this.#log.warn({ store: name.store, resource: name.resource }, `a lock whose stream has ended was not released, and is left to expire: ${messageOf(cause)}`);
    }
  }

  /** Their clients left while this block was away. */
  #forgetFound(): void {
    for (const checkpoint of this.#found.keys()) this.#checkpoints.delete(checkpoint);
    this.#found.clear();
  }
}

interface Surroundings {
  readonly locks: Locks;
  readonly holdings: Holdings;
  /** Of taking the lock. */
  readonly tally: OperationTally;
  /** For the next life. */
  readonly keep: (grip: Grip) => void;
  readonly over: () => void;
  readonly release: (name: LockName) => void;
  /** Undefined: the streams are this life's. Else resolves when they are again. */
  readonly ours: () => Promise<void> | undefined;
  /** The stream's call has ended. True: that is another life's business. */
  readonly left: (stream: HoldStream) => boolean;
}

class HoldStream {
  readonly #call: StreamCall;
  readonly #request: HoldRequest;
  readonly #name: LockName;
  readonly #around: Surroundings;
  #holding: Holding | undefined;
  #over = false;

  constructor(call: StreamCall, request: HoldRequest, around: Surroundings) {
    const { store, resource, owner } = request;
    this.#call = call;
    this.#request = request;
    this.#name = { store, resource, owner };
    this.#around = around;
    call.onCancel = () => {
      if (!around.left(this)) this.leave();
    };
  }

  async acquire(): Promise<void> {
    const { tally } = this.#around;
    const began = performance.now();
    try {
      const done = this.#around.holdings.reserve();
      let grip: Grip | undefined;
      try {
        // Never given up: nobody would know then whether there is a lock to release.
        grip = await this.#around.locks.acquire(this.#request, new OwnScope());
      } finally {
        done();
      }
      tally.done(performance.now() - began);
      await this.#around.ours(); // another life that goes on with the stream asks the store again, as the same owner
      if (grip === undefined) this.#finish(holdMessage.notAcquired());
      else if (this.#over) this.#letGo();
      else this.#hold(grip);
    } catch (cause) {
      tally.failed(performance.now() - began, cause);
      this.fail(cause instanceof ApiError ? cause : FAIL.internal(messageOf(cause)).because(cause));
    }
  }

  /** Goes on where a former life ended. @param former what that one had; undefined: nothing, or nobody knows */
  resume(former: Grip | undefined): void {
    if (former === undefined) return this.fail(FAIL.blockRestarted('lock'));
    this.#keepUp(former);
  }

  fail(error: ApiError): void {
    if (this.#over) return;
    this.#end();
    this.#call.fail(error);
  }

  #hold(grip: Grip): void {
    this.#around.keep(grip); // before the client hears of it
    this.#keepUp(grip);
    this.#call.send(holdMessage.acquired(grip.token));
  }

  #keepUp(grip: Grip): void {
    const lost = (reason: string): void => this.#finish(holdMessage.lost(reason));
    this.#holding = this.#around.holdings.add(this.#name, grip, { onChanged: this.#around.keep, onLost: lost, onEnd: lost });
    this.#holding.resume();
  }

  /** The last message, and the end. */
  #finish(message: Uint8Array): void {
    if (this.#over) return;
    this.#end();
    this.#call.send(message);
    this.#call.end();
  }

  /** The client ended the stream, or is gone. */
  leave(): void {
    if (this.#over) return;
    const held = this.#holding !== undefined;
    this.#end();
    if (held) this.#letGo();
  }

  #letGo(): void {
    if (this.#request.releaseOnClose) this.#around.release(this.#name);
  }

  #end(): void {
    this.#over = true;
    this.#holding?.forget();
    this.#around.over();
  }
}

type Packed = readonly [token: string, expirySeconds: number, untilMs: number];

function pack({ token, expirySeconds, untilMs }: Grip): string {
  return JSON.stringify([String(token), expirySeconds, untilMs] satisfies Packed);
}

function unpack(text: string): Grip {
  const [token, expirySeconds, untilMs] = JSON.parse(text) as Packed;
  return { token: BigInt(token), expirySeconds, untilMs };
}
