// Locks that are renewed for as long as the application is healthy, over the deaths of this block: what is held, and what is
// still to be told, lies with the kernel.
import { FAIL } from '../../proto/failures.ts';
import type { AppSettings } from '../../proto/init.ts';
import type { AppState } from '../../proto/control.ts';
import type { CallingHost, Logger } from '../block.ts';
import type { Checkpoints } from '../checkpoints.ts';
import type { Grip, Holding, Holdings } from './holdings.ts';
import { LossNotices } from './loss-notices.ts';
import type { LockName } from './requests.ts';

/** The one value of `bulkhead-renew` that there is. */
const WHILE_APP = 'app';
/** Names of store, resource and owner together, as JSON. What the kernel keeps has room for as many locks as may be renewed. */
const MAX_NAME_LENGTH = 512;
const HELD = 'held ';

/** A lock that may be renewed, should it be given. */
export interface Admission {
  begin(grip: Grip): void;
  /** It is settled whether the lock was given; comes before `begin`. */
  close(): void;
}

export class AppHoldings {
  readonly #app: AppSettings | undefined;
  readonly #holdings: Holdings;
  readonly #checkpoints: Checkpoints;
  readonly #log: Logger;
  readonly #notices: LossNotices;
  readonly #held = new Set<Holding>();
  #up = false;
  /** Numbers the checkpoints; goes on over lives. */
  #next = 1;

  /** Takes up what former lives held. */
  constructor(app: AppSettings | undefined, holdings: Holdings, host: CallingHost) {
    this.#app = app;
    this.#holdings = holdings;
    this.#checkpoints = host.checkpoints;
    this.#log = host.log;
    this.#notices = new LossNotices(app, host);
    host.checkpoints.inherit((found) => {
      for (const [checkpoint, text] of found) {
        if (!checkpoint.startsWith(HELD)) continue;
        this.#next = Math.max(this.#next, Number(checkpoint.slice(HELD.length)) + 1);
        const { name, grip } = unpack(text);
        this.#renew(checkpoint, name, grip);
      }
    });
  }

  /** @param given the value of `bulkhead-renew`. @throws ApiError when this lock can't be renewed */
  admit(given: string, name: LockName): Admission {
    if (given !== WHILE_APP) throw FAIL.lockRenewal(given, `it must be ${JSON.stringify(WHILE_APP)}: renewed while the application is healthy`);
    if (this.#app === undefined) throw FAIL.lockRenewal(given, 'no application is configured: start the sidecar with --app-port');
    if (this.#app.probed !== true) throw FAIL.lockRenewal(given, 'whether the application is healthy is not looked at: start the sidecar with --enable-app-health-check');
    if (JSON.stringify([name.store, name.resource, name.owner]).length > MAX_NAME_LENGTH) throw FAIL.lockRenewal(given, `store, resource and owner have more than ${MAX_NAME_LENGTH} characters together`);
    const close = this.#holdings.reserve();
    return { close, begin: (grip) => this.#begin(name, grip) };
  }

  appChanged(state: AppState): void {
    this.#up = state === 'up';
    for (const holding of this.#held) {
      if (this.#up) holding.resume();
      else holding.rest();
    }
    this.#notices.appChanged(state);
  }

  /** Whether there is news to be told. */
  get isEmpty(): boolean {
    return this.#notices.isEmpty;
  }

  /** The application is told nothing more until `resume`, or in another life. Settles when it has answered what it was told. */
  rest(): Promise<void> {
    return this.#notices.rest();
  }

  resume(): void {
    this.#notices.resume();
  }

  close(): void {
    this.#notices.close();
  }

  #begin(name: LockName, grip: Grip): void {
    const checkpoint = HELD + this.#next++;
    this.#checkpoints.set(checkpoint, pack(name, grip));
    this.#renew(checkpoint, name, grip);
  }

  #renew(checkpoint: string, name: LockName, grip: Grip): void {
    const over = (): void => {
      this.#held.delete(holding);
      this.#checkpoints.delete(checkpoint);
    };
    const holding: Holding = this.#holdings.add(name, grip, {
      onChanged: (changed) => this.#checkpoints.set(checkpoint, pack(name, changed)),
      onLost: (reason) => {
        this.#log.warn({ store: name.store, resource: name.resource }, `a lock that was renewed for the application is lost: ${reason}`);
        this.#notices.add({ storeName: name.store, resourceId: name.resource, lockOwner: name.owner, fencingToken: grip.token, reason });
        over(); // after the notice: should this life end in between, the next one tells it again
      },
      onEnd: over,
    });
    this.#held.add(holding);
    if (this.#up) holding.resume();
  }
}

type Packed = readonly [store: string, resource: string, owner: string, token: string, expirySeconds: number, untilMs: number];

function pack({ store, resource, owner }: LockName, { token, expirySeconds, untilMs }: Grip): string {
  return JSON.stringify([store, resource, owner, String(token), expirySeconds, untilMs] satisfies Packed);
}

function unpack(text: string): { readonly name: LockName; readonly grip: Grip } {
  const [store, resource, owner, token, expirySeconds, untilMs] = JSON.parse(text) as Packed;
  return { name: { store, resource, owner }, grip: { token: BigInt(token), expirySeconds, untilMs } };
}
