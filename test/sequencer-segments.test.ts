// Ids taken in advance: what a buffer gives, when it asks the store for more and for how many, who waits and for how long.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Awaitable } from '../blocks/driver.ts';
import type { Run } from '../blocks/sequencer/ids.ts';
import { RisingStore } from '../blocks/sequencer/rising.ts';
import { Segments, type SegmentsSettings } from '../blocks/sequencer/segments.ts';
import { LAST_ID, SequenceExhausted } from '../blocks/sequencer/store.ts';
import { FakeStore } from './harness/sequencer.ts';
import { memoryLog, SCOPE } from './support.ts';

const TIMEOUT_MS = 2000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function segmentsOn(store: FakeStore, settings: Partial<SegmentsSettings> = {}): Segments {
  return new Segments((key, count, scope) => store.take(key, count, scope), { segmentSize: 10_000, refillTimeoutMs: TIMEOUT_MS, ...settings });
}

function idsOf(runs: readonly Run[]): bigint[] {
  return runs.flatMap(({ first, count }) => Array.from({ length: count }, (_, index) => BigInt(first) + BigInt(index)));
}
/** The ids of a draw that needs no waiting. */
function now(runs: Awaitable<readonly Run[]>): bigint[] {
  if (runs instanceof Promise) throw new Error('it has to wait');
  return idsOf(runs);
}
const range = (first: number, last: number): bigint[] => Array.from({ length: last - first + 1 }, (_, index) => BigInt(first + index));
/** Lets everything happen that waits for no timer. */
const settled = () => vi.advanceTimersByTimeAsync(0);

describe('segments', () => {
  it('gives a new key 1, 2, 3, ... and asks the store once for many', async () => {
    const store = new FakeStore();
    store.behaviour = 'later';
    const segments = segmentsOn(store);
    expect(idsOf(await segments.draw('k', 1, SCOPE))).toEqual([1n]);
    for (let id = 2; id < 90; id++) expect(now(segments.draw('k', 1, SCOPE))).toEqual([BigInt(id)]);
    expect(store.takes).toEqual([{ key: 'k', count: 100 }]);
  });

  it('needs no promise at all on a store that needs none', () => {
    const segments = segmentsOn(new FakeStore());
    for (let id = 1; id <= 5000; id++) expect(now(segments.draw('k', 1, SCOPE))).toEqual([BigInt(id)]);
    expect(now(segments.draw('k', 10_000, SCOPE))).toEqual(range(5001, 15_000));
  });

  it('fetches the next segment when a tenth is left, and only one', async () => {
    const store = new FakeStore();
    const segments = segmentsOn(store, { segmentSize: 100 });
    now(segments.draw('k', 89, SCOPE));
    store.behaviour = 'manual';
    expect(store.pending).toHaveLength(0);
    now(segments.draw('k', 1, SCOPE));
    expect(store.pending).toHaveLength(1);
    now(segments.draw('k', 5, SCOPE));
    expect(store.pending).toHaveLength(1);
    store.pending[0]?.answer();
    await settled();
    expect(now(segments.draw('k', 20, SCOPE))).toEqual(range(96, 115)); // over the border
    expect(store.takes).toHaveLength(2);
  });

  it('lets segments grow while they are used up fast, and shrink when they last', async () => {
    const store = new FakeStore();
    const segments = segmentsOn(store, { segmentSize: 5555 });
    const sizes = () => store.takes.map(({ count }) => count);
    for (let drawn = 0; drawn < 20_000; drawn++) now(segments.draw('k', 1, SCOPE));
    expect(sizes().slice(0, 5)).toEqual([100, 1000, 5555, 5555, 5555]);
    store.takes.length = 0;
    for (let round = 0; round < 9_000; round++) {
      await vi.advanceTimersByTimeAsync(1000);
      now(segments.draw('k', 1, SCOPE));
    }
    // one a second: 556 last long enough to shrink, 100 just as long as they should
    expect(new Set(sizes())).toEqual(new Set([556, 100]));
    expect(sizes().at(-1)).toBe(100);
  });

  it('keeps keys apart', () => {
    const segments = segmentsOn(new FakeStore());
    expect(now(segments.draw('a', 5, SCOPE))).toEqual(range(1, 5));
    expect(now(segments.draw('b', 5, SCOPE))).toEqual(range(1, 5));
    expect(now(segments.draw('a', 1, SCOPE))).toEqual([6n]);
  });

  it('serves a call that is larger than a segment', async () => {
    const store = new FakeStore();
    store.behaviour = 'later';
    const segments = segmentsOn(store, { segmentSize: 7 });
    expect(idsOf(await segments.draw('k', 100, SCOPE))).toEqual(range(1, 100));
    await settled();
    expect(store.takes).toEqual([{ key: 'k', count: 100 }, { key: 'k', count: 7 }]);
  });
});

