// What the Kafka client says, in few lines: it complains of each attempt of each connection, and an outage makes thousands.
import type { Logger } from '../../block.ts';

/** A text is said once in this time; the next time it comes with the number of those left out. Milliseconds. */
const WINDOW_MS = 60_000;
/** Different texts in a window. Numbers make no difference. */
const MAX_TEXTS = 8;
/** What belongs to a group's everyday life, or to the first use of a topic. */
const EVERYDAY = /rebalanc|leadership election|not aware of this member/i;

export class KafkaLog {
  readonly #log: Logger;
  readonly #fields: object;
  readonly #now: () => number;
  /** Set while somebody else says what goes wrong: a component that can't start says so itself, once. */
  quiet = false;
  /** What was said in this window, and how often it came again. */
  readonly #said = new Map<string, number>();
  #windowEndMs = 0;
  #dropped = 0;

  /** @param now the clock, in milliseconds */
  constructor(log: Logger, brokers: readonly string[], now: () => number = () => performance.now()) {
    this.#log = log;
    this.#fields = { kafka: brokers.join(',') };
    this.#now = now;
  }

  debug(text: string): void {
    this.#log.debug(this.#fields, text);
  }

  /** Trouble that is dealt with. */
  warn(text: string): void {
    if (this.quiet || EVERYDAY.test(text)) return this.debug(text);
    const now = this.#now();
    if (now >= this.#windowEndMs) this.#nextWindow(now);
    const kind = text.replace(/\d+/g, '#');
    const again = this.#said.get(kind);
    if (again !== undefined) {
      this.#said.set(kind, again + 1);
      return;
    }
    if (this.#said.size >= MAX_TEXTS) {
      this.#dropped++;
      return;
    }
    this.#said.set(kind, 0);
    this.#log.warn(this.#fields, text);
  }

  /** What is to be seen in any case; rare. */
  info(text: string): void {
    this.#log.info(this.#fields, text);
  }

  #nextWindow(now: number): void {
    let repeated = this.#dropped;
    for (const again of this.#said.values()) repeated += again;
    if (repeated > 0) this.#log.warn({ ...this.#fields, suppressed: repeated }, `${repeated} more lines of the Kafka client were left out`);
    this.#said.clear();
    this.#dropped = 0;
    this.#windowEndMs = now + WINDOW_MS;
  }
}
