// The packages that run in production, as the lock file names them, copied without what nothing runs: declarations, source maps, documents,
// tests, and native code for another C library. Licences stay.
import { cpSync, existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { filesOf } from './files.ts';

export interface Package {
  /** `node_modules/a/node_modules/b`. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
}

const RUNS = /\.([cm]?js|json|node|proto|wasm)$/;
const TEST = /\.(test|spec)\.[cm]?js$/;
const LICENCE = /^(licen[cs]e|notice|copying|copyright)/i;
/** Directly in a package's folder. */
const NOT_FOR_USERS = /^(__tests__|tests?|bench(mark)?s?|examples?)$/;
const OTHER_LIBC = /[._-]?musl/;
/** What runs at all; a package of declarations has none of it. */
const CODE = /\.([cm]?js|node)$/;

/** Copies all into `target`/node_modules, and tells which they are. @param root the checkout, installed */
export function copyPackages(root: string, target: string): Package[] {
  return installed(root).filter(({ path }) => {
    const folder = join(target, path);
    copyPackage(join(root, path), folder);
    const isCode = filesOf(folder).some((file) => CODE.test(file));
    if (!isCode) rmSync(folder, { recursive: true });
    return isCode;
  });
}

/** Every native addon below a folder. */
export function addons(folder: string): string[] {
  return filesOf(folder).filter((file) => file.endsWith('.node'));
}

/** What `npm ci --omit=dev` would install here. Optional packages for other platforms have a row, and no folder. */
function installed(root: string): Package[] {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, { version?: string; dev?: boolean }> };
  return Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true && existsSync(join(root, path)))
    .map(([path, { version = '' }]) => ({ path, version, name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length) }));
}

function copyPackage(from: string, to: string): void {
  cpSync(from, to, {
    recursive: true,
    filter: (source) => {
      const inside = relative(from, source);
      const name = basename(source);
      if (OTHER_LIBC.test(inside)) return false;
      if (!statSync(source).isDirectory()) return (RUNS.test(name) && !TEST.test(name)) || LICENCE.test(name);
      return name !== 'node_modules' && (inside.includes('/') || !NOT_FOR_USERS.test(name)); // packages inside are rows of their own
    },
  });
}
