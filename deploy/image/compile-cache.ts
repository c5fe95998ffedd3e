// Compiled code for a root file system that nobody can write to: the sidecar that lies there is started, with every block and every kind of
// backend, and what Node compiled meanwhile stays with it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const START_MS = 60_000;
/** A driver's modules are loaded before it connects to anything, and none of these ports answers. */
const NOWHERE = '127.0.0.1:9';
const COMPONENTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'state.in-memory': {}, 'state.redis': { redisHost: NOWHERE }, 'state.etcd': { endpoints: NOWHERE }, 'state.sqlite': { connectionString: 'state.db' },
  'pubsub.in-memory': {}, 'pubsub.redis': { redisHost: NOWHERE }, 'pubsub.kafka': { brokers: NOWHERE, authType: 'none' },
  'configuration.in-memory': { items: 'a: b' }, 'configuration.redis': { redisHost: NOWHERE }, 'configuration.etcd': { endpoints: NOWHERE },
  'lock.in-memory': {}, 'lock.redis': { redisHost: NOWHERE }, 'lock.etcd': { endpoints: NOWHERE },
  'sequencer.in-memory': {}, 'sequencer.redis': { redisHost: NOWHERE }, 'sequencer.etcd': { endpoints: NOWHERE },
};

export interface Warmed {
  /** Node's binary, and the program's entry. */
  readonly node: string;
  readonly entry: string;
  /** Where the compiled code is to lie: paths in it are relative to this folder. */
  readonly folder: string;
}

/** @throws Error with what the sidecar said, when it does not become ready or does not end as it should */
export async function bakeCompileCache({ node, entry, folder }: Warmed): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'bulkhead-warm-'));
  mkdirSync(folder, { recursive: true });
  try {
    for (const [type, metadata] of Object.entries(COMPONENTS)) {
      const spec = { type, version: 'v1', metadata: Object.entries(metadata).map(([name, value]) => ({ name, value })) };
      writeFileSync(join(scratch, `${type}.yaml`), JSON.stringify({ apiVersion: 'dapr.io/v1alpha1', kind: 'Component', metadata: { name: type.replace('.', '-') }, spec }));
    }
    await live(node, entry, folder, scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A sidecar's life with one call of each block: from its start to its end in order, when Node writes down what it compiled. */
async function live(node: string, entry: string, cache: string, cwd: string): Promise<void> {
  const flags = ['--app-id=warm', '--dapr-http-port=0', '--dapr-grpc-port=0', '--dapr-listen-addresses=127.0.0.1', '--metrics-port=0', `--resources-path=${cwd}`];
  const child = spawn(node, [entry, ...flags], { cwd, env: { NODE_COMPILE_CACHE: cache, NODE_COMPILE_CACHE_PORTABLE: '1' }, stdio: ['ignore', 'pipe', 'pipe'] });
  const insist = setTimeout(() => child.kill('SIGKILL'), START_MS);
  const closed = once(child, 'close') as Promise<[number | null]>;
  let said = '';
  try {
    const listening = new Promise<string>((resolve) => {
      const hear = (text: string): void => {
        said += text;
        const [, address] = /msg="HTTP server is running on port (\S+)"/.exec(said) ?? [];
        if (address !== undefined && said.includes('msg="dapr initialized.')) resolve(address);
      };
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', hear);
    });
    const address = await Promise.race([listening, closed.then(() => undefined)]);
    if (address === undefined) throw new Error('it ended at its start');
    const api = `http://127.0.0.1:${/\d+$/.exec(address)?.[0]}/v1.0`;
    const post = (path: string, body: unknown): Promise<Response> => fetch(`${api}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    const answers = await Promise.all([
      post('/state/state-in-memory', [{ key: 'k', value: 1 }]), post('/publish/pubsub-in-memory/t', { a: 1 }), fetch(`${api}/configuration/configuration-in-memory?key=a`),
      post('-alpha1/lock/lock-in-memory', { resourceId: 'r', lockOwner: 'me', expiryInSeconds: 1 }), post('-bulkhead/sequencer/sequencer-in-memory/k', {}), fetch(`${api}/metadata`),
    ]);
    const refused = answers.find(({ ok }) => !ok);
    if (refused !== undefined) throw new Error(`${refused.url} answered ${refused.status}: ${await refused.text()}`);
    child.kill('SIGTERM');
    const [code] = await closed;
    if (code !== 0) throw new Error(`it ended with ${code ?? 'a signal'}`);
  } catch (cause) {
    throw new Error(`the sidecar of the image doesn't work: ${(cause as Error).message}\n${said}`, { cause });
  } finally {
    clearTimeout(insist);
    child.kill('SIGKILL');
  }
}
