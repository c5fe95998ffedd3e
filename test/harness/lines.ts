// Output of a process, line by line, and waiting for a line of it.
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

interface Waiter {
  readonly pattern: RegExp;
  readonly found: (match: RegExpMatchArray) => void;
  readonly failed: (cause: Error) => void;
}

export class Lines {
  readonly #lines: string[] = [];
  readonly #waiters = new Set<Waiter>();
  #ended: string | undefined;

  get all(): readonly string[] {
    return this.#lines;
  }

  /** Lines that match. */
  matching(pattern: RegExp): string[] {
    return this.#lines.filter((line) => pattern.test(line));
  }

  /** Resolves with the first line from `from` on that matches, which may have come already. */
  async waitFor(pattern: RegExp, timeoutMs = 10_000, from = 0): Promise<string> {
    return (await this.#wait(pattern, timeoutMs, from)).input as string;
  }

  /** As `waitFor`, but resolves with the first group. */
  async match(pattern: RegExp, timeoutMs = 10_000, from = 0): Promise<string> {
    return (await this.#wait(pattern, timeoutMs, from))[1] ?? '';
  }

  follow(output: Readable): void {
    createInterface(output).on('line', (line) => this.#take(line));
  }

  /** No line will follow: whoever still waits is told why. */
  end(why: string): void {
    this.#ended = why;
    for (const { pattern, failed } of this.#waiters) failed(new Error(`no line matched ${pattern}: ${why}`));
  }

  #take(line: string): void {
    this.#lines.push(line);
    for (const { pattern, found } of this.#waiters) {
      const match = line.match(pattern);
      if (match !== null) found(match);
    }
  }

  #wait(pattern: RegExp, timeoutMs: number, from: number): Promise<RegExpMatchArray> {
    for (const line of this.#lines.slice(from)) {
      const match = line.match(pattern);
      if (match !== null) return Promise.resolve(match);
    }
    if (this.#ended !== undefined) return Promise.reject(new Error(`no line matched ${pattern}: ${this.#ended}`));
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        pattern,
        found: (match) => { done(); resolve(match); },
        failed: (cause) => { done(); reject(cause); },
      };
      const timer = setTimeout(() => waiter.failed(new Error(`no line matched ${pattern} within ${timeoutMs} ms`)), timeoutMs);
      this.#waiters.add(waiter);
    });
  }
}
