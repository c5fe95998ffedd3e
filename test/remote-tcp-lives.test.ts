// Blocks in another container over TCP with TLS, real programs at both ends: calls, deliveries, and what dies, changes or is cut in between.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LinkTlsPaths } from '../kernel/remote/tls.ts';
import { startApp, type App } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { startBlockServer, type BlockServer } from './harness/block-server.ts';
import { hasOpenssl, makeAuthority, type Authority, type Issued } from './harness/certificates.ts';
import { isRunning } from './harness/processes.ts';
import { runProgram } from './harness/program.ts';
import { startRelay, type Relay } from './harness/relay.ts';
import { startSidecar, type Sidecar } from './harness/sidecar.ts';

if (!hasOpenssl) process.stderr.write('SKIPPED: remote blocks over TCP with TLS: this machine has no openssl to make certificates with\n');

const STATE = { name: 'statestore', type: 'state.in-memory' };
const PUBSUB = { name: 'pubsub', type: 'pubsub.in-memory' };
const LOCAL = ['DNS:localhost', 'IP:127.0.0.1'];
const HANG_MS = 1_500;

const serverFlags = ({ cert, key, ca }: LinkTlsPaths): string[] => [`--tls-cert=${cert}`, `--tls-key=${key}`, `--tls-ca=${ca}`];
const kernelFlags = ({ cert, key, ca }: LinkTlsPaths): string[] => [`--remote-tls-cert=${cert}`, `--remote-tls-key=${key}`, `--remote-tls-ca=${ca}`];

