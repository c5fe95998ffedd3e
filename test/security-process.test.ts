// What the sidecar's process shows of itself to others on its machine: its memory and environment to processes of its own user, its
// Unix sockets, its files.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { foreignWriters, mostConnections, privately } from '../kernel/bind.ts';
import { eventually } from './harness/awaiting.ts';
import { HttpClient } from './harness/http.ts';
import { Lines } from './harness/lines.ts';
import { startSidecar } from './harness/sidecar.ts';
import { watch } from './harness/watchdog.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
/** For what starts a program on a busy machine. */
const START_MS = 30_000;
const MEMORY = [{ name: 'memory', type: 'state.in-memory' }];
const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

vi.setConfig({ testTimeout: 2 * START_MS, hookTimeout: 2 * START_MS });

/** Without any privilege of root's: between such processes it is the user that counts, as in a container that may do nothing special. */
const PLAIN = ['--bounding-set', '-all', '--'] as const;
const isPossible = process.getuid?.() === 0 && spawnSync('setpriv', [...PLAIN, 'true']).status === 0;
if (!isPossible) process.stderr.write('SKIPPED: what processes of the same user see of the sidecar: this needs root, and setpriv of util-linux\n');
function asSameUser(...command: string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync('setpriv', [...PLAIN, ...command], { encoding: 'latin1', timeout: 10_000 });
}

/** The sidecar without privileges. */
class Plain {
  readonly logs = new Lines();
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(cwd: string, env: NodeJS.ProcessEnv, nodeArgs: readonly string[] = [], blocks = 'state') {
    const main = join(ROOT, 'kernel', 'main.js');
    this.#child = spawn('setpriv', [...PLAIN, process.execPath, ...nodeArgs, main, '--dapr-http-port=0', '--dapr-grpc-port=0', '--enable-metrics=false', `--blocks=${blocks}`], { cwd, env: { PATH: process.env['PATH'], HOME: cwd, XDG_CACHE_HOME: join(ROOT, 'node_modules', '.cache'), DAPR_API_TOKEN: 'token of the API', ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.pid = this.#child.pid ?? 0;
    const release = watch(this.pid);
    this.#ended = once(this.#child, 'close').then(() => {
      release();
      this.logs.end('it has ended');
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) if (stream !== null) this.logs.follow(stream);
  }

  get port(): Promise<string> {
    return this.logs.match(/msg="HTTP server is running on port (\d+)"/, START_MS);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }
}

