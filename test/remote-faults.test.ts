// What may happen to a block server while applications call: it comes late, is killed, stands still, and is replaced in order. What was
// acknowledged is there afterwards, a replacement in order costs no call, and logs stay readable.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp, type App } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { startBlockServer, type BlockServer } from './harness/block-server.ts';
import { Load } from './harness/load.ts';
import { isRunning } from './harness/processes.ts';
import { Ledger, PublishLoad } from './harness/pubsub-ledger.ts';
import { startSidecar, type Sidecar } from './harness/sidecar.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';

vi.setConfig({ testTimeout: 60_000 });
const HANG_MS = 1_000;
const RESTARTS = 2;
/** Longer than a server needs to come back on a busy machine. */
const HOLD = '--hold-ms=30000';
/** What a dead process held comes again soon. */
const FAST = { processingTimeout: '3s', redeliverInterval: '500ms' } as const;

/** A server, and one after the other at the same place. */
class Place implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'bulkhead-place-'));
  readonly #block: string;
  server!: BlockServer;

  constructor(block: string) {
    this.#block = block;
  }

  get flag(): string {
    return `--block=${this.#block}=remote:unix:${this.#folder}/block.sock`;
  }

  async start(): Promise<void> {
    this.server = await startBlockServer({ block: this.#block, listen: `unix:${this.#folder}/block.sock` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server?.signal('SIGCONT');
    await this.server?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

describe('a server of the state block', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-remote-'));
  const place = new Place('state');
  let sidecar: Sidecar;
  afterAll(async () => {
    await sidecar?.stop();
    await place[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const ready = (life: number): Promise<unknown> => eventually(`a life after ${life} is ready`, async () => {
    const row = await sidecar.block('state');
    return row.life > life && row.state === 'ready';
  });

  it('may come after the kernel, which waits without a flood of lines', async () => {
    sidecar = await startSidecar({ components: [{ name: 'store', type: 'state.sqlite', metadata: { connectionString: join(folder, 'state.db') } }], flags: [place.flag, `--hang-ms=${HANG_MS}`, HOLD], until: 'listening' });
    await sidecar.logs.waitFor(/the state block ended in life 1: it can't be reached at unix:\S+: ENOENT: there is no such socket; starting again in \d+ms/);
    await sleep(3_000);
    expect((await sidecar.client.get('/v1.0/healthz')).status).toBe(500);
    const lines = sidecar.logs.matching(/can't be reached/).length;
    expect(lines, 'lines about it').toBeLessThan(6);
    const held = sidecar.client.post('/v1.0/state/store', '[{"key":"early","value":1}]');
    await place.start();
    const began = performance.now();
    await ready(1);
    const readyMs = performance.now() - began;
    expect((await held).status, 'a call from before').toBe(204);
    await eventually('the sidecar is healthy', async () => (await sidecar.client.get('/v1.0/healthz')).status === 204);
    expect((await sidecar.client.get('/v1.0/state/store/early')).body).toBe('1');
    process.stdout.write(`remote: a server that came late: ${lines} lines in 3 s, ready ${Math.round(readyMs)} ms after it listened\n`);
    expect(readyMs).toBeLessThan(15_000);
  });

  it('is replaced in order, again and again, and no call fails', async () => {
    const load = new Load(sidecar, { store: 'store', clients: 6 });
    for (let restart = 0; restart < RESTARTS; restart++) {
      await load.acknowledges(50);
      const { life } = await sidecar.block('state');
      const former = place.server;
      const [tenant] = former.tenants();
      expect(await former.stop(), 'it ends by itself').toEqual({ code: 0, signal: null });
      expect([isRunning(tenant?.pid ?? 0), former.logs.matching(/level=(error|fatal)/)]).toEqual([false, []]);
      await place.start();
      await ready(life);
    }
    await load.acknowledges(50);
    await load.stop();
    const missing = await load.missing();
    process.stdout.write(`remote: ${RESTARTS} servers replaced in order: ${load.acknowledged.length} writes, ${load.reads} reads, ${load.failures.length} failed, ${missing.length} acknowledged writes lost, slowest ${Math.round(load.slowestMs)} ms\n`);
    expect([load.failures, load.wrong, missing]).toEqual([[], [], []]);
    expect(await sidecar.block('state')).toMatchObject({ lost: 0, repeated: 0, inFlight: 0, held: 0 });
  });

  it('may be killed: its processes go with it, only writes under way fail, and what was acknowledged is there', async () => {
    const load = new Load(sidecar, { store: 'store', clients: 6 });
    for (let kill = 0; kill < RESTARTS; kill++) {
      await load.acknowledges(50);
      const { life } = await sidecar.block('state');
      const [tenant] = place.server.tenants();
      await place.server.crash();
      await eventually('its process has gone with it', () => !isRunning(tenant?.pid ?? 0), 2_000);
      await place.start();
      await ready(life);
      expect((await sidecar.block('state')).lastDeath?.reason).toMatch(/its block server at unix:\S+ is gone|it can't be reached/);
    }
    await load.acknowledges(50);
    await load.stop();
    const missing = await load.missing();
    process.stdout.write(`remote: ${RESTARTS} servers killed: ${load.acknowledged.length} writes, ${load.of('write').length} of unknown outcome, ${load.of('read').length} reads failed, ${missing.length} acknowledged writes lost\n`);
    expect([load.of('read'), load.wrong, missing]).toEqual([[], [], []]);
    expect(load.of('write').filter(({ text }) => !text.includes('restarted while this call was in flight'))).toEqual([]);
    expect(load.of('write').length, 'at most one of each client each time').toBeLessThanOrEqual(RESTARTS * 6);
  });

  it('may stand still for longer than a block may hang: calls don\'t come by it', async () => {
    const before = await sidecar.block('state');
    const load = new Load(sidecar, { store: 'store', clients: 4 });
    await load.acknowledges(20);
    place.server.signal('SIGSTOP');
    const answered = load.acknowledged.length;
    await sleep(3 * HANG_MS);
    expect(load.acknowledged.length, 'writes meanwhile').toBeGreaterThan(answered);
    place.server.signal('SIGCONT');
    await load.acknowledges(20);
    await load.stop();
    expect([load.failures, load.wrong, await load.missing()]).toEqual([[], [], []]);
    expect([(await sidecar.block('state')).life, place.server.tenants().length]).toEqual([before.life, 1]);
  });

  it('may stand still while its process has to be killed: the life is left, and the next one begins when it goes on', async () => {
    const { life } = await sidecar.block('state');
    const pid = place.server.tenants()[0]?.pid ?? 0;
    process.kill(pid, 'SIGSTOP'); // it hangs
    place.server.signal('SIGSTOP');
    const call = sidecar.client.get('/v1.0/state/store/early');
    await sidecar.logs.waitFor(/the state block ended in life \d+: it has hung for \d+ ms \(it was left, because its block server does not answer\)/, 15_000);
    place.server.signal('SIGCONT');
    await eventually('the process that hung is gone', () => !isRunning(pid), 5_000);
    await ready(life);
    expect((await call).body).toBe('1');
    expect(place.server.tenants().length).toBe(1);
  });
});

describeWithRedis('a server of the pubsub block', () => {
  const place = new Place('pubsub');
  const ledger = new Ledger();
  let redis: RedisServer;
  let app: App;
  let sidecar: Sidecar;
  beforeAll(async () => {
    redis = await startRedis();
    await place.start();
    app = await startApp({ subscriptions: [{ pubsubname: 'topics', topic: 't', route: '/t' }], handler: ledger.handler() });
    sidecar = await startSidecar({ components: [{ name: 'topics', type: 'pubsub.redis', metadata: { redisHost: redis.address, ...FAST } }], flags: [place.flag, `--app-port=${app.port}`, HOLD] });
  });
  afterAll(async () => {
    await sidecar?.stop();
    await app?.[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
    await redis?.stop();
  });

  it('is replaced in order while messages come and go: no publish fails, and every message is handled', async () => {
    const publishing = new PublishLoad(sidecar, ledger, { pubsub: 'topics', topic: 't', clients: 4 });
    for (let restart = 0; restart < RESTARTS; restart++) {
      await publishing.acknowledges(50);
      expect(await place.server.stop()).toEqual({ code: 0, signal: null });
      await place.start();
    }
    await publishing.acknowledges(50);
    await publishing.stop();
    await ledger.settled();
    process.stdout.write(`remote: ${RESTARTS} servers of topics replaced in order: ${String(ledger)}\n`);
    expect([ledger.failures, ledger.missing()]).toEqual([[], []]);
  });

  it('may be killed while messages come and go: every message whose publish was acknowledged is handled', async () => {
    const failed = ledger.failures.length;
    const publishing = new PublishLoad(sidecar, ledger, { pubsub: 'topics', topic: 't', clients: 4 });
    for (let kill = 0; kill < RESTARTS; kill++) {
      await publishing.acknowledges(50);
      await place.server.crash();
      await place.start();
    }
    await publishing.acknowledges(50);
    await publishing.stop();
    await ledger.settled(40_000);
    process.stdout.write(`remote: ${RESTARTS} servers of topics killed: ${String(ledger)}\n`);
    expect(ledger.missing()).toEqual([]);
    expect(ledger.failures.length - failed).toBeLessThanOrEqual(RESTARTS * 4);
  });
});
