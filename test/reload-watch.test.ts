// The watch over directories and files: every way in which people, editors and Kubernetes change a file gives a sign, once for
// many changes in a row, and what is nobody's business gives none.
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Watch, type Watched } from '../kernel/reload/watch.ts';
import { eventually } from './harness/awaiting.ts';

const root = mkdtempSync(join(tmpdir(), 'bulkhead-watch-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A watch and the number of its signs; as its user does, it follows again after each. */
class Watching {
  signs = 0;
  readonly polling: string[] = [];
  readonly #watch: Watch;
  #watched: Watched = { directories: [], files: [] };
  #following: Promise<void> = Promise.resolve();

  constructor(reconcileMs = 3_600_000) {
    this.#watch = new Watch({
      reconcileMs,
      polling: (reason) => this.polling.push(reason),
      changed: () => {
        this.#following = this.#watch.follow(this.#watched).then(() => void this.signs++);
      },
    });
  }

  async follow(watched: Partial<Watched>): Promise<void> {
    this.#watched = { directories: [], files: [], ...watched };
    await this.#watch.follow(this.#watched);
  }

  /** What `change` does gives so many signs. */
  async gives(change: () => void): Promise<void> {
    const before = this.signs;
    change();
    await eventually('a change gives a sign', () => this.signs > before);
    await this.#following;
  }

  again(ms: number): void {
    this.#watch.again(ms);
  }

  close(): void {
    this.#watch.close();
    this.#watch.close();
  }
}

let folder = '';
let watching: Watching;
const at = (...names: string[]): string => join(folder, ...names);

beforeEach(() => {
  folder = mkdtempSync(join(root, 'f-'));
  watching = new Watching();
});
afterEach(() => watching.close());

describe('a directory', () => {
  it('gives one sign for many changes in a row', async () => {
    await watching.follow({ directories: [folder] });
    await watching.gives(() => {
      for (let i = 0; i < 50; i++) writeFileSync(at(`${i}.yaml`), 'a: 1');
    });
    expect(watching.signs).toBe(1);
  });

  it.each([
    ['a file that is written in place', () => writeFileSync(at('a.yaml'), 'a: 2')],
    ['a file that is truncated and then written', () => { writeFileSync(at('a.yaml'), ''); appendFileSync(at('a.yaml'), 'a: 2'); }],
    ['a file that another is renamed over', () => { writeFileSync(at('.a.yaml.new'), 'a: 2'); renameSync(at('.a.yaml.new'), at('a.yaml')); }],
    ['a file that an editor moves away and writes anew', () => { renameSync(at('a.yaml'), at('a.yaml~')); writeFileSync(at('a.yaml'), 'a: 2'); }],
    ['a file that goes', () => unlinkSync(at('a.yaml'))],
    ['a file that comes', () => writeFileSync(at('b.yaml'), 'b: 1')],
  ])('gives a sign for %s', async (_, change) => {
    writeFileSync(at('a.yaml'), 'a: 1');
    await watching.follow({ directories: [`${folder}/`] });
    await watching.gives(change);
    expect(watching.signs).toBe(1);
  });

  it('says nothing of directories below, nor of what is no manifest', async () => {
    mkdirSync(at('below'));
    await watching.follow({ directories: [folder] });
    writeFileSync(at('below', 'a.yaml'), 'a: 1');
    writeFileSync(at('state.db'), 'a: 1');
    await watching.gives(() => writeFileSync(at('b.yaml'), 'b: 1'));
    expect(watching.signs).toBe(1);
  });

  it('is followed through the swap of links that Kubernetes makes of a mounted config map, again and again', async () => {
    const publish = (version: number): void => {
      mkdirSync(at(`..v${version}`));
      writeFileSync(at(`..v${version}`, 'a.yaml'), `a: ${version}`);
      symlinkSync(`..v${version}`, at('..data_tmp'));
      renameSync(at('..data_tmp'), at('..data'));
      if (version > 1) rmSync(at(`..v${version - 1}`), { recursive: true });
    };
    publish(1);
    symlinkSync('..data/a.yaml', at('a.yaml'));
    await watching.follow({ directories: [folder] });
    for (const version of [2, 3, 4]) await watching.gives(() => publish(version));
  });

  it('is followed to what a link in it leads to', async () => {
    mkdirSync(at('elsewhere'));
    mkdirSync(at('resources'));
    writeFileSync(at('elsewhere', 'a.yaml'), 'a: 1');
    writeFileSync(at('elsewhere', 'other.yaml'), 'b: 1');
    symlinkSync(at('elsewhere', 'a.yaml'), at('resources', 'a.yaml'));
    await watching.follow({ directories: [at('resources')] });
    writeFileSync(at('elsewhere', 'other.yaml'), 'b: 2');
    await watching.gives(() => writeFileSync(at('elsewhere', 'a.yaml'), 'a: 2'));
    await watching.gives(() => writeFileSync(at('resources', 'b.yaml'), 'b: 1'));
    expect(watching.signs).toBe(2);
  });

  it('is followed when it goes and comes back, and when another takes its name', async () => {
    mkdirSync(at('resources'));
    await watching.follow({ directories: [at('resources')] });
    await watching.gives(() => rmSync(at('resources'), { recursive: true }));
    await watching.gives(() => mkdirSync(at('resources')));
    await watching.gives(() => writeFileSync(at('resources', 'a.yaml'), 'a: 1'));
    mkdirSync(at('next'));
    await watching.gives(() => {
      renameSync(at('resources'), at('former'));
      renameSync(at('next'), at('resources'));
    });
    await watching.gives(() => writeFileSync(at('resources', 'a.yaml'), 'a: 2'));
    await watching.gives(() => appendFileSync(at('resources', 'a.yaml'), '\n'));
  });

  it('may be a link itself, and lead elsewhere later', async () => {
    mkdirSync(at('one'));
    mkdirSync(at('two'));
    symlinkSync('one', at('resources'));
    await watching.follow({ directories: [at('resources')] });
    await watching.gives(() => writeFileSync(at('one', 'a.yaml'), 'a: 1'));
    await watching.gives(() => {
      symlinkSync('two', at('link'));
      renameSync(at('link'), at('resources'));
    });
    await watching.gives(() => writeFileSync(at('two', 'a.yaml'), 'a: 1'));
  });
});

