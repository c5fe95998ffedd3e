// What the block leaves for its next life about subscriptions: who there is, what all were told of a key, and what one was
// told that is behind the others. So a change is one note, however many have subscribed.
import { messageOf } from '../../proto/errors.ts';
import type { Logger } from '../block.ts';
import type { Checkpoints } from '../checkpoints.ts';
import { ABSENT } from './known-item.ts';
import type { Keys } from './store.ts';

/** A subscription as it is noted. */
export interface Noted {
  readonly id: string;
  readonly store: string;
  readonly keys: Keys;
  /** Over gRPC: the kernel's name for its stream. Undefined: it is the application's, over HTTP. */
  readonly stream: string | undefined;
  /** Keys of which it was told less than the others were: the digest of what it was told. */
  readonly behind: ReadonlyMap<string, string>;
}

type Kind = 'subscription' | 'told' | 'behind';

/** The names begin with what no name of a component begins with, because theirs lie beside ours; a part with a slash in it comes last. */
const nameOf = (kind: Kind, ...parts: readonly string[]): string => `/${kind}/${parts.join('/')}`;
const NAME = /^\/(subscription|told|behind)\/([^/]*)(?:\/(.*))?$/s;

export class Ledger {
  readonly #checkpoints: Checkpoints;
  #found: ReadonlyMap<string, string> = new Map();

  constructor(checkpoints: Checkpoints) {
    this.#checkpoints = checkpoints;
    checkpoints.inherit((found) => (this.#found = found));
  }

  /** Runs once, when what the former life noted is there: at once, or when a life that was on standby takes over. */
  whenFound(take: () => void): void {
    this.#checkpoints.inherit(take);
  }

  /** The subscriptions that the former life had. */
  found(log: Logger): Noted[] {
    const behind = new Map<string, Map<string, string>>();
    for (const [id, key, digest] of this.#parts('behind')) {
      const keys = behind.get(id) ?? new Map<string, string>();
      behind.set(id, keys.set(key, digest));
    }
    const noted: Noted[] = [];
    for (const [id, , text] of this.#parts('subscription')) {
      try {
        const [store, keys, stream] = JSON.parse(text) as readonly [string, Keys, string | null];
        noted.push({ id, store, keys, stream: stream ?? undefined, behind: behind.get(id) ?? new Map() });
      } catch (cause) {
        log.error({ subscription: id }, `a subscription is lost: what the block's former life noted of it can't be read: ${messageOf(cause)}`);
        this.#checkpoints.delete(nameOf('subscription', id));
      }
    }
    return noted;
  }

  /** What everybody had been told of a store's keys, as digests; but for who is behind. A key that isn't there was not, either. */
  foundTold(store: string): Map<string, string> {
    const told = new Map<string, string>();
    for (const [name, key, digest] of this.#parts('told')) if (name === store) told.set(key, digest);
    return told;
  }

  /** To be noted before its id is told. */
  begin({ id, store, keys, stream }: Omit<Noted, 'behind'>): void {
    this.#checkpoints.set(nameOf('subscription', id), JSON.stringify([store, keys, stream ?? null]));
  }

  /** What is noted by `behind` is taken back one by one. */
  end(id: string): void {
    this.#checkpoints.delete(nameOf('subscription', id));
  }

  /** All but those that are behind have been told. */
  told(store: string, key: string, digest: string): void {
    if (digest === ABSENT) this.#checkpoints.delete(nameOf('told', store, key));
    else this.#checkpoints.set(nameOf('told', store, key), digest);
  }

  /** One was told no more than this, while others know better. */
  behind(id: string, key: string, digest: string): void {
    this.#checkpoints.set(nameOf('behind', id, key), digest);
  }

  /** It was told what the others were. */
  caughtUp(id: string, key: string): void {
    this.#checkpoints.delete(nameOf('behind', id, key));
  }

  *#parts(kind: Kind): Iterable<readonly [first: string, rest: string, text: string]> {
    for (const [name, text] of this.#found) {
      const [, is, first = '', rest = ''] = NAME.exec(name) ?? [];
      if (is === kind) yield [first, rest, text];
    }
  }
}
