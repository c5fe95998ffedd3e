// What is being measured and how long it will still take, on standard error.
import { duration } from './plan.ts';

export class Progress {
  #leftMs: number;
  readonly #isTerminal = process.stderr.isTTY;
  #saidAtMs = -Infinity;

  constructor(wholeMs: number) {
    this.#leftMs = wholeMs;
  }

  /** A step of so long has begun. On a terminal one line is overwritten; elsewhere a line comes now and then. */
  step(text: string, ms: number): void {
    const line = `${duration(this.#leftMs)} left: ${text}`;
    this.#leftMs -= ms;
    if (this.#isTerminal) return void process.stderr.write(`\r\u001b[K${line}`);
    if (performance.now() - this.#saidAtMs < SAY_MS) return;
    this.#saidAtMs = performance.now();
    process.stderr.write(`${line}\n`);
  }

  /** What nobody must miss. */
  say(text: string): void {
    process.stderr.write(`${this.#isTerminal ? '\r\u001b[K' : ''}${text}\n`);
  }
}

const SAY_MS = 10_000;
