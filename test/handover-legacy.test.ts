// What passes between two lives: pieces that one hands over, through the kernel, to the other; and notes of a life that has not
// taken over yet.
import { afterEach, describe, expect, it } from 'vitest';
import { checkpointsOf, type Handed as HandedPieces } from '../blocks/checkpoints.ts';
import { ChannelKernel } from '../blocks/kernel.ts';
import { Calls, type IncomingCall } from '../ipc/calls.ts';
import { EMPTY, Flag } from '../ipc/frame.ts';
import { openLocalPair } from '../ipc/local.ts';
import { BlockCalls } from '../kernel/block-calls.ts';
import { Handed } from '../kernel/handed.ts';
import { Control, HANDOVER_LIMITS } from '../proto/control.ts';
import { Grpc } from '../proto/errors.ts';
import { eventually } from './harness/awaiting.ts';
import { memoryLog } from './support.ts';

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

/** Both ends of a life's channel. @param serve the far end */
function pair(serve: (call: IncomingCall, head: unknown, body: Uint8Array) => void, near: (call: IncomingCall, head: unknown, body: Uint8Array) => void = () => {}) {
  const [one, other] = openLocalPair({ maxFrameBytes: 1 << 26, poison: true });
  const kernel = new Calls(one, { ids: 'odd', serve: near, maxIncoming: 4_096, maxQueuedBytes: 1 << 26 });
  const block = new Calls(other, { ids: 'even', serve, maxIncoming: 4_096, maxQueuedBytes: 1 << 28 });
  closers.push(() => kernel.close());
  return { kernel, block };
}

const textsOf = (handed: HandedPieces | undefined): [string, string[]][] => [...(handed ?? [])].map(([name, pieces]) => [name, pieces.map((piece) => Buffer.from(piece).toString())]);

