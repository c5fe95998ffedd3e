// Several kernels at one block server: each has a process of its own there and sees nothing of the others, what kills one's process costs
// the others nothing, and whoever should not be there is told why and is not.
import { chownSync, closeSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectUnix } from '../ipc/handing.ts';
import { packWord } from '../ipc/link.ts';
import { PROTOCOL_VERSION } from '../proto/control.ts';
import { LINK_MAGIC, type Hello } from '../proto/remote.ts';
import { Control } from './chaos/control.ts';
import { provoke } from './chaos/inject.ts';
import { eventually } from './harness/awaiting.ts';
import { RemoteBlocks, startBlockServer, type BlockServer } from './harness/block-server.ts';
import { Load } from './harness/load.ts';
import { argumentsOf, environmentOf, Marked, Memory, memoryProblem, sharedInodesOf } from './harness/process-memory.ts';
import { isRunning } from './harness/processes.ts';
import { startSidecar, type Sidecar, type SidecarOptions } from './harness/sidecar.ts';

vi.setConfig({ testTimeout: 40_000 });
const root = process.getuid?.() === 0;
const STRANGER = 65_532;
const marked = new Marked();
const secrets = { a: marked.secret(), b: marked.secret() };

const hello: Hello = {
  say: 'hello', magic: LINK_MAGIC, protocol: PROTOCOL_VERSION, version: 'test', block: 'state', name: 'state', ringBytes: 65_536, maxFrameBytes: 1 << 20, handed: false, rings: false, lanes: 0,
  limits: { heapBytes: 0, memoryBytes: 0, openFiles: 0 }, log: { level: 'info', json: false, appId: 'raw', instance: 'i', version: 'v' },
};

/** What a server answers to one message, as text. */
function answerTo(server: BlockServer, word: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: server.path }, () => socket.write(packWord(word)));
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString())).on('error', reject).on('close', () => resolve(text));
    setTimeout(() => socket.destroy(), 2_000);
  });
}

