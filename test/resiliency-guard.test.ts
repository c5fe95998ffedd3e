// Calls under policies: when they are tried again and when no more, what ends an attempt, what the breaker hears of it, what is
// logged and counted once.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CallScope } from '../blocks/block.ts';
import type { Awaitable } from '../blocks/driver.ts';
import { AppFailure } from '../blocks/resiliency/app-failure.ts';
import { runGuarded } from '../blocks/resiliency/callbacks.ts';
import type { Direction } from '../blocks/resiliency/counts.ts';
import type { Guard } from '../blocks/resiliency/guard.ts';
import { openGuards } from '../blocks/resiliency/guards.ts';
import { Pauses } from '../blocks/resiliency/pauses.ts';
import { MEASURES } from '../proto/measures.ts';
import { CountingMeter } from '../proto/meter.ts';
import type { BreakerPolicy, PolicySet, RetryPolicy } from '../proto/resiliency.ts';
import { memoryLog, SCOPE, type MemoryLog } from './support.ts';

const RESOURCE = { name: 'r', namespace: 'ns' };
const RETRY: RetryPolicy = { policy: 'constant', durationMs: 100, maxIntervalMs: 60_000, maxElapsedMs: 900_000, maxRetries: 3, httpStatusCodes: [], grpcStatusCodes: [] };
const BREAKER: BreakerPolicy = { name: 'cb', maxRequests: 1, intervalMs: 0, timeoutMs: 1_000, trip: 'consecutiveFailures > 1' };
const FAILS = { failure: new Error('the store is away') };
const fails = (): Promise<never> => Promise.reject(FAILS.failure);

class Answer extends Error {}

interface Setting {
  readonly guard: Guard;
  readonly inbound: Guard;
  readonly log: MemoryLog;
  /** Series with their values, but for those that are 0. */
  counts(): Record<string, number>;
}

async function under(policies: Partial<PolicySet>, inbound: Partial<PolicySet> = policies): Promise<Setting> {
  const log = memoryLog();
  const meter = new CountingMeter({ table: MEASURES });
  const set = (given: Partial<PolicySet>): PolicySet => ({ resource: RESOURCE, ...given });
  const guards = await openGuards({ target: 'Statestore_s', outbound: set(policies), inbound: set(inbound) }, { component: 's', meter, log, isAnswer: (cause) => cause instanceof Answer });
  return {
    guard: guards.outbound!, inbound: guards.inbound!, log,
    counts: () => Object.fromEntries(meter.pack().filter(([, , value]) => value !== 0).map(([name, [direction, , , policy, status], value]) => [`${name.replace('resiliency_', '')} ${direction === 'outbound' ? '' : `${direction} `}${policy} ${status}`.trim(), value as number])),
  };
}

