// Header blocks of a gRPC server, looked at strictly (h2-checker.ts): they decode with what went before, keep to the table size
// that the client allows, and hold fields that HTTP/2 and gRPC allow (RFC 7541; RFC 9113 section 8).
import { HpackDecoder } from '../../kernel/h2/hpack/decoder.ts';

/** A server need not use more, and this one does not. */
const TABLE_BYTES = 4_096;
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** Printable, with blanks only within (gRPC over HTTP/2: ASCII-Value; RFC 9113 section 8.2.1). */
const VALUE = /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/;
/** Fields of the HTTP/1.1 connection (RFC 9113 section 8.2.2). */
const FORBIDDEN: ReadonlySet<string> = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te']);

export class BlockChecker {
  readonly #decoder = new HpackDecoder({ maxTableBytes: TABLE_BYTES, maxListBytes: 1 << 20 });
  readonly #violated: (what: string) => void;
  #tableBytes = TABLE_BYTES;
  /** What the next block has to come down to before anything else. */
  #wanted: number | undefined;

  constructor(violated: (what: string) => void) {
    this.#violated = violated;
  }

  /** The server has acknowledged that the table may have this size. */
  limitTable(bytes: number): void {
    if (bytes < this.#tableBytes) this.#wanted = Math.min(bytes, this.#wanted ?? bytes);
  }

  /** What the fields say, for comparing; undefined when they can't be read. */
  check(stream: number, block: Buffer, { trailers, last }: { readonly trailers: boolean; readonly last: boolean }): string | undefined {
    this.#readSizes(stream, block);
    let fields: string[];
    try {
      ({ fields } = this.#decoder.decode(block, 0, block.length));
    } catch (cause) {
      this.#violated(`a header block on stream ${stream} can't be decoded: ${(cause as Error).message}`);
      return undefined;
    }
    const names = fields.filter((_, index) => index % 2 === 0);
    names.forEach((name, index) => {
      if (name.startsWith(':')) {
        if (name !== ':status' || trailers || index > 0) this.#violated(`stream ${stream} has the field ${name} at ${index}${trailers ? ' of its trailers' : ''}`);
      } else if (!NAME.test(name) || FORBIDDEN.has(name)) {
        this.#violated(`stream ${stream} has a field ${JSON.stringify(name)}`);
      }
      if (!VALUE.test(fields[2 * index + 1] as string)) this.#violated(`stream ${stream}: ${name} is ${JSON.stringify(fields[2 * index + 1])}`);
    });
    if (!trailers && names[0] !== ':status') this.#violated(`stream ${stream} has no :status`);
    if (trailers && !last) this.#violated(`stream ${stream} has HEADERS after HEADERS that do not end it`);
    const isGrpc = trailers || fields[1] === '200';
    if (isGrpc && last !== names.includes('grpc-status')) this.#violated(`stream ${stream} ${last ? 'ends without' : 'goes on after'} grpc-status`);
    return JSON.stringify(fields);
  }

  /** Size updates at the beginning of a block (RFC 7541 sections 4.2 and 6.3). */
  #readSizes(stream: number, block: Buffer): void {
    let at = 0;
    let lowest: number | undefined;
    while (at < block.length && (block[at] as number) >> 5 === 1) {
      let size = (block[at++] as number) & 0x1f;
      if (size === 0x1f) {
        for (let shift = 0; at < block.length; shift += 7) {
          const byte = block[at++] as number;
          size += (byte & 0x7f) * 2 ** shift;
          if (byte < 0x80) break;
        }
      }
      lowest = Math.min(size, lowest ?? size);
      this.#tableBytes = size;
    }
    if (this.#wanted !== undefined && (lowest === undefined || lowest > this.#wanted)) this.#violated(`a header block on stream ${stream} does not come down to a table of ${this.#wanted} bytes`);
    this.#wanted = undefined;
  }
}
