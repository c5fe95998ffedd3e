// What a block leaves for its next life: kept by the kernel in order with its answers, bounded, and given to the next one.
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { checkpointsOf, type Checkpoints as BlockCheckpoints } from '../blocks/checkpoints.ts';
import { ChannelKernel } from '../blocks/kernel.ts';
import { Calls } from '../ipc/calls.ts';
import { EMPTY } from '../ipc/frame.ts';
import { openLocalPair } from '../ipc/local.ts';
import { BlockCalls } from '../kernel/block-calls.ts';
import { Checkpoints } from '../kernel/checkpoints.ts';
import { CHECKPOINT_LIMITS, Control } from '../proto/control.ts';
import { Grpc } from '../proto/errors.ts';
import { eventually } from './harness/awaiting.ts';
import { memoryCheckpoints, memoryLog } from './support.ts';

/** What former lives left to this one. */
function foundBy(checkpoints: BlockCheckpoints): (readonly [string, string])[] {
  let found: (readonly [string, string])[] = [];
  checkpoints.inherit((all) => (found = [...all]));
  return found;
}

describe('the checkpoints a kernel keeps', () => {
  it('are the last text of each name, in the order of the names\' first', () => {
    const checkpoints = new Checkpoints();
    for (const [name, value] of [['a', '1'], ['b', '2'], ['a', '3']] as const) expect(checkpoints.set(name, value)).toBe(true);
    expect(checkpoints.list()).toEqual([['a', '3'], ['b', '2']]);
    checkpoints.delete('a');
    checkpoints.delete('unknown');
    expect(checkpoints.list()).toEqual([['b', '2']]);
  });

  it('are so many and no more; room that was given back can be used again', () => {
    const checkpoints = new Checkpoints();
    for (let index = 0; index < CHECKPOINT_LIMITS.count; index++) expect(checkpoints.set(`${index}`, '')).toBe(true);
    expect(checkpoints.set('one more', '')).toBe(false);
    expect(checkpoints.set('7', 'a known name')).toBe(true);
    checkpoints.delete('8');
    expect(checkpoints.set('one more', '')).toBe(true);
    expect(checkpoints.size).toBe(CHECKPOINT_LIMITS.count);
  });

  it('are so long together and no longer, whatever was set and deleted before', () => {
    const step = fc.record({ name: fc.constantFrom('a', 'b', 'c'), length: fc.integer({ min: -1, max: CHECKPOINT_LIMITS.totalLength + 2 }) });
    fc.assert(fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const checkpoints = new Checkpoints();
      const lengths = new Map<string, number>();
      for (const { name, length } of steps) {
        if (length < 0) {
          checkpoints.delete(name);
          lengths.delete(name);
          continue;
        }
        const others = [...lengths].reduce((sum, [other, taken]) => (other === name ? sum : sum + other.length + taken), 0);
        const fits = others + name.length + length <= CHECKPOINT_LIMITS.totalLength;
        expect(checkpoints.set(name, 'x'.repeat(length))).toBe(fits);
        if (fits) lengths.set(name, length);
      }
      expect(new Map(checkpoints.list().map(([name, value]) => [name, value.length]))).toEqual(lengths);
    }), { numRuns: 30 });
  });
});

describe('a block that leaves checkpoints', () => {
  const closers: (() => void)[] = [];
  afterEach(() => closers.splice(0).forEach((close) => close()));

  function life(checkpoints: Checkpoints) {
    const [near, far] = openLocalPair({ maxFrameBytes: 1 << 25, poison: true });
    const served = new BlockCalls({ components: () => {}, subscriptions: () => {}, acquit: () => {}, app: () => undefined, checkpoints: { set: (name, value) => checkpoints.set(name, value), delete: (name) => checkpoints.delete(name), hand: () => false } }, () => kernel.over);
    const kernel: Calls = new Calls(near, { ids: 'odd', serve: served.serve, maxIncoming: 64, maxQueuedBytes: 1 << 26 });
    const block = new Calls(far, { ids: 'even', serve: () => {}, maxIncoming: 1, maxQueuedBytes: 1 << 26 });
    closers.push(() => block.close());
    const log = memoryLog();
    return { block, log, host: new ChannelKernel(block, { suspects: [], checkpoints: checkpoints.list() }, log).checkpoints };
  }

  it('finds them in its next life, and them alone', async () => {
    const kept = new Checkpoints();
    const first = life(kept);
    first.host.set('a', '1');
    first.host.set('b', '2');
    first.host.delete('a');
    first.host.set('b', '3');
    expect(foundBy(first.host), 'what is found is of former lives').toEqual([]);
    await eventually('the kernel has them', () => kept.list().length === 1 && kept.list()[0]?.[1] === '3');
    first.block.close();
    expect(foundBy(life(kept).host)).toEqual([['b', '3']]);
  });

  it('is told once that there is no room', async () => {
    const { host, log } = life(new Checkpoints());
    for (let count = 0; count < 3; count++) host.set(`long ${count}`, 'x'.repeat(CHECKPOINT_LIMITS.totalLength));
    host.set('short', 'x');
    await eventually('the log says so', () => log.texts('warn').length > 0);
    expect(log.texts('warn')).toEqual(['the block could not leave all that its next life should know: there is no room for another checkpoint']);
  });

  it.each<[string, unknown]>([['nothing', undefined], ['no text', ['a', 1]], ['no name', []], ['too much', ['a', 'b', 'c']]])('with %s is refused', async (_, head) => {
    const kept = new Checkpoints();
    const { block } = life(kept);
    const code = await new Promise<number>((resolve) => void block.open(Control.CHECKPOINT, 0, head, EMPTY, 0, { onEnd: resolve }));
    expect([code, kept.size]).toEqual([Grpc.INTERNAL, 0]);
  });
});

describe('the checkpoints of a component', () => {
  it('are its own, whatever the names', () => {
    fc.assert(fc.property(fc.uniqueArray(fc.string({ unit: fc.constantFrom('a', ' ', '"', '\\') }), { minLength: 2, maxLength: 4 }), fc.string(), (owners, name) => {
      const all = memoryCheckpoints();
      for (const owner of owners) checkpointsOf(all, owner).set(name, owner);
      const next = all.next();
      for (const owner of owners) expect(foundBy(checkpointsOf(next, owner))).toEqual([[name, owner]]);
      checkpointsOf(all, owners[0] as string).delete(name);
      expect(all.kept.size).toBe(owners.length - 1);
    }));
  });
});