describe('a buffer that ran empty', () => {
  it('lets all calls that wait share one refill, in their order', async () => {
    const store = new FakeStore();
    store.behaviour = 'manual';
    const segments = segmentsOn(store);
    const first = segments.draw('k', 1, SCOPE);
    const others = Array.from({ length: 200 }, (_, index) => segments.draw('k', 1 + (index % 3), SCOPE));
    expect(store.pending).toHaveLength(1);
    store.pending[0]?.answer(); // the first segment, which is not enough for all
    await settled();
    expect(store.pending).toHaveLength(1);
    store.pending[0]?.answer();
    const answers = await Promise.all([first, ...others]);
    expect(answers.flatMap(idsOf)).toEqual(range(1, 1 + 67 * 1 + 67 * 2 + 66 * 3));
    expect(store.takes).toHaveLength(2);
  });

  it('fails all who wait within one timeout, with the store\'s reason', async () => {
    const store = new FakeStore();
    store.behaviour = 'later';
    store.fault = new Error('the disk is full');
    const segments = segmentsOn(store);
    const began = performance.now();
    const ends: number[] = [];
    const calls = Array.from({ length: 100 }, () => (segments.draw('k', 1, SCOPE) as Promise<unknown>).catch((cause: Error) => {
      ends.push(performance.now() - began);
      return cause.message;
    }));
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS);
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['no ids within 2s: the disk is full']));
    expect(Math.max(...ends)).toBeLessThanOrEqual(TIMEOUT_MS);
    // tried again and again meanwhile, but by one at a time and with pauses
    expect(store.takes.length).toBeGreaterThan(3);
    expect(store.takes.length).toBeLessThan(200);
  });

  it('fails who came later a timeout after it came', async () => {
    const store = new FakeStore();
    store.behaviour = 'manual';
    const segments = segmentsOn(store);
    const texts: string[] = [];
    const call = () => void (segments.draw('k', 1, SCOPE) as Promise<unknown>).catch((cause: Error) => texts.push(cause.message));
    call();
    await vi.advanceTimersByTimeAsync(1500);
    call();
    await vi.advanceTimersByTimeAsync(500);
    expect(texts).toEqual(['the store gave no ids within 2s']);
    await vi.advanceTimersByTimeAsync(1499);
    expect(texts).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2);
    expect(texts).toHaveLength(2);
    expect(store.takes).toHaveLength(1); // still the first attempt
    store.pending[0]?.answer();
    await settled();
    expect(now(segments.draw('k', 1, SCOPE))).toEqual([1n]); // what came late is no loss
  });

  it('serves who waits as soon as an attempt succeeds', async () => {
    const store = new FakeStore();
    store.behaviour = 'later';
    store.fault = new Error('away');
    const segments = segmentsOn(store);
    const call = segments.draw('k', 3, SCOPE);
    await vi.advanceTimersByTimeAsync(1000);
    store.fault = undefined;
    await vi.advanceTimersByTimeAsync(500);
    expect(idsOf(await call)).toEqual(range(1, 3));
  });

  it('lets nobody overtake, not even with ids that are there', async () => {
    const store = new FakeStore();
    const segments = segmentsOn(store, { segmentSize: 10 });
    now(segments.draw('k', 5, SCOPE));
    store.behaviour = 'manual';
    const large = segments.draw('k', 8, SCOPE);
    const small = segments.draw('k', 1, SCOPE);
    store.pending[0]?.answer();
    expect(idsOf(await large)).toEqual(range(6, 13));
    expect(idsOf(await small)).toEqual([14n]);
  });

  it('forgets who was cancelled, and takes no ids for it', async () => {
    const store = new FakeStore();
    const segments = segmentsOn(store, { segmentSize: 10 });
    now(segments.draw('k', 5, SCOPE));
    store.behaviour = 'manual';
    const controller = new AbortController();
    const large = segments.draw('k', 5000, { signal: controller.signal }) as Promise<unknown>;
    const small = segments.draw('k', 2, SCOPE);
    controller.abort(new Error('gone'));
    await expect(large).rejects.toThrow('gone');
    expect(idsOf(await small)).toEqual([6n, 7n]); // without the store
    await expect(segments.draw('new', 1, { signal: controller.signal })).rejects.toThrow('gone');
  });

  it('waits for no other key', async () => {
    const store = new FakeStore();
    store.behaviour = 'manual';
    const segments = segmentsOn(store);
    void (segments.draw('slow', 1, SCOPE) as Promise<unknown>).catch(() => undefined);
    const other = segments.draw('fast', 1, SCOPE);
    store.pending.find(({ key }) => key === 'fast')?.answer();
    expect(idsOf(await other)).toEqual([1n]);
    segments.close();
  });

  it('gives a store that never answers a signal that ends', async () => {
    const store = new FakeStore();
    store.behaviour = 'manual';
    const segments = segmentsOn(store);
    void (segments.draw('k', 1, SCOPE) as Promise<unknown>).catch(() => undefined);
    const signal = store.pending[0]?.signal;
    expect(signal?.aborted).toBe(false);
    segments.close();
    expect(signal?.aborted).toBe(true);
  });
});

