// Which blocks will be wanted, guessed before anything is parsed, so that their processes can start while the YAML parser
// is still being loaded. Only a hint: a wrong guess starts a block early or late, and nothing else.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATEGORIES } from './components.ts';

/** A component's type as most manifests write it. */
const TYPE = /\btype["']?\s*:\s*["']?([a-z]+)\./g;
/** Larger files hold other things than components. */
const LARGEST_FILE = 1024 * 1024;

/** Names of blocks. What can't be read is left to the loader, which says why. */
export function hintedBlocks(directories: readonly string[]): ReadonlySet<string> {
  const blocks = new Set<string>();
  for (const directory of directories) {
    try {
      for (const name of readdirSync(directory)) {
        if (/\.ya?ml$/i.test(name)) for (const category of categoriesIn(join(directory, name))) blocks.add(CATEGORIES[category] ?? '');
      }
    } catch {
      continue; // the loader reads it again, and complains
    }
  }
  return blocks;
}

function categoriesIn(path: string): string[] {
  const file = readFileSync(path);
  return file.length > LARGEST_FILE ? [] : [...file.toString('latin1').matchAll(TYPE)].map(([, category]) => category as string);
}
