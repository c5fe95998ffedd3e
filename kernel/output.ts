// What a block's process writes to its standard output and standard error, on its way to the log. The kernel reads all of it:
// a pipe that nobody empties would stop the block. How much goes on is limited, and so is the time that reading takes: a block
// that writes as fast as it can must not cost the others their turn.
import type { Readable } from 'node:stream';
import { LineLimit, tooManyLines } from '../proto/line-limit.ts';
import type { Log, LogOutput } from '../proto/log.ts';
import { SpokenLines } from '../proto/spoken-lines.ts';

export interface ChildOutputOptions {
  /** Of the compartment, for what is said of it. */
  readonly name: string;
  /** Whether our log lines are JSON. */
  readonly json: boolean;
  readonly output: LogOutput;
  readonly log: Log;
}

/** After bytes of a writer that is too fast nothing is read for so long. The pipe holds it up meanwhile, and not for long. */
const PAUSE_MS = 1;
/** How long what was written before the end may take to arrive. More only where somebody else holds the pipe. */
const REST_MS = 250;
/** What is kept of the end of standard error. Bytes: an overflow of the heap says much before it dies. */
const TAIL_BYTES = 16 * 1024;
/** And of that, for the reason of its end. */
const SAID_LINES = 20;
const LONGEST_SAID = 400;
const FATAL = 'FATAL ERROR';

export class ChildOutput {
  readonly #streams: readonly Readable[];
  readonly #closed: Promise<unknown>;
  readonly #spoken: readonly [stdout: SpokenLines, stderr: SpokenLines];
  readonly #limit: LineLimit;
  readonly #tail = new Tail();
  /** The writer has ended: what is left is little, and is wanted soon. */
  #ending = false;

  constructor(stdout: Readable, stderr: Readable, { name, json, output, log }: ChildOutputOptions) {
    this.#limit = new LineLimit((lines) => log.warn({}, tooManyLines(name, lines)));
    const spoken = (level: 'info' | 'error'): SpokenLines => new SpokenLines({ level, json, output, log, limit: this.#limit });
    this.#spoken = [spoken('info'), spoken('error')];
    this.#streams = [stdout, stderr];
    stderr.on('data', (chunk: Buffer) => this.#tail.write(chunk));
    this.#closed = Promise.all(this.#streams.map((stream, index) => this.#read(stream, this.#spoken[index] as SpokenLines)));
  }

  /** To be called once its process has ended. Resolves with the last lines it wrote to standard error; `''` for none. */
  async rest(): Promise<string> {
    this.#ending = true;
    for (const stream of this.#streams) stream.resume();
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([this.#closed, new Promise((resolve) => (timer = setTimeout(resolve, REST_MS)))]);
    clearTimeout(timer);
    for (const stream of this.#streams) stream.destroy();
    for (const spoken of this.#spoken) spoken.end();
    this.#limit.settle();
    return this.#tail.lines();
  }

  #read(stream: Readable, spoken: SpokenLines): Promise<void> {
    stream.on('data', (chunk: Buffer) => {
      if (spoken.write(chunk) || this.#ending) return;
      stream.pause();
      setTimeout(() => stream.resume(), PAUSE_MS);
    });
    stream.on('error', () => {}); // the pipe broke: 'close' follows
    return new Promise((resolve) => void stream.once('close', resolve));
  }
}

/** The end of a stream of bytes, also of those that were dropped. */
class Tail {
  readonly #bytes = Buffer.alloc(2 * TAIL_BYTES);
  #end = 0;

  write(chunk: Buffer): void {
    const last = chunk.length > TAIL_BYTES ? chunk.subarray(chunk.length - TAIL_BYTES) : chunk;
    if (this.#end + last.length > this.#bytes.length) {
      this.#bytes.copyWithin(0, this.#end - TAIL_BYTES, this.#end);
      this.#end = TAIL_BYTES;
    }
    this.#end += last.copy(this.#bytes, this.#end);
  }

  /** The last lines; with the one that names what was fatal, also when a long list of frames came after it. */
  lines(): string {
    const lines = this.#bytes.toString('utf8', 0, this.#end).split('\n').map((line) => line.trimEnd()).filter((line) => line !== '');
    const last = lines.slice(-SAID_LINES);
    const fatal = lines.findLast((line) => line.includes(FATAL));
    if (fatal !== undefined && !last.includes(fatal)) last[0] = fatal;
    return last.map((line) => line.slice(0, LONGEST_SAID)).join('\n');
  }
}