describe.skipIf(!isPossible)('a process of the same user', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-plain-'));
  let sidecar: Plain;
  /** One that lets others look. */
  let open: Plain;
  beforeAll(async () => {
    mkdirSync(join(folder, 'open'));
    sidecar = new Plain(folder, {});
    open = new Plain(join(folder, 'open'), { BULKHEAD_DUMPABLE: '1' });
    for (const one of [sidecar, open]) await one.logs.match(/msg="dapr initialized/, START_MS);
  });
  afterAll(async () => {
    await Promise.all([sidecar?.stop(), open?.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([['cat', 'environ'], ['cat', 'maps'], ['cat', 'smaps_rollup'], ['readlink', 'fd/1'], ['head', '-c0', 'mem']])('can\'t look into the kernel: %s %s', (...command) => {
    const look = (pid: number): ReturnType<typeof asSameUser> => asSameUser(...command.slice(0, -1), `/proc/${pid}/${command.at(-1)}`);
    expect(look(sidecar.pid)).toMatchObject({ status: 1, stdout: '' });
    expect(look(open.pid), 'it is the sidecar that prevents it').toMatchObject({ status: 0, stderr: '' });
  });

  it('can\'t make the kernel open its debugger', async () => {
    for (const one of [sidecar, open]) one.signal('SIGUSR1');
    await open.logs.match(/(Debugger listening) on/, 10_000);
    const client = HttpClient.to(await sidecar.port);
    expect((await client.get('/v1.0/healthz')).status).toBe(204);
    client.close();
    expect(sidecar.logs.all.join('\n')).not.toContain('Debugger');
  });

  it('is not the kernel itself, which still knows what it and its blocks use', async () => {
    const client = HttpClient.to(await sidecar.port);
    const { body } = await client.get('/actuator/blocks', { 'dapr-api-token': 'token of the API' });
    client.close();
    const { kernel, blocks } = JSON.parse(body) as { kernel: { memory: object }; blocks: readonly { memory: object }[] };
    for (const { memory } of [kernel, ...blocks]) expect(memory).toEqual({ rssBytes: expect.any(Number), pssBytes: expect.any(Number) });
  });
});

/** What it tries succeeds only where nothing keeps it from it. */
function confined(version: string, pid: number): Record<string, unknown> {
  const { stdout, stderr } = asSameUser(process.execPath, fileURLToPath(new URL('fixtures/confined.ts', import.meta.url)), version, String(pid));
  try {
    return JSON.parse(stdout) as Record<string, unknown>;
  } catch {
    throw new Error(`it said ${stdout} ${stderr}`);
  }
}

const landlock = isPossible ? confined('', process.pid)['confined'] : { problem: 'see above' };
const hasLandlock = typeof landlock === 'string';
if (isPossible && !hasLandlock) process.stderr.write(`SKIPPED: what a confined process can't do: ${JSON.stringify(landlock)}\n`);

describe.skipIf(!isPossible || !hasLandlock)('a confined process', () => {
  const NOT_ITS_OWN = { environment: 'EACCES', maps: 'EACCES', descriptor: 'EACCES', 'in the pool': 'EACCES', 'in a worker': 'EACCES' };
  const ITS_OWN = { 'own signal': 'done', 'own maps': 'done', 'own descriptors': 'done' };
  let other: ChildProcess;
  beforeAll(() => {
    other = spawn('setpriv', [...PLAIN, 'sleep', '60'], { stdio: 'ignore' });
  });
  afterAll(() => void other?.kill('SIGKILL'));

  it.each([['1', 'memory', 'EXDEV'], ['3', 'memory', 'done'], ['5', 'memory', 'done']])('with version %s of Landlock looks into no other', (version, what, moved) => {
    expect(confined(version, other.pid as number)).toEqual({ confined: what, ...NOT_ITS_OWN, signal: 'done', ...ITS_OWN, move: moved, link: moved === 'done' ? 'done' : 'ENOENT' });
  });

  it.skipIf(landlock !== 'memory and signals')('with signals sends none either', () => {
    expect(confined('', other.pid as number)).toEqual({ confined: 'memory and signals', ...NOT_ITS_OWN, signal: 'EPERM', ...ITS_OWN, move: 'done', link: 'done' });
  });

  it('is what each block of a sidecar runs in', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bulkhead-looking-'));
    // The kernel lets others look here: what keeps blocks out is their own confinement.
    const sidecar = new Plain(folder, { BULKHEAD_DUMPABLE: '1' }, ['--import', fileURLToPath(new URL('fixtures/looking-out.ts', import.meta.url))], 'state,lock');
    try {
      for (const block of ['state', 'lock']) expect(await sidecar.logs.match(new RegExp(`LOOKED ${block}: (.*?)"?$`), START_MS)).toMatch(/^kernel false, 1 others, of which 0 are open/);
    } finally {
      await sidecar.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('could do all of it otherwise', () => {
    expect(confined('none', other.pid as number)).toEqual({ confined: 'not', environment: 'done', maps: 'done', descriptor: 'done', 'in the pool': 'done', 'in a worker': 'done', signal: 'done', ...ITS_OWN, move: 'done', link: 'done' });
  });
});

describe('a directory for Unix sockets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-sockets-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([[0o700, undefined], [0o755, undefined], [0o1777, undefined], [0o777, 'its mode is 777'], [0o770, 'its mode is 770']])('of mode %o is %s', (mode, reason) => {
    const path = join(folder, String(mode));
    mkdirSync(path);
    chmodSync(path, mode);
    expect(foreignWriters(path)).toBe(reason);
    symlinkSync(path, `${path}.link`);
    expect(foreignWriters(`${path}.link`)).toBe(reason);
  });

  it('of another user is refused trust', () => {
    if (process.getuid?.() !== 0) return; // only root can make one
    const path = join(folder, 'theirs');
    mkdirSync(path);
    expect(spawnSync('chown', ['65534', path]).status).toBe(0);
    expect(foreignWriters(path)).toBe('it belongs to user 65534');
  });

  it('holds a socket that nobody else can connect to, from its first moment', async () => {
    const path = join(folder, 'socket');
    const before = process.umask(0);
    try {
      const server = createServer();
      privately(() => server.listen(path));
      expect(modeOf(path)).toBe('600');
      expect(process.umask()).toBe(0);
      server.close();
    } finally {
      process.umask(before);
    }
  });

  it.each([['one gateway', []], ['two gateways', ['--gateways=2']], ['grpc-js', ['--grpc-listener=grpc-js']]])('is made for us alone, with %s', async (_, flags) => {
    await using sidecar = await startSidecar({ appId: 'me', components: MEMORY, flags: ['--blocks=state', '--isolation=monolith', '--unix-domain-socket=sockets', ...flags], until: 'nothing' });
    const sockets = join(sidecar.folder, 'sockets');
    await sidecar.logs.match(/msg="dapr initialized/, START_MS);
    expect([modeOf(sockets), modeOf(join(sockets, 'dapr-me-http.socket')), modeOf(join(sockets, 'dapr-me-grpc.socket'))]).toEqual(['700', '600', '600']);
    expect(sidecar.logs.all.join('\n')).not.toContain('--unix-domain-socket: others');
  });

  it('that others may write to is said to be one', async () => {
    const wide = join(folder, 'wide');
    mkdirSync(wide);
    chmodSync(wide, 0o777);
    await using sidecar = await startSidecar({ appId: 'me', components: MEMORY, flags: ['--blocks=state', '--isolation=monolith', `--unix-domain-socket=${wide}`], until: 'nothing' });
    await sidecar.logs.match(/level=warning msg="--unix-domain-socket: others can put sockets of theirs in place of the sidecar's in \S+: its mode is 777; use a directory of its own with mode 700"/, START_MS);
    await eventually('the sockets are there', () => sidecar.logs.all.some((line) => line.includes('dapr initialized')), START_MS);
    expect([modeOf(wide), modeOf(join(wide, 'dapr-me-http.socket'))]).toEqual(['777', '600']);
  });
});

describe('what the sidecar writes', () => {
  it('is its user\'s alone: the log file, and the folder of a quick start', async () => {
    await using sidecar = await startSidecar({ components: MEMORY, flags: ['--blocks=state', '--isolation=monolith', '--log-file=the.log'], until: 'nothing' });
    const path = join(sidecar.folder, 'the.log');
    await eventually('something is logged', () => statSync(path, { throwIfNoEntry: false }) !== undefined && readFileSync(path).length > 0);
    expect(modeOf(path)).toBe('600');
    const folder = mkdtempSync(join(tmpdir(), 'bulkhead-quick-'));
    try {
      const { embeddedComponents } = await import('../kernel/embedded.ts');
      await embeddedComponents(folder);
      expect([modeOf(join(folder, '.bulkhead')), modeOf(join(folder, '.bulkhead', 'configuration.yaml'))]).toEqual(['700', '600']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('connections that a listener takes', () => {
  it('leave descriptors for the sidecar itself', () => {
    const files = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]);
    expect(mostConnections()).toBe(Math.max(16, Math.floor(files / 4)));
  });
});