describe('a file', () => {
  it('gives signs for itself and none for its neighbours', async () => {
    writeFileSync(at('own.yaml'), 'a: 1');
    await watching.follow({ files: [at('own.yaml')] });
    writeFileSync(at('other.yaml'), 'a: 1');
    await watching.gives(() => writeFileSync(at('own.yaml'), 'a: 2'));
    writeFileSync(at('other.yaml'), 'a: 2');
    await watching.gives(() => { writeFileSync(at('new'), 'a: 3'); renameSync(at('new'), at('own.yaml')); });
    await watching.gives(() => writeFileSync(at('own.yaml'), 'a: 4'));
    expect(watching.signs).toBe(3);
  });

  it('may come later, with the directory that it lies in', async () => {
    await watching.follow({ files: [at('deep', 'down', 'own.yaml')] });
    await watching.gives(() => mkdirSync(at('deep', 'down'), { recursive: true }));
    await watching.gives(() => writeFileSync(at('deep', 'down', 'own.yaml'), 'a: 1'));
  });
});

it('gives a sign from time to time, when it was asked for one, and none once it is closed', async () => {
  const often = new Watching(100);
  try {
    await often.follow({ directories: [folder] });
    await eventually('time passes', () => often.signs > 1);
  } finally {
    often.close();
  }
  await watching.follow({ directories: [folder] });
  watching.again(60_000);
  await watching.gives(() => watching.again(1));
  watching.again(1);
  watching.again(Infinity);
  writeFileSync(at('a.yaml'), 'a: 1');
  watching.close();
  const other = new Watching();
  try {
    await other.follow({ directories: [folder] });
    await other.gives(() => writeFileSync(at('b.yaml'), 'b: 1'));
    expect(watching.signs).toBe(1);
  } finally {
    other.close();
  }
});
