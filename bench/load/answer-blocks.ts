// What the header blocks of gRPC answers say. A block is decoded once: while the table stays as it is, the same bytes mean the
// same. Every block that was not seen before is decoded, so that no error can pass for a success.
import { HpackDecoder } from '../../kernel/h2/hpack/decoder.ts';
import { DEFAULT_TABLE_BYTES } from './http2.ts';

/** What a block says. */
export interface Meaning {
  /** What is wrong with the call; undefined when nothing is. */
  readonly fault: string | undefined;
}

/** The answer's head: `:status: 200` and a content type of gRPC. */
export const BEGINS: Meaning = { fault: undefined };
/** Trailers with `grpc-status: 0`. */
export const SUCCEEDED: Meaning = { fault: undefined };

interface Known {
  readonly bytes: Buffer;
  readonly meaning: Meaning;
}

/** Servers use two: of heads and of trailers. A date makes others. */
const MOST_KNOWN = 8;
const LONGEST_LIST_BYTES = 64 * 1024;

/** Of one connection. */
export class AnswerBlocks {
  readonly #decoder = new HpackDecoder({ maxTableBytes: DEFAULT_TABLE_BYTES, maxListBytes: LONGEST_LIST_BYTES });
  #known: Known[] = [];

  /** @throws HpackError for what is no header block */
  read(chunk: Buffer, start: number, end: number): Meaning {
    for (const { bytes, meaning } of this.#known) if (isSame(bytes, chunk, start, end)) return meaning;
    const version = this.#decoder.tableVersion;
    const { fields, tooLarge } = this.#decoder.decode(chunk, start, end);
    const meaning = tooLarge ? { fault: 'headers are too large' } : meaningOf(fields);
    if (this.#decoder.tableVersion !== version) this.#known = [];
    else this.#known = [{ bytes: Buffer.from(chunk.subarray(start, end)), meaning }, ...this.#known.slice(0, MOST_KNOWN - 1)];
    return meaning;
  }
}

/** Blocks are short where a table is used: calling out of JavaScript would take longer. */
const SHORT_BYTES = 16;

function isSame(bytes: Buffer, chunk: Buffer, start: number, end: number): boolean {
  const { length } = bytes;
  if (length !== end - start) return false;
  if (length > SHORT_BYTES) return chunk.compare(bytes, 0, length, start, end) === 0;
  for (let i = 0; i < length; i++) if (bytes[i] !== chunk[start + i]) return false;
  return true;
}

function meaningOf(fields: readonly string[]): Meaning {
  const value = (name: string): string | undefined => {
    const at = fields.findIndex((field, i) => i % 2 === 0 && field === name);
    return at < 0 ? undefined : fields[at + 1];
  };
  const http = value(':status');
  const grpc = value('grpc-status');
  if (grpc !== undefined && grpc !== '0') return { fault: `status ${grpc}: ${value('grpc-message') ?? ''}` };
  if (http === undefined) return grpc === undefined ? { fault: `trailers without a status: ${fields.join(' ')}` } : SUCCEEDED;
  if (http !== '200' || value('content-type')?.startsWith('application/grpc') !== true) return { fault: `no gRPC answer: ${fields.join(' ')}` };
  return grpc === undefined ? BEGINS : { fault: 'a status without a message before it' };
}
