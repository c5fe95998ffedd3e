// Circuit breakers against a model of Go's gobreaker that keeps a history instead of counts, and the expressions that trip them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Breaker, BreakerRefusal, type BreakerState, type Counts, type Permit } from '../blocks/resiliency/breaker.ts';
import { isRetried } from '../blocks/resiliency/matching.ts';
import { tripsOf } from '../blocks/resiliency/trip.ts';

interface Settings {
  readonly maxRequests: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row that open it. */
  readonly trip: number;
}

type Fate = 'running' | 'succeeded' | 'failed' | 'abandoned';

/** A call in the model, and when it ended. */
interface Call {
  readonly period: number;
  fate: Fate;
}

/** The breaker as a story: periods of one state each, the calls of the present one in the order they ended. */
class Model {
  nowMs = 0;
  state: BreakerState = 'closed';
  readonly changes: string[] = [];
  readonly #settings: Settings;
  #period = 0;
  #sinceMs = 0;
  /** Of the present period. */
  #entered = 0;
  #ended: Fate[] = [];

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  look(): BreakerState {
    const { intervalMs, timeoutMs } = this.#settings;
    const ageMs = this.nowMs - this.#sinceMs;
    if (this.state === 'open' && ageMs > timeoutMs) this.#begin('half-open');
    else if (this.state === 'closed' && intervalMs > 0 && ageMs > intervalMs) this.#begin('closed');
    return this.state;
  }

