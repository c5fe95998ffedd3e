// The folder by which a test tells blocks what to do in their next life, and by which lives agree on who does it: a file is
// one failure that is due, and whoever removes it does it. It reaches them in the query of the preload's URL.
import { mkdtempSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * What a life does wrong before it can be called at all. `no-hello`: it never opens its channel. `init-hang`: its block is
 * never there, and INIT stays without an answer. `open-hang`: the open of its fault component never ends.
 */
export type LifeFailure = 'no-hello' | 'init-hang' | 'open-hang';

/** Seen from the test. */
export class Control implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'bulkhead-chaos-'));
  #due = 0;

  /** Arguments of the kernel's Node, which hands them on to its blocks. */
  get nodeArgs(): readonly string[] {
    const preload = new URL('preload.ts', import.meta.url);
    preload.searchParams.set('control', this.folder);
    return ['--import', preload.href];
  }

  /** The next life of this block that comes so far fails; called twice, the next two. */
  nextLife(block: string, failure: LifeFailure): void {
    writeFileSync(join(this.folder, `${block}.${failure}.${++this.#due}`), '');
  }

  /** Whether a life has taken all that was due. */
  get isSpent(): boolean {
    return !readdirSync(this.folder).some((name) => !name.startsWith(ONCE));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const ONCE = 'once.';

/** Seen from a block. */
export class Orders {
  readonly #folder: string | undefined;

  /** @param folder undefined: nobody orders anything */
  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  /** True: this life is the one that fails so. */
  claim(block: string, failure: LifeFailure): boolean {
    const folder = this.#folder;
    if (folder === undefined) return false;
    try {
      return readdirSync(folder).some((name) => {
        if (!name.startsWith(`${block}.${failure}.`)) return false;
        unlinkSync(join(folder, name));
        return true;
      });
    } catch {
      return false; // another life was quicker, or the test is over
    }
  }

  /** True for the first life of all that asks with this word: a call that is repeated does no damage again. */
  isFirst(word: string): boolean {
    if (this.#folder === undefined) return true;
    try {
      writeFileSync(join(this.#folder, `${ONCE}${word}`), '', { flag: 'wx' });
      return true;
    } catch {
      return false;
    }
  }
}