describe('an advance that fails', () => {
  it('is tried again in the background, ever more slowly, while calls are served from what is left', async () => {
    const store = new FakeStore();
    const segments = segmentsOn(store, { segmentSize: 100 });
    now(segments.draw('k', 89, SCOPE));
    store.behaviour = 'later';
    store.fault = new Error('away');
    for (let id = 90; id <= 95; id++) expect(now(segments.draw('k', 1, SCOPE))).toEqual([BigInt(id)]);
    await vi.advanceTimersByTimeAsync(60_000);
    const failed = store.takes.length;
    expect(failed).toBeGreaterThan(5);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(store.takes.length - failed).toBeGreaterThan(10);
    expect(store.takes.length - failed).toBeLessThan(200);
    store.fault = undefined;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(now(segments.draw('k', 10, SCOPE))).toEqual(range(96, 105));
    const taken = store.takes.length;
    await vi.advanceTimersByTimeAsync(600_000);
    expect(store.takes).toHaveLength(taken);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not keep a call waiting that needs it now', async () => {
    const store = new FakeStore();
    const segments = segmentsOn(store, { segmentSize: 100 });
    now(segments.draw('k', 89, SCOPE));
    store.behaviour = 'later';
    store.fault = new Error('away');
    now(segments.draw('k', 10, SCOPE));
    await vi.advanceTimersByTimeAsync(600_000); // the next attempt is half a minute away
    store.fault = undefined;
    const call = segments.draw('k', 5, SCOPE);
    await settled();
    expect(idsOf(await call)).toEqual(range(100, 104));
  });
});

