// What this build is: the version of the package.
import { readFileSync } from 'node:fs';
import type { Build } from './config.ts';

/** The package's file is one folder up in a checkout, two in an installed package. */
export function readBuild(): Build {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { name?: string; version?: string };
      if (name === 'bulkhead' && version !== undefined) return { version, commit: 'unknown', gitVersion: `v${version}` };
    } catch (cause) {
      if (!(cause instanceof Error) || !('code' in cause) || cause.code !== 'ENOENT') throw cause;
    }
  }
  return { version: 'edge', commit: 'unknown', gitVersion: 'unknown' };
}
