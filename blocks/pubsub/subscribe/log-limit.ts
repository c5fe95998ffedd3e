// Two ways to say less: a limit on lines for what happens with each message, and one line per distinct failure for what is
// tried again and again.
import type { Logger } from '../../block.ts';

const WINDOW_MS = 10_000;
/** Lines in a window; what comes on top is counted, and the count is a line. */
const LINES_PER_WINDOW = 10;
const REMINDER_MS = 60_000;
/** Distinct texts remembered; beyond that the oldest is news again. */
const MAX_TEXTS = 16;

/** Lines about single messages: an application that fails makes thousands. */
export class LimitedLog {
  readonly #log: Logger;
  readonly #fields: object;
  #windowStart = -Infinity;
  #lines = 0;
  #suppressed = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param fields go with each line. */
  constructor(log: Logger, fields: object) {
    this.#log = log;
    this.#fields = fields;
  }

  debug(text: string): void {
    this.#log.debug(this.#fields, text);
  }

  warn(text: string): void {
    if (this.#mayLog()) this.#log.warn(this.#fields, text);
  }

  error(text: string): void {
    if (this.#mayLog()) this.#log.error(this.#fields, text);
  }

  /** Says what was not said yet. May be called twice, and lines may follow. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#suppressed === 0) return;
    this.#log.warn({ ...this.#fields, suppressed: this.#suppressed }, `${this.#suppressed} more lines like these were left out within ${WINDOW_MS / 1000} s`);
    this.#suppressed = 0;
  }

  #mayLog(): boolean {
    const now = performance.now();
    if (now - this.#windowStart >= WINDOW_MS) {
      this.flush();
      this.#windowStart = now;
      this.#lines = 0;
    }
    if (++this.#lines <= LINES_PER_WINDOW) return true;
    this.#suppressed++;
    this.#timer ??= setTimeout(() => this.flush(), this.#windowStart + WINDOW_MS - now).unref();
    return false;
  }
}

/** Lines about something that is tried until it works: each distinct text once, and now and then that it goes on. */
export class Complaints {
  readonly #log: Logger;
  readonly #fields: object;
  readonly #told = new Set<string>();
  #lastMs = 0;

  constructor(log: Logger, fields: object) {
    this.#log = log;
    this.#fields = fields;
  }

  error(text: string): void {
    const now = performance.now();
    if (this.#told.has(text)) {
      if (now - this.#lastMs < REMINDER_MS) return;
      this.#log.error(this.#fields, `still failing: ${text}`);
    } else {
      const [oldest] = this.#told;
      if (this.#told.size === MAX_TEXTS && oldest !== undefined) this.#told.delete(oldest);
      this.#told.add(text);
      this.#log.error(this.#fields, text);
    }
    this.#lastMs = now;
  }

  /** It works again. Says so if anything was said before. */
  over(text: string): void {
    if (this.#told.size > 0) this.#log.info(this.#fields, text);
  }

  /** What was said counts as news again. */
  forget(): void {
    this.#told.clear();
  }
}