describe('the end of a sequence', () => {
  it.each(['prompt', 'later'] as const)('gives every id there is, then fails at once (%s)', async (behaviour) => {
    const store = new FakeStore();
    store.behaviour = behaviour;
    store.lasts.set('k', LAST_ID - 250n);
    const segments = segmentsOn(store);
    const ids: bigint[] = [];
    for (let i = 0; i < 240; i++) ids.push(...idsOf(await segments.draw('k', 1, SCOPE)));
    await expect((async () => segments.draw('k', 11, SCOPE))()).rejects.toThrow(SequenceExhausted);
    ids.push(...idsOf(await segments.draw('k', 9, SCOPE)), ...idsOf(await segments.draw('k', 1, SCOPE)));
    expect(ids).toEqual(Array.from({ length: 250 }, (_, index) => LAST_ID - 249n + BigInt(index)));
    const began = performance.now();
    for (let i = 0; i < 3; i++) await expect((async () => segments.draw('k', 1, SCOPE))()).rejects.toThrow(`the sequence ends at ${LAST_ID}`);
    expect(performance.now()).toBe(began);
    expect(idsOf(await segments.draw('other', 1, SCOPE))).toEqual([1n]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('serves those whose wish is small enough', async () => {
    const store = new FakeStore();
    store.behaviour = 'manual';
    store.lasts.set('k', LAST_ID - 5n);
    const segments = segmentsOn(store);
    const outcomes: (bigint[] | string)[] = [];
    for (const count of [3, 9, 2, 1]) void (segments.draw('k', count, SCOPE) as Promise<readonly Run[]>).then((runs) => outcomes.push(idsOf(runs)), (cause: Error) => outcomes.push(cause.name));
    for (let i = 0; i < 8; i++) {
      store.pending[0]?.answer();
      await settled();
    }
    expect(outcomes).toEqual([[LAST_ID - 4n, LAST_ID - 3n, LAST_ID - 2n], 'SequenceExhausted', [LAST_ID - 1n, LAST_ID], 'SequenceExhausted']);
  });
});

describe('many keys', () => {
  it('gives up the buffer that was unused longest, and none of its ids comes again', () => {
    const store = new FakeStore();
    const segments = segmentsOn(store, { maxKeys: 3 });
    for (const key of ['a', 'b', 'c']) expect(now(segments.draw(key, 1, SCOPE))).toEqual([1n]);
    now(segments.draw('a', 1, SCOPE));
    now(segments.draw('d', 1, SCOPE)); // in place of b
    expect(segments.size).toBe(3);
    expect(now(segments.draw('a', 1, SCOPE))).toEqual([3n]);
    expect(now(segments.draw('c', 1, SCOPE))).toEqual([2n]);
    expect(now(segments.draw('b', 1, SCOPE))).toEqual([101n]);
    expect(now(segments.draw('a', 1, SCOPE))).toEqual([4n]);
    expect(now(segments.draw('d', 1, SCOPE))).toEqual([101n]);
    expect(segments.size).toBe(3);
  });

  it('gives up none that calls wait for, and takes no more then', async () => {
    const store = new FakeStore();
    store.behaviour = 'manual';
    const segments = segmentsOn(store, { maxKeys: 3 });
    const waiting = ['a', 'b', 'c'].map((key) => segments.draw(key, 1, SCOPE));
    expect(() => segments.draw('d', 1, SCOPE)).toThrow('calls for 3 keys wait for the store already');
    for (const pending of [...store.pending]) pending.answer();
    expect((await Promise.all(waiting)).flatMap(idsOf)).toEqual([1n, 1n, 1n]);
    const fourth = segments.draw('d', 1, SCOPE);
    expect(segments.size).toBe(3);
    store.pending[0]?.answer();
    expect(idsOf(await fourth)).toEqual([1n]);
  });

  it('has ten thousand of them and no more', () => {
    const segments = segmentsOn(new FakeStore());
    for (let i = 0; i < 12_000; i++) now(segments.draw(`k${i}`, 1, SCOPE));
    expect(segments.size).toBe(10_000);
    expect(now(segments.draw('k11999', 1, SCOPE))).toEqual([2n]);
    expect(now(segments.draw('k2000', 1, SCOPE))).toEqual([2n]);
    expect(now(segments.draw('k1999', 1, SCOPE))).toEqual([101n]);
  });

  it('leaves no timer when it closes, and fails who waits', async () => {
    const store = new FakeStore();
    store.behaviour = 'later';
    store.fault = new Error('away');
    const segments = segmentsOn(store);
    const call = segments.draw('k', 1, SCOPE) as Promise<unknown>;
    await vi.advanceTimersByTimeAsync(100);
    segments.close();
    segments.close();
    await expect(call).rejects.toThrow('the component is closing');
    await settled();
    expect(vi.getTimerCount()).toBe(0);
    expect(() => segments.draw('k', 1, SCOPE)).toThrow('the component is closing');
  });
});

describe('whatever the store does and whoever calls when', () => {
  type Step =
    | { readonly kind: 'draw'; readonly count: number }
    | { readonly kind: 'answer' | 'fail' | 'lose' | 'cancel'; readonly which: number }
    | { readonly kind: 'wait'; readonly ms: number };
  const steps: fc.Arbitrary<Step[]> = fc.array(fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('draw' as const), count: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 40 })) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('answer' as const), which: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('fail' as const, 'lose' as const, 'cancel' as const), which: fc.nat(5) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(0, 1, 10, 300, 1000, 2500, 20_000) }) },
  ), { minLength: 1, maxLength: 80 });
  const begins = fc.constantFrom(0n, 2n ** 53n - 100n, 2n ** 60n, LAST_ID - 300n);

  it('gives each id once, rising in the order of the calls, and keeps nobody longer than the timeout', async () => {
    await fc.assert(fc.asyncProperty(steps, begins, fc.integer({ min: 1, max: 50 }), async (script, begin, segmentSize) => {
      const store = new FakeStore();
      store.behaviour = 'manual';
      store.lasts.set('k', begin);
      const segments = segmentsOn(store, { segmentSize });
      const calls: { readonly count: number; readonly began: number; readonly controller: AbortController; ended?: number; ids?: bigint[] }[] = [];
      for (const step of script) {
        if (step.kind === 'draw') {
          const call: (typeof calls)[number] = { count: step.count, began: performance.now(), controller: new AbortController() };
          calls.push(call);
          const end = (runs?: readonly Run[]): void => {
            call.ended = performance.now();
            if (runs !== undefined) call.ids = idsOf(runs);
          };
          const runs = segments.draw('k', step.count, call.controller);
          if (runs instanceof Promise) runs.then(end, () => end());
          else end(runs);
        } else if (step.kind === 'wait') await vi.advanceTimersByTimeAsync(step.ms);
        else if (step.kind === 'cancel') calls.at(-1 - step.which)?.controller.abort(new Error('gone'));
        else {
          const pending = store.pending[step.which % Math.max(1, store.pending.length)];
          if (step.kind === 'answer') pending?.answer();
          else pending?.[step.kind](new Error('trouble'));
        }
        await settled();
        expect(store.pending.length).toBeLessThanOrEqual(1); // one refill at a time
      }
      await vi.advanceTimersByTimeAsync(TIMEOUT_MS + 1);
      for (const { began, ended = Infinity } of calls) expect(ended - began).toBeLessThanOrEqual(TIMEOUT_MS + 1);
      const served = calls.flatMap(({ count, ids }) => (ids === undefined ? [] : [{ count, ids }]));
      for (const { count, ids } of served) expect(ids).toHaveLength(count);
      let last = begin;
      for (const id of served.flatMap(({ ids }) => ids)) {
        expect(id).toBeGreaterThan(last);
        last = id;
      }
      expect(store.takes.every(({ count }) => count > 0)).toBe(true);
      expect(last).toBeLessThanOrEqual(store.lasts.get('k') ?? 0n); // nothing that the store still has
      // and once the store works, so does the buffer
      store.behaviour = 'later';
      for (const pending of [...store.pending]) pending.answer();
      const again = segments.draw('k', 1, SCOPE);
      await vi.advanceTimersByTimeAsync(TIMEOUT_MS);
      const [id] = await Promise.resolve(again).then(idsOf, () => [undefined]);
      if (id === undefined) expect(store.lasts.get('k')).toBe(LAST_ID);
      else expect(id).toBeGreaterThan(last);
      segments.close();
      await settled();
      expect(vi.getTimerCount()).toBe(0);
    }), { numRuns: 400 });
  }, 60_000);
});