describe('pieces that are handed over', () => {
  /** A life that hands over to a life on standby. */
  function lives() {
    const { kernel: toHeir, block: heirEnd } = pair((call, head, body) => {
      heir.receive(head as string, body);
      call.end(Grpc.OK, 0, undefined, EMPTY);
    });
    const heir: ChannelKernel = new ChannelKernel(heirEnd, undefined, memoryLog());
    const pieces = new Handed(toHeir);
    let takes = true;
    const served = new BlockCalls({
      components: () => {}, subscriptions: () => {}, acquit: () => {}, app: () => undefined,
      checkpoints: { set: () => true, delete: () => {}, hand: (name, piece) => takes && pieces.take(name, piece) },
    }, () => false);
    const { block } = pair(() => {}, served.serve);
    const former = new ChannelKernel(block, { suspects: [], checkpoints: [] }, memoryLog());
    return { former, heir, pieces, block, refuse: () => (takes = false) };
  }

  it('arrive in their order, each owner\'s apart, beside what was noted', async () => {
    const { former, heir, pieces } = lives();
    const found: unknown[] = [];
    checkpointsOf(heir.checkpoints, 'a').inherit((texts, handed) => found.push([...texts], textsOf(handed)));
    checkpointsOf(heir.checkpoints, 'b').inherit((texts, handed) => found.push([...texts], textsOf(handed)));
    await former.handOver(() => {
      for (let i = 0; i < 50; i++) checkpointsOf(former.checkpoints, 'a').hand('x', Buffer.from(`a${i}`));
      checkpointsOf(former.checkpoints, 'b').hand('x', Buffer.from('b'));
      checkpointsOf(former.checkpoints, 'b').hand('y', Buffer.alloc(0));
    });
    await pieces.arrived(1_000);
    expect(found).toEqual([]);
    heir.activate({ suspects: [], checkpoints: [['"a" note', 'text']] });
    expect(found).toEqual([[['note', 'text']], [['x', Array.from({ length: 50 }, (_, i) => `a${i}`)]], [], [['x', ['b']], ['y', ['']]]]);
    heir.checkpoints.inherit((_texts, handed) => found.push(textsOf(handed)));
    expect(found.at(-1), 'they are handed out once').toEqual([]);
    expect(() => heir.receive('x', EMPTY)).toThrow('activated before');
  });

  it('are no more than may be, on either side', async () => {
    const { former } = lives();
    await expect(former.handOver(() => {
      for (let i = 0; i <= HANDOVER_LIMITS.pieces; i++) former.checkpoints.hand('x', EMPTY);
    })).rejects.toThrow(/more than can be handed over to the next life: 128 MiB/);
    const vast = Object.create(Buffer.alloc(1), { length: { value: HANDOVER_LIMITS.bytes } }) as Buffer;
    await expect(former.handOver(() => former.checkpoints.hand('x', vast))).rejects.toThrow(/more than can be handed over/);

    const { kernel } = pair(() => {});
    const handed = new Handed(kernel);
    for (let i = 0; i < HANDOVER_LIMITS.pieces; i++) expect(handed.take('', EMPTY)).toBe(true);
    expect(handed.take('', EMPTY)).toBe(false);
    expect(new Handed(kernel).take('x', Buffer.alloc(HANDOVER_LIMITS.bytes))).toBe(false);
  });

  it('are refused where nobody takes over', async () => {
    const { former, refuse } = lives();
    refuse();
    await expect(former.handOver(() => former.checkpoints.hand('x', Buffer.from('1')))).rejects.toThrow('no other life takes over');
  });

  it('need a name', async () => {
    const { block } = lives();
    const [code] = await new Promise<[number, unknown]>((resolve) => void block.open(Control.HANDOVER, 0, 7, EMPTY, 0, { onEnd: (...end) => resolve([end[0], end[2]]) }));
    expect(code).toBe(Grpc.INTERNAL);
  });

  it('say why the next life does not have them', async () => {
    const { kernel } = pair((call) => call.end(Grpc.INTERNAL, Flag.FAILED, { message: 'I was activated before' }, EMPTY));
    const refused = new Handed(kernel);
    refused.take('x', Buffer.from('1'));
    await expect(refused.arrived(1_000)).rejects.toThrow('I was activated before');

    const silent = new Handed(pair(() => {}).kernel);
    silent.take('x', Buffer.alloc(1 << 20));
    await expect(silent.arrived(20)).rejects.toThrow('did not take 2 MiB within 20 ms');

    const { kernel: dying, block } = pair(() => {});
    const lost = new Handed(dying);
    lost.take('x', Buffer.from('1'));
    block.close();
    await expect(lost.arrived(1_000)).rejects.toThrow();
    expect(lost.take('x', Buffer.from('2')), 'who hands over need not know').toBe(true);
  });

  it('go no faster than they are taken', async () => {
    const open: IncomingCall[] = [];
    const { kernel } = pair((call) => void open.push(call));
    const handed = new Handed(kernel);
    for (let i = 0; i < 100; i++) handed.take(String(i), EMPTY);
    await eventually('some are under way', () => open.length > 0);
    expect(open).toHaveLength(16);
    for (let answered = 0; answered < 100; answered++) {
      await eventually('another one comes', () => open.length > answered);
      open[answered]!.end(Grpc.OK, 0, undefined, EMPTY);
    }
    await handed.arrived(1_000);
  });
});

describe('a life on standby', () => {
  it('leaves its notes when it takes over, but for those that a former life left', async () => {
    const heard: unknown[] = [];
    const { block } = pair(() => {}, (call, head) => {
      heard.push([call.method, head]);
      call.end(Grpc.OK, 0, undefined, EMPTY);
    });
    const life = new ChannelKernel(block, undefined, memoryLog());
    life.checkpoints.set('versions', 'of nothing');
    life.checkpoints.set('new', '1');
    life.checkpoints.set('gone', '1');
    life.checkpoints.delete('gone');
    life.checkpoints.delete('of a former life');
    life.checkpoints.inherit((found) => life.checkpoints.set('versions', `after ${found.get('versions')}`));
    await new Promise(setImmediate);
    expect(heard).toEqual([]);
    life.activate({ suspects: [['m', 2]], checkpoints: [['versions', '7']] });
    expect(() => life.activate({ suspects: [], checkpoints: [] })).toThrow('activated before');
    await eventually('both are left', () => heard.length === 2);
    expect([heard, [...life.suspects]]).toEqual([[[Control.CHECKPOINT, ['new', '1']], [Control.CHECKPOINT, ['versions', 'after 7']]], [['m', 2]]]);
  });
});
