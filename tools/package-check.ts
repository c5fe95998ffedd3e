// Packs the package, installs it where nothing else is, and uses it: what a checkout has and the package lacks fails here.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { packageProblems, secretIn } from './package-contents.ts';

const root = dirname(import.meta.dirname);
const START_MS = 20_000;
const STOP_MS = 10_000;
const INSTALL_MS = 120_000;

const scratch = mkdtempSync(join(tmpdir(), 'bulkhead-package-'));
const userFolder = join(scratch, 'app');
const resources = join(scratch, 'resources');
const STORES = ['memory', 'sqlite'] as const;
const PUBSUB = 'topics';
const [CONFIG, LOCKS, IDS] = ['config', 'locks', 'ids'] as const;
/** In the order of the actuator's list. */
const BLOCKS = ['state', 'pubsub', 'config', 'lock', 'sequencer'];
/** As bare as a user's may be: this very Node first, a home, the temporary folder, and where npm fetches from. */
const environment: NodeJS.ProcessEnv = {
  PATH: [dirname(process.execPath), process.env['PATH'] ?? '/usr/bin:/bin'].join(delimiter),
  HOME: process.env['HOME'] ?? scratch,
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(npm_config_(registry|userconfig|globalconfig|cache|ca|cafile|https?_proxy|noproxy)|https?_proxy|no_proxy|node_extra_ca_certs)$/i.test(name))),
};

/** Says what is done and how long it took; a result that is a text is said too. */
async function step<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  const start = performance.now();
  process.stdout.write(`package-check: ${what} ...`);
  const result = await work();
  process.stdout.write(` ${((performance.now() - start) / 1000).toFixed(1)} s${typeof result === 'string' ? `, ${result}` : ''}\n`);
  return result;
}

function assert(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

function npm(cwd: string, ...args: string[]): void {
  execFileSync('npm', [...args, '--loglevel=error', '--no-fund', '--no-audit', '--no-update-notifier'], { cwd, env: environment, stdio: ['ignore', 'pipe', 'inherit'], timeout: INSTALL_MS });
}

function pack(): { readonly tarball: string } {
  npm(root, 'pack', '--pack-destination', scratch);
  const name = readdirSync(scratch).find((entry) => entry.endsWith('.tgz'));
  assert(name !== undefined, 'npm pack made no tarball');
  return { tarball: join(scratch, name) };
}

function contents(tarball: string): string {
  const folder = join(scratch, 'contents');
  mkdirSync(folder);
  execFileSync('tar', ['-xzf', tarball, '-C', folder]);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  const problems = packageProblems(files);
  for (const file of files) {
    const secret = secretIn(readFileSync(join(folder, file), 'utf8'));
    if (secret !== undefined) problems.push(`${file} holds ${secret}`);
  }
  assert(problems.length === 0, `the package isn't what it should be:\n  ${problems.join('\n  ')}`);
  return `${files.length} files, ${Math.round(statSync(tarball).size / 1024)} KiB`;
}

/** JSON is YAML. */
function writeManifest(name: string, type: string, metadata: Readonly<Record<string, string>>): void {
  const spec = { type, version: 'v1', metadata: Object.entries(metadata).map(([key, value]) => ({ name: key, value })) };
  writeFileSync(join(resources, `${name}.yaml`), JSON.stringify({ apiVersion: 'dapr.io/v1alpha1', kind: 'Component', metadata: { name }, spec }));
}

function install(tarball: string): string {
  mkdirSync(userFolder);
  writeFileSync(join(userFolder, 'package.json'), '{ "private": true }\n');
  mkdirSync(resources);
  const [memory, sqlite] = STORES;
  writeManifest(memory, 'state.in-memory', {});
  writeManifest(sqlite, 'state.sqlite', { connectionString: 'state.db' });
  writeManifest(PUBSUB, 'pubsub.in-memory', {});
  writeManifest(CONFIG, 'configuration.in-memory', { items: 'color: red' });
  writeManifest(LOCKS, 'lock.in-memory', {});
  writeManifest(IDS, 'sequencer.in-memory', {});
  npm(userFolder, 'install', '--omit=dev', '--prefer-offline', tarball);
  return `${readdirSync(join(userFolder, 'node_modules')).filter((name) => !name.startsWith('.')).length} folders in node_modules`;
}

const bulkhead = join(userFolder, 'node_modules', '.bin', 'bulkhead');

function output(...args: string[]): string {
  return execFileSync(bulkhead, args, { cwd: userFolder, env: environment, encoding: 'utf8', timeout: START_MS });
}

/** An application that subscribes to topic `t`; `delivered` resolves with the first message's envelope. */
async function application(): Promise<{ readonly port: number; readonly delivered: Promise<{ readonly data: unknown }>; close(): void }> {
  const { promise, resolve } = Promise.withResolvers<{ readonly data: unknown }>();
  const server = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      if (request.url === '/dapr/subscribe') return response.setHeader('content-type', 'application/json').end(JSON.stringify([{ pubsubname: PUBSUB, topic: 't', route: '/t' }]));
      if (request.url === '/t') resolve(JSON.parse(Buffer.concat(chunks).toString()) as { readonly data: unknown });
      return response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, delivered: promise, close: () => server.close().closeAllConnections() };
}

