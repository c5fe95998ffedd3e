// The configuration, lock and sequencer blocks over lives that are replaced in order: subscribers hear each change once, locks and
// their tokens stay, no id comes twice, and where the swap comes to nothing, the present life goes on as if nothing had been.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { HoldLockRequest, HoldLockResponse } from '../proto/gen/bulkhead/v1/lock.ts';
import { NextIdRequest, NextIdRequest_Increment, NextIdResponse } from '../proto/gen/bulkhead/v1/sequencer.ts';
import { SubscribeConfigurationRequest, SubscribeConfigurationResponse } from '../proto/gen/dapr/proto/runtime/v1/configuration.ts';
import { eventually } from './harness/awaiting.ts';
import { closeLineages, failsToTakeOver, lineage, type Lineage, type LineageStream } from './harness/lineage.ts';
import { componentSpec } from './support.ts';

afterEach(closeLineages);

describe('the configuration block', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-handover-'));
  const file = join(folder, 'items.yaml');
  const write = (items: Readonly<Record<string, string>>): void => writeFileSync(file, JSON.stringify(items));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const components = [componentSpec('configuration.in-memory', { file }, 'c')];
  const request = SubscribeConfigurationRequest.encode({ storeName: 'c', keys: [], metadata: new Map() }).finish();
  const told = ({ received }: LineageStream) => received.flatMap((message) => [...SubscribeConfigurationResponse.decode(message).items].map(([key, { value, version }]) => `${key}=${value} ${version}`));

  it('tells subscribers each change once, and versions go on, whichever life is there when it happens', async () => {
    write({ a: '0' });
    const block = await lineage({ block: 'config', components, app: {} });
    const stream = block.stream('SubscribeConfiguration', request);
    await eventually('it stands', () => stream.received.length === 1);
    expect((await block.http('SubscribeConfiguration', ['c'], '', { query: 'key=a' })).status).toBe(200);
    for (let n = 1; n <= 8; n++) {
      const swap = block.child.restart();
      write({ a: String(n) });
      await swap;
      await eventually(`${n} is told`, () => told(stream).at(-1)?.startsWith(`a=${n} `) === true && block.asked.at(-1)?.body.includes(`"value":"${n}"`) === true);
    }
    expect(told(stream)).toEqual(Array.from({ length: 8 }, (_, i) => `a=${i + 1} ${i + 2}`));
    expect(block.asked.map(({ body }) => /"value":"(\d+)"/.exec(body)?.[1])).toEqual(Array.from({ length: 8 }, (_, i) => String(i + 1)));
    await block.child.restart();
    expect((await block.http('GetConfiguration', ['c'], '', { query: 'key=a' })).text).toContain('"version":"9"');
    expect(stream.ended).toBeUndefined();
    stream.cancel();
  });

  it('goes on where the next life fails to take over', async () => {
    write({ a: '0' });
    const block = await lineage({ block: 'config', components, app: {}, wrap: failsToTakeOver(2) });
    const stream = block.stream('SubscribeConfiguration', request);
    await eventually('it stands', () => stream.received.length === 1);
    expect((await block.http('SubscribeConfiguration', ['c'], '', { query: 'key=a' })).status).toBe(200);
    for (let n = 1; n <= 3; n++) {
      const failing = expect(block.child.restart()).rejects.toThrow(/could not be handed over/);
      write({ a: String(n) });
      await failing;
      await eventually(`${n} is told`, () => told(stream).at(-1)?.startsWith(`a=${n} `) === true && block.asked.at(-1)?.body.includes(`"value":"${n}"`) === true);
    }
    expect([told(stream), block.asked.length]).toEqual([['a=1 2', 'a=2 3', 'a=3 4'], 3]);
  });
});

