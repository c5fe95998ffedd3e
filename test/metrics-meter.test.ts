// Counting and adding up: series are bounded whatever is thrown at them, a hostile block's rows are sorted out, and no counter
// ever goes back, however lives come and go.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ledger } from '../kernel/metrics/ledger.ts';
import { readRows, type Row } from '../kernel/metrics/rows.ts';
import { LATENCY_BUCKETS, type MeasureTable, type PackedMeasure, type PackedMeasures } from '../proto/measures.ts';
import { cleanLabel, CountingMeter, MAX_LABEL_LENGTH, METER_LIMITS } from '../proto/meter.ts';

const TABLE = {
  things: { kind: 'counter', labels: ['component', 'topic'], open: 'topic', help: '' },
  closed: { kind: 'counter', labels: ['component'], help: '' },
  level: { kind: 'gauge', labels: ['component'], help: '', byBlock: true },
  took: { kind: 'histogram', unit: 'milliseconds', labels: ['component'], help: '' },
  large: { kind: 'histogram', unit: 'bytes', labels: [], help: '' },
} as const satisfies MeasureTable;

const find = (rows: PackedMeasures, name: string, ...labels: string[]): PackedMeasure[2] | undefined =>
  rows.find(([rowName, rowLabels]) => rowName === name && rowLabels.join() === labels.join())?.[2];

describe('a meter', () => {
  it('counts, sets and observes what it has a row for, and nothing else', () => {
    const meter = new CountingMeter({ table: TABLE, latencyBuckets: [1, 10] });
    const things = meter.counter('things', 'a', 't');
    things.add(1);
    meter.counter('things', 'a', 't').add(2);
    meter.gauge('level', 'a').set(7);
    const took = meter.histogram('took', 'a');
    for (const ms of [0, 1, 1.5, 10, 11, Number.NaN, -1]) took.observe(ms);
    meter.histogram('large').observe(1024);
    expect(find(meter.pack(), 'things', 'a', 't')).toBe(3);
    expect(find(meter.pack(), 'level', 'a')).toBe(7);
    expect(find(meter.pack(), 'took', 'a')).toEqual([23.5, 2, 2, 1]);
    expect(find(meter.pack(), 'large')).toEqual([1024, 1]);
    expect(() => meter.counter('constructor')).toThrow('there is no measure constructor');
  });

  it('keeps so many topics apart, says once that there are more, and loses no count', () => {
    const full: string[] = [];
    const meter = new CountingMeter({ table: TABLE, onFull: (name) => full.push(name) });
    for (let i = 0; i < 100_000; i++) meter.counter('things', `c${i % 3}`, `topic ${i}`).add(1);
    const rows = meter.pack();
    expect(rows.length).toBeLessThanOrEqual(METER_LIMITS.maxValues + 3);
    expect(rows.reduce((sum, [, , value]) => sum + (value as number), 0)).toBe(100_000);
    expect(find(rows, 'things', 'c0', 'topic 0')).toBe(1);
    expect(find(rows, 'things', 'c0', 'other')).toBeGreaterThan(30_000);
    expect(full).toEqual(['things']);
  });

  it('has an end also where nobody expected many values', () => {
    const meter = new CountingMeter({ table: TABLE });
    for (let i = 0; i < 100_000; i++) meter.counter('closed', `c${i}`).add(1);
    const rows = meter.pack();
    expect(rows.length).toBeLessThanOrEqual(METER_LIMITS.maxSeries * 1.25 + 1);
    expect(rows.reduce((sum, [, , value]) => sum + (value as number), 0)).toBe(100_000);
  });

  it('cuts and cleans what others wrote', () => {
    expect(cleanLabel('a\u0001b\nc\ud800')).toBe('a\ufffdb\ufffdc\ufffd');
    expect(cleanLabel('x'.repeat(100_000))).toHaveLength(MAX_LABEL_LENGTH);
    const meter = new CountingMeter({ table: TABLE });
    for (let i = 0; i < 1_000; i++) meter.counter('things', 'c', `${'x'.repeat(300)}${i}`).add(1);
    expect(meter.pack()).toHaveLength(1); // what tells them apart was cut off
  });

  it('takes no more memory for 100,000 keys than for its series', () => {
    const meter = new CountingMeter({ table: TABLE });
    const throwAt = (from: number): void => {
      for (let i = from; i < from + 50_000; i++) meter.histogram('took', `component ${i}`).observe(i % 50);
    };
    throwAt(0);
    const before = process.memoryUsage().heapUsed;
    const packed = meter.pack().length;
    throwAt(50_000);
    expect(meter.pack()).toHaveLength(packed);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024); // garbage included
  });
});

