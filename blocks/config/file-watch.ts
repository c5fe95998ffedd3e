// Follows what is in a file: written in place, renamed over, reached by links that are swapped, gone for a while and back.
// Without a change of the file nothing runs.
import { watch, type FSWatcher } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { messageOf } from '../../proto/errors.ts';
import { markOf, placesOf } from '../../proto/places.ts';

/** After a first sign of a change there may be more: it is looked at when there was none for so long, or at the latest then. Milliseconds. */
const QUIET_MS = { wait: 50, most: 1000 } as const;
/** A file that is empty, absent or can't be read may be one that is just being written: it is believed after so long. Milliseconds. */
const DOUBT_MS = 1000;
/** Between looks where the system has no watches left. Milliseconds. */
const POLL_MS = 1000;

export interface FileEvents<T> {
  /** @throws Error that says why this is no content */
  parse(bytes: Buffer): T;
  changed(content: T): void;
  /** There is nothing to read, or nothing that makes sense; told once for each such state of the file. */
  broken(reason: string): void;
  /** The system refuses to watch: the file is looked at from time to time. */
  polling(reason: string): void;
}

/** What is found in one look. The mark tells whether the file is still as it was then. */
interface Found<T> {
  readonly mark: string;
  readonly content: T | undefined;
  /** Why there is no content. */
  readonly reason: string;
  /** It may be half of a change. */
  readonly doubtful: boolean;
}

export class FollowedFile<T> {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #events: FileEvents<T>;
  /** By directory: what tells of the file, of a link on the way to it, or of what is missing on the way. */
  readonly #watchers = new Map<string, { readonly watcher: FSWatcher; readonly names: Set<string>; fired: boolean }>();
  /** The state of the file that was told last. */
  #mark = '';
  #doubt: { readonly mark: string; readonly sinceMs: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** When the first sign came that was not looked at yet (performance.now). */
  #signMs: number | undefined;
  #polling: NodeJS.Timeout | undefined;
  #looking = false;
  #closed = false;

  constructor(path: string, maxBytes: number, events: FileEvents<T>) {
    this.#path = isAbsolute(path) ? path : join(process.cwd(), path);
    this.#maxBytes = maxBytes;
    this.#events = events;
  }

  /** What is in the file now; it is followed from here on. @throws Error that says why that can't be had */
  async open(): Promise<T> {
    const { content, mark, reason } = await this.#watchAndFind();
    if (content === undefined) throw new Error(reason);
    this.#mark = mark;
    this.#signAgain();
    return content;
  }

  /** May be called twice. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#polling);
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #sign(): void {
    if (this.#closed || this.#looking) return; // whoever looks sees to signs that came meanwhile
    const nowMs = performance.now();
    this.#signMs ??= nowMs;
    this.#lookIn(Math.max(0, Math.min(QUIET_MS.wait, this.#signMs + QUIET_MS.most - nowMs)));
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => void this.#look(), ms);
  }

  async #look(): Promise<void> {
    this.#signMs = undefined;
    const found = await this.#watchAndFind();
    if (this.#closed) return;
    this.#weigh(found);
    this.#signAgain();
  }

  /** Watches first, so that what changes after the file was read gives a sign. */
  async #watchAndFind(): Promise<Found<T>> {
    this.#looking = true;
    await this.#watch();
    const found = await this.#find();
    this.#looking = false;
    return found;
  }

  #signAgain(): void {
    if ([...this.#watchers.values()].some(({ fired }) => fired)) this.#sign();
  }

  #weigh({ mark, content, reason, doubtful }: Found<T>): void {
    if (mark === this.#mark) {
      this.#doubt = undefined;
      return;
    }
    if (doubtful) {
      if (this.#doubt?.mark !== mark) this.#doubt = { mark, sinceMs: performance.now() };
      const leftMs = this.#doubt.sinceMs + DOUBT_MS - performance.now();
      if (leftMs > 0) {
        this.#lookIn(leftMs);
        return;
      }
    }
    this.#doubt = undefined;
    this.#mark = mark;
    if (content === undefined) this.#events.broken(reason);
    else this.#events.changed(content);
  }

  /** Reads the file between two looks at its state: if these differ it is being written. */
  async #find(): Promise<Found<T>> {
    const nothing = (mark: string, reason: string): Found<T> => ({ mark, content: undefined, reason, doubtful: true });
    try {
      const before = await markOf(this.#path);
      const bytes = await read(this.#path, this.#maxBytes);
      const mark = await markOf(this.#path);
      if (bytes === undefined) return nothing(mark, `${this.#path} is larger than ${this.#maxBytes} bytes`);
      if (before !== mark) return nothing(mark, `${this.#path} changes while it is read`);
      try {
        return { mark, content: this.#events.parse(bytes), reason: '', doubtful: bytes.length === 0 };
      } catch (cause) {
        return nothing(mark, `${this.#path}: ${messageOf(cause)}`);
      }
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      return nothing(`absent ${code}`, code === 'ENOENT' || code === 'ENOTDIR' ? `${this.#path} does not exist` : messageOf(cause));
    }
  }

  /** Watches what leads to the file now. The path may change while it is walked: until it stays the same. */
  async #watch(): Promise<void> {
    for (let tries = 0; tries < 5; tries++) {
      const wanted = await placesOf(this.#path);
      if (this.#closed) return;
      let settled = true;
      for (const [directory, { watcher, fired }] of this.#watchers) {
        if (wanted.has(directory) && !fired) continue;
        watcher.close(); // one that fired may have lost its directory to another of the same name
        this.#watchers.delete(directory);
      }
      for (const [directory, names] of wanted) {
        const present = this.#watchers.get(directory);
        for (const name of names) present?.names.add(name);
        if (present !== undefined) continue;
        this.#watchDirectory(directory, names);
        settled = false;
      }
      if (settled || this.#polling !== undefined) return;
    }
  }

  #watchDirectory(directory: string, names: ReadonlySet<string>): void {
    const self = basename(directory);
    try {
      const watcher = watch(directory, { persistent: false });
      const entry = { watcher, names: new Set(names), fired: false };
      const fire = () => {
        entry.fired = true;
        this.#sign();
      };
      watcher.on('change', (_event, name) => {
        if (name === null || entry.names.has(String(name)) || String(name) === self) fire();
      });
      watcher.on('error', fire);
      this.#watchers.set(directory, entry);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') this.#poll(messageOf(cause)); // else it has just gone, and the path leads elsewhere
    }
  }

  #poll(reason: string): void {
    if (this.#polling !== undefined) return;
    this.#polling = setInterval(() => this.#sign(), POLL_MS).unref();
    this.#events.polling(reason);
  }
}

/** Undefined if it is too large. @throws Error also for what is no file */
async function read(path: string, maxBytes: number): Promise<Buffer | undefined> {
  if (!(await stat(path)).isFile()) throw new Error(`${path} is not a file`); // a pipe would be read for ever
  const file = await open(path);
  try {
    const buffer = Buffer.allocUnsafe(maxBytes + 1);
    let length = 0;
    for (let bytesRead = -1; bytesRead !== 0 && length <= maxBytes; length += bytesRead) {
      ({ bytesRead } = await file.read(buffer, length, buffer.length - length));
    }
    return length > maxBytes ? undefined : Buffer.from(buffer.subarray(0, length));
  } finally {
    await file.close();
  }
}
