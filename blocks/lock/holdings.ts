// Locks that the block renews by itself, whoever it does that for: each in time, again after a failure, and until it is
// lost. What the store says decides; where it says nothing, a lock counts as lost as soon as it may have expired.
import { messageOf } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import type { CallScope } from '../block.ts';
import type { Awaitable } from '../driver.ts';
import { monotonicMs, wakeAt } from './clock.ts';
import type { LockName, RenewRequest } from './requests.ts';
import { OwnScope } from './scope.ts';
import type { Renewal } from './store.ts';

/** Locks that may be renewed at once. */
const MAX_HOLDINGS = 10_000;
/** A lock is renewed when this share of its expiry has passed. */
const RENEW_AFTER = 1 / 3;
/** A failed renewal is tried again after this share of the expiry; */
const RETRY_AFTER = 1 / 12;
/** but no sooner and no later than after these. Milliseconds. */
const RETRY_MS = { min: 50, max: 1000 } as const;
/** Retries spread by this share in either direction: a store that comes back isn't asked by everybody at once. */
const SPREAD = 0.25;

/** What is known of a lock that somebody has. */
export interface Grip {
  readonly token: bigint;
  /** Of the next renewal. */
  readonly expirySeconds: number;
  /** monotonicMs: from then on the lock may have expired. */
  readonly untilMs: number;
}

/** @param sentMs when the request that the store confirmed was sent: the store's count began no earlier */
export function gripOf(token: bigint, expirySeconds: number, sentMs: number): Grip {
  return { token, expirySeconds, untilMs: sentMs + expirySeconds * 1000 };
}

/** Whom a lock is renewed for. One of `onLost` and `onEnd` runs, once, and is the last. */
export interface HoldingEvents {
  /** It is held for longer than was known, or perhaps not for so long. */
  onChanged(grip: Grip): void;
  /** The lock is not held any more, or may not be. */
  onLost(reason: string): void;
  /** The lock is not renewed here any more, because its owner wants it so. */
  onEnd(reason: string): void;
}

const TAKEN_AGAIN = 'the lock expired, and was taken again';

/** Asks the store. */
export type Renew = (lease: RenewRequest, scope: CallScope) => Awaitable<Renewal>;

export class Holdings {
  /** One for each lock. */
  readonly #holdings = new Map<string, Holding>();
  readonly #renew: Renew;
  #reserved = 0;
  #handedOver = false;

  constructor(renew: Renew) {
    this.#renew = renew;
  }

