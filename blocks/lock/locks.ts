// What the lock API does, whatever the protocol: checks in the contract's order, one question to the store, and what
// follows for locks that the block renews.
import { messageOf, type ApiError } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import { whenReady } from '../awaitable.ts';
import type { CallScope } from '../block.ts';
import type { Awaitable } from '../driver.ts';
import type { AppHoldings } from './app-holdings.ts';
import { monotonicMs } from './clock.ts';
import { gripOf, type Grip, type Holdings } from './holdings.ts';
import type { LockName, RenewRequest, TryLockRequest, TryLockResult, UnlockRequest } from './requests.ts';
import type { Release, Renewal } from './store.ts';
import type { Place, Stores } from './stores.ts';

export class Locks {
  readonly #stores: Stores;
  readonly #holdings: Holdings;
  readonly #apps: AppHoldings;

  constructor(stores: Stores, holdings: Holdings, apps: AppHoldings) {
    this.#stores = stores;
    this.#holdings = holdings;
    this.#apps = apps;
  }

  tryLock(request: TryLockRequest, scope: CallScope): Awaitable<TryLockResult> {
    const { store, resource, owner, expirySeconds, renew } = request;
    if (expirySeconds <= 0) throw FAIL.lockExpiry(store);
    return whenReady(this.#stores.locate(request, FAIL.tryLock), ({ driver, key }) => {
      const name: LockName = { store, resource, owner };
      const renewal = renew === undefined ? undefined : this.#apps.admit(renew, name);
      const sentMs = monotonicMs();
      return asking(
        () => driver.tryLock({ key, owner, expirySeconds }, scope),
        (token) => {
          if (token === undefined) return undefined;
          this.#holdings.given(name);
          // A caller that left doesn't know that it has the lock, and would never let it go.
          if (renewal !== undefined && !scope.signal.aborted) renewal.begin(gripOf(token, expirySeconds, sentMs));
          return token;
        },
        FAIL.tryLock,
        () => renewal?.close(),
      );
    });
  }

  unlock(request: UnlockRequest, scope: CallScope): Awaitable<Release> {
    return whenReady(this.#stores.locate(request, FAIL.unlock), ({ driver, key }) => {
      // Before the store knows: should it not hear of it, then the lock at least expires.
      this.#holdings.find(request)?.end('the lock was unlocked');
      return asking(() => driver.unlock({ key, owner: request.owner }, scope), (release) => release, FAIL.unlock);
    });
  }

  renew(request: RenewRequest, scope: CallScope): Awaitable<Renewal> {
    if (request.expirySeconds <= 0) throw FAIL.lockExpiry(request.store);
    return whenReady(this.#stores.locate(request, FAIL.renewLock), (place) => asking(() => this.#renewAt(place, request, scope), (renewal) => renewal, FAIL.renewLock));
  }

  /** Takes the lock, or takes over one that this owner has. Undefined: somebody else has it. @throws ApiError */
  async acquire(request: RenewRequest, scope: CallScope): Promise<Grip | undefined> {
    const { store, resource, owner, expirySeconds } = request;
    if (expirySeconds <= 0) throw FAIL.lockExpiry(store);
    const place = await this.#stores.locate(request, FAIL.tryLock);
    try {
      let sentMs = monotonicMs();
      const renewal = await this.#renewAt(place, request, scope);
      if (renewal.status === 'renewed') return gripOf(renewal.token, expirySeconds, sentMs);
      if (renewal.status === 'others') return undefined;
      sentMs = monotonicMs();
      const token = await place.driver.tryLock({ key: place.key, owner, expirySeconds }, scope);
      if (token === undefined) return undefined;
      this.#holdings.given({ store, resource, owner });
      return gripOf(token, expirySeconds, sentMs);
    } catch (cause) {
      throw FAIL.tryLock(messageOf(cause)).because(cause);
    }
  }

  /** A lock that is renewed already is renewed by whoever does that: two renewals at once would leave unknown which one counts. */
  #renewAt({ driver, key }: Place, { store, resource, owner, expirySeconds }: RenewRequest, scope: CallScope): Awaitable<Renewal> {
    const ask = (): Awaitable<Renewal> => driver.renew({ key, owner, expirySeconds }, scope);
    const holding = this.#holdings.find({ store, resource, owner });
    return holding === undefined ? ask() : holding.renewNow(expirySeconds, scope).then((renewal) => renewal ?? ask());
  }
}

/** `next` of what the store says. @throws ApiError what `refuse` makes of the store's own errors */
function asking<T, R>(ask: () => Awaitable<T>, next: (answer: T) => R, refuse: (text: string) => ApiError, settled?: () => void): Awaitable<R> {
  const failed = (cause: unknown): never => {
    settled?.();
    throw refuse(messageOf(cause)).because(cause);
  };
  const answered = (answer: T): R => {
    settled?.();
    return next(answer);
  };
  let answer: Awaitable<T>;
  try {
    answer = ask();
  } catch (cause) {
    return failed(cause);
  }
  return answer instanceof Promise ? answer.then(answered, failed) : answered(answer);
}
