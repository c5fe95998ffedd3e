// The file to which records are appended as they come, so that an interrupted run loses nothing and can go on.
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyOf, type Entry } from './records.ts';

/** The first line: what the records are of. */
export interface Head {
  readonly at: string;
  /** A run with others can't go on with these records. */
  readonly settings: object;
}

export class Journal {
  readonly path: string;
  readonly head: Head;
  readonly entries: Entry[] = [];
  readonly #byKey = new Map<string, Entry>();

  /**
   * @param resume go on with what is there
   * @throws Error when what is there was measured with other settings
   */
  constructor(folder: string, settings: object, resume: boolean) {
    mkdirSync(folder, { recursive: true });
    this.path = join(folder, 'modes.partial.jsonl');
    if (resume && existsSync(this.path)) {
      const [head, ...entries] = linesOf(readFileSync(this.path, 'utf8'));
      if (!isHead(head)) throw new Error(`${this.path}: its first line is no head: remove the file, or leave out --resume`);
      if (JSON.stringify(head.settings) !== JSON.stringify(settings)) throw new Error(`${this.path} was measured with other flags, ${JSON.stringify(head.settings)}: give the same ones, or leave out --resume`);
      this.head = head;
      for (const entry of entries as Entry[]) this.#keep(entry);
      this.#write(); // without the half of a line at which it was interrupted
      return;
    }
    this.head = { at: new Date().toISOString(), settings };
    this.#write();
  }

  find(key: string): Entry | undefined {
    return this.#byKey.get(key);
  }

  add(entry: Entry): void {
    appendFileSync(this.path, `${JSON.stringify(entry)}\n`);
    this.#keep(entry);
  }

  /** Everything is in the results. */
  remove(): void {
    rmSync(this.path, { force: true });
  }

  #write(): void {
    writeFileSync(this.path, [this.head, ...this.entries].map((one) => `${JSON.stringify(one)}\n`).join(''));
  }

  #keep(entry: Entry): void {
    const key = keyOf(entry);
    if (key === undefined) return void this.entries.push(entry);
    if (this.#byKey.has(key)) return;
    this.#byKey.set(key, entry);
    this.entries.push(entry);
  }
}

/** The last line may be half of one: the run was interrupted. */
function linesOf(text: string): unknown[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.flatMap((line, i) => {
    try {
      return [JSON.parse(line) as unknown];
    } catch (cause) {
      if (i === lines.length - 1) return [];
      throw new Error(`line ${i + 1} is no JSON`, { cause });
    }
  });
}

const isHead = (value: unknown): value is Head => typeof value === 'object' && value !== null && 'settings' in value && 'at' in value;
