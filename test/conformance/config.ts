// What a configuration store is: every driver passes this suite (contract: conformance checklist of configuration
// components, messaging §12.3, and what blocks/config/store.ts promises).
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Changes, ConfigItem, ConfigStore, Items, Keys, Watch, WatchListener } from '../../blocks/config/store.ts';
import { eventually } from '../harness/awaiting.ts';
import { SCOPE } from '../support.ts';

/** What somebody else writes under a key. Without a version there is none, or the store counts. */
export interface Written {
  readonly value: string;
  readonly version?: string;
}

/** A time in which the store is not heard. */
export interface Outage {
  readonly name: string;
  begin(): Promise<void> | void;
  end(): Promise<void> | void;
  /** True: `change` works while it lasts. */
  readonly writable: boolean;
}

export interface ConfigConformanceOptions {
  /** Exactly. */
  readonly features: readonly string[];
  readonly watchesAllCheaply: boolean;
  /** Whose versions: `written` beside the value, or `counted` by the store, higher with each change of a key. */
  readonly versions: 'written' | 'counted';
  /** True: what changed in one `change` is told in one call. */
  readonly wholeSteps: boolean;
  /** An empty value: an item like any other, or as if there were no such key. */
  readonly emptyValue: 'item' | 'absent';
  /** Changes the backend behind the store's back, in one step if it has such; undefined deletes. Other keys stay. */
  readonly change: (changes: Readonly<Record<string, Written | undefined>>) => Promise<void>;
  readonly outages?: readonly Outage[];
}

export type Told =
  | { readonly kind: 'state'; readonly changes: Changes; readonly complete: boolean }
  | { readonly kind: 'touched'; readonly keys: readonly string[] }
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'failed'; readonly keys: Keys; readonly cause: Error };

/** A listener that remembers what it was told, and what that makes of the keys. */
export class Recorder implements WatchListener {
  readonly told: Told[] = [];
  /** What each key is as far as `state` told; not one of them is left when it is gone. */
  readonly known = new Map<string, ConfigItem>();

  state(changes: Changes, complete: boolean): void {
    this.told.push({ kind: 'state', changes, complete });
    if (complete) this.known.clear();
    for (const [key, item] of changes) {
      if (item === undefined) this.known.delete(key);
      else this.known.set(key, item);
    }
  }
  touched(keys: readonly string[]): void { this.told.push({ kind: 'touched', keys }); }
  lost(reason: string): void { this.told.push({ kind: 'lost', reason }); }
  failed(keys: Keys, cause: Error): void { this.told.push({ kind: 'failed', keys, cause }); }

  /** All that `state` said of a key, in order. */
  of(key: string): (ConfigItem | undefined)[] {
    return this.told.flatMap((one) => (one.kind === 'state' && one.changes.has(key) ? [one.changes.get(key)] : []));
  }
  get states(): Extract<Told, { kind: 'state' }>[] {
    return this.told.filter((one) => one.kind === 'state');
  }
  get losses(): string[] {
    return this.told.flatMap((one) => (one.kind === 'lost' ? [one.reason] : []));
  }
  get failures(): Extract<Told, { kind: 'failed' }>[] {
    return this.told.filter((one) => one.kind === 'failed');
  }
  value(key: string): string | undefined {
    return this.known.get(key)?.value;
  }
}

/** Keys that break what splits, quotes, matches or counts bytes. */
export const ODD_KEYS = [
  ' a b ', `'";--`, '%_*?[a]\\', 'ключ-鍵-🔑', 'a/b/../c', 'a||b', '\n\t', '__keyspace@0__:k', 'x'.repeat(900), '{tag}', 'true', '12', 'null', '~', '- a', 'a: b', '#a', '&a', '<<',
] as const;
const ODD_VALUES = ['grüße, 世界, 🚢', 'two\nlines\n', ' blanks ', '{"a":[1,2]}', 'true', '0123', 'null', '~', '- a: b', '#', "'quoted'", '\u0000\u0001', 'x'.repeat(100_000)] as const;

