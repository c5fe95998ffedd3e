// What a lane leaves behind when its gateway dies, again and again, in whatever it is doing: nothing.
import { describe, expect, it } from 'vitest';
import { discardLane, laneTransfer } from '../ipc/lane.ts';
import { Control } from '../proto/control.ts';
import { MessageChannel } from 'node:worker_threads';
import { eventually } from './harness/awaiting.ts';
import { GatewayThread, holdings, Laned } from './harness/laned.ts';

const nightly = process.env['CAMPAIGN'] === 'nightly';
const RENEWALS = nightly ? 5_000 : 200;
const TIMEOUT_MS = nightly ? 900_000 : 30_000;
const DEATHS = nightly ? 200 : 6;

describe.each(['process', 'thread'] as const)('a lane whose gateway dies often, mode %s', (mode) => {
  it('is renewed hundreds of times, and no descriptor and no segment stays', async () => {
    const before = holdings();
    await using block = await new Laned(mode, 3).init();
    let end = block.take(0);
    const atWork = holdings();
    for (let round = 0; round < RENEWALS; round++) {
      if (round % 3 === 0) discardLane(end); // never opened
      else if (round % 3 === 1) {
        // On its way to a thread that never takes it from its port.
        const { port1, port2 } = new MessageChannel();
        port1.postMessage(end, laneTransfer(end));
        port2.close();
      } else {
        const lane = block.here(end);
        const first = lane.set('store', `key-${round}`, 'value'); // calls that are cut off, and ids that come again
        for (let call = 0; call < 5; call++) void lane.get('store', `key-${round}`);
        if (round % 2 === 0) await expect(first).resolves.toMatchObject({ code: 204 });
        lane.calls.close();
      }
      end = await block.renew(0);
    }
    await block.here(end).exercise('last', 20);
    await eventually('nothing of them is held', () => holdings().descriptors <= atWork.descriptors && holdings().segments <= atWork.segments);
    block.calls.close();
    await block.launched.life.ended;
    await eventually('nothing is held at all', () => holdings().descriptors <= before.descriptors + 2 && holdings().segments === before.segments); // the log file is
  }, TIMEOUT_MS);

  it('is renewed after a thread was terminated at any moment of its work', async () => {
    const before = holdings();
    await using block = await new Laned(mode, 2).init();
    const other = block.here(block.take(1));
    let end = block.take(0);
    for (let death = 0; death < DEATHS; death++) {
      const gateway = new GatewayThread(end, { name: `mortal-${death}`, rounds: 0 });
      // At once, while it opens the lane, with its first calls in the ring, or after some rounds.
      if (death % 3 > 0) await eventually('it works', () => gateway.rounds >= (death % 3) - 1);
      await gateway.die();
      [end] = await Promise.all([block.renew(0), other.exercise(`other-${death}`, 5)]);
    }
    await block.here(end).exercise('last', 100);
    await expect(block.ask(Control.PING)).resolves.toBe(undefined);
    block.calls.close();
    await block.launched.life.ended;
    await eventually('nothing is held at all', () => holdings().descriptors <= before.descriptors + 2 && holdings().segments === before.segments);
  }, TIMEOUT_MS);
});
