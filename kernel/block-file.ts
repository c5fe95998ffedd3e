// Where the blocks' code lies. The kernel holds its path and never its import. In a checkout that is a .ts file, in a package a .js.
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

export function blockFile(name: 'host' | 'lanes-shared' | 'main' | 'thread'): URL {
  return new URL(`../blocks/${name}${extname(fileURLToPath(import.meta.url))}`, import.meta.url);
}