describe('what a block says it has counted', () => {
  const sound: PackedMeasure = ['component_state_count', ['store', 'get', 'true'], 3];

  it('is taken where it is sound', () => {
    const { rows, refused } = readRows([sound, ['component_state_latencies', ['store', 'get', 'true'], [1.5, 0, 3]]], LATENCY_BUCKETS);
    expect(rows).toEqual([
      { name: 'component_state_count', labels: ['store', 'get', 'true'], value: 3, counts: undefined },
      { name: 'component_state_latencies', labels: ['store', 'get', 'true'], value: 1.5, counts: [0, 3] },
    ]);
    expect(refused).toBe(0);
  });

  it.each<[string, unknown]>([
    ['no row', 7], ['no triple', ['component_state_count', []]], ['an unknown name', ['component_state_total', ['a', 'b', 'c'], 1]],
    ['a name of every object', ['toString', [], 1]], ['too few labels', ['component_state_count', ['a'], 1]],
    ['labels that are no texts', ['component_state_count', ['a', 1, 'c'], 1]], ['no number', ['component_state_count', ['a', 'b', 'c'], '1']],
    ['less than nothing', ['component_state_count', ['a', 'b', 'c'], -1]], ['what is no number', ['component_state_count', ['a', 'b', 'c'], Number.NaN]],
    ['without end', ['component_state_count', ['a', 'b', 'c'], Infinity]], ['a histogram as a number', ['component_state_latencies', ['a', 'b', 'c'], 1]],
    ['more buckets than there are', ['component_state_latencies', ['a', 'b', 'c'], new Array(LATENCY_BUCKETS.length + 3).fill(1)]],
    ['a bucket that is none', ['component_state_latencies', ['a', 'b', 'c'], [1, null]]],
  ])('is left out where it is %s, and the rest is taken', (_what, row) => {
    const { rows, refused } = readRows([row, sound], LATENCY_BUCKETS);
    expect(rows).toHaveLength(1);
    expect(refused).toBe(1);
  });

  it('is never more than some, and never an exception', () => {
    expect(readRows(new Array(100_000).fill(sound), LATENCY_BUCKETS).rows.length).toBeLessThanOrEqual(30_000);
    fc.assert(fc.property(fc.anything(), (head) => {
      for (const { labels } of readRows(head, LATENCY_BUCKETS).rows) for (const label of labels) expect(label.length).toBeLessThanOrEqual(MAX_LABEL_LENGTH);
    }), { numRuns: 500 });
  });
});

describe('the ledger', () => {
  const open = (): Ledger => new Ledger({ table: TABLE, latencyBuckets: [1, 10], rewrite: (_name, label, value) => (label === 'topic' ? value.replace(/\d+/, 'N') : value), onFull: () => {} });
  const shown = (ledger: Ledger, own: PackedMeasures = []): ReadonlyMap<string, number> => {
    const values = new Map<string, number>();
    for (const { name, series } of ledger.sum(own)) {
      for (const { isShown, labels, value, counts } of series.values()) {
        if (!isShown) continue;
        const key = [name, ...labels].join(' ');
        values.set(key, value);
        counts.forEach((count, i) => values.set(`${key} ${i}`, count));
      }
    }
    return values;
  };
  const AT = { block: 'state', component: '' };
  const counter = (name: string, labels: readonly string[], value: number): Row => ({ name, labels, value, counts: undefined });

  it('adds up kernel, blocks and lives, and tells compartments apart where that is wanted', () => {
    const ledger = open();
    ledger.update(1, AT, [counter('closed', ['a'], 2), counter('level', ['a'], 5)]);
    ledger.update(2, { block: 'state', component: 'orders' }, [counter('closed', ['a'], 3), counter('level', ['a'], 6), { name: 'took', labels: ['a'], value: 4, counts: [1, 2] }]);
    const values = shown(ledger, [['closed', ['a'], 10], ['took', ['a'], [1, 0, 0, 1]]]);
    expect(values.get('closed a')).toBe(15);
    expect(values.get('level a state ')).toBe(5);
    expect(values.get('level a state orders')).toBe(6);
    expect([values.get('took a'), values.get('took a 0'), values.get('took a 1'), values.get('took a 2')]).toEqual([5, 1, 2, 1]);
  });

  it('keeps what an ended life had counted, and drops its gauges', () => {
    const ledger = open();
    ledger.update(1, AT, [counter('closed', ['a'], 2), counter('level', ['a'], 5), { name: 'took', labels: ['a'], value: 4, counts: [1, 2] }]);
    ledger.keep(new Set());
    ledger.update(2, AT, [counter('closed', ['a'], 1)]);
    const values = shown(ledger);
    expect(values.get('closed a')).toBe(3);
    expect(values.get('took a 1')).toBe(2);
    expect(values.has('level a state ')).toBe(false);
  });

  it('rewrites labels of blocks, and adds up what becomes one', () => {
    const ledger = open();
    ledger.update(1, AT, [counter('things', ['c', 'order-1'], 2), counter('things', ['c', 'order-2'], 3)]);
    expect(shown(ledger).get('things c order-N')).toBe(5);
  });

  it('never goes back: not at a crash, not for a life that counts backwards, not when there are too many series', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('says' as const), life: fc.integer({ min: 1, max: 4 }), rows: fc.array(fc.tuple(name, fc.nat(100)), { maxLength: 4 }) }),
      fc.record({ kind: fc.constant('ends' as const), life: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ kind: fc.constant('floods' as const), life: fc.integer({ min: 1, max: 4 }), from: fc.nat(5) }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const ledger = open();
      const lives = new Set<number>();
      let before: ReadonlyMap<string, number> = new Map();
      for (const one of steps) {
        if (one.kind === 'ends') {
          lives.delete(one.life);
          ledger.keep(lives);
        } else {
          lives.add(one.life);
          const rows = one.kind === 'says' ? one.rows.map(([label, value]) => counter('closed', [label], value)) : Array.from({ length: 1_200 }, (_, i) => counter('closed', [`flood ${one.from * 1_200 + i}`], 1));
          ledger.update(one.life, AT, rows);
        }
        const now = shown(ledger);
        for (const [key, value] of before) expect(now.get(key) ?? -1).toBeGreaterThanOrEqual(value);
        before = now;
      }
    }), { numRuns: 20 });
  });

  it('has an end, also over many lives that each name others', () => {
    const ledger = open();
    for (let life = 1; life <= 50; life++) {
      ledger.update(life, AT, Array.from({ length: 500 }, (_, i) => counter('closed', [`${life} ${i}`], 1)));
      ledger.keep(new Set([life]));
    }
    const values = shown(ledger);
    expect(values.size).toBeLessThanOrEqual(5_001);
    expect([...values.values()].reduce((sum, value) => sum + value, 0)).toBe(25_000);
  });
});
