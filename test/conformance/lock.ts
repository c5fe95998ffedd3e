// What a lock store is: every driver passes this suite (contract: conformance checklist of lock components, and what the
// lock block adds to it: renewal and fencing tokens). Expiry is the store's business: the suite waits for it and never
// says how long a moment is.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LockStore, Release, Renewal } from '../../blocks/lock/store.ts';
import { eventually } from '../harness/awaiting.ts';
import { SCOPE } from '../support.ts';

export interface LockConformanceOptions {
  /** The shortest expiry that the store keeps to, in seconds. Default: 1. */
  readonly shortestSeconds?: number;
  /** True if two stores opened one after the other see the same locks. */
  readonly shared: boolean;
  /** Ends the backend as a crash would and starts it again, where locks outlive that. Calls may fail for a while after it. */
  readonly restart?: () => Promise<void>;
}

/** No test waits for an expiry of this length. Seconds. */
const LONG = 120;
/** What the clocks of store and test may differ by over one of its expiries. Milliseconds. */
const CLOCKS_MS = 50;
/** The largest int32. */
const LONGEST = 2_147_483_647;
const LAST_TOKEN = 2n ** 63n - 1n;

export function lockConformance(name: string, open: () => Promise<LockStore>, options: LockConformanceOptions): void {
  const { shortestSeconds: short = 1 } = options;

  describe(`lock store conformance: ${name}`, () => {
    let store: LockStore;
    let unique = 0;
    const run = randomUUID();
    /** A key that no other test uses. */
    const key = (suffix = '') => `lock||app||${run}-${unique++}${suffix}`;

    beforeAll(async () => { store = await open(); });
    afterAll(async () => { await store.close(); });

    const tryLock = async (of: string, owner: string, expirySeconds = LONG, by = store): Promise<bigint | undefined> => by.tryLock({ key: of, owner, expirySeconds }, SCOPE);
    const renew = async (of: string, owner: string, expirySeconds = LONG, by = store): Promise<Renewal> => by.renew({ key: of, owner, expirySeconds }, SCOPE);
    const unlock = async (of: string, owner: string, by = store): Promise<Release> => by.unlock({ key: of, owner }, SCOPE);
    /** Takes a lock that must be free. */
    const take = async (of: string, owner: string, expirySeconds = LONG, by = store): Promise<bigint> => {
      const token = await tryLock(of, owner, expirySeconds, by);
      if (token === undefined) throw new Error(`${owner} did not get ${of}`);
      return token;
    };
    /** Takes a lock once it is free. */
    const takeEventually = async (of: string, owner: string): Promise<bigint> => (await eventually(`${of} is free`, () => tryLock(of, owner))) ?? 0n;
    /** Resolves when a lock that is taken now for so long has expired: so have all that were taken before for no longer. */
    const expired = async (seconds: number): Promise<void> => {
      const of = key('-reference');
      await take(of, 'reference', seconds);
      await takeEventually(of, 'next');
    };

    it('has no capabilities: Dapr knows none of lock stores', () => expect(store.features).toEqual([]));

    describe('one owner at a time', () => {
      it('gives a free lock, and refuses one that is held, without an error', async () => {
        const [one, two] = [key(), key()];
        expect(await tryLock(one, 'a', 15)).toBeTypeOf('bigint');
        expect(await tryLock(two, 'a', 3)).toBeTypeOf('bigint');
        expect(await tryLock(one, 'b', 15)).toBeUndefined();
      });

      it('is not re-entrant: its owner is refused as well, and keeps it', async () => {
        const k = key();
        const token = await take(k, 'a');
        expect(await tryLock(k, 'a')).toBeUndefined();
        expect(await renew(k, 'a')).toEqual({ status: 'renewed', token });
      });

      it('lets one of twenty racers win', async () => {
        const k = key();
        const tokens = await Promise.all(Array.from({ length: 20 }, (_, racer) => tryLock(k, `racer-${racer}`)));
        const winners = tokens.flatMap((token, racer) => (token === undefined ? [] : [racer]));
        expect(winners).toHaveLength(1);
        expect(await unlock(k, `racer-${winners[0]}`)).toBe('released');
      });

      it('lets one of twenty racers win each time it is released', async () => {
        const k = key();
        let held = 0;
        let most = 0;
        let wins = 0;
        const race = async (owner: string): Promise<void> => {
          for (let round = 0; round < 20; round++) {
            if ((await tryLock(k, owner)) === undefined) continue;
            wins++;
            most = Math.max(most, ++held);
            await Promise.resolve();
            held--;
            expect(await unlock(k, owner)).toBe('released');
          }
        };
        await Promise.all(Array.from({ length: 20 }, (_, racer) => race(`racer-${racer}`)));
        expect(wins).toBeGreaterThan(0);
        expect(most).toBe(1);
      });
    });

    describe('unlock', () => {
      it('says that there is no such lock', async () => expect(await unlock(key(), 'a')).toBe('absent'));

      it('refuses others, and changes nothing', async () => {
        const k = key();
        await take(k, 'a');
        expect(await unlock(k, 'b')).toBe('others');
        expect(await tryLock(k, 'b')).toBeUndefined();
        expect(await unlock(k, 'a')).toBe('released');
      });

      it('frees the lock for anybody, once', async () => {
        const k = key();
        await take(k, 'a');
        expect(await unlock(k, 'a')).toBe('released');
        expect(await unlock(k, 'a')).toBe('absent');
        await take(k, 'b');
        expect(await unlock(k, 'a')).toBe('others');
      });
    });

    describe.concurrent('expiry', () => {
      it('frees the lock, and not before its time', async () => {
        const k = key();
        const began = performance.now();
        await take(k, 'a', short);
        await takeEventually(k, 'b');
        expect(performance.now() - began).toBeGreaterThan(short * 1000 - CLOCKS_MS);
        expect(await unlock(k, 'a')).toBe('others');
        expect(await renew(k, 'a')).toEqual({ status: 'others' });
      });

      it('leaves nothing to unlock or renew', async () => {
        const k = key();
        await take(k, 'a', short);
        await expired(short);
        expect(await renew(k, 'a')).toEqual({ status: 'absent' });
        expect(await unlock(k, 'a')).toBe('absent');
      });

      it('of one lock leaves others alone', async () => {
        const [brief, long] = [key(), key()];
        await take(long, 'a');
        await take(brief, 'a', short);
        await expired(short);
        expect(await tryLock(long, 'b')).toBeUndefined();
      });

      it('may be as long as an int32 can say', async () => {
        const k = key();
        const token = await take(k, 'a', LONGEST);
        expect(await renew(k, 'a', LONGEST)).toEqual({ status: 'renewed', token });
        expect(await tryLock(k, 'b', LONGEST)).toBeUndefined();
        expect(await unlock(k, 'a')).toBe('released');
      });
    });

    describe.concurrent('renewal', () => {
      it('lets a lock last longer', async () => {
        const k = key();
        const seconds = short + 2;
        const token = await take(k, 'a', seconds);
        expect(await renew(k, 'a')).toEqual({ status: 'renewed', token });
        await expired(seconds);
        expect(await tryLock(k, 'b')).toBeUndefined();
        expect(await renew(k, 'a')).toEqual({ status: 'renewed', token });
      });

      it('counts from now on: it may let a lock end sooner', async () => {
        const k = key();
        await take(k, 'a', LONG);
        expect(await renew(k, 'a', short)).toMatchObject({ status: 'renewed' });
        await takeEventually(k, 'b');
      });

      it('again and again keeps a lock for good', async () => {
        const k = key();
        const seconds = short + 1;
        const token = await take(k, 'a', seconds);
        let over = false;
        const waiting = expired(2 * seconds).finally(() => { over = true; });
        await eventually('twice the expiry has passed', async () => {
          expect(await renew(k, 'a', seconds)).toEqual({ status: 'renewed', token });
          return over;
        });
        await waiting;
        expect(await tryLock(k, 'b')).toBeUndefined();
      });

      it('says that there is no such lock, and makes none', async () => {
        const k = key();
        expect(await renew(k, 'a')).toEqual({ status: 'absent' });
        await take(k, 'b');
      });

      it('refuses others, and changes nothing', async () => {
        const k = key();
        const token = await take(k, 'a');
        expect(await renew(k, 'b', short)).toEqual({ status: 'others' });
        await expired(short);
        expect(await renew(k, 'a')).toEqual({ status: 'renewed', token });
      });

      it('of a released lock says that there is none', async () => {
        const k = key();
        await take(k, 'a');
        await unlock(k, 'a');
        expect(await renew(k, 'a')).toEqual({ status: 'absent' });
      });
    });

    describe('fencing tokens', () => {
      it('grow with each owner, the same one again included', async () => {
        const k = key();
        const tokens: bigint[] = [];
        for (let round = 0; round < 50; round++) {
          tokens.push(await take(k, `owner-${round % 3}`));
          await unlock(k, `owner-${round % 3}`);
        }
        for (const [index, token] of tokens.entries()) expect(token).toBeGreaterThan(tokens[index - 1] ?? 0n);
        expect(tokens.at(-1)).toBeLessThanOrEqual(LAST_TOKEN);
      });

      it('grow over an expiry', async () => {
        const k = key();
        const first = await take(k, 'a', short);
        const second = await takeEventually(k, 'a');
        expect(second).toBeGreaterThan(first);
        expect(await renew(k, 'a')).toEqual({ status: 'renewed', token: second });
      });

      it('stay the same as long as the lock is held', async () => {
        const [k, other] = [key(), key()];
        const token = await take(k, 'a');
        for (let round = 0; round < 5; round++) {
          await take(other, 'b');
          await unlock(other, 'b');
          expect(await renew(k, 'a', LONG + round)).toEqual({ status: 'renewed', token });
        }
      });
    });

    it.each<[what: string, owners: readonly [string, string], suffix: string]>([
      ['long texts', ['x'.repeat(1000), `${'x'.repeat(1000)}y`], 'k'.repeat(500)],
      ['text beyond ASCII', ['Jürgen 🔐', 'Jürgen 🔑'], 'ресурс-資源-🔒'],
      ['quotes, blanks and line ends', [`a'b"c\\ d`, `a'b"c\\ d `], `'";--\r\n\t *?[x] `],
      ['numbers', ['1', '1.0'], '0'],
      ['letters of either case', ['owner', 'Owner'], 'K'],
      ['control characters', ['a\0b', 'a\0c'], '\0\u001f'],
      ['the separator of keys', ['app||a', 'app||b'], '|'],
      ['words that mean something elsewhere', ['__proto__', 'constructor'], 'hasOwnProperty'],
      ['paths', ['/', '//'], 'a/b/../c'],
    ])('tells owners and resources apart: %s', async (_, [owner, other], suffix) => {
      const k = key(suffix);
      const token = await take(k, owner);
      expect(await tryLock(k, other)).toBeUndefined();
      expect(await renew(k, other)).toEqual({ status: 'others' });
      expect(await unlock(k, other)).toBe('others');
      expect(await renew(k, owner)).toEqual({ status: 'renewed', token });
      await take(`${k}.`, other);
      expect(await unlock(k, owner)).toBe('released');
    });

    if (options.shared) it('shows two stores of one backend the same locks', async () => {
      const second = await open();
      try {
        const k = key();
        const token = await take(k, 'a');
        expect(await tryLock(k, 'b', LONG, second)).toBeUndefined();
        expect(await unlock(k, 'b', second)).toBe('others');
        expect(await renew(k, 'a', LONG, second)).toEqual({ status: 'renewed', token });
        expect(await unlock(k, 'a', second)).toBe('released');
        expect(await renew(k, 'a')).toEqual({ status: 'absent' });
        const next = await take(k, 'b', LONG, second);
        expect(next).toBeGreaterThan(token);
        expect(await unlock(k, 'b')).toBe('released');
        expect(await take(k, 'c')).toBeGreaterThan(next);
        const winners = (await Promise.all(Array.from({ length: 20 }, (_, racer) => tryLock(`${k}-race`, `racer-${racer}`, LONG, racer % 2 === 0 ? store : second)))).filter((won) => won !== undefined);
        expect(winners).toHaveLength(1);
      } finally {
        await second.close();
      }
    });

    it('leaves locks as they are when it closes', async () => {
      const first = await open();
      const k = key();
      await take(k, 'a', LONG, first);
      await first.close();
      await first.close();
      if (options.shared) expect(await unlock(k, 'a')).toBe('released');
    });

    if (options.restart !== undefined) it('keeps locks and tokens over a crash of the backend', async () => {
      const [held, released] = [key(), key()];
      const token = await take(held, 'a');
      const former = await take(released, 'a');
      await unlock(released, 'a');
      await options.restart?.();
      /** What the store says once it answers again. */
      const answers = async <T>(ask: () => Promise<T>): Promise<T | undefined> => (await eventually('the store answers again', () => ask().then((value) => [value] as const, () => undefined)))?.[0];
      expect(await answers(() => tryLock(held, 'b'))).toBeUndefined();
      expect(await answers(() => renew(held, 'a'))).toEqual({ status: 'renewed', token });
      // an attempt whose answer got lost may have taken it
      await answers(() => unlock(released, 'a'));
      const next = await answers(() => tryLock(released, 'a'));
      if (next !== undefined) expect(next).toBeGreaterThan(former);
      else expect(await renew(released, 'a')).toMatchObject({ status: 'renewed' });
    });
  });
}
