// Where what the tests have fetched or built stays: with the user, so that the next checkout finds it; in the checkout where that can't be.
import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const PLACES = [join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'bulkhead-tests'), join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'bulkhead')];

export const TEST_CACHE = PLACES.find(isOurs) ?? PLACES.at(-1)!;

function isOurs(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
