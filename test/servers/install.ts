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

/** What has to be there, and which packages may bring it. */
interface Wanted {
  /** Its name, for messages. */
  readonly server: string;
  /** Prints the version. */
  readonly command: readonly string[];
  /** Undefined where any version is good enough; else what is wrong with the one that printed this. */
  readonly unfit?: (printed: string) => string | undefined;
  /** Package names, the usual one first; the others where there is no package of that name. */
  readonly packages: readonly [string, ...string[]];
  /** Further packages, which are needed whichever that was. */
  readonly beside?: readonly string[];
  /** The package's service, which must not run; absent: it has none. */
  readonly service?: string;
}

/** How etcd is started. On 64-bit ARM the version of Debian wants to be told that we know that it is not supported there. */
export const ETCD: readonly string[] = process.arch === 'arm64' ? ['env', 'ETCD_UNSUPPORTED_ARCH=arm64', 'etcd'] : ['etcd'];

/** `redis-server` (7 or later has all that the tests use). `BULKHEAD_TEST_INSTALL=0` forbids installing anything. */
export function installRedis(): Promise<Availability> {
  return install({ server: 'redis-server', command: ['redis-server', '--version'], packages: ['redis-server'], service: 'redis-server' });
}

/** `etcd`, 3.4 or later. As `installRedis`. */
export function installEtcd(): Promise<Availability> {
  return install({
    server: 'etcd',
    command: [...ETCD, '--version'],
    unfit: (printed) => {
      const [, version = '', minor = '0'] = /^etcd Version: (3\.(\d+)\S*)/m.exec(printed) ?? [];
      return Number(minor) >= 4 ? undefined : `etcd${version === '' ? '' : ` is ${version} and`} must be 3.4 or later`;
    },
    packages: ['etcd-server', 'etcd'],
    service: 'etcd',
  });
}

/** `nghttp` and `h2load`, clients of HTTP/2. As `installRedis`. */
export function installNghttp2(): Promise<Availability> {
  return install({ server: 'nghttp2', command: ['nghttp', '--version'], packages: ['nghttp2-client'] });
}

/** `podman`, and `runc` to run containers with: podman's own choice refuses machines that mix both versions of control groups. As `installRedis`. */
export function installPodman(): Promise<Availability> {
  return install({ server: 'podman', command: ['sh', '-c', 'podman --version && runc --version'], packages: ['podman'], beside: ['runc'], service: 'podman.socket' });
}

/** Installations follow each other: they would wait for apt-get's lock, and one would take away the policy file of the next. */
let turn: Promise<unknown> = Promise.resolve();

async function install(wanted: Wanted): Promise<Availability> {
  const { server, packages: [usual] } = wanted;
  if (await works(wanted.command)) return fitness(wanted);
  const missing = (why: string): Availability => ({ available: false, reason: `${server} is not installed and ${why}; install it (Debian: apt-get install ${[usual, ...(wanted.beside ?? [])].join(' ')}) and run the tests again` });
  if (process.env['BULKHEAD_TEST_INSTALL'] === '0') return missing('BULKHEAD_TEST_INSTALL=0 forbids installing it');
  if (!existsSync('/usr/bin/apt-get')) return missing('there is no apt-get to install it with');
  const root = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (root.length > 0 && !(await works(['sudo', '-n', 'true']))) return missing('installing it needs root');
  try {
    const mine = turn.then(() => aptGet(root, wanted));
    turn = mine.catch(() => undefined); // the next one has its own luck
    await mine;
  } catch (cause) {
    return missing(`apt-get failed: ${lastLine(cause)}`);
  }
  return (await works(wanted.command)) ? fitness(wanted) : missing('it does not run even after its installation');
}

async function fitness({ command: [file = '', ...args], unfit }: Wanted): Promise<Availability> {
  const reason = unfit?.((await run(file, args)).stdout);
  return reason === undefined ? { available: true } : { available: false, reason };
}

async function aptGet(root: readonly string[], { server, packages, beside = [], service }: Wanted): Promise<void> {
  process.stdout.write(`tests: installing ${server} (once, with apt-get; no service is started) ...\n`);
  const work = async (): Promise<void> => {
    try {
      await installFirst(root, packages, beside);
    } catch {
      await execute(root, ['apt-get', '-o', 'DPkg::Lock::Timeout=120', 'update']); // most often the package lists are old or absent
      await installFirst(root, packages, beside);
    }
  };
  await (service === undefined ? work() : withoutServices(root, service, work));
}

/** Installs the first of the packages that there is; fails as the first one did. */
async function installFirst(root: readonly string[], [name = '', ...others]: readonly string[], beside: readonly string[]): Promise<void> {
  try {
    await execute(root, ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '--no-install-recommends', name, ...beside]);
  } catch (cause) {
    if (others.length === 0) throw cause;
    await installFirst(root, others, beside).catch(() => { throw cause; });
  }
}

/** Runs `work` while no package may start a service; also not at the next boot. */
async function withoutServices(root: readonly string[], service: string, work: () => Promise<void>): Promise<void> {
  const own = root.length === 0 && !existsSync(POLICY);
  if (own) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await work();
  } finally {
    if (own) rmSync(POLICY, { force: true });
  }
  // with sudo the policy file is not ours to write: stop what was started, where there is an init system at all
  if (existsSync('/run/systemd/system')) await execute(root, ['systemctl', 'disable', '--now', service]);
}

async function execute(root: readonly string[], command: readonly string[]): Promise<void> {
  const [file = '', ...args] = [...root, ...command];
  await run(file, args, { timeout: INSTALL_MS, maxBuffer: 16 * 1024 * 1024 });
}

async function works([file = '', ...args]: readonly string[]): Promise<boolean> {
  return run(file, args, { timeout: 10_000 }).then(() => true, () => false);
}

function lastLine(cause: unknown): string {
  const { stderr, message } = cause as { readonly stderr?: string; readonly message: string };
  return (stderr ?? message).trim().split('\n').at(-1) ?? message;
}