/** Takes the sidecar through a day of its life; tells how the kernel reached its blocks. */
async function live(isolation: string): Promise<string> {
  const [http = 0, grpc = 0] = await freePorts(2);
  const app = await application();
  const child = spawn(bulkhead, ['--app-id', 'packed', '--isolation', isolation, '--dapr-http-port', String(http), '--dapr-grpc-port', String(grpc), '--resources-path', resources, '--app-port', String(app.port), '--enable-metrics=false'], {
    cwd: userFolder, env: environment, stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => said.push(text));
  const closed = once(child, 'close', { signal: AbortSignal.timeout(START_MS + STOP_MS) }) as Promise<[number | null, NodeJS.Signals | null]>;
  try {
    const address = `http://127.0.0.1:${http}/v1.0`;
    await Promise.race([healthy(`${address}/healthz`), closed.then(([code, signal]) => { throw new Error(`it ended at its start: ${code ?? signal}`); })]);
    for (const store of STORES) {
      const saved = await fetch(`${address}/state/${store}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify([{ key: 'k', value: isolation }]) });
      assert(saved.status === 204, `save to ${store} answered ${saved.status}: ${await saved.text()}`);
      const got = await fetch(`${address}/state/${store}/k`);
      assert(got.status === 200 && (await got.text()) === JSON.stringify(isolation), `get from ${store} answered ${got.status}`);
    }
    const published = await fetch(`${address}/publish/${PUBSUB}/t`, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: isolation });
    assert(published.status === 204, `publish answered ${published.status}: ${await published.text()}`);
    const { data } = await Promise.race([app.delivered, closed.then(() => { throw new Error('it ended before it delivered'); })]);
    assert(data === isolation, `what was delivered is ${JSON.stringify(data)}`);
    await answers(`${address}/configuration/${CONFIG}?key=color`, undefined, '{"color":{"value":"red","version":"1"}}\n');
    await answers(`${address}-alpha1/lock/${LOCKS}`, { resourceId: 'r', lockOwner: 'me', expiryInSeconds: 60 }, '{"success":true}');
    await answers(`${address}-alpha1/unlock/${LOCKS}`, { resourceId: 'r', lockOwner: 'me' }, '{"status":0}');
    await answers(`${address}-bulkhead/sequencer/${IDS}/k`, {}, '{"ids":["1"]}');
    const { blocks } = (await (await fetch(`http://127.0.0.1:${http}/actuator/blocks`)).json()) as { blocks: { block: string; pid: number; transport: string }[] };
    const transports = [...new Set(blocks.map(({ transport }) => transport))].join(', ');
    assert(blocks.map(({ block }) => block).join() === BLOCKS.join() && blocks.every(({ pid }) => (pid !== child.pid) === (isolation === 'process')), `blocks aren't where --isolation puts them: ${JSON.stringify(blocks)}`);
    child.kill('SIGTERM');
    const [code, signal] = await closed;
    assert(code === 0, `it ended with ${code ?? signal}`);
    return transports;
  } catch (cause) {
    throw new Error(`${isolation}: ${(cause as Error).message}\n${said.join('')}`, { cause });
  } finally {
    child.kill('SIGKILL');
    app.close();
  }
}

/** GET, or POST if there is a body. */
async function answers(url: string, body: object | undefined, wanted: string): Promise<void> {
  const answer = await fetch(url, body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const text = await answer.text();
  assert(answer.status === 200 && text === wanted, `${url} answered ${answer.status}: ${text}`);
}

async function healthy(url: string): Promise<void> {
  for (const end = performance.now() + START_MS; ;) {
    const status = await fetch(url, { signal: AbortSignal.timeout(START_MS) }).then((response) => response.status, () => 0);
    if (status === 204) return;
    assert(performance.now() < end, `healthz answers ${status} after ${START_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

try {
  const { tarball } = await step('npm pack, which builds', pack);
  await step('what is in it', () => contents(tarball));
  await step('install into an empty folder, without devDependencies', () => install(tarball));
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  await step('bulkhead --version', () => {
    const said = output('--version').trim();
    assert(said === version, `it says ${said}, and the package is ${version}`);
    return said;
  });
  await step('bulkhead --help', () => assert(output('--help').includes('--dapr-http-port'), 'the usage has no --dapr-http-port'));
  for (const isolation of ['process', 'thread', 'monolith']) await step(`bulkhead --isolation ${isolation}: ready, saves, gets, publishes, delivers, ends`, () => live(isolation));
  process.stdout.write('package-check: the package works.\n');
} catch (cause) {
  process.stdout.write('\n');
  process.stderr.write(`package-check: ${(cause as Error).message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