describe('a store that went back', () => {
  const open = (): { readonly store: FakeStore; readonly rising: RisingStore; readonly errors: () => string[] } => {
    const store = new FakeStore();
    const log = memoryLog();
    return { store, rising: new RisingStore(store, 'S', log), errors: () => log.texts('error') };
  };

  it('is taken forward, and no id comes twice', async () => {
    const { store, rising, errors } = open();
    expect(await rising.take('k', 1000, SCOPE)).toBe(1n);
    store.lasts.set('k', 400n); // what came after is lost
    expect(await rising.take('k', 10, SCOPE)).toBe(1001n);
    expect(await rising.take('k', 1, SCOPE)).toBe(1011n);
    expect(errors()).toEqual(['sequencer store S went back to 410 in k, whose last id was 1000: it lost data. The sequence goes on above 1000; what other sidecars gave out may come again']);
    store.lasts.clear();
    expect(await rising.take('k', 1, SCOPE)).toBe(1012n);
  });

  it('is noticed by its segments too', async () => {
    const { store, rising } = open();
    store.behaviour = 'later';
    const segments = new Segments((key, count, scope) => rising.take(key, count, scope), { segmentSize: 10, refillTimeoutMs: TIMEOUT_MS });
    const ids: bigint[] = [];
    for (let i = 0; i < 200; i++) {
      if (i % 30 === 29) store.lasts.set('k', BigInt(i));
      ids.push(...idsOf(await segments.draw('k', 7, SCOPE)));
    }
    expect(ids).toEqual(ids.toSorted((a, b) => Number(a - b)));
    expect(new Set(ids).size).toBe(1400);
    segments.close();
  });

  it('is taken forward once, however many calls see it', async () => {
    const { store, rising, errors } = open();
    store.behaviour = 'later';
    await rising.take('k', 1_000_000, SCOPE);
    store.lasts.clear();
    const firsts = await Promise.all(Array.from({ length: 50 }, () => rising.take('k', 1, SCOPE)));
    expect(new Set(firsts).size).toBe(50);
    expect(firsts.every((first) => first > 1_000_000n)).toBe(true);
    expect(errors()).toHaveLength(1);
    expect(store.lasts.get('k')).toBeLessThan(1_100_000n);
  });

  it('is given up on when it goes back all the time', async () => {
    const { store, rising } = open();
    await rising.take('k', 10, SCOPE);
    const stuck = vi.spyOn(store, 'take').mockReturnValue(5n);
    await expect(rising.take('k', 1, SCOPE)).rejects.toThrow('the store gives ids again that it gave before, up to 10');
    stuck.mockRestore();
    expect(await rising.take('k', 1, SCOPE)).toBe(11n);
  });

  it('is told apart from answers that come in another order than the calls went', async () => {
    const { store, rising, errors } = open();
    store.behaviour = 'manual';
    const [first, second] = [rising.take('k', 1, SCOPE), rising.take('k', 1, SCOPE)];
    store.pending[1]?.answer(); // takes 1
    expect(await second).toBe(1n);
    store.pending[0]?.answer();
    expect(await first).toBe(2n);
    const [third, fourth] = [rising.take('k', 1, SCOPE), rising.take('k', 1, SCOPE)];
    vi.spyOn(store, 'take');
    store.lasts.set('k', 5n);
    store.pending[0]?.answer(); // 6
    expect(await third).toBe(6n);
    store.lasts.set('k', 3n); // taken before 6 was, answered after
    store.pending[0]?.answer();
    expect(await fourth).toBe(4n);
    expect(errors()).toEqual([]);
  });

  it('remembers ten thousand keys, those used last', async () => {
    const { store, rising } = open();
    await rising.take('old', 5, SCOPE);
    await rising.take('used', 5, SCOPE);
    for (let i = 0; i < 9_999; i++) {
      await rising.take(`k${i}`, 1, SCOPE);
      if (i % 100 === 0) await rising.take('used', 1, SCOPE);
    }
    store.lasts.clear();
    expect(await rising.take('old', 1, SCOPE)).toBe(1n);
    expect(await rising.take('used', 1, SCOPE)).toBe(106n);
  });
});
