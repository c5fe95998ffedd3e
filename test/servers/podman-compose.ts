// podman-compose, which `podman compose` of newer podmans calls: fetched once by pip into the cache folder. Debian's own is too old for a service
// without a network.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TEST_CACHE } from './cache.ts';

const run = promisify(execFile);
const VERSION = '1.6.0';
const INSTALL_MS = 120_000;

export type PodmanCompose = { readonly available: true; /** The words that start it. */ readonly command: readonly string[] } | { readonly available: false; readonly reason: string };

/** Never rejects. `BULKHEAD_TEST_INSTALL=0` forbids fetching it. */
export async function installPodmanCompose(): Promise<PodmanCompose> {
  const target = join(TEST_CACHE, `podman-compose-${VERSION}`);
  const program: PodmanCompose = { available: true, command: ['env', `PYTHONPATH=${target}`, 'python3', join(target, 'podman_compose.py')] };
  if (existsSync(target)) return program;
  if (process.env['BULKHEAD_TEST_INSTALL'] === '0') return { available: false, reason: `podman-compose ${VERSION} is not there and BULKHEAD_TEST_INSTALL=0 forbids fetching it` };
  const folder = mkdtempSync(join(TEST_CACHE, 'building-'));
  try {
    await run('python3', ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--root-user-action=ignore', '--target', folder, `podman-compose==${VERSION}`], { timeout: INSTALL_MS });
    if (!existsSync(target)) renameSync(folder, target);
    return program;
  } catch (cause) {
    const { stderr, message } = cause as { readonly stderr?: string; readonly message: string };
    return { available: false, reason: `podman-compose ${VERSION} can't be installed with pip: ${(stderr ?? message).trim().slice(-500)}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
