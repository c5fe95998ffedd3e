// Where compiled code is kept between starts: a directory of this user's alone, because whoever can write there can run
// code in the sidecar. Node's own default lies in the shared temporary directory.
import { lstatSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Undefined when there is no such place; the sidecar then starts without a cache. */
export function compileCacheFolder(): string | undefined {
  if (process.env.NODE_DISABLE_COMPILE_CACHE !== undefined) return undefined;
  const base = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const folder = join(base, 'bulkhead', 'compiled');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = lstatSync(folder);
    return uid === process.getuid?.() && (mode & 0o022) === 0 ? folder : undefined;
  } catch {
    return undefined; // a read-only file system: slower, and no reason to say anything
  }
}
