// Makes sure that the servers the tests start are installed. Debian packages, and only where that needs no password.
import { execFile } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whether a server can be started; if not, why not and how to get it. Crosses to the test processes as JSON. */
export type Availability = { readonly available: true } | { readonly available: false; readonly reason: string };

/** Debian starts a service as soon as it is installed, unless this script forbids it. Tests start their own servers. */
const POLICY = '/usr/sbin/policy-rc.d';
const INSTALL_MS = 300_000;

/** `redis-server` (7 or later has all that the tests use). `BULKHEAD_TEST_INSTALL=0` forbids installing anything. */
export async function installRedis(): Promise<Availability> {
  if (await works('redis-server', ['--version'])) return { available: true };
  const missing = (why: string): Availability => ({ available: false, reason: `redis-server is not installed and ${why}; install it (Debian: apt-get install redis-server) and run the tests again` });
  if (process.env['BULKHEAD_TEST_INSTALL'] === '0') return missing('BULKHEAD_TEST_INSTALL=0 forbids installing it');
  if (!existsSync('/usr/bin/apt-get')) return missing('there is no apt-get to install it with');
  const root = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (root.length > 0 && !(await works('sudo', ['-n', 'true']))) return missing('installing it needs root');
  process.stdout.write('tests: installing redis-server (once, with apt-get; no service is started) ...\n');
  try {
    await withoutServices(root, async () => {
      const install = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '--no-install-recommends', 'redis-server'];
      try {
        await execute(root, install);
      } catch {
        await execute(root, ['apt-get', '-o', 'DPkg::Lock::Timeout=120', 'update']); // most often the package lists are old or absent
        await execute(root, install);
      }
    });
  } catch (cause) {
    return missing(`apt-get failed: ${lastLine(cause)}`);
  }
  return (await works('redis-server', ['--version'])) ? { available: true } : missing('it does not run even after its installation');
}

/** Runs `work` while no package may start a service; also not at the next boot. */
async function withoutServices(root: readonly string[], work: () => Promise<void>): Promise<void> {
  const own = root.length === 0 && !existsSync(POLICY);
  if (own) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await work();
  } finally {
    if (own) rmSync(POLICY, { force: true });
  }
  // with sudo the policy file is not ours to write: stop what was started, where there is an init system at all
  if (existsSync('/run/systemd/system')) await execute(root, ['systemctl', 'disable', '--now', 'redis-server']);
}

async function execute(root: readonly string[], command: readonly string[]): Promise<void> {
  const [file = '', ...args] = [...root, ...command];
  await run(file, args, { timeout: INSTALL_MS, maxBuffer: 16 * 1024 * 1024 });
}

async function works(file: string, args: readonly string[]): Promise<boolean> {
  return run(file, [...args], { timeout: 10_000 }).then(() => true, () => false);
}

function lastLine(cause: unknown): string {
  const { stderr, message } = cause as { readonly stderr?: string; readonly message: string };
  return (stderr ?? message).trim().split('\n').at(-1) ?? message;
}
