#!/usr/bin/env node
// Entry of the sidecar, and of the block server: turns the compile cache on before anything else is loaded. It is JavaScript because stripping
// types from the entry itself would come before the cache and cost more than the rest of the start.
import { lstatSync, mkdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * A directory of this user's alone: whoever can write there can run code in the sidecar, and Node's own default lies in
 * the shared temporary directory. Undefined when there is no such place; the sidecar then starts without a cache.
 * @returns {string | undefined}
 */
function compileCacheFolder() {
  if (process.env.NODE_DISABLE_COMPILE_CACHE !== undefined) return undefined;
  if (process.env.NODE_COMPILE_CACHE) return process.env.NODE_COMPILE_CACHE; // whoever starts us has said where; Node has turned it on already
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'bulkhead', 'compiled');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = lstatSync(folder);
    return uid === process.getuid?.() && (mode & 0o022) === 0 ? folder : undefined;
  } catch {
    return undefined; // a read-only file system: slower, and no reason to say anything
  }
}

const compileCache = compileCacheFolder();
if (compileCache !== undefined) enableCompileCache({ directory: compileCache, portable: true });
const [command, ...words] = process.argv.slice(2);
if (command === 'block') await (await import('./block-server/cli.ts')).runBlockServer(words, compileCache);
else if (command === 'probe') process.exitCode = await (await import('./block-server/probe.ts')).probe(words);
else await (await import('./cli.ts')).run(process.argv.slice(2), compileCache);
