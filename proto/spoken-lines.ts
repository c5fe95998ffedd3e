// What a block's code writes to its standard output or standard error, line by line: log lines of ours go on as they are, and
// everything else becomes one, so that whoever reads the log finds nothing that is none. The writer is hostile by accident:
// a line has a longest length, and all lines together have a rate.
import type { LineLimit } from './line-limit.ts';
import type { Log, LogOutput } from './log.ts';

export interface SpokenOptions {
  /** What is not a log line is logged at this level; a warning of Node's own is one in any case. */
  readonly level: 'info' | 'error';
  /** Whether our log lines are JSON. */
  readonly json: boolean;
  /** Takes the lines that are ours. */
  readonly output: LogOutput;
  /** Takes the others. */
  readonly log: Log;
  readonly limit: LineLimit;
}

/** A longer line is cut. Bytes. */
const LONGEST_LINE = 64 * 1024;
const CUT = '… (cut)';
const NEWLINE = 10;
const MANY_LINES = 1_024;
const TEXT_LINE = /^time="[^"\\]+" level=[a-z]+ msg=/;
const JSON_LINE = /^\{"level":"[a-z]+",/;
// oxlint-disable-next-line no-control-regex -- a log line has none
const CONTROL = /[\u0000-\u001f]/;
const NODE_WARNING = /^\(node:\d+\) |^\(Use `node /;
const NOTHING = Buffer.alloc(0);

export class SpokenLines {
  readonly #options: SpokenOptions;
  /** The beginning of a line that has no end yet. */
  #open: Buffer = NOTHING;
  /** The rest of this line is too much. */
  #cutting = false;

  constructor(options: SpokenOptions) {
    this.#options = options;
  }

  /** Takes the next bytes. @returns false when some of it was dropped: the writer is too fast */
  write(chunk: Buffer): boolean {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const taken = this.#endLine(chunk.subarray(start, end));
      start = end + 1;
      if (taken) continue;
      start = this.#dropWhole(chunk, start);
      this.#begin(chunk.subarray(start));
      return false;
    }
    this.#begin(chunk.subarray(start));
    return true;
  }

  /** What has no newline at its end is a line, too. */
  end(): void {
    if (this.#open.length > 0) this.#endLine(NOTHING);
  }

  /** The line goes on with these bytes, and ends. False: it is one too many. */
  #endLine(rest: Buffer): boolean {
    this.#begin(rest);
    const line = this.#open;
    const cut = this.#cutting;
    this.#open = NOTHING;
    this.#cutting = false;
    const { limit, output, json } = this.#options;
    if (!limit.take(line.length)) return false; // an empty one costs, too
    const text = line.toString();
    if (!cut && isLogLine(text, json)) output.write(`${text}\n`);
    else if (text.trim() !== '') this.#say(cut ? text + CUT : text.trimEnd());
    return true;
  }

  #begin(bytes: Buffer): void {
    if (bytes.length === 0 || this.#cutting) return;
    const room = LONGEST_LINE - this.#open.length;
    this.#cutting = bytes.length > room;
    // A copy: the bytes are a part of something much larger.
    this.#open = Buffer.concat([this.#open, this.#cutting ? bytes.subarray(0, room) : bytes]);
  }

  /** Once a line was one too many, the others of the same bytes are, too: nobody looks at them. @returns where the last begins */
  #dropWhole(chunk: Buffer, from: number): number {
    let lines = 0;
    let start = from;
    for (let end = chunk.indexOf(NEWLINE, start); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      lines++;
      start = end + 1;
      if (lines < MANY_LINES) continue;
      // They are short: looking at each byte is quicker than many searches.
      for (let at = start; at < chunk.length; at++) {
        if (chunk[at] !== NEWLINE) continue;
        lines++;
        start = at + 1;
      }
      break;
    }
    this.#options.limit.drop(lines);
    return start;
  }

  #say(text: string): void {
    const { level, log } = this.#options;
    log[NODE_WARNING.test(text) ? 'warn' : level]({}, text);
  }
}

/** Whether a line is one of our own log's; it may still say anything. */
function isLogLine(line: string, json: boolean): boolean {
  if (CONTROL.test(line)) return false;
  if (!json) return TEXT_LINE.test(line);
  if (!JSON_LINE.test(line)) return false;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
