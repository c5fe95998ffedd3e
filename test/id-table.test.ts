// The id table against Map, over everything calls do to it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdTable } from '../ipc/id-table.ts';

describe('the id table', () => {
  it('does what a Map does', () => {
    const id = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 0xffff_ffff }), fc.integer({ min: 1, max: 20 }).map((n) => n * 128 + 1));
    fc.assert(fc.property(fc.array(fc.record({ id, drop: fc.boolean() }), { maxLength: 400 }), (steps) => {
      const table = new IdTable<number>();
      const map = new Map<number, number>();
      for (const [step, { id: one, drop }] of steps.entries()) {
        if (drop) {
          expect(table.take(one)).toBe(map.get(one));
          map.delete(one);
        } else if (!map.has(one)) {
          table.add(one, step);
          map.set(one, step);
        }
        expect(table.size).toBe(map.size);
      }
      for (const one of new Set(steps.map((step) => step.id))) {
        expect(table.get(one)).toBe(map.get(one));
        expect(table.has(one)).toBe(map.has(one));
      }
      expect(new Map(table.entries())).toEqual(map);
    }), { numRuns: 500 });
  });

  it('keeps a long call among a million short ones', () => {
    const table = new IdTable<string>();
    table.add(1, 'long');
    for (let id = 3; id < 2_000_003; id += 2) {
      table.add(id, 'short');
      if (table.take(id) !== 'short') throw new Error(`lost ${id}`);
    }
    expect(table.entries()).toEqual([[1, 'long']]);
    table.clear();
    expect([table.size, table.get(1)]).toEqual([0, undefined]);
  });
});
