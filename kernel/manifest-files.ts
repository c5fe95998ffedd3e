// The files of the resources directories: read once at the start, and again whenever they may have changed, with a memory of
// what each of them said when it last made sense. A file that is broken while the sidecar runs takes nothing away.
import { FatalError, systemReason, type Notice } from './fatal.ts';
import { pathsIn, readManifestFile, type FileReading, type Manifest } from './manifests.ts';

export interface Manifests {
  readonly manifests: readonly Manifest[];
  readonly notices: readonly Notice[];
}

/** A file, or a directory, whose present content is not followed. */
export interface RefusedFile {
  readonly path: string;
  /** With document and line where there are any. */
  readonly reason: string;
}

export interface Reread extends Manifests {
  /** False: it is what was there before, to the letter. */
  readonly changed: boolean;
  readonly refused: readonly RefusedFile[];
  /** Something looks half-written: look again after so many milliseconds. Undefined: nothing does. */
  readonly doubtMs: number | undefined;
}

/** A file that said something and is empty now may be one that is just being written: it is believed after so long. Milliseconds. */
const DOUBT_MS = 1_000;

/** What is known of one file. */
interface Known {
  /** Of the reading that was looked at last, which need not be the one that is followed. */
  readonly mark: string;
  /** What is followed. */
  readonly reading: FileReading;
  /** Why what it says now is not followed; `''`: it is. */
  readonly refused: string;
  /** Since when it has been empty, and is not believed yet (performance.now). */
  readonly emptySinceMs?: number;
}

export class ManifestFiles {
  readonly #directories: readonly string[];
  readonly #flag: string;
  readonly #check: (manifests: readonly Manifest[]) => readonly Notice[];
  /** By path, for each directory. */
  #known: ReadonlyMap<string, Known>[] = [];

  /**
   * @param flag the directories' flag, for messages
   * @param check what the manifests of one file say that makes no sense beyond what the reading itself finds
   */
  constructor(directories: readonly string[], flag: string, check: (manifests: readonly Manifest[]) => readonly Notice[]) {
    this.#directories = directories;
    this.#flag = flag;
    this.#check = check;
  }

  /**
   * Reads all directories, in order, files by name. A document that makes no sense is left out, with a warning.
   * @throws FatalError when a directory can't be read.
   */
  async read(): Promise<Manifests> {
    const known: Map<string, Known>[] = [];
    for (const directory of this.#directories) {
      const paths = await pathsIn(directory).catch((cause: unknown) => {
        throw new FatalError(`failed to load components: the directory of --${this.#flag}=${directory} can't be read: ${systemReason(cause)}`, noticesOf(known));
      });
      const files = new Map<string, Known>();
      for (const path of paths) {
        const reading = await readManifestFile(path);
        if (reading?.isFile === true) files.set(path, { mark: reading.mark, reading, refused: textsOf([...reading.faults, ...this.#check(reading.manifests)]) });
      }
      known.push(files);
    }
    this.#known = known;
    return { manifests: manifestsOf(known), notices: noticesOf(known) };
  }

  /** Files that did not make sense when they were read last. */
  get refused(): RefusedFile[] {
    return this.#known.flatMap((files) => [...files].filter(([, { refused }]) => refused !== '').map(([path, { refused: reason }]) => ({ path, reason })));
  }

  /** Reads what has changed. A file that makes no sense in any part, and a directory that can't be read, stay what they were. */
  async again(): Promise<Reread> {
    const before = this.#known;
    const known: ReadonlyMap<string, Known>[] = [];
    const refused: RefusedFile[] = [];
    let changed = false;
    let doubtMs: number | undefined;
    for (const [index, directory] of this.#directories.entries()) {
      const former = before[index] ?? new Map<string, Known>();
      let paths: readonly string[];
      try {
        paths = await pathsIn(directory);
      } catch (cause) {
        refused.push({ path: directory, reason: `the directory can't be read: ${systemReason(cause)}` });
        known.push(former);
        continue;
      }
      const files = new Map<string, Known>();
      for (const path of paths) {
        const present = await this.#look(path, former.get(path));
        if (present === undefined) continue;
        files.set(path, present);
        if (present.refused !== '') refused.push({ path, reason: present.refused });
        if (present.emptySinceMs !== undefined) doubtMs = Math.min(doubtMs ?? DOUBT_MS, Math.max(1, present.emptySinceMs + DOUBT_MS - performance.now()));
        changed ||= differs(former.get(path)?.reading, present.reading);
      }
      changed ||= [...former].some(([path, { reading }]) => !files.has(path) && reading.manifests.length > 0);
      known.push(files);
    }
    this.#known = known;
    return { manifests: manifestsOf(known), notices: noticesOf(known), changed, refused, doubtMs };
  }

  /** Undefined: there is no such file. */
  async #look(path: string, former: Known | undefined): Promise<Known | undefined> {
    // An empty file is read again and again until it is believed.
    const reading = await readManifestFile(path, former?.emptySinceMs === undefined ? former?.mark : undefined);
    if (reading === undefined) return former;
    if (!reading.isFile) return undefined;
    const { mark } = reading;
    const faults = [...reading.faults, ...this.#check(reading.manifests)];
    if (faults.length > 0) return { mark, reading: former?.reading ?? NOTHING, refused: textsOf(faults) };
    if (former !== undefined && former.reading.manifests.length > 0 && reading.manifests.length === 0) {
      const emptySinceMs = former.emptySinceMs ?? performance.now();
      if (performance.now() - emptySinceMs < DOUBT_MS) return { mark, reading: former.reading, refused: '', emptySinceMs };
    }
    return { mark, reading, refused: '' };
  }
}

const NOTHING: FileReading = { manifests: [], notices: [], faults: [], mark: '', isFile: true };

/** What says nothing may change as it likes. */
function differs(one: FileReading | undefined, other: FileReading): boolean {
  return one !== other && ((one?.manifests.length ?? 0) > 0 || other.manifests.length > 0);
}

function manifestsOf(known: readonly ReadonlyMap<string, Known>[]): Manifest[] {
  return known.flatMap((files) => [...files.values()].flatMap(({ reading }) => reading.manifests));
}

function noticesOf(known: readonly ReadonlyMap<string, Known>[]): Notice[] {
  return known.flatMap((files) => [...files.values()].flatMap(({ reading }) => reading.notices));
}

function textsOf(notices: readonly Notice[]): string {
  return notices.map(({ text }) => text).join('; ');
}
