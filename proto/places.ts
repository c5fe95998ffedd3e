// Where a change of a file can be seen: what leads to it, through links that may be swapped, and what tells one state of it
// from another. For those who follow files, in the kernel and in blocks.
import type { BigIntStats } from 'node:fs';
import { lstat, readlink, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';

const MAX_LINKS = 40;

/** A file that changed less than this ago may change again within one tick of the file system's clock. Milliseconds. */
const YOUNG_MS = 100;

/** Everything that changes when the file does. */
export async function markOf(path: string): Promise<string> {
  return markOfState(await stat(path, { bigint: true }));
}

export function markOfState({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

/** The same, for who reads the file once and trusts the mark from then on: that of a young file differs from every later one. */
export function lastingMarkOf(state: BigIntStats): string {
  return `${markOfState(state)}${Date.now() - Number(state.ctimeMs) < YOUNG_MS ? ' young' : ''}`;
}

/**
 * The names on which it depends what a path leads to, by directory: each link, and the file itself or the first part that is
 * missing.
 */
export async function placesOf(path: string): Promise<Map<string, Set<string>>> {
  const places = new Map<string, Set<string>>();
  const depends = (directory: string, name: string) => {
    const names = places.get(directory) ?? new Set();
    places.set(directory, names.add(name));
  };
  let at = '/';
  let links = 0;
  const rest = partsOf(path);
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === '..') {
      at = dirname(at);
      continue;
    }
    const next = join(at, name);
    const target = await linkTarget(next);
    if (target === undefined && rest.length > 0) {
      at = next;
      continue;
    }
    depends(at, name);
    if (typeof target !== 'string' || ++links > MAX_LINKS) break;
    if (isAbsolute(target)) at = '/';
    rest.unshift(...partsOf(target));
  }
  return places;
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

/** Where a link leads to; undefined for what is no link; false for what is not there. */
async function linkTarget(path: string): Promise<string | undefined | false> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined;
  } catch {
    return false;
  }
}
