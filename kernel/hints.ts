// Which blocks will be wanted, guessed before anything is parsed, so that their processes can start while the YAML parser
// is still being loaded. Only a hint: a wrong guess starts a block early or late, and nothing else.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATEGORIES } from './components.ts';

/** A component's type, and its name, as most manifests write them. */
const TYPE = /\btype["']?\s*:\s*["']?([a-z]+)\./g;
const NAME = /\bname["']?\s*:\s*["']?([^\s"',}]+)/g;
/** It will have a compartment of its own, and does not need the block's shared one. */
const ISOLATED = /\bisolation["']?\s*:\s*["']?component\b/;
const DOCUMENTS = /^---/m;
/** Larger files hold other things than components. */
const LARGEST_FILE = 1024 * 1024;

/**
 * Names of blocks. What can't be read is left to the loader, which says why.
 * @param isolated components that have a compartment of their own by flag
 */
export function hintedBlocks(directories: readonly string[], isolated: ReadonlySet<string>): ReadonlySet<string> {
  const blocks = new Set<string>();
  for (const directory of directories) {
    try {
      for (const name of readdirSync(directory)) {
        if (/\.ya?ml$/i.test(name)) for (const category of categoriesIn(join(directory, name), isolated)) blocks.add(CATEGORIES[category] ?? '');
      }
    } catch {
      continue; // the loader reads it again, and complains
    }
  }
  return blocks;
}

function categoriesIn(path: string, isolated: ReadonlySet<string>): string[] {
  const file = readFileSync(path);
  if (file.length > LARGEST_FILE) return [];
  const isShared = (text: string): boolean => !ISOLATED.test(text) && (isolated.size === 0 || ![...text.matchAll(NAME)].some(([, name]) => isolated.has(name as string)));
  return file.toString('latin1').split(DOCUMENTS).filter(isShared).flatMap((text) => [...text.matchAll(TYPE)].map(([, category]) => category as string));
}