describe.skipIf(!hasOpenssl)('remote blocks over TCP with TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-lives-'));
  const places = (name: string): LinkTlsPaths => ({ cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`), ca: join(folder, `${name}.ca`) });
  const [serverFiles, kernelFiles] = [places('server'), places('kernel')];
  const put = (at: LinkTlsPaths, authority: Authority, { cert, key }: Issued): void => {
    cpSync(cert, at.cert);
    cpSync(key, at.key);
    cpSync(authority.ca, at.ca);
  };
  let authority: Authority;
  let state: BlockServer;
  let pubsub: BlockServer;
  let relay: Relay;
  let app: App;
  let sidecar: Sidecar;

  beforeAll(async () => {
    authority = makeAuthority() as Authority;
    put(serverFiles, authority, authority.issue('server', { names: LOCAL }));
    put(kernelFiles, authority, authority.issue('kernel', { names: ['DNS:kernel-a'] }));
    [state, pubsub, app] = await Promise.all([
      startBlockServer({ block: 'state', listen: 'tcp:127.0.0.1:0', flags: [...serverFlags(serverFiles), '--tls-peers=kernel-a'] }),
      startBlockServer({ block: 'pubsub', listen: 'tcp:127.0.0.1:0', flags: serverFlags(serverFiles) }),
      startApp({ subscriptions: [{ pubsubname: 'pubsub', topic: 'orders', route: '/orders' }] }),
    ]);
    relay = await startRelay({ host: '127.0.0.1', port: portOf(state) });
    sidecar = await startSidecar({
      components: [STATE, PUBSUB],
      flags: [
        '--blocks=state,pubsub', `--block=state=remote:tcp:${relay.address}`, `--block=pubsub=remote:tcp:localhost:${portOf(pubsub)}`, ...kernelFlags(kernelFiles), `--app-port=${app.port}`, `--hang-ms=${HANG_MS}`, '--max-body-size=8Mi',
      ],
    });
  });
  afterAll(async () => {
    await sidecar?.stop();
    await Promise.all([state?.stop(), pubsub?.stop(), app?.stop(), relay?.[Symbol.asyncDispose]()]);
    authority?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const set = async (key: string, value: unknown): Promise<number> => (await sidecar.client.send('POST', '/v1.0/state/statestore', { headers: { 'content-type': 'application/json' }, body: JSON.stringify([{ key, value }]) })).status;
  const get = async (key: string): Promise<string> => (await sidecar.client.get(`/v1.0/state/statestore/${key}`)).body;
  /** The process that the state block has there. */
  const tenant = async (): Promise<number> => (await eventually('it has a process', () => state.tenants().at(-1)))?.pid ?? 0;
  /** As a client would that tries again. */
  const works = (key: string): Promise<boolean> => eventually('it serves again', async () => (await set(key, key)) === 204 && (await get(key)) === `"${key}"`, 30_000);

  it('serve calls, and say how they are reached', async () => {
    expect([await set('k', { a: 1 }), await get('k'), (await sidecar.client.get('/v1.0/state/statestore/none')).status]).toEqual([204, '{"a":1}', 204]);
    expect(await sidecar.block('state')).toMatchObject({ mode: 'remote', transport: 'tls', address: `tcp:${relay.address}`, state: 'ready', restarts: 0 });
    expect(await sidecar.block('pubsub')).toMatchObject({ mode: 'remote', transport: 'tls', address: `tcp:localhost:${portOf(pubsub)}` });
    expect(state.logs.matching(/serving app app, compartment state, from 127\.0\.0\.1:\d+, CN=kernel: process \d+, carried/)).toHaveLength(1);
  });

  it('carry large values both ways', async () => {
    const value = 'v'.repeat(4 * 1024 * 1024);
    expect(await set('large', value)).toBe(204); // larger than any buffer on the way
    expect(await get('large') === JSON.stringify(value)).toBe(true);
  });

  it('deliver what is published', async () => {
    const large = 'm'.repeat(200_000);
    for (const body of ['"one"', JSON.stringify(large)]) expect((await sidecar.client.send('POST', '/v1.0/publish/pubsub/orders', { headers: { 'content-type': 'application/json' }, body })).status).toBe(204);
    const deliveries = await app.received(2);
    expect(deliveries.map(({ json }) => json.data as string).toSorted((a, b) => a.length - b.length)).toEqual(['one', large]);
  });

  it('begin a new life when their process is killed, and the other block notices nothing', async () => {
    const { life } = await sidecar.block('state');
    process.kill(await tenant(), 'SIGKILL');
    await works('after-a-kill');
    expect(await sidecar.block('state')).toMatchObject({ life: life + 1, restarts: 1, transport: 'tls', lastDeath: { cause: 'signal', signal: 'SIGKILL' } });
    expect(await sidecar.block('pubsub')).toMatchObject({ life: 1, restarts: 0 });
  });

  it('use certificates that were renewed, of another authority even, from the next life on', async () => {
    const next = makeAuthority('the next authority') as Authority;
    try {
      const former = authority.paths({ cert: join(folder, 'former.crt'), key: join(folder, 'former.key') });
      cpSync(kernelFiles.cert, former.cert);
      cpSync(kernelFiles.key, former.key);
      const [{ life }, pids] = [await sidecar.block('state'), state.everServed().length];
      put(serverFiles, next, next.issue('server', { names: LOCAL }));
      put(kernelFiles, next, next.issue('kernel', { names: ['DNS:kernel-a'] }));
      await works('with-the-former'); // the connection stays
      expect(state.everServed()).toHaveLength(pids);
      process.kill(await tenant(), 'SIGKILL');
      await works('with-the-new');
      expect((await sidecar.block('state')).life).toBe(life + 1);
      const refused = await runProgram('probe', state.address, `--tls-cert=${former.cert}`, `--tls-key=${former.key}`, `--tls-ca=${former.ca}`);
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('its certificate is not trusted')]);
      const answered = await runProgram('probe', state.address, ...serverFlags(kernelFiles));
      expect(answered).toEqual({ code: 0, stdout: expect.stringMatching(/^the state block, version \S+, serves 1 kernel\n$/), stderr: '' });
    } finally {
      next.remove();
    }
  });

  it('are given up when the network is cut, within the time that a hang may take, and dialled again', async () => {
    const { life } = await sidecar.block('state');
    const former = await tenant();
    // A young life that has never had to answer is given the time of a start; one that has worked is not.
    const worked = performance.now();
    await Promise.all(Array.from({ length: 8 }, async () => { while (performance.now() - worked < HANG_MS) await get('k'); }));
    relay.silence();
    const cut = performance.now();
    const lost = get('k').catch(() => {});
    await sidecar.logs.waitFor(/state block .*it has hung for \d+ ms/, 20_000);
    expect(performance.now() - cut).toBeLessThan(HANG_MS + 5_000);
    relay.mend();
    await works('after-the-cut');
    await lost; // answered late, or refused
    expect((await sidecar.block('state')).life).toBeGreaterThan(life);
    await eventually('the process of the former life is gone', () => !isRunning(former));
  }, 60_000);

  it('are dialled again when their server was killed, and when it was told to end', async () => {
    for (const how of ['crash', 'stop'] as const) {
      const { listen, former } = { listen: state.address, former: await tenant() };
      await state[how]();
      await eventually('its process has gone with it', () => !isRunning(former));
      await eventually('the sidecar says so', async () => (await sidecar.block('state')).state !== 'ready');
      state = await startBlockServer({ block: 'state', listen, flags: serverFlags(serverFiles) });
      await works(`after-a-${how}`);
    }
    expect(sidecar.logs.matching(/its block server at tcp:\S+ is gone/).length).toBeGreaterThan(0);
    expect(await sidecar.block('pubsub')).toMatchObject({ life: 1, restarts: 0 });
  }, 60_000);
});

const portOf = ({ address }: BlockServer): number => Number(/:(\d+)$/.exec(address)?.[1]);