describe('two kernels at one block server', () => {
  let control: Control;
  let server: BlockServer;
  let servers: RemoteBlocks;
  let a: Sidecar;
  let b: Sidecar;
  const start = (options: SidecarOptions): Promise<Sidecar> => startSidecar({ isolation: 'remote', servers, ...options });
  const kernel = (app: 'a' | 'b'): Promise<Sidecar> => start({
    appId: app, components: [{ name: 'store', type: 'state.in-memory', metadata: { note: secrets[app] } }, { name: `only-${app}`, type: 'state.in-memory' }, { name: 'fault', type: 'state.fault' }],
  });
  beforeAll(async () => {
    control = new Control();
    server = await startBlockServer({ block: 'state', nodeArgs: control.nodeArgs, flags: ['--max-kernels=2'] });
    servers = new RemoteBlocks([server]);
    [a, b] = await Promise.all([kernel('a'), kernel('b')]);
  });
  afterAll(async () => {
    await Promise.all([a?.stop(), b?.stop()]);
    await server?.stop();
    control?.[Symbol.dispose]();
  });

  it('have a process each, and rings with that one alone', async () => {
    const rows = await Promise.all([a, b].map((sidecar) => sidecar.block('state')));
    for (const row of rows) expect(row).toMatchObject({ mode: 'remote', transport: 'ring', address: server.address, state: 'ready', life: 1, memory: { rssBytes: expect.any(Number) as number } });
    for (const [app, sidecar] of [['a', a], ['b', b]] as const) expect(server.tenants().filter((tenant) => tenant.app === app)).toMatchObject([{ way: 'ring', peer: `user ${process.getuid?.()}, process ${sidecar.pid}` }]);
    const [ofA = 0, ofB = 0] = rows.map(({ pid }) => pid);
    const shared = (one: number, other: number): string[] => [...sharedInodesOf(one)].filter((inode) => sharedInodesOf(other).has(inode));
    expect([shared(a.pid, ofA).length, shared(b.pid, ofB).length, shared(ofA, ofB), shared(a.pid, ofB), [...sharedInodesOf(server.pid)]]).toEqual([1, 1, [], [], []]);
  });

  it('see nothing of each other', async () => {
    await a.client.post('/v1.0/state/store', '[{"key":"k","value":"of a"}]');
    expect((await b.client.get('/v1.0/state/store/k')).status).toBe(204);
    await b.client.post('/v1.0/state/store', '[{"key":"k","value":"of b"}]');
    expect([(await a.client.get('/v1.0/state/store/k')).body, (await b.client.get('/v1.0/state/store/k')).body]).toEqual(['"of a"', '"of b"']);
    expect((await a.client.get('/v1.0/state/only-b/k')).status).toBe(400);
    expect((await b.client.get('/v1.0/state/only-b/k')).status).toBe(204);
  });

  it('keep their secrets: each is in its own process there, and in nobody else\'s', async () => {
    const [ofA, ofB] = await Promise.all([a.pidOf('state'), b.pidOf('state')]);
    const problem = memoryProblem(ofA);
    if (problem !== undefined) return void process.stderr.write(`SKIPPED: secrets of kernels at one block server: ${problem}\n`);
    const [inA, inB, inServer] = [ofA, ofB, server.pid].map((pid) => new Memory(pid, marked)) as [Memory, Memory, Memory];
    expect([inA.has(secrets.a), inA.has(secrets.b), inB.has(secrets.b), inB.has(secrets.a), inServer.has(secrets.a), inServer.has(secrets.b)]).toEqual([true, false, true, false, false, false]);
    for (const pid of [ofA, ofB, server.pid]) expect(environmentOf(pid) + argumentsOf(pid)).not.toContain(marked.mark);
    expect(server.logs.matching(new RegExp(marked.mark))).toEqual([]);
  });

  it('live on however often somebody asks what they use', async () => {
    const before = await a.block('state');
    for (let asked = 0; asked < 400; asked++) await a.client.get('/actuator/blocks');
    expect(await a.block('state')).toMatchObject({ life: before.life, pid: before.pid, state: 'ready', memory: { rssBytes: expect.any(Number) as number } });
  });

  it('pay for their own calls: what kills one\'s process costs the other nothing', async () => {
    const load = new Load(b, { store: 'store', clients: 4 });
    await load.acknowledges(50);
    let deaths = 0;
    for (const failure of ['kill', 'throw', 'exit'] as const) {
      const { life } = await a.block('state');
      expect((await provoke(a, 'state', failure, { component: 'fault', word: failure })).status).toBe(503);
      const row = await eventually('the next life of a is ready', async () => {
        const now = await a.block('state');
        return now.life > life && now.state === 'ready' ? now : undefined;
      });
      expect(row?.lastDeath?.inFlight).toContain('SaveState');
      deaths++;
      await load.acknowledges(20);
    }
    await load.stop();
    expect([deaths, load.failures, load.wrong, await load.missing()]).toEqual([3, [], [], []]);
    expect((await b.block('state')).restarts).toBe(0);
    process.stdout.write(`remote: ${deaths} deaths of one kernel's process, ${load.acknowledged.length + load.reads} calls of another's: 0 failed\n`);
  });

  it('are as many as there may be: the next one waits until one has gone, and is told why', async () => {
    await using c = await start({ appId: 'c', components: [{ name: 'store', type: 'state.in-memory' }], until: 'listening' });
    await c.logs.waitFor(/the state block ended in life \d+: its block server at unix:\S+ refuses: 2 kernels are served already: see --max-kernels/);
    await server.logs.waitFor(/level=warning .*is refused: 2 kernels are served already: see --max-kernels/);
    expect((await c.client.get('/v1.0/healthz')).status).toBe(500);
    const pid = await a.pidOf('state');
    await a.crash();
    const gone = performance.now();
    await eventually('nothing is left of a', () => !isRunning(pid));
    expect(performance.now() - gone).toBeLessThan(1_500);
    await eventually('c is served', async () => (await c.block('state')).state === 'ready');
    expect((await c.client.post('/v1.0/state/store', '[{"key":"k","value":1}]')).status).toBe(204);
    expect((await b.client.get('/v1.0/state/store/k')).body).toBe('"of b"');
    expect(c.logs.matching(/2 kernels are served already/).length, 'lines about it').toBeLessThan(6);
  });

  it('speak the same version and want the same block, or are told what to do', async () => {
    expect(await answerTo(server, { ...hello, protocol: PROTOCOL_VERSION + 1, version: '9.9.9' })).toContain(`the kernel, version 9.9.9, speaks protocol ${PROTOCOL_VERSION + 1}, the block server ${PROTOCOL_VERSION}: run both from the same image`);
    await server.logs.waitFor(/version 9\.9\.9, speaks protocol/);
    await using c = await start({ appId: 'c', components: [{ name: 'topics', type: 'pubsub.in-memory' }], flags: [`--block=pubsub=remote:${server.address}`, '--block=state=process'], until: 'listening' });
    await c.logs.waitFor(/the pubsub block ended in life \d+: its block server at unix:\S+ refuses: it wants the pubsub block, and this is the state block/);
    expect(JSON.parse((await c.client.post('/v1.0/publish/topics/t', '{}')).body)).toMatchObject({ errorCode: 'ERR_BLOCK_UNAVAILABLE' });
  });
});

