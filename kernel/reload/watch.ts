// Gives a sign when a directory's files, or single files, may have changed: written in place, renamed over, reached by links
// that are swapped, gone for a while and back. What has changed is for the reader to find out.
import { watch, type FSWatcher } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { messageOf } from '../../proto/errors.ts';
import { placesOf } from '../../proto/places.ts';

/** After a first sign of a change there may be more: it is told when there was none for so long, or at the latest then. Milliseconds. */
const QUIET_MS = { wait: 75, most: 1_000 } as const;
/** Between signs where the system has no watches left. Milliseconds. */
const POLL_MS = 2_000;
/** The tree may change while it is walked: until it stays the same, or so many times. */
const MOST_WALKS = 5;
const YAML = /\.ya?ml$/i;

export interface Watched {
  /** YAML files directly in them count, what links in them lead to, and what comes or goes with the directories themselves. */
  readonly directories: readonly string[];
  readonly files: readonly string[];
}

export interface WatchOptions {
  /** Something may have changed. Once for many changes in a row. */
  readonly changed: () => void;
  /** The system refuses to watch, so `changed` comes from time to time; told once. */
  readonly polling: (reason: string) => void;
  /** `changed` comes this often at least, for what no system tells of. */
  readonly reconcileMs: number;
}

/** What counts in one directory. */
interface Place {
  /** A database that lies beside the manifests is written to all the time, and is nobody's business here. */
  readonly yaml: boolean;
  readonly names: Set<string>;
}

/** One directory that is watched. */
interface Entry {
  readonly watcher: FSWatcher;
  place: Place;
  /** Tells it from another directory of the same name. */
  readonly inode: string;
  /** The directory itself was moved or deleted: it has to be opened again. */
  lost: boolean;
}

export class Watch {
  readonly #options: WatchOptions;
  readonly #entries = new Map<string, Entry>();
  #reconciling: NodeJS.Timeout | undefined;
  #polling: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  /** When the first sign came that has not been told yet (performance.now). */
  #signMs: number | undefined;
  #closed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Watches these, and no others any more. What changes after it has resolved gives a sign. */
  async follow({ directories, files }: Watched): Promise<void> {
    for (let walks = 0; walks < MOST_WALKS; walks++) {
      const wanted = await wantedPlaces(directories.map((path) => resolve(path)), files.map((path) => resolve(path)));
      if (this.#closed) return;
      this.#reconciling ??= setInterval(() => this.#sign(), this.#options.reconcileMs).unref();
      if (!(await this.#watch(wanted))) return;
    }
  }

  /** A sign after so many milliseconds, whether or not anything changes, instead of what was asked for before; Infinity: none. */
  again(ms: number): void {
    clearTimeout(this.#again);
    if (!this.#closed && ms < Infinity) this.#again = setTimeout(() => this.#sign(), Math.max(1, ms)).unref();
  }

  /** May be called twice. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#again);
    clearInterval(this.#polling);
    clearInterval(this.#reconciling);
    for (const { watcher } of this.#entries.values()) watcher.close();
    this.#entries.clear();
  }

  /** True: something was opened that had not been watched, so what leads there may have changed meanwhile. */
  async #watch(wanted: ReadonlyMap<string, Place>): Promise<boolean> {
    const inodes = new Map(await Promise.all([...wanted.keys()].map(async (path) => [path, await inodeOf(path)] as const)));
    if (this.#closed) return false;
    for (const [path, { watcher, inode, lost }] of this.#entries) {
      if (wanted.has(path) && !lost && inodes.get(path) === inode) continue;
      watcher.close();
      this.#entries.delete(path);
    }
    let opened = false;
    for (const [path, place] of wanted) {
      const present = this.#entries.get(path);
      if (present !== undefined) present.place = place;
      else opened = this.#open(path, place, inodes.get(path) ?? '') || opened;
    }
    return opened;
  }

  #open(path: string, place: Place, inode: string): boolean {
    const self = basename(path);
    try {
      const watcher = watch(path, { persistent: false });
      const entry: Entry = { watcher, place, inode, lost: false };
      watcher.on('change', (event, name) => {
        if (event === 'rename' && name === self) entry.lost = true;
        if (entry.lost || name === null || counts(entry.place, String(name))) this.#sign();
      });
      watcher.on('error', () => {
        entry.lost = true;
        this.#sign();
      });
      this.#entries.set(path, entry);
      return true;
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') this.#poll(messageOf(cause)); // else it has just gone, and the way leads elsewhere
      return false;
    }
  }

  #sign(): void {
    if (this.#closed) return;
    const nowMs = performance.now();
    this.#signMs ??= nowMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#signMs = undefined;
      this.#options.changed();
    }, Math.max(0, Math.min(QUIET_MS.wait, this.#signMs + QUIET_MS.most - nowMs))).unref();
  }

  #poll(reason: string): void {
    if (this.#polling !== undefined) return;
    this.#polling = setInterval(() => this.#sign(), POLL_MS).unref();
    this.#options.polling(reason);
  }
}

function counts({ yaml, names }: Place, name: string): boolean {
  return names.has(name) || (yaml && YAML.test(name));
}

/** Which directories to watch, and for what. */
async function wantedPlaces(directories: readonly string[], files: readonly string[]): Promise<ReadonlyMap<string, Place>> {
  const wanted = new Map<string, Place>();
  const paths = [...files];
  for (const directory of directories) {
    const names = await readdir(directory, { withFileTypes: true }).catch(() => undefined);
    // A directory that is there tells itself when it goes. One that isn't, or that a link leads to, has a way there.
    if (names === undefined || !(await isPlainWay(directory))) paths.push(directory);
    if (names === undefined) continue;
    wanted.set(directory, { yaml: true, names: new Set() });
    for (const entry of names) if (entry.isSymbolicLink()) paths.push(join(directory, entry.name));
  }
  for (const places of await Promise.all(paths.map(placesOf))) {
    for (const [directory, names] of places) {
      const known = wanted.get(directory);
      if (known === undefined) wanted.set(directory, { yaml: false, names: new Set(names) });
      else for (const name of names) known.names.add(name);
    }
  }
  return wanted;
}

/** Whether no link is on the way. */
async function isPlainWay(path: string): Promise<boolean> {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    if ((await lstat(at).catch(() => undefined))?.isSymbolicLink() !== false) return false;
  }
  return true;
}

/** `''` for what is not there. */
async function inodeOf(path: string): Promise<string> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev} ${ino}`;
  } catch {
    return '';
  }
}
