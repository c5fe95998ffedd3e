// The header blocks of one connection's gRPC requests to several paths. As clients do, the first request of a path puts into the
// server's table what isn't there, those after it name the entries (RFC 7541).
import { END_HEADERS, frame, FrameType, literal } from './http2.ts';

/** `:method: POST` and `:scheme: http` are entries 3 and 6 of the static table. */
const METHOD_AND_SCHEME = [0x83, 0x86] as const;
/** Names in the static table. */
const PATH = 4;
const AUTHORITY = 1;
const CONTENT_TYPE = 31;
const USER_AGENT = 58;
/** The newest entry of the dynamic table. */
const NEWEST = 62;
/** An index beyond needs a second byte. Six paths of operations and the other fields stay far below. */
const LARGEST_INDEX = 126;

type Field = readonly [name: number | string, value: string];

export class RequestHeads {
  readonly #others: readonly Field[];
  readonly #hasTable: boolean;
  /** Values in the server's table, oldest first. */
  readonly #entries: string[] = [];
  /** HEADERS frames on stream 0, by path. */
  readonly #known = new Map<string, Buffer>();

  /** @param hasTable false for a server that keeps none: fields are spelt out each time */
  constructor(authority: string, hasTable: boolean) {
    this.#others = [[AUTHORITY, authority], [CONTENT_TYPE, 'application/grpc'], [USER_AGENT, 'bench/1.0'], ['te', 'trailers']];
    this.#hasTable = hasTable;
  }

  /** Of the connection's next request: the frame must be sent, and sent before any other. */
  next(path: string): Buffer {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const before = this.#entries.length;
    const bytes: number[] = [...METHOD_AND_SCHEME];
    for (const field of [[PATH, path] as const, ...this.#others]) bytes.push(...this.#field(field));
    const head = frame(FrameType.HEADERS, END_HEADERS, 0, Buffer.from(bytes));
    if (this.#entries.length === before) this.#known.set(path, head);
    else this.#known.clear(); // all entries have moved
    return head;
  }

  #field([name, value]: Field): number[] {
    if (!this.#hasTable) return literal(0, name, value);
    const at = this.#entries.indexOf(value);
    if (at < 0) {
      this.#entries.push(value);
      return literal(0x40, name, value);
    }
    const index = NEWEST + this.#entries.length - 1 - at;
    if (index > LARGEST_INDEX) throw new RangeError(`${this.#entries.length} fields of requests are too many for one connection`);
    return [0x80 | index];
  }
}
