// A text that must never be printed: an API token. Whatever turns it into a string, JSON or an inspection gets a placeholder.
import { inspect } from 'node:util';

const REDACTED = '[redacted]';

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** False: there is no token, and nothing is required or sent. */
  get isSet(): boolean {
    return this.#value !== '';
  }

  /** The text itself. Call it where the bytes leave, and keep no copy. */
  reveal(): string {
    return this.#value;
  }

  /** Whether `candidate` is this secret, in a time that tells nothing of where they differ. False when none is set. */
  matches(candidate: string): boolean {
    const [mine, theirs] = [Buffer.from(this.#value), Buffer.from(candidate)];
    if (mine.length === 0 || mine.length !== theirs.length) return false;
    return process.getBuiltinModule('node:crypto').timingSafeEqual(mine, theirs); // loaded on first use: most sidecars have no token
  }

  toString(): string {
    return this.isSet ? REDACTED : '';
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return `Secret(${this.isSet ? REDACTED : 'none'})`;
  }
}
