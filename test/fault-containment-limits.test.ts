// Drivers that do too much of something, and ones that do nothing: memory, descriptors, log lines, answers, silence. A life that
// still works is replaced without a gap; one that is merely slow or loud lives on; the kernel stays as large as it was.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Control } from './chaos/control.ts';
import { FAULTY } from './chaos/cluster.ts';
import { killNow, provoke } from './chaos/inject.ts';
import { ask } from './chaos/failures.ts';
import { GOOD, Witness } from './chaos/witness.ts';
import { BAD } from './conformance/containment.ts';
import { eventually } from './harness/awaiting.ts';
import { GrpcClient } from './harness/grpc.ts';
import { descriptorsOf, residentBytesOf } from './harness/processes.ts';
import { startSidecar, type Sidecar } from './harness/sidecar.ts';
import { saveState, stateItem } from './harness/states.ts';
import { NextIdRequest } from '../proto/gen/bulkhead/v1/sequencer.ts';

const MI = 1024 * 1024;

describe('a driver that does too much, or nothing', () => {
  let control: Control;
  let sidecar: Sidecar;
  let witness: Witness;
  beforeAll(async () => {
    control = new Control();
    sidecar = await startSidecar({ nodeArgs: control.nodeArgs, components: [...BAD.map((component) => ({ ...component, initTimeout: '500ms' })), ...GOOD], flags: ['--hang-ms=2000', '--block-memory=200Mi', '--block-files=256', '--block-calls=lock=50'] });
  });
  afterAll(async () => {
    await sidecar?.stop();
    control?.[Symbol.dispose]();
  });
  beforeEach(async () => {
    witness = new Witness(sidecar);
    await eventually('the witness looks on', () => witness.calls > 20);
  });
  afterEach(() => witness.stop());

  /** Nobody noticed anything: neither the others nor the block's own callers, of unsafe calls either. */
  async function nobodyNoticed(): Promise<void> {
    const { calls } = witness;
    await eventually('everything is called again', () => witness.calls > calls + 20);
    await witness.stop();
    expect(witness.faults).toEqual([]);
  }

  it.each([['leak', 'state', 'memory'], ['files', 'pubsub', 'files']] as const)('%s: the %s block is replaced before it hurts, without a gap', async (failure, block, limit) => {
    const before = await sidecar.block(block);
    await provoke(sidecar, block, failure, { argument: failure === 'leak' ? '1' : '' });
    const after = await eventually('another life has taken over', async () => {
      const row = await sidecar.block(block);
      return (row.replaced ?? 0) > (before.replaced ?? 0) && row.state === 'ready' ? row : undefined;
    });
    await nobodyNoticed();
    expect(after?.life).toBeGreaterThan(before.life);
    expect(sidecar.logs.matching(new RegExp(`${block} block.*${limit === 'memory' ? 'of memory, more than' : 'open descriptors of'}`))).not.toEqual([]);
    expect(residentBytesOf(after?.pid ?? 0)).toBeLessThan(200 * MI);
    expect(descriptorsOf(after?.pid ?? 0).length).toBeLessThan(100);
  }, 30_000);

  it('a leak that is quicker than any next life: the config block is killed before the machine notices', async () => {
    const { life } = await sidecar.block('config');
    await provoke(sidecar, 'config', 'leak', { argument: '24', word: 'quick' });
    const after = await eventually('the block has been killed', async () => {
      const row = await sidecar.block('config');
      return row.lastDeath?.life === life && row.state === 'ready' ? row : undefined;
    });
    expect(after?.lastDeath).toMatchObject({ cause: 'memory', reason: expect.stringMatching(/it used \d+ MiB of memory, far more than the 200 MiB it may/) as string });
    await nobodyNoticed(); // all calls of this block are safe
  }, 30_000);

  it('flood: most of the lines are dropped, which is said, and the kernel stays as it is', async () => {
    const bytes = residentBytesOf(sidecar.pid);
    const before = sidecar.logs.all.length;
    const { life } = await sidecar.block('sequencer');
    await provoke(sidecar, 'sequencer', 'flood', { argument: '40000' });
    await eventually('the log says that lines were dropped', () => sidecar.logs.all.slice(before).some((line) => /lines.*(dropped|lost|left out)/.test(line)), 20_000);
    await nobodyNoticed();
    expect(await sidecar.block('sequencer')).toMatchObject({ life, state: 'ready' });
    expect(residentBytesOf(sidecar.pid) - bytes).toBeLessThan(64 * MI);
    expect(sidecar.logs.all.length - before, 'of 120,000').toBeLessThan(60_000);
  }, 30_000);

  it('200 MB of answers that nobody waits for: the ring stays a ring', async () => {
    const bytes = residentBytesOf(sidecar.pid);
    const { life } = await sidecar.block('lock');
    expect((await provoke(sidecar, 'lock', 'ring-full')).status).toBe(200);
    await nobodyNoticed();
    expect(await sidecar.block('lock')).toMatchObject({ life, state: 'ready' });
    expect(residentBytesOf(sidecar.pid) - bytes).toBeLessThan(64 * MI);
  });

  it('answers to calls that were answered before: nobody cares', async () => {
    const { life } = await sidecar.block('lock');
    expect((await provoke(sidecar, 'lock', 'stray-replies', { argument: 'late' })).status).toBe(200);
    await nobodyNoticed();
    expect(await sidecar.block('lock')).toMatchObject({ life, state: 'ready' });
  });

  it('an event loop that is blocked for less than --hang-ms, and a slow answer, are waited for', async () => {
    const { life } = await sidecar.block('config');
    expect((await provoke(sidecar, 'config', 'block', { argument: '900' })).status).toBe(204);
    expect((await provoke(sidecar, 'config', 'slow', { argument: '500' })).status).toBe(204);
    await nobodyNoticed();
    expect(await sidecar.block('config')).toMatchObject({ life, state: 'ready' });
  });

  it('a reply that never comes: the caller\'s deadline ends the call, and nothing of it stays', async () => {
    using grpc = new GrpcClient(sidecar.grpcAddress);
    const { life } = await sidecar.block('state');
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => grpc.call('SaveState', saveState(FAULTY.state, stateItem(ask('no-reply'), '1')), { deadlineMs: 400 })));
    expect(answers.map((answer) => (answer.status === 'rejected' ? (answer.reason as { code: string }).code : 'answered'))).toEqual(answers.map(() => 'DeadlineExceeded'));
    await nobodyNoticed();
    await eventually('nothing is in flight', async () => (await sidecar.block('state')).inFlight === 0);
    expect(await sidecar.block('state')).toMatchObject({ life, state: 'ready' });
  });

  it('replies that never come, to more calls than a block may have: the next ones are refused at once, until there is room', async () => {
    using grpc = new GrpcClient(sidecar.grpcAddress);
    const request = { storeName: FAULTY.lock, resourceId: ask('no-reply'), lockOwner: 'o', expiryInSeconds: 1 };
    const codes = (await Promise.allSettled(Array.from({ length: 80 }, () => grpc.call('TryLockAlpha1', request, { deadlineMs: 800 })))).map((answer) => (answer.status === 'rejected' ? (answer.reason as { code: string }).code : 'answered'));
    expect(new Set(codes)).toEqual(new Set(['ResourceExhausted', 'DeadlineExceeded']));
    expect(codes.filter((code) => code === 'DeadlineExceeded').length).toBeLessThanOrEqual(50);
    expect(witness.besides('lock')).toEqual([]);
    for (const { text } of witness.unsafeOf('lock')) expect(text).toMatch(/^429 .*too many calls wait for the lock block/);
    await eventually('there is room again', async () => (await sidecar.client.post('/v1.0-alpha1/lock/good-lock', '{"resourceId":"r","lockOwner":"o","expiryInSeconds":1}')).status === 200);
  }, 20_000);

  it('a component that never opens costs that component, until it does', async () => {
    control.nextLife('sequencer', 'open-hang');
    await killNow(sidecar, 'sequencer');
    const failed = await eventually('the component has failed to open', async () => (await sidecar.block('sequencer')).components.find(({ name, reason }) => name === FAULTY.sequencer && reason !== undefined));
    expect(failed?.reason).toContain('init timeout for component faulty-ids');
    await eventually('it is open after all', async () => (await sidecar.client.post(`/v1.0-bulkhead/sequencer/${FAULTY.sequencer}/key`)).status === 200);
    await nobodyNoticed(); // the good one of its block among all others
  }, 30_000);

  it('a stream that never reads: its client is held back, and the kernel keeps nothing for it', async () => {
    using grpc = new GrpcClient(sidecar.grpcAddress);
    await provoke(sidecar, 'sequencer', 'stream-deaf', { word: 'deaf' });
    const bytes = residentBytesOf(sidecar.pid);
    const stream = grpc.duplex('/bulkhead.v1.Sequencer/NextIds');
    stream.on('error', () => {});
    stream.on('data', () => {});
    const message = NextIdRequest.encode({ storeName: 'good-ids', key: 'k'.repeat(60_000), increment: 0, count: 1, metadata: new Map() }).finish();
    for (let sent = 0; sent < 64 * MI; sent += message.length) stream.write(message);
    const { calls } = witness;
    await eventually('everything is called all the while', () => witness.calls > calls + 200);
    const grown = residentBytesOf(sidecar.pid) - bytes;
    stream.cancel();
    await nobodyNoticed();
    expect(grown).toBeLessThan(32 * MI);
    await eventually('the stream is gone', async () => ((await sidecar.block('sequencer')) as unknown as { streams: number }).streams === 0);
  }, 20_000);
});
