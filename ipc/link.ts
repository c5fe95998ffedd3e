// A link between a kernel and a block server: few, short messages beside a block's frames (proto/remote.ts says which). Each is four bytes of
// length, little-endian, and JSON. The peer is bounded: a message that is too long, or is none, ends the link.
import type { Duplex } from 'node:stream';
import { messageOf } from '../proto/errors.ts';
import { LONGEST_WORD } from '../proto/remote.ts';

const LENGTH_BYTES = 4;
/** How long a peer may take to read what was said last. */
const LAST_WORD_MS = 1_000;
/** What may wait for a peer that does not read. */
const UNREAD_BYTES = 1024 * 1024;
/** A kernel asks for memory twice a second; each answer costs a look into /proc. */
const BURST_WORDS = 50;
const WORDS_PER_SECOND = 10;

/** @throws RangeError for one that is too long */
export function packWord(word: object): Buffer {
  const text = Buffer.from(JSON.stringify(word));
  if (text.length > LONGEST_WORD) throw new RangeError(`a message of ${text.length} bytes, the limit is ${LONGEST_WORD}`);
  const bytes = Buffer.allocUnsafe(LENGTH_BYTES + text.length);
  bytes.writeUInt32LE(text.length, 0);
  text.copy(bytes, LENGTH_BYTES);
  return bytes;
}

/** Takes messages out of bytes as they come. */
export class WordReader {
  #bytes: Buffer = Buffer.alloc(0);

  /** @throws Error for what is no message */
  push(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
  }

  /** The next whole one; undefined: it has not come yet. @throws Error for what is none */
  next(): unknown {
    if (this.#bytes.length < LENGTH_BYTES) return undefined;
    const length = this.#bytes.readUInt32LE(0);
    if (length > LONGEST_WORD) throw new Error('it speaks something else');
    if (this.#bytes.length < LENGTH_BYTES + length) return undefined;
    const text = this.#bytes.toString('utf8', LENGTH_BYTES, LENGTH_BYTES + length);
    this.#bytes = this.#bytes.subarray(LENGTH_BYTES + length);
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new Error('it speaks something else');
    }
  }

  /** What has come behind the last message that was taken. */
  get rest(): Buffer {
    return this.#bytes;
  }
}

/** The first message of a connection and what came behind it. Leaves the stream paused, its listeners taken off. @throws Error (rejects) when none comes in time */
export async function firstWord(stream: Duplex, timeoutMs: number): Promise<{ readonly word: unknown; readonly rest: Buffer }> {
  const reader = new WordReader();
  const { promise, resolve, reject } = Promise.withResolvers<{ word: unknown; rest: Buffer }>();
  const onData = (chunk: Buffer): void => {
    try {
      reader.push(chunk);
      const word = reader.next();
      if (word !== undefined) resolve({ word, rest: reader.rest });
    } catch (cause) {
      reject(cause as Error);
    }
  };
  const onEnd = (): void => reject(new Error('it closed the connection without a word'));
  const timer = setTimeout(() => reject(new Error(`it said nothing within ${timeoutMs} ms`)), timeoutMs);
  stream.on('error', () => {}); // one that comes later is followed by 'close'
  stream.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', reject);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    stream.pause();
    stream.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', reject);
  }
}

export interface LinkOptions<Word> {
  /** Checks what came. @throws Error for what is none */
  readonly as: (value: unknown) => Word;
  readonly take: (word: Word) => void;
  /** Once. `problem`: why it was we who ended it; undefined: the peer did, or `close`. */
  readonly ended: (problem: string | undefined) => void;
  /** What came with the first message already. */
  readonly rest?: Buffer | undefined;
}

/** The stream is its own from now on. */
export class Link<Word> {
  readonly #stream: Duplex;
  readonly #options: LinkOptions<Word>;
  readonly #reader = new WordReader();
  #words = BURST_WORDS;
  #filledMs = performance.now();
  #over = false;

  constructor(stream: Duplex, options: LinkOptions<Word>) {
    this.#stream = stream;
    this.#options = options;
    stream.on('error', () => {}); // 'close' follows
    stream.on('end', () => this.#end(undefined));
    stream.on('close', () => this.#end(undefined));
    const { rest } = options;
    if (rest !== undefined && rest.length > 0) process.nextTick(() => this.#take(rest)); // before anything of the stream; whoever makes this has it then
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.resume();
  }

  /** Ends the link when the peer reads nothing of what it is told. */
  say(word: object): void {
    if (this.#over) return;
    this.#stream.write(packWord(word));
    if (this.#stream.writableLength > UNREAD_BYTES) this.#end('it does not read what it is told');
  }

  /** What was said is still sent. May be called twice. */
  close(): void {
    this.#end(undefined);
  }

  #take(chunk: Buffer): void {
    if (this.#over) return;
    try {
      this.#reader.push(chunk);
      for (let word = this.#reader.next(); word !== undefined && !this.#over; word = this.#reader.next()) {
        if (!this.#isBearable()) throw new Error('it talks too much');
        this.#options.take(this.#options.as(word));
      }
    } catch (cause) {
      this.#end(messageOf(cause));
    }
  }

  /** What is said on a link is little: a bucket of words that fills at a steady rate. */
  #isBearable(): boolean {
    const now = performance.now();
    this.#words = Math.min(BURST_WORDS, this.#words + ((now - this.#filledMs) / 1_000) * WORDS_PER_SECOND);
    this.#filledMs = now;
    return --this.#words >= 0;
  }

  #end(problem: string | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream.resume(); // what comes is thrown away, so that its end is seen
    this.#stream.end();
    const { ended } = this.#options;
    setTimeout(() => this.#stream.destroy(), LAST_WORD_MS).unref();
    setImmediate(() => ended(problem));
  }
}

