// `npm start` is the sidecar: its flags, its output, its signals and its exit code go through npm unchanged.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { eventually, within } from './harness/awaiting.ts';
import { Lines } from './harness/lines.ts';
import { watch } from './harness/watchdog.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const START_MS = 20_000;
const STOP_MS = 10_000;
const FLAGS = ['--app-id', 'an app', '--dapr-http-port=0', '--dapr-grpc-port=0', '--dapr-listen-addresses=127.0.0.1', '--enable-metrics=false'];
/** All there is of an environment: no home, and no Node of the project's. */
const PATH = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules')).join(delimiter);

interface Started extends AsyncDisposable {
  readonly npm: ChildProcess;
  /** npm's process group, which the sidecar is in. */
  readonly group: number;
  readonly stdout: Lines;
  readonly stderr: Lines;
  readonly closed: Promise<[code: number | null, signal: NodeJS.Signals | null]>;
}

function npmStart(...flags: string[]): Started {
  const npm = spawn('npm', ['start', '--silent', '--', ...flags], { cwd: ROOT, env: { PATH }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const group = -(npm.pid ?? 0);
  const release = watch(group);
  const [stdout, stderr] = [new Lines(), new Lines()];
  stdout.follow(npm.stdout);
  stderr.follow(npm.stderr);
  const closed = (once(npm, 'close') as Started['closed']).finally(() => {
    release();
    stdout.end('npm has ended');
  });
  return {
    npm, group, stdout, stderr, closed,
    async [Symbol.asyncDispose]() {
      if (isAlive(group)) process.kill(group, 'SIGKILL');
      await closed;
    },
  };
}

function isAlive(group: number): boolean {
  try {
    return process.kill(group, 0);
  } catch {
    return false;
  }
}

describe('npm start --silent --', () => {
  it('passes flags on, and prints what the sidecar prints and nothing else', async () => {
    await using started = npmStart(...FLAGS);
    await started.stdout.waitFor(/dapr initialized/, START_MS);
    expect(started.stdout.all.filter((line) => !/^time="\S+" level=\w+ msg=.* app_id="an app" /.test(line))).toEqual([]);
    expect(started.stderr.all).toEqual([]);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('passes %s on, and ends as the sidecar does when it has', async (signal) => {
    await using started = npmStart(...FLAGS);
    await started.stdout.waitFor(/dapr initialized/, START_MS);
    started.npm.kill(signal);
    expect(await within(STOP_MS, 'npm ends', started.closed)).toEqual([0, null]);
    expect(started.stdout.all.at(-1)).toContain('msg="Daprd shutdown gracefully"');
    await eventually('no process is left', () => !isAlive(started.group));
  });

  it('ends as gracefully on Ctrl-C, which a terminal sends to npm and the sidecar, and npm then sends again', async () => {
    await using started = npmStart(...FLAGS);
    await started.stdout.waitFor(/dapr initialized/, START_MS);
    process.kill(started.group, 'SIGINT');
    expect(await within(STOP_MS, 'npm ends', started.closed)).toEqual([0, null]);
    expect(started.stdout.all.at(-1)).toContain('msg="Daprd shutdown gracefully"');
  });

  it('ends with the exit code of the sidecar', async () => {
    await using started = npmStart('--no-such-flag');
    const [code, signal] = await within(START_MS, 'npm ends', started.closed);
    expect([code, signal]).toEqual([2, null]);
  });
});