describe('the lock block', () => {
  const components = [componentSpec('lock.in-memory', {}, 'l')];
  const body = (resourceId: string, lockOwner: string, expiryInSeconds = 1) => JSON.stringify({ resourceId, lockOwner, expiryInSeconds });
  const hold = (of: Lineage, resourceId: string) => of.stream('HoldLock', HoldLockRequest.encode({ storeName: 'l', resourceId, lockOwner: 'holder', expiryInSeconds: 1, releaseOnClose: true }).finish());
  const heard = ({ received }: LineageStream) => received.map((message) => HoldLockResponse.decode(message).event?.$case);
  const taken = async (of: Lineage, resourceId: string) => (await of.http('TryLockAlpha1', ['l'], body(resourceId, 'thief'))).text;

  it('keeps locks, their tokens, and renews what it renewed; streams that hold one hear nothing', async () => {
    const block = await lineage({ block: 'lock', components, app: { probed: true } });
    const token = (await block.http('TryLockAlpha1', ['l'], body('plain', 'me', 60))).headers['bulkhead-fencing-token'];
    expect((await block.http('TryLockAlpha1', ['l'], body('app', 'me'), { headers: { 'bulkhead-renew': 'app' } })).status).toBe(200);
    const stream = hold(block, 'held');
    await eventually('it is held', () => stream.received.length === 1);
    const untilMs = performance.now() + 1_500; // longer than any of them lasts without a renewal
    for (let life = 0; performance.now() < untilMs || life < 20; life++) {
      await block.child.restart();
      if (life % 10 === 0) expect([await taken(block, 'plain'), await taken(block, 'app'), await taken(block, 'held')]).toEqual(['{"success":false}', '{"success":false}', '{"success":false}']);
    }
    expect([heard(stream), stream.ended, block.asked]).toEqual([['acquired'], undefined, []]);
    expect((await block.http('RenewLock', ['l'], body('plain', 'me', 60))).text).toContain(token);
    expect((await block.http('UnlockAlpha1', ['l'], body('plain', 'me'))).text).toBe('{"status":0}');
    const other = (await block.http('TryLockAlpha1', ['l'], body('plain', 'you'))).headers['bulkhead-fencing-token'];
    expect(BigInt(other ?? 0)).toBeGreaterThan(BigInt(token ?? 0));
    stream.cancel();
    await eventually('it is released', async () => (await taken(block, 'held')) === '{"success":true}');
  });

  it('releases nothing when the former life closes, and goes on where the next one fails to take over', async () => {
    const block = await lineage({ block: 'lock', components, app: { probed: true }, wrap: failsToTakeOver(3) });
    const [stream, leaving] = [hold(block, 'held'), hold(block, 'left')];
    await eventually('both are held', () => stream.received.length + leaving.received.length === 2);
    expect((await block.http('TryLockAlpha1', ['l'], body('app', 'me'), { headers: { 'bulkhead-renew': 'app' } })).status).toBe(200);
    await block.child.restart();
    await eventually('the former life has closed', () => block.texts('debug').some((text) => text.includes('life 1 of the lock block is over')));
    const untilMs = performance.now() + 1_200;
    for (let n = 0; performance.now() < untilMs || n < 3; n++) await expect(block.child.restart()).rejects.toThrow(/could not be handed over/);
    expect([await taken(block, 'held'), await taken(block, 'app'), heard(stream), stream.ended, block.asked]).toEqual(['{"success":false}', '{"success":false}', ['acquired'], undefined, []]);
    leaving.cancel();
    await eventually('it is released', async () => (await taken(block, 'left')) === '{"success":true}');
    stream.cancel();
  });
});

describe('the sequencer block', () => {
  const components = [componentSpec('sequencer.in-memory', {}, 's')];

  it('gives no id twice, over calls and a stream, while 20 lives follow each other', async () => {
    const block = await lineage({ block: 'sequencer', components });
    const ids: bigint[] = [];
    const stream = block.stream('NextIds', NextIdRequest.encode({ storeName: 's', key: 'k', increment: 0, count: 5, metadata: new Map() }).finish());
    let asked = 1;
    let running = true;
    const client = async (increment: string): Promise<void> => {
      while (running) {
        const { status, text } = await block.http('NextId', ['s', 'k'], JSON.stringify({ increment, count: 3 }));
        expect(status).toBe(200);
        ids.push(...idsIn(text));
        await new Promise(setImmediate);
      }
    };
    stream.onMessage = () => {
      if (running && asked++) stream.send(NextIdRequest.encode({ storeName: 's', key: 'k', increment: asked % 2 === 0 ? NextIdRequest_Increment.INCREMENT_WEAK : NextIdRequest_Increment.INCREMENT_STRONG, count: 5, metadata: new Map() }).finish());
    };
    const clients = [client('WEAK'), client('STRONG'), client('WEAK')];
    for (let life = 0; life < 20; life++) await block.child.restart();
    running = false;
    await Promise.all(clients);
    await eventually('the stream is answered', () => stream.received.length === asked);
    for (const message of stream.received) ids.push(...NextIdResponse.decode(message).ids.map((id) => BigInt(id)));
    expect(new Set(ids).size).toBe(ids.length);
    expect([stream.ended, ids.length > 100, asked > 20]).toEqual([undefined, true, true]);
    stream.halfClose();
    await eventually('it ends well', () => stream.ended === 'end');
  });
});

function idsIn(text: string): bigint[] {
  return (JSON.parse(text) as { ids: (string | number)[] }).ids.map((id) => BigInt(id));
}
