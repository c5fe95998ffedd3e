// A whole sidecar under load while its blocks are restarted by hand, all at once and 20 times in all: no call fails, nothing that was acknowledged
// is lost, nothing is delivered twice, no id is given twice, no lock is lost, and no client's stream ends.
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HoldLockRequest, HoldLockResponse } from '../proto/gen/bulkhead/v1/lock.ts';
import { NextIdRequest, NextIdRequest_Increment as Increment, NextIdResponse } from '../proto/gen/bulkhead/v1/sequencer.ts';
import { startApp, type App } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { subscribeStream } from './harness/config-subscribers.ts';
import { GrpcClient, GrpcFailure } from './harness/grpc.ts';
import { Load } from './harness/load.ts';
import { Ledger, PublishLoad } from './harness/pubsub-ledger.ts';
import { startSidecar, type BlockRow, type Sidecar } from './harness/sidecar.ts';
import { TopicSubscriber } from './harness/topic-subscriber.ts';

const ROUNDS = 4;
const BLOCKS = ['state', 'pubsub', 'config', 'lock', 'sequencer'] as const;
const folder = mkdtempSync(join(tmpdir(), 'bulkhead-handover-'));
const file = join(folder, 'items.json');
const ledger = new Ledger();
let sidecar: Sidecar;
let app: App;
let grpc: GrpcClient;

beforeAll(async () => {
  writeFileSync(file, '{"a":"0"}');
  app = await startApp({ subscriptions: [{ pubsubname: 'topics', topic: 't', route: '/t' }], handler: ledger.handler() });
  sidecar = await startSidecar({
    components: [
      { name: 'store', type: 'state.in-memory' }, { name: 'topics', type: 'pubsub.in-memory' }, { name: 'settings', type: 'configuration.in-memory', metadata: { file } },
      { name: 'locks', type: 'lock.in-memory' }, { name: 'ids', type: 'sequencer.in-memory' },
    ],
    flags: [`--app-port=${app.port}`],
  });
  grpc = new GrpcClient(sidecar.grpcAddress);
}, 60_000);
afterAll(async () => {
  grpc?.close();
  await sidecar?.stop();
  await app?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function restart(block: string): Promise<void> {
  const { status, body } = await sidecar.client.post(`/actuator/blocks/${block}/restart`, '');
  expect([status, body.slice(0, 300)]).toEqual([200, expect.anything()]);
}

it('fails no call, loses nothing and repeats nothing over 20 restarts', async () => {
  const load = new Load(sidecar, { store: 'store', clients: 4 });
  const publishing = new PublishLoad(sidecar, ledger, { pubsub: 'topics', topic: 't', clients: 4 });
  const events = new TopicSubscriber(grpc, 'topics', 'streamed');
  await events.stands();
  const settings = await subscribeStream(grpc, 'settings', []);

  const held: string[] = [];
  const hold = grpc.serverStream('/bulkhead.v1.Lock/Hold', HoldLockRequest.encode({ storeName: 'locks', resourceId: 'held', lockOwner: 'me', expiryInSeconds: 1, releaseOnClose: true }).finish(), { deadlineMs: 600_000 });
  hold.on('data', (message: Buffer) => held.push(HoldLockResponse.decode(message).event?.$case ?? 'nothing'));
  hold.on('error', (cause: Error) => held.push(cause.message));
  expect((await sidecar.client.post('/v1.0-alpha1/lock/locks', JSON.stringify({ resourceId: 'kept', lockOwner: 'me', expiryInSeconds: 600 }))).body).toContain('true');

  const ids: bigint[] = [];
  const stream = grpc.duplex('/bulkhead.v1.Sequencer/NextIds', { deadlineMs: 600_000 });
  const faults: string[] = [];
  let [asked, running] = [0, true];
  const ask = (): void => {
    stream.write(NextIdRequest.encode({ storeName: 'ids', key: 'k', increment: ++asked % 2 === 0 ? Increment.INCREMENT_WEAK : Increment.INCREMENT_STRONG, count: 3, metadata: new Map() }).finish());
  };
  stream.on('data', (message: Buffer) => {
    ids.push(...NextIdResponse.decode(message).ids);
    if (running) setTimeout(ask, 1);
  });
  stream.on('error', (cause: Error) => faults.push(cause.message));
  for (let i = 0; i < 4; i++) ask();
  const caller = async (): Promise<void> => {
    while (running) {
      try {
        ids.push(...(await grpc.call('/bulkhead.v1.Sequencer/NextId', { storeName: 'ids', key: 'k', increment: Increment.INCREMENT_STRONG, count: 2, metadata: new Map() })).ids);
      } catch (cause) {
        faults.push(cause instanceof GrpcFailure ? cause.message : String(cause));
      }
    }
  };
  const callers = [caller(), caller()];

  for (let round = 1; round <= ROUNDS; round++) {
    const progress = Promise.all([load.acknowledges(50), publishing.acknowledges(50)]);
    const restarting = Promise.all(BLOCKS.map(restart));
    for (let i = 0; i < 40; i++) await events.publish(sidecar);
    writeFileSync(file, JSON.stringify({ a: String(round) }));
    await Promise.all([restarting, progress]);
    await eventually('the change is told', () => settings.told.last('a') === String(round));
  }
  running = false;
  await Promise.all([load.stop(), publishing.stop(), ...callers]);
  await ledger.settled();
  await events.settled();
  await eventually('all requests are answered', () => ids.length >= asked * 3);

  process.stdout.write(`state: ${load.acknowledged.length} writes, ${load.reads} reads, slowest ${Math.round(load.slowestMs)} ms; ids: ${ids.length}; topic: ${String(ledger)}; stream: ${events.published} events\n`);
  expect([load.failures, load.wrong, await load.missing()]).toEqual([[], [], []]);
  expect([ledger.failures, ledger.missing(), ledger.duplicates]).toEqual([[], [], 0]);
  expect([events.initials, events.duplicates, events.missing(), events.ended]).toEqual([1, 0, [], undefined]);
  expect([faults, new Set(ids).size]).toEqual([[], ids.length]);
  expect([settings.told.byKey.get('a'), settings.told.ended]).toEqual([Array.from({ length: ROUNDS }, (_, i) => String(i + 1)), undefined]);
  expect(held).toEqual(['acquired']);
  for (const resourceId of ['held', 'kept']) expect((await sidecar.client.post('/v1.0-alpha1/lock/locks', JSON.stringify({ resourceId, lockOwner: 'thief', expiryInSeconds: 1 }))).body).toContain('false');
  const rows = await sidecar.blocks();
  expect(rows.map(({ name, life, restarts, lost, repeated }: BlockRow) => [name, life, restarts, lost, repeated])).toEqual(BLOCKS.map((block) => [block, ROUNDS + 1, 0, 0, 0]));
  for (const each of [hold, stream]) each.cancel();
  events.cancel();
  settings.cancel();
}, 60_000);
