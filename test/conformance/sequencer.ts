// What a sequence store is: every driver passes this suite.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAST_ID, SequenceExhausted, type SequenceStore } from '../../blocks/sequencer/store.ts';
import { eventually } from '../harness/awaiting.ts';
import { SCOPE } from '../support.ts';

export interface SequencerConformanceOptions {
  /** True if two stores opened one after the other work on the same sequences. */
  readonly shared: boolean;
  /** Ends the backend as a crash would, and brings it back with its data. The store stays open. */
  readonly restart?: () => Promise<void>;
  /** Makes `last` the last id of a new key, past the driver. Without it the suite takes ids until it is there: 1024 calls. */
  readonly preset?: (key: string, last: bigint) => Promise<void>;
}

/** Where ids stop being exact as JavaScript's numbers. */
const SAFE = Number.MAX_SAFE_INTEGER;

export function sequencerConformance(name: string, open: () => Promise<SequenceStore>, options: SequencerConformanceOptions): void {
  describe(`sequence store conformance: ${name}`, () => {
    let store: SequenceStore;
    let unique = 0;
    const run = randomUUID();
    /** A key that no other test uses, in the form that the block gives them. */
    const key = (suffix = '') => `sequencer|||app||${run}-${unique++}${suffix}`;

    beforeAll(async () => { store = await open(); });
    afterAll(async () => { await store.close(); });

    const take = async (of: string, count = 1, from = store) => from.take(of, count, SCOPE);
    const last = async (of: string, from = store) => from.last(of, SCOPE);
    const preset = async (of: string, to: bigint) => {
      if (options.preset !== undefined) return options.preset(of, to);
      for (let left = to - (await last(of)); left > 0n; left = to - (await last(of))) await take(of, left > BigInt(SAFE) ? SAFE : Number(left));
    };

    it('has no features to list', () => expect(store.features).toEqual([]));

    it('begins with 1 and goes on without a gap', async () => {
      const k = key();
      expect(await take(k)).toBe(1n);
      expect(await take(k)).toBe(2n);
      expect(await take(k, 10)).toBe(3n);
      expect(await take(k)).toBe(13n);
      expect(await take(k, 10_000)).toBe(14n);
      expect(await take(k)).toBe(10_014n);
    });

    it('begins with 1 when many are taken at once', async () => {
      const k = key();
      expect(await take(k, 1_000_000)).toBe(1n);
      expect(await take(k)).toBe(1_000_001n);
    });

    it('tells the last id taken, and that a new key has none', async () => {
      const k = key();
      expect(await last(k)).toBe(0n);
      expect(await last(k)).toBe(0n); // asking takes nothing
      await take(k, 7);
      expect(await last(k)).toBe(7n);
      await take(k);
      expect(await last(k)).toBe(8n);
    });

    it('keeps keys apart', async () => {
      const [a, b] = [key(), key()];
      await take(a, 5);
      expect(await take(b)).toBe(1n);
      expect(await take(a)).toBe(6n);
      expect(await last(b)).toBe(1n);
    });

    it('takes any key: long, spaced, quoted, beyond ASCII, one the beginning of another', async () => {
      const begin = key();
      const suffixes = ['', 'x'.repeat(1024), ' a b ', ' a b', `'";--`, '%_*?[a]\\', 'ключ-鍵-🔑', '/b/../c', '/b', '/', '\n\t', '|||', 'A', 'a', '{tag}'];
      for (const suffix of suffixes) {
        expect(await take(begin + suffix, 2), JSON.stringify(suffix)).toBe(1n);
      }
      for (const suffix of suffixes) {
        expect(await last(begin + suffix), JSON.stringify(suffix)).toBe(2n);
        expect(await take(begin + suffix), JSON.stringify(suffix)).toBe(3n);
      }
    });

    it('gives every call ids above those of the calls that were answered before it began', async () => {
      const k = key();
      const stores = options.shared ? [store, await open()] : [store];
      let answered = 0n;
      for (let round = 0; round < 50; round++) {
        const count = 1 + (round % 3);
        const first = await take(k, count, stores[round % stores.length]);
        expect(first).toBeGreaterThan(answered);
        answered = first + BigInt(count) - 1n;
      }
      for (const other of stores.slice(1)) await other.close();
    });

    it('gives nobody what another got: 16 take at once, without a gap', async () => {
      const k = key();
      const stores = options.shared ? [store, await open()] : [store];
      const [takers, rounds] = [16, 25];
      const ids: bigint[] = [];
      await Promise.all(Array.from({ length: takers }, async (_, taker) => {
        let answered = 0n;
        for (let round = 0; round < rounds; round++) {
          const count = 1 + ((taker + round) % 4);
          const first = await take(k, count, stores[taker % stores.length]);
          expect(first).toBeGreaterThan(answered);
          for (let id = first; id < first + BigInt(count); id++) ids.push(id);
          answered = first + BigInt(count) - 1n;
        }
      }));
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.reduce((highest, id) => (id > highest ? id : highest), 0n)).toBe(BigInt(ids.length));
      for (const other of stores.slice(1)) await other.close();
    });

    if (options.shared) it('sees at once what another store of the same backend took', async () => {
      const k = key();
      const other = await open();
      expect(await take(k, 3)).toBe(1n);
      expect(await last(k, other)).toBe(3n);
      expect(await take(k, 2, other)).toBe(4n);
      expect(await take(k)).toBe(6n);
      await other.close();
    });

    it('is exact where numbers of JavaScript are not', async () => {
      const k = key();
      await preset(k, BigInt(SAFE) - 2n);
      let next = BigInt(SAFE) - 1n;
      for (const count of [1, 1, 1, 1, 3, 1, 1000, 1, 1]) {
        expect(await take(k, count)).toBe(next);
        next += BigInt(count);
        expect(await last(k)).toBe(next - 1n);
      }
    });

    it('gives the last ids there are, then none, and never begins again', async () => {
      const k = key();
      await preset(k, LAST_ID - 10n);
      expect(await take(k, 4)).toBe(LAST_ID - 9n);
      await expect(take(k, 7)).rejects.toThrow(SequenceExhausted);
      await expect(take(k, SAFE)).rejects.toThrow(SequenceExhausted);
      expect(await take(k, 5)).toBe(LAST_ID - 5n);
      expect(await last(k)).toBe(LAST_ID - 1n);
      expect(await take(k)).toBe(LAST_ID);
      for (const count of [1, 1, 100]) await expect(take(k, count)).rejects.toThrow(SequenceExhausted);
      expect(await last(k)).toBe(LAST_ID);
      expect(await take(key())).toBe(1n); // the others go on
    });

    const { restart } = options;
    if (restart !== undefined) it('goes on above what it gave when its backend was away', async () => {
      const k = key();
      const before = await take(k, 10);
      expect(before).toBe(1n);
      await restart();
      const first = (await eventually('ids can be taken again', () => take(k, 10).catch(() => undefined), 30_000)) ?? 0n;
      expect(first).toBeGreaterThan(10n); // what a lost answer took is a gap
      expect(await last(k)).toBe(first + 9n);
    });

    it('closes twice', async () => {
      const own = await open();
      await take(key(), 1, own);
      await own.close();
      await own.close();
    });
  });
}