describe('who is not wanted', () => {
  const components = [{ name: 'store', type: 'state.in-memory' }] as const;

  it('is turned away by the server, by the user it runs as', async () => {
    await using server = await startBlockServer({ block: 'state', flags: [`--uids=${STRANGER}`] });
    await using sidecar = await startSidecar({ isolation: 'remote', servers: new RemoteBlocks([server]), components, until: 'listening' });
    await sidecar.logs.waitFor(new RegExp(`refuses: it is not among the users ${STRANGER}: see --uids`));
    await server.logs.waitFor(new RegExp(`user ${process.getuid?.()}, process ${sidecar.pid} is refused: it is not among the users ${STRANGER}: see --uids`));
    expect(server.everServed()).toEqual([]);
  });

  it('is turned away by the kernel, by the user it serves as', async () => {
    await using server = await startBlockServer({ block: 'state' });
    await using sidecar = await startSidecar({ isolation: 'remote', servers: new RemoteBlocks([server]), components, flags: [`--remote-uids=${STRANGER}`], until: 'listening' });
    await sidecar.logs.waitFor(new RegExp(`it can't be reached at unix:\\S+: the socket is served by user ${process.getuid?.()}, who is not among ${STRANGER}: see --remote-uids`));
    expect(server.everServed()).toEqual([]);
  });

  it.skipIf(!root)('is told apart across users: a server of another user is used only by kernels that say so, and has to let root in by itself', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bulkhead-user-'));
    chownSync(folder, STRANGER, STRANGER);
    try {
      await using server = await startBlockServer({ block: 'state', listen: `unix:${folder}/s.sock`, user: STRANGER });
      const servers = new RemoteBlocks([server]);
      await using wary = await startSidecar({ isolation: 'remote', servers, components, until: 'listening' });
      await wary.logs.waitFor(new RegExp(`the socket is served by user ${STRANGER}, who is not among 0: see --remote-uids`));
      expect(server.everServed()).toEqual([]);
      await using trusting = await startSidecar({ isolation: 'remote', servers, components, flags: [`--remote-uids=${STRANGER}`] });
      expect((await trusting.client.post('/v1.0/state/store', '[{"key":"k","value":1}]')).status).toBe(204);
      expect(await trusting.block('state')).toMatchObject({ transport: 'ring', pid: server.tenants()[0]?.pid });
      closeSync(connectUnix(server.path)); // somebody who looks and goes
      await trusting.client.get('/v1.0/state/store/k');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

if (!root) process.stderr.write('SKIPPED: a block server of another user: only root can start one\n');