/** What became of a call that has not been waited for. */
function watched(call: Awaitable<unknown>): { outcome: unknown } {
  const seen: { outcome: unknown } = { outcome: 'pending' };
  Promise.resolve(call).then((value) => { seen.outcome = value; }, (cause: unknown) => { seen.outcome = cause instanceof Error ? cause.message : cause; });
  return seen;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('retries', () => {
  it('come after the pauses of the policy, and tell the last failure when there are no more', async () => {
    const { guard, log, counts } = await under({ retry: RETRY });
    const attempt = vi.fn(fails);
    const call = watched(guard.run(SCOPE, attempt));
    for (const [ms, attempts] of [[0, 1], [99, 1], [1, 2], [100, 3], [99, 3], [1, 4]] as const) {
      await vi.advanceTimersByTimeAsync(ms);
      expect(attempt).toHaveBeenCalledTimes(attempts);
    }
    expect(call.outcome).toBe('the store is away');
    expect(log.records.map(({ level, text }) => `${level} ${text}`)).toEqual(['info Error processing operation component[s] output. Retrying in 100ms…', 'debug Error for operation component[s] output was: the store is away']);
    expect(counts()).toEqual({ 'count retry': 1, 'activations_total retry': 1 });
  });

  it('are over with the first success', async () => {
    const { guard, log, counts } = await under({ retry: RETRY });
    const attempt = vi.fn<(scope: CallScope) => Promise<string>>().mockImplementationOnce(fails).mockImplementationOnce(fails).mockResolvedValue('value');
    const call = watched(guard.run(SCOPE, attempt));
    await vi.advanceTimersByTimeAsync(200);
    expect(call.outcome).toBe('value');
    expect(log.texts('info')).toEqual(['Error processing operation component[s] output. Retrying in 100ms…', 'Recovered processing operation component[s] output after 3 attempts']);
    expect(counts()).toEqual({ 'count retry': 1, 'activations_total retry': 1 });
  });

  it('need no promise where the first attempt answers at once, and one where it fails at once', async () => {
    const { guard } = await under({ retry: RETRY, timeoutMs: 50, breaker: BREAKER });
    expect(guard.run(SCOPE, () => 'now')).toBe('now');
    const attempt = vi.fn<() => string>().mockImplementationOnce(() => { throw FAILS.failure; }).mockReturnValue('later');
    const call = watched(guard.run(SCOPE, attempt));
    await vi.advanceTimersByTimeAsync(100);
    expect(call.outcome).toBe('later');
  });

  it.each([[0, 1], [1, 2], [-1, 500]])('with at most %i of them make %i attempts', async (maxRetries, attempts) => {
    const { guard } = await under({ retry: { ...RETRY, maxRetries, durationMs: 0 } });
    let made = 0;
    const attempt = vi.fn(async () => (++made < 500 ? fails() : 'at last'));
    const call = watched(guard.run(SCOPE, attempt));
    for (let turn = 0; turn < 500; turn++) await vi.advanceTimersByTimeAsync(1);
    expect(attempt).toHaveBeenCalledTimes(attempts);
    expect(call.outcome).toBe(maxRetries < 0 ? 'at last' : 'the store is away');
  });

  it('do not follow an answer, a failure with a code that is not among the policy\'s, or a caller that has left', async () => {
    const { guard } = await under({ retry: { ...RETRY, httpStatusCodes: [[500, 599]] } });
    const leaving = new AbortController();
    for (const [scope, cause] of [[SCOPE, new Answer('etag')], [SCOPE, new AppFailure('not found', { code: 404 })], [SCOPE, new AppFailure('away', { unasked: true })], [leaving, FAILS.failure]] as const) {
      const attempt = vi.fn(() => {
        leaving.abort();
        return Promise.reject(cause);
      });
      await expect(guard.run(scope, attempt)).rejects.toBe(cause);
      expect(attempt).toHaveBeenCalledTimes(1);
    }
    const attempt = vi.fn(() => Promise.reject(new AppFailure('busy', { code: 503 })));
    const call = watched(guard.run(SCOPE, attempt));
    await vi.advanceTimersByTimeAsync(1_000);
    expect([call.outcome, attempt.mock.calls.length]).toEqual(['busy', 4]);
  });

  it('end at once when the caller leaves, or the guard closes, in a pause', async () => {
    const { guard } = await under({ retry: RETRY });
    const leaving = new AbortController();
    const attempt = vi.fn(fails);
    const [left, stays] = [watched(guard.run(leaving, attempt)), watched(guard.run(SCOPE, attempt))];
    await vi.advanceTimersByTimeAsync(50);
    leaving.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect([left.outcome, stays.outcome]).toEqual(['the store is away', 'pending']);
    const fork = guard.fork();
    guard.close();
    await vi.advanceTimersByTimeAsync(0);
    expect([stays.outcome, attempt.mock.calls.length]).toEqual(['the store is away', 2]);
    expect(await Promise.resolve(guard.run(SCOPE, () => 'still works'))).toBe('still works');
    await expect(guard.run(SCOPE, fails)).rejects.toThrow('away');
    const other = watched(fork.run(SCOPE, fails));
    await vi.advanceTimersByTimeAsync(300);
    expect(other.outcome).toBe('the store is away');
  });

  it('of the exponential kind wait longer and longer, within chance, up to the longest pause and the longest time', () => {
    const pauses = (random: number, policy: Partial<RetryPolicy>, count: number): (number | undefined)[] => {
      let nowMs = 1_000;
      const all = new Pauses({ ...RETRY, policy: 'exponential', maxRetries: -1, ...policy }, nowMs, { nowMs: () => nowMs, random: () => random });
      return Array.from({ length: count }, () => {
        const pauseMs = all.next();
        nowMs += pauseMs ?? 0;
        return pauseMs;
      });
    };
    expect(pauses(0.5, {}, 5)).toEqual([500, 750, 1_125, 1_687.5, 2_531.25]);
    expect(pauses(0, { maxIntervalMs: 600 }, 4)).toEqual([250, 300, 300, 300]);
    expect(pauses(0.5, { maxIntervalMs: 100 }, 3)).toEqual([500, 100, 100]);
    expect(pauses(0.5, { maxRetries: 2 }, 3)).toEqual([500, 750, undefined]);
    expect(pauses(0.5, { maxElapsedMs: 2_000 }, 4)).toEqual([500, 750, undefined, undefined]);
    expect(pauses(1 - 1e-9, {}, 1)[0]).toBeCloseTo(750, 3);
  });
});

describe('a timeout', () => {
  it('ends each attempt and aborts what it does, and counts once', async () => {
    const { guard, counts, log } = await under({ timeoutMs: 10, retry: { ...RETRY, maxRetries: 2, durationMs: 5 } });
    const signals: AbortSignal[] = [];
    const call = watched(guard.run(SCOPE, ({ signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    }));
    await vi.advanceTimersByTimeAsync(9);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    await vi.advanceTimersByTimeAsync(7);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    await vi.advanceTimersByTimeAsync(30);
    expect([call.outcome, signals.map(({ aborted }) => aborted)]).toEqual(['context deadline exceeded', [true, true, true]]);
    expect(counts()).toEqual({ 'count timeout': 1, 'count retry': 1, 'activations_total timeout': 1, 'activations_total retry': 1 });
    expect(log.texts('debug')).toEqual(['Error for operation component[s] output was: context deadline exceeded']);
  });

  it('leaves alone what is done in time, and what comes late is nobody\'s', async () => {
    const { guard, counts } = await under({ timeoutMs: 10 });
    expect(await guard.run(SCOPE, () => Promise.resolve(1))).toBe(1);
    expect(() => guard.run(SCOPE, () => { throw FAILS.failure; })).toThrow('away');
    await expect(guard.run(SCOPE, fails)).rejects.toThrow('away');
    const late = watched(guard.run(SCOPE, () => new Promise((_, reject) => { setTimeout(() => reject(FAILS.failure), 20); })));
    await vi.advanceTimersByTimeAsync(20);
    expect([late.outcome, counts()]).toEqual(['context deadline exceeded', { 'count timeout': 4, 'activations_total timeout': 1 }]);
  });

  it('passes on that the caller has left, also to who asks late', async () => {
    const { guard } = await under({ timeoutMs: 10 });
    const leaving = new AbortController();
    let attempt: CallScope | undefined;
    const call = watched(guard.run(leaving, (scope) => {
      attempt = scope;
      return new Promise((_, reject) => scope.signal.addEventListener('abort', () => reject(scope.signal.reason as Error)));
    }));
    leaving.abort(new Error('gone'));
    await vi.advanceTimersByTimeAsync(0);
    expect([call.outcome, attempt?.signal.aborted]).toEqual(['gone', true]);
    let late: CallScope | undefined;
    watched(guard.run(SCOPE, (scope) => {
      late = scope;
      return new Promise(() => {});
    }));
    await vi.advanceTimersByTimeAsync(10);
    expect(late?.signal.aborted).toBe(true);
  });
});

describe('a breaker', () => {
  it('refuses at once what it is shared by, is not asked again, and lets one through after its time', async () => {
    const { guard, inbound, log, counts } = await under({ breaker: BREAKER, retry: RETRY });
    const attempt = vi.fn(fails);
    const first = watched(guard.run(SCOPE, attempt));
    await vi.advanceTimersByTimeAsync(100);
    expect([first.outcome, attempt.mock.calls.length]).toEqual(['pending', 2]); // the second failure has opened it
    await vi.advanceTimersByTimeAsync(100);
    expect([first.outcome, attempt.mock.calls.length]).toEqual(['circuit breaker is open', 2]);
    await expect(inbound.run(SCOPE, attempt)).rejects.toThrow('circuit breaker is open');
    expect(counts()).toEqual({
      'count retry': 1, 'count circuitbreaker closed': 1, 'activations_total retry': 1, 'activations_total circuitbreaker open': 1, 'cb_state circuitbreaker open': 1,
      'count inbound retry': 1, 'count inbound circuitbreaker open': 1, 'cb_state inbound circuitbreaker open': 1,
    });
    await vi.advanceTimersByTimeAsync(1_001);
    let answer: (value: string) => void = () => undefined;
    const probe = watched(guard.run(SCOPE, () => new Promise<string>((resolve) => { answer = resolve; })));
    await expect(guard.run(SCOPE, attempt)).rejects.toThrow('too many requests');
    answer('well again');
    await vi.advanceTimersByTimeAsync(0);
    expect(probe.outcome).toBe('well again');
    expect(log.texts('info').filter((text) => text.startsWith('Circuit'))).toEqual([
      'Circuit breaker "cb-s" changed state from closed to open', 'Circuit breaker "cb-s" changed state from open to half-open', 'Circuit breaker "cb-s" changed state from half-open to closed',
    ]);
    expect(counts()).toMatchObject({ 'cb_state circuitbreaker closed': 1, 'cb_state inbound circuitbreaker closed': 1, 'activations_total circuitbreaker half-open': 1, 'activations_total circuitbreaker closed': 1 });
  });

  it('counts failures, but neither answers nor calls that were not made', async () => {
    const { guard, counts } = await under({ breaker: BREAKER, timeoutMs: 5 });
    const each = async (cause: Error): Promise<void> => {
      for (let i = 0; i < 3; i++) await expect((async () => guard.run(SCOPE, () => Promise.reject(cause)))()).rejects.toBe(cause);
    };
    await each(new Answer('etag'));
    await each(new AppFailure('away', { unasked: true }));
    expect(() => guard.run(SCOPE, () => { throw FAILS.failure; })).toThrow('away');
    await expect(guard.run(SCOPE, () => Promise.reject(new Answer('etag')))).rejects.toThrow('etag');
    expect(counts()).toMatchObject({ 'cb_state circuitbreaker closed': 1 });
    const hung = [1, 2].map(() => watched(guard.run(SCOPE, () => new Promise(() => {}))));
    await vi.advanceTimersByTimeAsync(5);
    expect(hung.map(({ outcome }) => outcome)).toEqual(['context deadline exceeded', 'context deadline exceeded']);
    expect(() => guard.run(SCOPE, () => 1)).toThrow('circuit breaker is open');
  });

  it('whose expression is none is left out, and said so in daprd\'s words', async () => {
    const { guard, log } = await under({ breaker: { ...BREAKER, trip: 'requests >' } }, {});
    for (let i = 0; i < 5; i++) await expect(guard.run(SCOPE, fails)).rejects.toThrow('away');
    expect(log.texts('error')).toEqual([expect.stringMatching(/^Could not read resiliency policy r: invalid circuit breaker configuration "cb": invalid trip "requests >": .* in requests >; s has no circuit breaker$/)]);
  });

  it.each<[Direction, string]>([['outbound', 'out'], ['inbound', 'in']])('is the one of the %s policy where only that has one', async (direction, name) => {
    const own = { breaker: { ...BREAKER, name } };
    const { guard, inbound, log } = await (direction === 'outbound' ? under(own, {}) : under({}, own));
    for (let i = 0; i < 3; i++) await expect((async () => (direction === 'outbound' ? guard : inbound).run(SCOPE, fails))()).rejects.toThrow(/./);
    expect(log.texts('info')).toEqual([`Circuit breaker "${name}-s" changed state from closed to open`]);
    expect((direction === 'outbound' ? inbound : guard).run(SCOPE, () => 1)).toBe(1);
  });
});

describe('a call that answers by a callback', () => {
  it('is given up with its attempt, and tried again', async () => {
    const { guard } = await under({ timeoutMs: 10, retry: { ...RETRY, durationMs: 5 } });
    const events: string[] = [];
    let succeed: (value: string) => void = () => undefined;
    runGuarded<string>(guard, (resolve) => {
      events.push('start');
      succeed = resolve;
      return () => events.push('given up');
    }, (value) => events.push(`done: ${value}`), () => events.push('failed'));
    await vi.advanceTimersByTimeAsync(16);
    succeed('x');
    await vi.advanceTimersByTimeAsync(10);
    expect(events).toEqual(['start', 'given up', 'start', 'done: x']);
  });

  it('that is given up is not tried again, and nobody hears of it', async () => {
    const { guard } = await under({ retry: RETRY });
    const heard = vi.fn();
    let attempts = 0;
    const giveUp = runGuarded<string>(guard, (_, reject) => {
      attempts++;
      queueMicrotask(() => reject(FAILS.failure));
      return () => undefined;
    }, heard, heard);
    await vi.advanceTimersByTimeAsync(150);
    giveUp();
    await vi.advanceTimersByTimeAsync(1_000);
    expect([attempts, heard.mock.calls]).toEqual([2, []]);
  });

  it('that can\'t even begin throws', async () => {
    const { guard } = await under({ retry: RETRY, breaker: BREAKER, timeoutMs: 5 });
    const heard = vi.fn();
    expect(() => runGuarded(guard, () => { throw FAILS.failure; }, heard, heard)).toThrow('away');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(heard).not.toHaveBeenCalled();
  });
});