/** @param open a new store on the same backend; each call one more */
export function configConformance(name: string, open: () => Promise<ConfigStore>, options: ConfigConformanceOptions): void {
  describe(`configuration store conformance: ${name}`, () => {
    let store: ConfigStore;
    let unique = 0;
    const run = randomUUID();
    const opened: ConfigStore[] = [];
    /** A key that no other test uses. */
    const key = (suffix = '') => `${run}-${unique++}${suffix}`;
    const keysOf = (count: number) => Array.from({ length: count }, () => key());
    const { change } = options;
    const put = (of: string, value: string, version?: string) => change({ [of]: { value, ...(version === undefined ? {} : { version }) } });
    const drop = (...keys: string[]) => change(Object.fromEntries(keys.map((of) => [of, undefined])));
    const get = async (keys: Keys): Promise<Items> => store.get(keys, {}, SCOPE);

    beforeAll(async () => { store = await open(); });
    afterAll(async () => { await store.close(); });
    afterEach(async () => { for (const own of opened.splice(0)) await own.close(); });

    /** A store of its own with its one watch. */
    const watching = async (): Promise<{ readonly store: ConfigStore; readonly watch: Watch; readonly heard: Recorder }> => {
      const own = await open();
      opened.push(own);
      const heard = new Recorder();
      return { store: own, watch: own.openWatch(heard), heard };
    };
    const told = (heard: Recorder, ...keys: string[]) => eventually(`the state of ${keys.length} keys is told`, () => keys.every((of) => heard.of(of).length > 0));
    const toldValue = (heard: Recorder, of: string, value: string | undefined) => eventually(`${of} is told to be ${value?.slice(0, 40)}`, () => heard.of(of).length > 0 && heard.value(of) === value);
    /** When this is told, all that changed before is told, too. */
    const barrier = async (heard: Recorder, of: string) => {
      const value = randomUUID();
      await put(of, value);
      await toldValue(heard, of, value);
    };
    const holds = (what: string, truth: () => boolean) => eventually(what, truth);
    /** What a get finds as soon as it finds what it should: some stores take a moment to see what others wrote. */
    const finding = async (keys: Keys, right: (items: Items) => boolean): Promise<Items> => {
      let items: Items = new Map();
      await eventually('a get finds what was written', async () => right(items = await get(keys)));
      return items;
    };

    describe('reading', () => {
      it('lists its features', () => {
        expect(store.features).toEqual(options.features);
        expect(store.watchesAllCheaply).toBe(options.watchesAllCheaply);
      });

      it('gives the keys that were asked for and exist, each once, with value, version and metadata', async () => {
        const [a, b, c] = [key(), key(), key()];
        await change({ [a]: { value: '1', version: '7' }, [b]: { value: 'two' }, [c]: { value: '3', version: 'v3' } });
        const found = await finding([a, b, c], ({ size }) => size === 3);
        expect([...(await get([b, a, a, key(), b])).keys()].sort()).toEqual([a, b].sort());
        expect([a, b, c].map((of) => [found.get(of)?.value, found.get(of)?.metadata])).toEqual([['1', {}], ['two', {}], ['3', {}]]);
        if (options.versions === 'written') expect([a, b, c].map((of) => found.get(of)?.version)).toEqual(['7', '', 'v3']);
        else for (const item of found.values()) expect(item.version).toMatch(/^[1-9]\d*$/);
      });

      it('gives all keys there are', async () => {
        const keys = keysOf(40);
        await change(Object.fromEntries(keys.map((of) => [of, { value: of }])));
        await finding('all', (items) => keys.every((of) => items.get(of)?.value === of));
        await drop(...keys);
        await finding('all', (items) => keys.every((of) => !items.has(of)));
      });

      it('has nothing under unknown keys', async () => expect((await get([key(), key()])).size).toBe(0));

      it('takes odd keys and values as they are', async () => {
        const changes: Record<string, Written> = {};
        ODD_KEYS.forEach((odd, index) => { changes[key(odd)] = { value: ODD_VALUES[index % ODD_VALUES.length] ?? '' }; });
        for (const value of ODD_VALUES) changes[key()] = { value };
        await change(changes);
        const keys = Object.keys(changes);
        const items = await finding(keys, ({ size }) => size === keys.length);
        for (const of of keys) expect(items.get(of)?.value).toBe(changes[of]?.value);
      });

      it(`takes an empty value for ${options.emptyValue === 'item' ? 'a value like any other' : 'no key'}`, async () => {
        const [empty, other] = [key(), key()];
        await change({ [empty]: { value: '', version: '2' }, [other]: { value: 'x' } });
        await finding([other], ({ size }) => size === 1);
        expect((await get([empty])).has(empty)).toBe(options.emptyValue === 'item');
        expect((await get('all')).has(empty)).toBe(options.emptyValue === 'item');
      });

      it('answers many readers at once', async () => {
        const keys = keysOf(50);
        await change(Object.fromEntries(keys.map((of) => [of, { value: of }])));
        await finding(keys, ({ size }) => size === keys.length);
        const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => get(keys.slice(index % 50))));
        answers.forEach((items, index) => expect(items.size).toBe(50 - (index % 50)));
      });
    });

    describe('watching keys', () => {
      it('tells of each key when it is added, also that there is none', async () => {
        const [a, b, absent] = [key(), key(), key()];
        await change({ [a]: { value: '1' }, [b]: { value: '2' } });
        await finding([a, b], ({ size }) => size === 2);
        const { watch, heard } = await watching();
        expect(heard.told).toEqual([]);
        watch.add([a, b, absent]);
        await toldValue(heard, b, '2');
        await told(heard, absent);
        expect(heard.value(a)).toBe('1');
        expect(heard.of(absent)).toEqual([undefined]);
        expect(heard.states.every(({ complete }) => !complete)).toBe(true);
        expect([...heard.known.values()].map(({ metadata }) => metadata)).toEqual([{}, {}]);
      });

      it('tells of changes, creations and deletions, and of no other key', async () => {
        const [a, b, other] = [key(), key(), key()];
        await change({ [a]: { value: '1', version: '1' }, [other]: { value: 'o' } });
        const { watch, heard } = await watching();
        watch.add([a, b]);
        await told(heard, a, b);
        await toldValue(heard, a, '1');
        const before = heard.known.get(a)?.version ?? '';
        await put(a, '2', '2');
        await put(other, 'p');
        await toldValue(heard, a, '2');
        const after = heard.known.get(a)?.version ?? '';
        if (options.versions === 'written') expect([before, after]).toEqual(['1', '2']);
        else expect(Number(after)).toBeGreaterThan(Number(before));
        await put(b, 'new');
        await toldValue(heard, b, 'new');
        await drop(a);
        await toldValue(heard, a, undefined);
        await put(a, '3', '3');
        await toldValue(heard, a, '3');
        if (options.versions === 'counted') expect(Number(heard.known.get(a)?.version)).toBeGreaterThan(Number(after));
        expect(heard.of(other)).toEqual([]);
        expect(heard.losses).toEqual([]);
      });

      it('does not tell again of a key that is added again', async () => {
        const [a, b] = [key(), key()];
        await put(a, '1');
        await finding([a], ({ size }) => size === 1);
        const { watch, heard } = await watching();
        watch.add([a, b]);
        await told(heard, a, b);
        await barrier(heard, b);
        const times = heard.of(a).length;
        watch.add([a]);
        watch.add([a, b]);
        await barrier(heard, b);
        expect(heard.of(a)).toHaveLength(times);
        await put(a, '2');
        await toldValue(heard, a, '2');
      });

      it('says nothing more of a removed key, and tells it anew when it is added again', async () => {
        const [a, b] = [key(), key()];
        await put(a, '1');
        const { watch, heard } = await watching();
        watch.add([a, b]);
        await told(heard, b);
        await toldValue(heard, a, '1');
        watch.remove([a, key()]);
        const times = heard.of(a).length;
        await put(a, '2');
        await barrier(heard, b);
        expect(heard.of(a)).toHaveLength(times);
        watch.add([a]);
        await toldValue(heard, a, '2');
        await put(a, '3');
        await toldValue(heard, a, '3');
        for (let round = 0; round < 20; round++) { // whatever was under way for it before
          watch.remove([a]);
          watch.add([a]);
        }
        await put(a, '4');
        await toldValue(heard, a, '4');
      });

      it('says nothing of a key that was removed before its first state', async () => {
        const [a, b] = [key(), key()];
        const { watch, heard } = await watching();
        watch.add([a, b]);
        watch.remove([a]);
        await told(heard, b);
        await barrier(heard, b);
        expect(heard.of(a)).toEqual([]);
      });

      it('takes a value that is written again for no news, or tells what is known', async () => {
        const [a, b] = [key(), key()];
        await put(a, 'same', '1');
        const { watch, heard } = await watching();
        watch.add([a, b]);
        await told(heard, b);
        await toldValue(heard, a, 'same');
        for (let round = 0; round < 5; round++) await put(a, 'same', '1');
        await barrier(heard, b);
        expect(heard.of(a).every((item) => item?.value === 'same')).toBe(true);
        expect(heard.of(a).length).toBeLessThanOrEqual(6);
      });

      it('ends with the last of 200 quick changes, and never goes back', async () => {
        const a = key();
        const { watch, heard } = await watching();
        watch.add([a]);
        await told(heard, a);
        for (let number = 1; number <= 200; number++) await put(a, String(number), String(number));
        await toldValue(heard, a, '200');
        const numbers = heard.of(a).map((item) => Number(item?.value ?? 0));
        expect(numbers).toEqual([...numbers].sort((one, two) => one - two));
        const versions = heard.of(a).map((item) => Number(item?.version ?? 0));
        expect(versions).toEqual([...versions].sort((one, two) => one - two));
      });

      it('ends with the truth when a key comes and goes quickly', async () => {
        const a = key();
        const { watch, heard } = await watching();
        watch.add([a]);
        await told(heard, a);
        for (let number = 1; number <= 50; number++) {
          await put(a, String(number));
          await drop(a);
        }
        await put(a, 'last');
        await toldValue(heard, a, 'last');
        await drop(a);
        await toldValue(heard, a, undefined);
      });

      it('tells ten changes of one step as ten right items', async () => {
        const keys = keysOf(10);
        const { watch, heard } = await watching();
        watch.add(keys);
        await told(heard, ...keys);
        const before = heard.states.length;
        await change(Object.fromEntries(keys.map((of, index) => [of, { value: `v${index}`, version: `${index}` }])));
        await holds('all ten are told', () => keys.every((of, index) => heard.value(of) === `v${index}`));
        if (options.versions === 'written') expect(keys.map((of) => heard.known.get(of)?.version)).toEqual(keys.map((_, index) => `${index}`));
        if (options.wholeSteps) {
          const calls = heard.states.slice(before);
          expect(calls).toHaveLength(1);
          expect(calls[0]?.changes.size).toBe(10);
        }
        await drop(...keys);
        await holds('none of the ten is left', () => heard.known.size === 0);
      });

      it('watches 50 keys under many writers', async () => {
        const keys = keysOf(50);
        const { watch, heard } = await watching();
        for (let from = 0; from < 50; from += 10) watch.add(keys.slice(from, from + 10));
        await told(heard, ...keys);
        await Promise.all(keys.map(async (of) => { for (let round = 1; round <= 4; round++) await put(of, String(round)); }));
        await holds('each has its last value', () => keys.every((of) => heard.value(of) === '4'));
        for (const of of keys) {
          const numbers = heard.of(of).map((item) => Number(item?.value ?? 0));
          expect(numbers).toEqual([...numbers].sort((one, two) => one - two));
        }
      });

      it('watches odd keys, and does not take one for another', async () => {
        const keys = ODD_KEYS.map((odd) => key(odd));
        const decoy = key('a'); // what `[a]` and `?` would match
        const { watch, heard } = await watching();
        watch.add(keys);
        await told(heard, ...keys);
        await change(Object.fromEntries([...keys.map((of, index): [string, Written] => [of, { value: `value ${index}` }]), [decoy, { value: 'd' }]]));
        await holds('each is told', () => keys.every((of, index) => heard.value(of) === `value ${index}`));
        expect(heard.of(decoy)).toEqual([]);
        expect([...heard.known.keys()].sort()).toEqual([...keys].sort());
      });
    });

    describe('watching all keys', () => {
      it('tells of all there are and that these are all; then of new ones, changes and deletions', async () => {
        const [a, b, later] = [key(), key(), key()];
        await change({ [a]: { value: '1' }, [b]: { value: '2' } });
        await finding([a, b], ({ size }) => size === 2);
        const { watch, heard } = await watching();
        watch.add('all');
        await holds('a complete state is told', () => heard.states.some(({ complete }) => complete));
        expect([heard.value(a), heard.value(b), heard.value(later)]).toEqual(['1', '2', undefined]);
        await put(later, 'new');
        await toldValue(heard, later, 'new');
        await put(a, '3');
        await toldValue(heard, a, '3');
        await drop(b);
        await toldValue(heard, b, undefined);
        const keys = keysOf(30);
        await change(Object.fromEntries(keys.map((of) => [of, { value: of }])));
        await holds('thirty new ones are told', () => keys.every((of) => heard.value(of) === of));
      });

      it('goes on with keys that were added by name when it ends', async () => {
        const [named, other] = [key(), key()];
        await put(named, '1');
        const { watch, heard } = await watching();
        watch.add([named]);
        await toldValue(heard, named, '1');
        watch.add('all');
        await holds('a complete state is told', () => heard.states.some(({ complete }) => complete));
        await put(other, 'o');
        await toldValue(heard, other, 'o');
        watch.remove('all');
        await put(other, 'p');
        await barrier(heard, named);
        expect(heard.value(other)).toBe('o');
        watch.add('all');
        await toldValue(heard, other, 'p');
      });

      it('covers keys whose own watch ends, and those added while it goes on', async () => {
        const [a, b] = [key(), key()];
        await change({ [a]: { value: '1' }, [b]: { value: '1' } });
        const { watch, heard } = await watching();
        watch.add('all');
        watch.add([a, b]);
        await toldValue(heard, a, '1');
        await toldValue(heard, b, '1');
        watch.remove([a]);
        await put(a, '2');
        await toldValue(heard, a, '2');
        watch.remove('all');
        await put(a, '3');
        await barrier(heard, b);
        expect(heard.value(a)).toBe('2');
      });
    });

    describe('proof of life', () => {
      it('is there soon after somebody asks, again and again', async () => {
        const a = key();
        const { watch, heard } = await watching();
        watch.add([a]);
        await told(heard, a);
        await holds('it is live', () => watch.isLive());
        await barrier(heard, a);
        await holds('it is live again', () => watch.isLive());
      });
    });

    for (const outage of options.outages ?? []) {
      describe(`after ${outage.name}`, () => {
        let away = false;
        const begin = async () => { away = true; await outage.begin(); };
        const end = async () => { if (away) { away = false; await outage.end(); } };
        afterEach(end);
        /** Asking is what makes a driver look whether the store is still there. */
        const noticed = (watch: Watch, heard: Recorder, losses: number) => holds('the loss is told', () => { watch.isLive(); return heard.losses.length === losses; });
        const back = (watch: Watch) => holds('it is live again', () => watch.isLive());

        it('tells that it is lost, once, and then what is true', async () => {
          const [kept, changed, deleted, created, absent] = [key(), key(), key(), key(), key()];
          await change({ [kept]: { value: 'k', version: '1' }, [changed]: { value: 'before', version: '1' }, [deleted]: { value: 'd', version: '1' } });
          const { watch, heard } = await watching();
          const keys = [kept, changed, deleted, created, absent];
          watch.add(keys);
          await told(heard, ...keys);
          await holds('it is live', () => watch.isLive());
          const changes = { [changed]: { value: 'after', version: '2' }, [deleted]: undefined, [created]: { value: 'c' } };
          await begin();
          await noticed(watch, heard, 1);
          expect(heard.losses[0]).not.toBe('');
          expect(watch.isLive()).toBe(false);
          const before = heard.told.length;
          if (outage.writable) await change(changes);
          await end();
          if (!outage.writable) await change(changes);
          await holds('the truth is told', () => heard.value(changed) === 'after' && heard.value(created) === 'c' && !heard.known.has(deleted));
          const first = heard.told.slice(before).find(({ kind }) => kind === 'state');
          expect(first?.kind === 'state' && [...first.changes.keys()].sort()).toEqual([...keys].sort());
          expect([heard.value(kept), heard.value(absent)]).toEqual(['k', undefined]);
          expect(heard.losses).toHaveLength(1);
          expect(heard.failures).toEqual([]);
          await back(watch);
          await put(kept, 'again');
          await toldValue(heard, kept, 'again');
        });

        it('tells a watch of all keys what is there now, and that these are all', async () => {
          const [changed, deleted, created] = [key(), key(), key()];
          await change({ [changed]: { value: 'before' }, [deleted]: { value: 'd' } });
          const { watch, heard } = await watching();
          watch.add('all');
          await holds('they are told', () => heard.value(changed) === 'before' && heard.value(deleted) === 'd');
          const changes = { [changed]: { value: 'after' }, [deleted]: undefined, [created]: { value: 'c' } };
          await begin();
          await noticed(watch, heard, 1);
          const before = heard.told.length;
          if (outage.writable) await change(changes);
          await end();
          if (!outage.writable) await change(changes);
          await holds('the truth is told', () => heard.value(changed) === 'after' && heard.value(created) === 'c' && !heard.known.has(deleted));
          expect(heard.told.slice(before).find(({ kind }) => kind === 'state')).toMatchObject({ complete: true });
          expect(heard.losses).toHaveLength(1);
        });

        it('takes keys that are added and removed meanwhile, and bears several in a row', async () => {
          const [a, b, c] = [key(), key(), key()];
          await put(a, '0');
          const { watch, heard } = await watching();
          watch.add([a, c]);
          await told(heard, a, c);
          for (let round = 1; round <= 3; round++) {
            await begin();
            await noticed(watch, heard, round);
            if (round === 1) watch.add([b]);
            if (round === 2) watch.remove([c]);
            if (round === 3) watch.add([c]);
            const times = heard.of(c).length;
            await end();
            await put(b, String(round));
            await put(a, String(round));
            await holds('both are told', () => heard.value(a) === String(round) && heard.value(b) === String(round));
            if (round === 2) expect(heard.of(c)).toHaveLength(times);
            if (round === 3) await holds('the key that came back is told', () => heard.of(c).length > times);
            await back(watch);
          }
          expect(heard.losses).toHaveLength(3);
        });

        it('closes while it lasts', async () => {
          const a = key();
          const { store: own, watch, heard } = await watching();
          watch.add([a]);
          await told(heard, a);
          await begin();
          const closing = Promise.all([own.close(), own.close()]);
          await closing;
          const before = heard.told.length;
          await end();
          await put(a, '1');
          await eventually('the store is back', async () => (await get([a]).catch(() => undefined))?.size === 1);
          expect(heard.told).toHaveLength(before);
        });
      });
    }

    describe('closing', () => {
      it('may be done twice, with and without a watch', async () => {
        const own = await open();
        await own.close();
        await own.close();
        const other = await watching();
        await other.store.close();
        await other.store.close();
      });

      it('ends a watch whatever it is doing: nothing is told afterwards', async () => {
        const keys = keysOf(20);
        const witness = await watching();
        witness.watch.add(keys);
        await told(witness.heard, ...keys);
        for (let turns = 0; turns < 12; turns++) {
          const { store: own, watch, heard } = await watching();
          watch.add(turns % 2 === 0 ? keys : 'all');
          watch.isLive();
          const writes = change(Object.fromEntries(keys.map((of) => [of, { value: `${turns}` }])));
          for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
          if (turns > 8) await holds('something was told', () => heard.told.length > 0);
          await own.close();
          const before = heard.told.length;
          await writes;
          await holds('another watch knows', () => keys.every((of) => witness.heard.value(of) === `${turns}`));
          watch.remove(keys);
          expect(heard.told).toHaveLength(before);
          expect(watch.isLive()).toBe(false);
        }
      });
    });
  });
}