  enter(): Call | string {
    const state = this.look();
    if (state === 'open') return 'circuit breaker is open';
    if (state === 'half-open' && this.#entered >= this.#settings.maxRequests) return 'too many requests';
    this.#entered++;
    return { period: this.#period, fate: 'running' };
  }

  end(call: Call, fate: Fate): void {
    this.look();
    call.fate = fate;
    if (call.period !== this.#period) return;
    if (fate === 'abandoned') {
      this.#entered--;
      return;
    }
    this.#ended.push(fate);
    const last = this.#ended.slice(this.#ended.findLastIndex((one) => one !== fate) + 1).length;
    if (this.state === 'half-open') {
      if (fate === 'failed') this.#begin('open');
      else if (last >= this.#settings.maxRequests) this.#begin('closed');
    } else if (fate === 'failed' && last > this.#settings.trip) this.#begin('open');
  }

  counts(): Counts {
    const of = (fate: Fate): number => this.#ended.filter((one) => one === fate).length;
    const row = (fate: Fate): number => this.#ended.length - 1 - this.#ended.findLastIndex((one) => one !== fate);
    return { requests: this.#entered, totalSuccesses: of('succeeded'), totalFailures: of('failed'), consecutiveSuccesses: row('succeeded'), consecutiveFailures: row('failed') };
  }

  #begin(state: BreakerState): void {
    if (state !== this.state) this.changes.push(`${this.state} to ${state}`);
    this.state = state;
    this.#period++;
    this.#sinceMs = this.nowMs;
    this.#entered = 0;
    this.#ended = [];
  }
}

type Step = { readonly kind: 'enter' } | { readonly kind: 'look' } | { readonly kind: 'wait'; readonly ms: number } | { readonly kind: 'end'; readonly which: number; readonly fate: Exclude<Fate, 'running'> };

describe('a circuit breaker', () => {
  it('does what gobreaker does, whatever happens in whatever order', () => {
    const steps: fc.Arbitrary<Step[]> = fc.array(fc.oneof(
      { weight: 5, arbitrary: fc.constant<Step>({ kind: 'enter' }) },
      { weight: 5, arbitrary: fc.record<Step & { kind: 'end' }>({ kind: fc.constant('end'), which: fc.nat(4), fate: fc.constantFrom('succeeded', 'failed', 'failed', 'abandoned') }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 4, 5, 6, 30) }) },
      fc.constant<Step>({ kind: 'look' }),
    ), { maxLength: 60 });
    const settings = fc.record({ maxRequests: fc.integer({ min: 1, max: 3 }), intervalMs: fc.constantFrom(0, 5, 20), timeoutMs: fc.constantFrom(1, 5, 10), trip: fc.integer({ min: 0, max: 3 }) });
    fc.assert(fc.property(settings, steps, (given, sequence) => {
      const model = new Model(given);
      const changes: string[] = [];
      let asked: Counts | undefined;
      const trips = (counts: Counts): boolean => {
        asked = counts;
        return counts.consecutiveFailures > given.trip;
      };
      const breaker = new Breaker<string>(given, trips, (from, to, who) => changes.push(`${from} to ${to}${who === 'me' ? '' : ` by ${who}`}`), () => model.nowMs);
      const running: { readonly permit: Permit; readonly call: Call }[] = [];
      for (const step of sequence) {
        if (step.kind === 'wait') model.nowMs += step.ms;
        else if (step.kind === 'look') expect(breaker.state('me')).toBe(model.look());
        else if (step.kind === 'enter') {
          const call = model.enter();
          if (typeof call === 'string') expect(() => breaker.enter('me')).toThrow(new BreakerRefusal(call));
          else running.push({ permit: breaker.enter('me'), call });
        } else {
          const [one] = running.splice(step.which % Math.max(1, running.length), 1);
          if (one === undefined) continue;
          asked = undefined;
          const before = model.counts();
          model.end(one.call, step.fate);
          breaker[step.fate](one.permit, 'me');
          const failures = asked as Counts | undefined; // asked about a failure only, with what was counted by then
          if (failures !== undefined) expect(failures).toEqual({ ...before, totalFailures: before.totalFailures + 1, consecutiveFailures: before.consecutiveFailures + 1, consecutiveSuccesses: 0 });
        }
        expect(changes).toEqual(model.changes);
      }
      expect(breaker.state('me')).toBe(model.look());
    }), { numRuns: 500 });
  });

  it('tells whose call has changed it, and needs no call to be told that it may be tried again', () => {
    let nowMs = 0;
    const heard: unknown[][] = [];
    const breaker = new Breaker<string>({ maxRequests: 1, intervalMs: 0, timeoutMs: 10 }, () => true, (...change) => heard.push(change), () => nowMs);
    breaker.failed(breaker.enter('in'), 'out');
    nowMs = 11;
    expect(breaker.state('in')).toBe('half-open');
    breaker.succeeded(breaker.enter('in'), 'in');
    expect(heard).toEqual([['closed', 'open', 'out'], ['open', 'half-open', 'in'], ['half-open', 'closed', 'in']]);
  });
});

describe('a trip expression', () => {
  const COUNTS: Counts = { requests: 10, totalSuccesses: 4, totalFailures: 6, consecutiveSuccesses: 0, consecutiveFailures: 5 };

  it.each([
    ['consecutiveFailures > 5', false], ['consecutiveFailures > 4', true], [' consecutiveFailures>=5 ', true], ['requests > 9', true], ['totalSuccesses >= 5', false],
    ['consecutiveFailures == 5', true], ['requests > 5 && totalFailures > 3', true], ['totalFailures * 2 > requests', true], ['double(totalFailures) / double(requests) > 0.7', false],
    ['totalFailures / requests > 0', false], ['consecutiveSuccesses != 0 || requests < 3', false], ['true', true], ['false', false],
    ['requests', false], ['"text"', false], ['unknown > 1', false], ['requests / consecutiveSuccesses > 1', false],
  ])('%s comes to %s', async (expression, expected) => {
    expect((await tripsOf(expression))(COUNTS)).toBe(expected);
  });

  it.each(['consecutiveFailures >', 'consecutiveFailures > > 5', 'nonsense(requests)', '(((', `${'!'.repeat(20_000)}true`])('that is none is refused: %s', async (expression) => {
    await expect((async () => tripsOf(expression))()).rejects.toThrow(/./);
  });
});

describe('matching', () => {
  const GRPC = { grpcStatusCodes: [[1, 4], [14, 14]] as const, httpStatusCodes: [] };
  const HTTP = { grpcStatusCodes: [], httpStatusCodes: [[429, 429], [500, 599]] as const };
  it.each<[object, number | undefined, boolean]>([
    [GRPC, 1, true], [GRPC, 4, true], [GRPC, 5, false], [GRPC, 14, true], [GRPC, 0, false], [GRPC, 503, true], [GRPC, 404, true], [GRPC, undefined, true],
    [HTTP, 429, true], [HTTP, 428, false], [HTTP, 599, true], [HTTP, 400, false], [HTTP, 14, true], [HTTP, undefined, true], [HTTP, 17, false], [HTTP, 600, false], [HTTP, 99, false],
  ])('%j retries a failure with code %s: %s', (policy, code, expected) => {
    expect(isRetried(policy as typeof GRPC, code)).toBe(expected);
  });
});