  /** Keeps room for one, until the returned function is called. @throws ApiError when there is none */
  reserve(): () => void {
    if (this.#holdings.size + this.#reserved >= MAX_HOLDINGS) throw FAIL.tooManyRenewed(MAX_HOLDINGS);
    this.#reserved++;
    let kept = true;
    return () => {
      if (kept) this.#reserved--;
      kept = false;
    };
  }

  /** Renews a lock from now on, once it is told to `resume`. Whoever had it renewed before is told why that is over. */
  add(name: LockName, grip: Grip, events: HoldingEvents): Holding {
    const id = idOf(name);
    const former = this.#holdings.get(id);
    if (former?.grip.token === grip.token) former.end('another call of its owner has taken on its renewal');
    else former?.lose(TAKEN_AGAIN);
    const holding: Holding = new Holding(name, grip, this.#renew, events, () => {
      if (this.#holdings.get(id) === holding) this.#holdings.delete(id);
    });
    this.#holdings.set(id, holding);
    if (this.#handedOver) void holding.suspend();
    return holding;
  }

  /** The lock's, if it is renewed for this owner. */
  find(name: LockName): Holding | undefined {
    const holding = this.#holdings.get(idOf(name));
    return holding?.name.owner === name.owner ? holding : undefined;
  }

  /** Somebody was given this lock just now: whoever it was renewed for has lost it. */
  given(name: LockName): void {
    this.#holdings.get(idOf(name))?.lose(TAKEN_AGAIN);
  }

  /** Whether there is one, or room is kept for one. */
  get isEmpty(): boolean {
    return this.#holdings.size + this.#reserved === 0;
  }

  /** Another life renews them: nothing is renewed here, and nobody is told. Settles with the renewals that are under way. */
  async handOver(): Promise<void> {
    this.#handedOver = true;
    await Promise.all([...this.#holdings.values()].map((holding) => holding.suspend()));
  }

  /** None does. */
  resume(): void {
    this.#handedOver = false;
    for (const holding of [...this.#holdings.values()]) holding.takeBack();
  }

  /** Nothing is renewed any more, and nobody is told. */
  close(): void {
    for (const holding of [...this.#holdings.values()]) holding.forget();
  }
}

export class Holding {
  readonly name: LockName;
  readonly #renew: Renew;
  readonly #events: HoldingEvents;
  readonly #onOver: () => void;
  #grip: Grip;
  /** When the next renewal is due. */
  #dueMs: number;
  #resumed = false;
  /** Another life has it. */
  #suspended = false;
  #over = false;
  #timer: NodeJS.Timeout | undefined;
  /** Settles with the renewal that is under way: there is one at a time, so that what the store did last is what is known here. */
  #flight: Promise<unknown> | undefined;
  #scope: OwnScope | undefined;
  #trouble: string | undefined;

  /** @param onOver runs first of all that follows from the end. */
  constructor(name: LockName, grip: Grip, renew: Renew, events: HoldingEvents, onOver: () => void) {
    this.name = name;
    this.#grip = grip;
    this.#dueMs = dueOf(grip);
    this.#renew = renew;
    this.#events = events;
    this.#onOver = onOver;
    this.#arm();
  }

  get grip(): Grip {
    return this.#grip;
  }

  /** Renews from now on: at once, if it is time. */
  resume(): void {
    if (this.#resumed) return;
    this.#resumed = true;
    this.#arm();
  }

  /** Renews no more until `resume`: the lock may expire meanwhile. */
  rest(): void {
    this.#resumed = false;
    this.#arm();
  }

  /** Another life renews it: from now on it is neither renewed nor lost here. Settles with the renewal that is under way. */
  async suspend(): Promise<void> {
    this.#suspended = true;
    this.#arm();
    await this.#flight?.catch(() => undefined); // told to whoever it belongs to
  }

  /** None does. */
  takeBack(): void {
    this.#suspended = false;
    this.#arm();
  }

  /** Renews as somebody asks, and goes on with that expiry. Undefined: the holding was over before the store was asked. */
  async renewNow(expirySeconds: number, scope: CallScope): Promise<Renewal | undefined> {
    while (this.#flight !== undefined) await this.#flight.catch(() => undefined); // told to whoever it belongs to
    return this.#over ? undefined : this.#send(expirySeconds, scope);
  }

  /** The lock is not held any more, or may not be. */
  lose(reason: string): void {
    if (this.forget()) this.#events.onLost(reason);
  }

  /** The owner wants it renewed no more, at least not here. */
  end(reason: string): void {
    if (this.forget()) this.#events.onEnd(reason);
  }

  /** Ends without a word. False: it was over. */
  forget(): boolean {
    if (this.#over) return false;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#scope?.giveUp('the lock is not renewed any more');
    this.#onOver();
    return true;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#over || this.#suspended) return;
    const renews = this.#resumed && this.#flight === undefined;
    this.#timer = wakeAt(renews ? Math.min(this.#dueMs, this.#grip.untilMs) : this.#grip.untilMs, () => this.#wake());
  }

  #wake(): void {
    const now = monotonicMs();
    if (now >= this.#grip.untilMs) return this.lose(this.#whyExpired());
    if (this.#resumed && this.#flight === undefined && now >= this.#dueMs) {
      this.#scope = new OwnScope();
      void this.#send(this.#grip.expirySeconds, this.#scope).catch(() => undefined); // it has been noted, and is tried again
    }
    this.#arm();
  }

  #whyExpired(): string {
    if (!this.#resumed) return 'the lock was not renewed before it expired: the application was not there';
    return `the lock could not be renewed before it expired: ${this.#trouble ?? 'the store did not answer in time'}`;
  }

  #send(expirySeconds: number, scope: CallScope): Promise<Renewal> {
    const sentMs = monotonicMs();
    const flight = this.#ask(expirySeconds, scope).then(
      (renewal) => {
        this.#land();
        this.#take(renewal, expirySeconds, sentMs);
        return renewal;
      },
      (cause: unknown) => {
        this.#land();
        this.#retry(messageOf(cause), expirySeconds, sentMs);
        throw cause;
      },
    );
    this.#flight = flight;
    return flight;
  }

  async #ask(expirySeconds: number, scope: CallScope): Promise<Renewal> {
    return this.#renew({ ...this.name, expirySeconds }, scope);
  }

  #land(): void {
    this.#flight = undefined;
    this.#scope = undefined;
  }

  #take(renewal: Renewal, expirySeconds: number, sentMs: number): void {
    if (this.#over) return;
    if (renewal.status === 'absent') return this.lose('the lock does not exist any more: it expired, or was released');
    if (renewal.status === 'others') return this.lose('the lock belongs to another owner now');
    // Who had it in between is not known, but somebody may have.
    if (renewal.token !== this.#grip.token) return this.lose('the lock was lost, and its owner has taken it again');
    this.#trouble = undefined;
    this.#grip = gripOf(renewal.token, expirySeconds, sentMs);
    this.#dueMs = dueOf(this.#grip);
    this.#arm();
    this.#events.onChanged(this.#grip);
  }

  /** Nobody knows what the store did. If it did what it was asked, the lock may end sooner than was known so far. */
  #retry(trouble: string, expirySeconds: number, sentMs: number): void {
    if (this.#over) return;
    this.#trouble = trouble;
    const untilMs = Math.min(this.#grip.untilMs, sentMs + expirySeconds * 1000);
    const sooner = untilMs < this.#grip.untilMs;
    this.#grip = { ...this.#grip, untilMs };
    const now = monotonicMs();
    const pauseMs = Math.min(this.#grip.expirySeconds * 1000 * RETRY_AFTER, RETRY_MS.max) * (1 - SPREAD + 2 * SPREAD * Math.random());
    this.#dueMs = now + Math.max(Math.min(pauseMs, (untilMs - now) / 2), RETRY_MS.min); // the nearer the end, the sooner again
    this.#arm();
    if (sooner) this.#events.onChanged(this.#grip);
  }
}

/** When a lock is to be renewed that is held until then. */
function dueOf({ untilMs, expirySeconds }: Grip): number {
  return untilMs - expirySeconds * 1000 * (1 - RENEW_AFTER);
}

function idOf({ store, resource }: LockName): string {
  return JSON.stringify([store, resource]);
}
