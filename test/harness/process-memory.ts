// What another process has in its memory, and what it holds: everything that it can write, and everything it shares, read through
// /proc and searched for marked secrets. For tests of who knows which of them.
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';

const CHUNK_BYTES = 1024 * 1024;
const PAGE_BYTES = 4_096;
/** Of each entry of /proc/<pid>/pagemap. */
const ENTRY_BYTES = 8;
/** Bits of an entry's last byte: the page is in memory, or in swap. */
const THERE = 0xc0;
/** Characters of a mark, and of what follows it. */
const MARK = 10;
const ID = 6;

/** Makes secrets that are found quickly, whole or in part, as nothing else would be: a mark and an id, three times. */
export class Marked {
  /** All of this maker's secrets have it, and nothing else has. */
  readonly mark = randomBytes(MARK / 2).toString('hex');
  readonly #ids = new Set<string>();

  /** One that there was not before. */
  secret(): string {
    const id = randomBytes(ID / 2).toString('hex');
    if (this.#ids.has(id)) return this.secret();
    this.#ids.add(id);
    return (this.mark + id).repeat(3);
  }
}

interface Region {
  readonly start: number;
  readonly end: number;
  readonly perms: string;
  readonly inode: string;
  readonly path: string;
}

/** Undefined: this process may read the memory of that one. Else why not. */
export function memoryProblem(pid: number): string | undefined {
  try {
    closeSync(openSync(`/proc/${pid}/mem`, 'r'));
    return undefined;
  } catch (cause) {
    return `the memory of another process can't be read here: ${(cause as Error).message}`;
  }
}

function regionsOf(pid: number): Region[] {
  return readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n').flatMap((line) => {
    const [, start = '', end = '', perms = '', inode = '', path = ''] = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+)\s*(.*)$/.exec(line) ?? [];
    return start === '' ? [] : [{ start: parseInt(start, 16), end: parseInt(end, 16), perms, inode, path }];
  });
}

/** What may hold what a process has learned: all that is private and can or could be written, and all that is shared. */
function mayHold({ perms, path }: Region): boolean {
  return perms[0] === 'r' && !path.startsWith('[v') && (perms[1] === 'w' || perms[3] === 's' || path === '');
}

/** A process' memory as it is now; which secrets are in it, if only in part. */
export class Memory {
  /** Bytes that were looked at. */
  bytes = 0;
  readonly #ids = new Set<string>();

  /** @throws Error of the system where `memoryProblem` says something */
  constructor(pid: number, { mark }: Marked) {
    // One byte a character, as V8 keeps ASCII and as it travels; and two, as V8 keeps it beside other letters.
    const forms = (['latin1', 'utf16le'] as const).map((encoding) => ({ encoding, needle: Buffer.from(mark, encoding), length: Buffer.byteLength('x'.repeat(MARK + ID), encoding) }));
    const overlap = 2 * (MARK + ID) - 1;
    const memory = openSync(`/proc/${pid}/mem`, 'r');
    const pages = openSync(`/proc/${pid}/pagemap`, 'r');
    const buffer = Buffer.allocUnsafe(overlap + CHUNK_BYTES);
    try {
      for (const region of regionsOf(pid).filter(mayHold)) {
        let kept = 0; // bytes of the chunk before, where a secret may begin
        for (let at = region.start; at < region.end; at += CHUNK_BYTES) {
          const wanted = Math.min(CHUNK_BYTES, region.end - at);
          const read = region.perms[3] === 's' || isThere(pages, at, wanted) ? tryRead(memory, buffer, kept, wanted, at) : 0;
          const chunk = buffer.subarray(0, kept + read);
          for (const { encoding, needle, length } of forms) {
            for (let found = chunk.indexOf(needle); found >= 0; found = chunk.indexOf(needle, found + 1)) this.#ids.add(chunk.toString(encoding, found + needle.length, found + length));
          }
          this.bytes += read;
          kept = read === wanted ? Math.min(overlap, chunk.length) : 0;
          chunk.copy(buffer, 0, chunk.length - kept);
        }
      }
    } finally {
      closeSync(memory);
      closeSync(pages);
    }
  }

  /** Whether any part of a marked secret is there from which it could be told. */
  has(secret: string): boolean {
    return this.#ids.has(secret.slice(MARK, MARK + ID));
  }
}

/** Whether any page of a range has ever been touched: most of what an engine reserves has not. */
function isThere(pages: number, start: number, length: number): boolean {
  const entries = Buffer.alloc(Math.ceil(length / PAGE_BYTES) * ENTRY_BYTES);
  const read = readSync(pages, entries, 0, entries.length, Math.floor(start / PAGE_BYTES) * ENTRY_BYTES);
  for (let at = ENTRY_BYTES - 1; at < read; at += ENTRY_BYTES) if (((entries[at] as number) & THERE) !== 0) return true;
  return read < entries.length;
}

/** Bytes read; 0 for a range that is gone, or that nobody may read. */
function tryRead(memory: number, buffer: Buffer, offset: number, length: number, at: number): number {
  try {
    return readSync(memory, buffer, offset, length, at);
  } catch {
    return 0;
  }
}

/** Its environment as it began with; its arguments. */
export const environmentOf = (pid: number): string => readFileSync(`/proc/${pid}/environ`, 'latin1');
export const argumentsOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'latin1');

/** Inodes of the memory that it shares with others by mapping anonymous files. */
export function sharedInodesOf(pid: number): Set<string> {
  return new Set(regionsOf(pid).filter(({ path, perms }) => path.includes('/memfd:') && perms[3] === 's').map(({ inode }) => inode));
}

/** Its open descriptors by what they lead to, with numbers where there are any: `socket:[4711]`, `/memfd:x (deleted)`. */
export function descriptorTargetsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((name) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${name}`)];
    } catch {
      return []; // closed since it was listed
    }
  });
}
