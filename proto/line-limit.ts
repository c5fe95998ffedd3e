// How much one block may say: a burst, and a rate after it. Everything that writes lines for a block asks here first, in the
// kernel as in a block's own thread; a flood of lines would else fill the output that everybody else's lines go to.
import type { LogOutput } from './log.ts';

export interface LineRate {
  readonly burstLines: number;
  readonly burstBytes: number;
  /** Once the burst is used up. */
  readonly linesPerSecond: number;
  readonly bytesPerSecond: number;
}

export const LINE_RATE: LineRate = { burstLines: 2_000, burstBytes: 1024 * 1024, linesPerSecond: 500, bytesPerSecond: 256 * 1024 };

/** How often it is said, at most, that lines were dropped. */
const TELL_MS = 1_000;

/** Two buckets that fill at a steady rate: one of lines, one of bytes. */
export class LineLimit {
  readonly #tooMany: (lines: number) => void;
  readonly #rate: LineRate;
  readonly #now: () => number;
  #lines: number;
  #bytes: number;
  #filledAt: number;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param tooMany says that so many lines were dropped; called once a second at most.
   * @param now milliseconds of a clock that only goes forward.
   */
  constructor(tooMany: (lines: number) => void, rate: LineRate = LINE_RATE, now: () => number = () => performance.now()) {
    this.#tooMany = tooMany;
    this.#rate = rate;
    this.#now = now;
    this.#lines = rate.burstLines;
    this.#bytes = rate.burstBytes;
    this.#filledAt = now();
  }

  /** Whether a line of so many bytes may be written now. One that may not is counted as dropped. */
  take(bytes: number): boolean {
    const { burstLines, burstBytes, linesPerSecond, bytesPerSecond } = this.#rate;
    const now = this.#now();
    const seconds = Math.max(0, now - this.#filledAt) / 1_000;
    this.#filledAt = now;
    this.#lines = Math.min(burstLines, this.#lines + seconds * linesPerSecond);
    this.#bytes = Math.min(burstBytes, this.#bytes + seconds * bytesPerSecond);
    const charge = Math.min(bytes, burstBytes); // nothing is too long for ever
    if (this.#lines < 1 || this.#bytes < charge) {
      this.drop(1);
      return false;
    }
    this.#lines -= 1;
    this.#bytes -= charge;
    return true;
  }

  /** Lines that nobody asked about one by one. */
  drop(lines: number): void {
    if (lines === 0) return;
    this.#dropped += lines;
    this.#timer ??= setTimeout(() => this.settle(), TELL_MS).unref();
  }

  /** Says now what it has not said yet. */
  settle(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#dropped;
    this.#dropped = 0;
    if (lines > 0) this.#tooMany(lines);
  }
}

/** An output that takes what the limit allows. A line too many is no lost one: the limit has counted it. */
export function limitedOutput(output: LogOutput, limit: LineLimit): LogOutput {
  return { write: (line) => !limit.take(line.length) || output.write(line) };
}

/** What is said of lines that were dropped. */
export function tooManyLines(block: string, lines: number): string {
  return `the ${block} block wrote ${lines} ${lines === 1 ? 'line' : 'lines'} too many; they were dropped`;
}
