// The news for the application that locks were lost: each told once, as soon as the application can be reached, and given up
// after a while. They outlive this block: until told, they lie with the kernel.
import type { AppState } from '../../proto/control.ts';
import type { LockLostEvent } from '../../proto/gen/bulkhead/v1/lock.ts';
import type { AppSettings } from '../../proto/init.ts';
import type { CallingHost, Logger } from '../block.ts';
import type { Checkpoints } from '../checkpoints.ts';
import type { AppRequest, Kernel } from '../kernel.ts';
import { monotonicMs, wakeAt } from './clock.ts';
import { lostMessage } from './grpc.ts';
import { lostJson } from './http.ts';

const LOST = 'lost ';
const PATH = '/bulkhead/lock-lost';
const RPC = '/bulkhead.v1.LockCallback/OnLockLost';
/** News that is older than this is of no use. Milliseconds. */
const TELL_WITHIN_MS = 600_000;
/** Until an application that is there, but took no call, is asked again. Milliseconds. */
const AGAIN_MS = 1000;
/** News that may wait; beyond it the oldest is given up. */
const MAX_WAITING = 10_000;

interface Notice {
  readonly checkpoint: string;
  readonly event: LockLostEvent;
  readonly untilMs: number;
  /** Takes the call to the application back; undefined: none is under way. */
  giveUp?: (() => void) | undefined;
}

export class LossNotices {
  readonly #protocol: AppSettings['protocol'];
  readonly #kernel: Kernel;
  readonly #checkpoints: Checkpoints;
  readonly #log: Logger;
  /** In the order in which they came, which is that of their ends. */
  readonly #waiting = new Set<Notice>();
  #up = false;
  #resting = false;
  #onSettled: () => void = () => {};
  #next = 1;
  /** For the first of them to be given up. */
  #expiry: NodeJS.Timeout | undefined;
  /** For asking again. */
  #again: NodeJS.Timeout | undefined;

  /** Takes up what former lives did not get told. */
  constructor(app: AppSettings | undefined, { kernel, checkpoints, log }: CallingHost) {
    this.#protocol = app?.protocol ?? 'http';
    this.#kernel = kernel;
    this.#checkpoints = checkpoints;
    this.#log = log;
    checkpoints.inherit((found) => {
      for (const [checkpoint, text] of found) {
        if (!checkpoint.startsWith(LOST)) continue;
        this.#next = Math.max(this.#next, Number(checkpoint.slice(LOST.length)) + 1);
        this.#waiting.add({ checkpoint, ...unpack(text) });
      }
      this.#awaitExpiry();
    });
  }

  add(event: LockLostEvent): void {
    const notice: Notice = { checkpoint: LOST + this.#next++, event, untilMs: monotonicMs() + TELL_WITHIN_MS };
    const [oldest] = this.#waiting;
    if (oldest !== undefined && this.#waiting.size >= MAX_WAITING) this.#abandon(oldest);
    this.#checkpoints.set(notice.checkpoint, pack(notice));
    this.#waiting.add(notice);
    this.#awaitExpiry();
    this.#tell(notice);
  }

  appChanged(state: AppState): void {
    this.#up = state === 'up';
    this.#tellAll();
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Nothing more is told until `resume`. Settles when the application has answered what it was told. */
  async rest(): Promise<void> {
    this.#resting = true;
    if (this.#isTelling()) await new Promise<void>((resolve) => (this.#onSettled = resolve));
  }

  resume(): void {
    this.#resting = false;
    this.#tellAll();
  }

  close(): void {
    clearTimeout(this.#expiry);
    clearTimeout(this.#again);
    for (const notice of this.#waiting) notice.giveUp?.();
    this.#waiting.clear();
  }

  #tellAll(): void {
    for (const notice of this.#waiting) this.#tell(notice);
  }

  #tell(notice: Notice): void {
    if (!this.#up || this.#resting || notice.giveUp !== undefined) return;
    notice.giveUp = this.#kernel.callApp(this.#request(notice.event), ({ failure }) => {
      notice.giveUp = undefined;
      if (failure?.unasked === true) this.#askAgain();
      else this.#forget(notice); // told; what the application says to it changes nothing
      if (!this.#isTelling()) this.#onSettled();
    });
  }

  #isTelling(): boolean {
    for (const { giveUp } of this.#waiting) if (giveUp !== undefined) return true;
    return false;
  }

  /** Without a deadline: a call that waits for its turn should not be taken for one that was made. `#expire` ends it. */
  #request(event: LockLostEvent): AppRequest {
    if (this.#protocol === 'grpc') return { verb: 'RPC', target: RPC, headers: [], body: lostMessage(event), deadlineMs: 0 };
    return { verb: 'POST', target: PATH, headers: ['content-type', 'application/json'], body: Buffer.from(lostJson(event)), deadlineMs: 0 };
  }

  #askAgain(): void {
    this.#again ??= setTimeout(() => {
      this.#again = undefined;
      this.#tellAll();
    }, AGAIN_MS).unref();
  }

  #awaitExpiry(): void {
    const [oldest] = this.#waiting;
    if (oldest !== undefined) this.#expiry ??= wakeAt(oldest.untilMs, () => this.#expire());
  }

  #expire(): void {
    this.#expiry = undefined;
    const now = monotonicMs();
    for (const notice of this.#waiting) if (notice.untilMs <= now) this.#abandon(notice);
    this.#awaitExpiry();
  }

  #abandon(notice: Notice): void {
    this.#log.warn({ store: notice.event.storeName, resource: notice.event.resourceId }, 'the application could not be told that a lock was lost');
    this.#forget(notice);
  }

  #forget(notice: Notice): void {
    notice.giveUp?.();
    this.#waiting.delete(notice);
    this.#checkpoints.delete(notice.checkpoint);
    if (this.#waiting.size > 0) return;
    clearTimeout(this.#expiry);
    this.#expiry = undefined;
  }
}

type Packed = readonly [store: string, resource: string, owner: string, token: string, reason: string, untilMs: number];

function pack({ event: { storeName, resourceId, lockOwner, fencingToken, reason }, untilMs }: Notice): string {
  return JSON.stringify([storeName, resourceId, lockOwner, String(fencingToken), reason, untilMs] satisfies Packed);
}

function unpack(text: string): { readonly event: LockLostEvent; readonly untilMs: number } {
  const [storeName, resourceId, lockOwner, token, reason, untilMs] = JSON.parse(text) as Packed;
  return { event: { storeName, resourceId, lockOwner, fencingToken: BigInt(token), reason }, untilMs };
}
