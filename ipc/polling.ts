// When to look again at an empty ring, and when to sleep. A look costs nothing but time; a sleep and its wake-up cost two
// system calls and some 50 us; but looking while the cores are busy keeps the peer from the one it needs. So every kind of
// looking is tried only while it pays, and an idle reader looks at nothing.

/** Looks before giving up the turn: a peer that is awake answers a small call in about a microsecond. */
const SPIN_LOOKS = 400;
/** Spins may fail so often more than they succeed. */
const SPIN_CREDIT = 8;
/**
 * How long an empty ring is polled, turn by turn, before the reader sleeps. Polling for as long as a sleep and its wake-up
 * cost is at most twice as dear as knowing the future (Karlin et al., competitive snoopy caching).
 */
const POLL_MS = 0.1;
/**
 * A poll that found nothing is not tried again for a while. The pause doubles with each failure up to this many wake-ups
 * and is forgotten at a success.
 */
const MAX_PAUSE = 64;

/** What is looked at. */
export interface Lookout {
  /** Looks up to `times` times; true as soon as there is something. */
  spin(times: number): boolean;
}

export class Polling {
  #spinPays = SPIN_CREDIT;
  /** When the present poll ends, on the monotonic clock; 0: none is under way. */
  #untilMs = 0;
  /** Wake-ups without a poll: after the next failure, and left of the present ones. */
  #pause = 0;
  #skip = 0;

  /** A short look for the answer to what was just sent: at depth 1 this is the whole difference between 1 and 50 us. */
  spin(lookout: Lookout): boolean {
    if (this.#spinPays === 0) return false;
    if (lookout.spin(SPIN_LOOKS)) {
      if (this.#spinPays < SPIN_CREDIT) this.#spinPays++;
      return true;
    }
    this.#spinPays--;
    return false;
  }

  /** True: look again in the next turn. `count` is what this turn found, `polled` whether it was a poll or a wake-up. */
  goesOn(count: number, polled: boolean): boolean {
    if (count > 0) {
      if (count > 1 && this.#spinPays === 0) this.#spinPays = 1; // busy again: worth another try
      if (polled) this.#pause = 0;
      if (this.#skip > 0) {
        this.#skip--;
        return false;
      }
      this.#untilMs = performance.now() + POLL_MS;
      return true;
    }
    if (!polled || this.#untilMs === 0) return false;
    if (performance.now() < this.#untilMs) return true;
    this.#untilMs = 0;
    this.#pause = Math.min(MAX_PAUSE, this.#pause * 2 + 1);
    this.#skip = this.#pause;
    return false;
  }
}
