// Lanes: a gateway's own channel into a block, in every mode; what becomes of it, and of the others, when a gateway dies or one side writes
// garbage.
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Flag } from '../ipc/frame.ts';
import { discardLane, openLane, type LaneEnd } from '../ipc/lane.ts';
import { CONTROL_A, CONTROL_B } from '../ipc/layout.ts';
import { viewSegment } from '../ipc/memory.ts';
import { segmentBytes } from '../ipc/shared.ts';
import { Control } from '../proto/control.ts';
import { Grpc } from '../proto/errors.ts';
import { ROUTE } from '../proto/routes.ts';
import { LaneCalls } from './fixtures/lane-calls.ts';
import { eventually } from './harness/awaiting.ts';
import { GatewayThread, Laned } from './harness/laned.ts';
import { componentSpec } from './support.ts';

const MODES = ['process', 'thread', 'monolith'] as const;

/** The memory of a lane, as its holder sees it. */
function memoryOf(end: LaneEnd): ArrayBufferLike {
  return end.kind === 'shared' ? end.segment : viewSegment(end.address, segmentBytes(end.ringBytes));
}

describe.each(MODES)('lanes into a block, mode %s', (mode) => {
  it('carry the calls of two gateways at once, beside the channel of the supervisor', async () => {
    await using block = await new Laned(mode, 2).init();
    const gateways = [0, 1].map((index) => new GatewayThread(block.take(index), { name: `gateway-${index}`, rounds: 150 }));
    await expect(Promise.all([...gateways.map((gateway) => gateway.done()), block.ask(Control.PING)])).resolves.toEqual(['closed', 'closed', undefined]);
    await Promise.all(gateways.map((gateway) => gateway.die()));
  });

  it('answer a ping before init, renewed or not, and no call; and never a call that is about the block itself', async () => {
    await using block = new Laned(mode, 1);
    const first = block.here(block.take(0));
    await expect(first.open(Control.PING)).resolves.toMatchObject({ code: Grpc.OK, flags: 0 });
    first.calls.close();
    const lane = block.here(await block.renew(0));
    await expect(lane.open(Control.PING)).resolves.toMatchObject({ code: Grpc.OK, flags: 0 });
    await expect(lane.get('store', 'key')).resolves.toMatchObject({ code: Grpc.FAILED_PRECONDITION, flags: Flag.FAILED });
    await block.init();
    for (const method of [Control.LANE, Control.INIT, Control.CLOSE, Control.HANDOVER, Control.MEASURES]) {
      await expect(lane.open(method, 0, 0)).resolves.toMatchObject({ code: Grpc.FAILED_PRECONDITION, flags: Flag.FAILED });
    }
    await lane.exercise('here', 20);
    expect(block.calls.over).toBe(false);
    lane.calls.close();
  });

  it('are renewed when a gateway dies under load: the other gateway and the block notice nothing', async () => {
    await using block = await new Laned(mode, 2).init();
    const steady = new GatewayThread(block.take(1), { name: 'steady', rounds: 0 });
    let end = block.take(0);
    for (let death = 0; death < 2; death++) {
      const gateway = new GatewayThread(end, { name: `mortal-${death}`, rounds: 0 });
      await eventually('it works', () => gateway.rounds > 0);
      await gateway.die();
      end = await block.renew(0);
    }
    const last = block.here(end);
    await last.exercise('last', 50);
    const before = steady.rounds;
    await eventually('the other one goes on', () => steady.rounds > before);
    last.calls.close();
    block.calls.close(); // the block's end is each lane's end
    await expect(steady.done()).resolves.toBe('peer');
    await steady.die();
  });

  it('end, and nothing else does, when a gateway writes what no ring holds', async () => {
    await using block = await new Laned(mode, 2).init();
    const [broken, sound] = [block.take(0), block.take(1)];
    const channel = openLane(broken);
    const lane = new LaneCalls(channel);
    const other = block.here(sound);
    await lane.exercise('before', 5);
    new Int32Array(memoryOf(broken), CONTROL_A, 1)[0]! += 12; // where no record can end
    channel.peer?.nudge();
    await expect(lane.calls.ended).resolves.toEqual({ kind: 'peer' });
    await other.exercise('after', 20);
    await expect(block.ask(Control.PING)).resolves.toBe(undefined);
    if (mode === 'process') await expect(block.renew(0)).rejects.toThrow('the lane has ended, and its socket with it'); // one of the two is not sound
    other.calls.close();
  });

  it('end as a violation in the gateway when the block writes it', async () => {
    await using block = await new Laned(mode, 1).init();
    const end = block.take(0);
    const channel = openLane(end);
    const lane = new LaneCalls(channel);
    await lane.exercise('before', 5);
    new Int32Array(memoryOf(end), CONTROL_B, 1)[0]! += 12; // as the block might
    channel.peer?.nudge();
    await expect(lane.calls.ended).resolves.toMatchObject({ kind: 'violation', reason: expect.stringContaining('the producer\'s counter is out of range') });
  });

  it('show what the block works on for each of them; a handover waits for all of it', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const slow = { ...componentSpec('state.redis', { redisHost: `127.0.0.1:${(silent.address() as AddressInfo).port}` }, 'slow'), initTimeoutMs: 3_000 };
    await using block = await new Laned(mode, 2).init([componentSpec('state.in-memory'), slow]);
    const [channel, other] = [openLane(block.take(0)), openLane(block.take(1))];
    const lane = new LaneCalls(channel);
    new LaneCalls(other);
    const answered = lane.get('slow', 'key');
    await lane.open(Control.PING); // the call is in the block's hands
    expect(channel.peer?.blackBox.flights).toEqual([{ call: 1, method: ROUTE.GetState.id }]);
    expect([other.peer?.blackBox.flights, block.launched.life.channel.peer?.blackBox.flights ?? []]).toEqual([[], []]);
    await block.ask(Control.HANDOVER);
    expect(channel.peer?.blackBox.flights).toEqual([]);
    await expect(answered).resolves.toMatchObject({ code: 503 });
    channel.close();
    other.close();
    silent.close();
  });

  it('are taken once, and renewed only when given up; after the end there are none', async () => {
    const block = await new Laned(mode, 1).init();
    expect(() => block.take(1)).toThrow('there is no lane 1: the life has 1');
    await expect(block.renew(1)).rejects.toThrow('there is no lane 1: the life has 1');
    const end = block.take(0);
    expect(() => block.take(0)).toThrow('lane 0 has been given to a gateway already');
    discardLane(end);
    const lane = block.here(await block.renew(0));
    await lane.exercise('renewed', 20);
    block.calls.close();
    await block.launched.end();
    await expect(lane.calls.ended).resolves.toMatchObject({ kind: 'peer' });
    expect(() => block.take(0)).toThrow('the life that lane 0 leads to is over');
    await expect(block.renew(0)).rejects.toThrow('the life that lane 0 leads to is over');
  });
});
