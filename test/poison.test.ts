// Calls over which lives end: which are suspected, when one is refused, and how innocence shows. The clock is ours.
import { describe, expect, it } from 'vitest';
import { EMPTY, Flag } from '../ipc/frame.ts';
import type { CallRequest } from '../kernel/call.ts';
import { FORGET_MS, MAX_BLAMED, MAX_DIGESTS, PAROLE_MS, Poison, type Suspect } from '../kernel/poison.ts';
import { ROUTE } from '../proto/routes.ts';
import { memoryLog } from './support.ts';

const read = (key: string, over: Partial<CallRequest> = {}): CallRequest => ({ route: ROUTE.GetState, flags: Flag.HTTP, head: [['store', key], ''], body: EMPTY, deadlineMs: 0, ...over });
const write = (text: string, over: Partial<CallRequest> = {}): CallRequest => ({ route: ROUTE.SaveState, flags: 0, head: undefined, body: Buffer.from(text), deadlineMs: 0, ...over });

function poisonOf(deaths = 3) {
  const clock = { ms: 0 };
  const log = memoryLog();
  const poison = new Poison({ block: 'state', deaths, log, now: () => clock.ms });
  const suspicion = (request: CallRequest): Suspect => poison.suspicionOf(request) as Suspect;
  return {
    clock, log, poison, suspicion,
    deathsOf: (request: CallRequest): number | undefined => poison.suspicionOf(request)?.deaths,
    isRefused: (request: CallRequest): boolean => poison.suspicionOf(request) !== undefined && poison.refuses(request, suspicion(request)),
    die: (times: number, ...requests: CallRequest[]): void => {
      for (let i = 0; i < times; i++) poison.lifeEnded(requests);
    },
  };
}

describe('suspicion', () => {
  it('grows with each death in a row, and refuses at the limit', () => {
    const { poison, die, deathsOf, isRefused } = poisonOf();
    expect(poison.alert).toBe(false);
    die(2, read('a'));
    expect([poison.alert, deathsOf(read('a')), isRefused(read('a'))]).toEqual([true, 2, false]);
    die(1, read('a'));
    expect([isRefused(read('a')), poison.refusedKinds]).toEqual([true, 1]);
    expect(deathsOf(read('b'))).toBe(undefined);
  });

  it('ends with a death at which no such call was in flight, and with an answer', () => {
    const { poison, die, deathsOf, suspicion } = poisonOf();
    die(2, read('a'), read('b'));
    die(1, read('b'));
    expect([deathsOf(read('a')), deathsOf(read('b'))]).toEqual([undefined, 3]);
    die(1, read('c'));
    poison.acquit(suspicion(read('c')));
    expect(deathsOf(read('c'))).toBe(undefined);
    poison.acquit(suspicion(read('b')));
    expect(poison.alert).toBe(false);
  });

  it('counts a death once, however many such calls there were', () => {
    const { die, deathsOf } = poisonOf();
    die(1, read('a'), read('a'), read('a'));
    expect(deathsOf(read('a'))).toBe(1);
  });

  it.each<[string, CallRequest, boolean]>([
    ['another key', read('b'), false],
    ['another query', read('a', { head: [['store', 'a'], 'consistency=strong'] }), false],
    ['another header', read('a', { head: [['store', 'a'], '', ['if-match', '1']] }), false],
    ['over gRPC', read('a', { flags: 0 }), false],
    ['another route', read('a', { route: ROUTE.DeleteState }), false],
    ['another body', read('a', { body: Buffer.from('x') }), false],
    ['another deadline', read('a', { deadlineMs: 5 }), true],
    ['another trace', read('a', { head: [['store', 'a'], '', ['traceparent', '00-1']] }), false],
    ['a head that is none', read('a', { head: undefined }), false],
  ])('knows a call by what it asks for: %s', (_, request, same) => {
    const { die, deathsOf } = poisonOf();
    die(1, read('a'));
    expect(deathsOf(request) !== undefined).toBe(same);
  });

  it('does not look at what differs from trace to trace', () => {
    const { die, deathsOf } = poisonOf();
    const traced = (trace: string): CallRequest => write('x', { route: ROUTE.PublishEvent, head: [['p', 't'], '', ['content-type', 'a/b', 'traceparent', trace, 'tracestate', trace, 'grpc-trace-bin', trace]] });
    die(1, traced('1'));
    expect(deathsOf(traced('2'))).toBe(1);
  });

  it('is never one where the limit is 0, and nothing is kept', () => {
    const { poison, die } = poisonOf(0);
    die(5, read('a'));
    expect(poison.alert).toBe(false);
  });

  it('is refused after a single death where the limit is 1', () => {
    const { die, isRefused } = poisonOf(1);
    die(1, read('a'));
    expect(isRefused(read('a'))).toBe(true);
  });

  it('is forgotten after ten minutes without such a call; a call that is refused renews it', () => {
    const { poison, clock, die, deathsOf, isRefused } = poisonOf();
    die(3, read('a'));
    for (let i = 0; i < 5; i++) {
      clock.ms += FORGET_MS;
      expect(isRefused(read('a'))).toBe(true);
    }
    clock.ms += FORGET_MS + 1;
    expect(deathsOf(read('b')), 'any call tidies up').toBe(undefined);
    expect(poison.alert).toBe(false);
  });

  it('is forgotten when the block is no more what it was', () => {
    const { poison, die, deathsOf } = poisonOf();
    die(3, read('a'));
    poison.clear();
    expect([poison.alert, deathsOf(read('a'))]).toEqual([false, undefined]);
  });

  it('is bounded: calls of a death, their bytes, and kinds in all', () => {
    const { poison, die, deathsOf } = poisonOf(1);
    die(1, ...Array.from({ length: 3 * MAX_BLAMED }, (_, i) => read(`k${i}`)));
    expect([deathsOf(read(`k${MAX_BLAMED - 1}`)), deathsOf(read(`k${MAX_BLAMED}`))]).toEqual([1, undefined]);
    for (let i = 0; i < MAX_DIGESTS; i++) poison.lifeEnded([read(`n${i}`)]);
    expect(poison.refusedKinds).toBe(MAX_DIGESTS);
    expect([deathsOf(read('k0')), deathsOf(read('n0'))]).toEqual([undefined, 1]);
    let bodies = 0;
    poison.lifeEnded((function* () {
      for (;;) yield write(String(bodies++), { body: Buffer.alloc(1 << 20, bodies) });
    })());
    expect(bodies).toBeLessThan(12);
  });

  it('is said once, with the route and a digest, and no word of the key or the body', () => {
    const { log, die } = poisonOf();
    die(5, write('{"secret":"sauce"}'));
    expect(log.records).toHaveLength(1);
    expect(log.texts('error')[0]).toMatch(/^calls of SaveState with digest [0-9a-f]{16} are refused from now on: such a call was in flight at each of the last 3 deaths of the state block$/);
  });
});

describe('calls that were not alone at the deaths', () => {
  it('are let through again, one at a time, and taken again once one is answered', () => {
    const { poison, clock, log, die, suspicion, isRefused } = poisonOf();
    die(3, read('a'), read('b'));
    expect([isRefused(read('a')), isRefused(read('b'))]).toEqual([true, true]);
    clock.ms += PAROLE_MS;
    const tried = read('a');
    expect([isRefused(tried), isRefused(tried), isRefused(read('a')), isRefused(read('b'))]).toEqual([false, false, true, true]);
    poison.acquit(suspicion(tried));
    expect([isRefused(read('a')), isRefused(read('b')), isRefused(read('b'))], 'it is b\'s turn').toEqual([false, false, true]);
    expect(log.texts('info')).toEqual([expect.stringMatching(/is let through/), expect.stringMatching(/are taken again/), expect.stringMatching(/is let through/)]);
  });

  it('wait twice as long after each further death, and for good after one that they brought alone', () => {
    const { clock, die, isRefused } = poisonOf();
    die(3, read('a'), read('b'));
    for (const times of [1, 2, 4, 8, 10, 10]) {
      clock.ms += times * PAROLE_MS - 1;
      expect([isRefused(read('a')), isRefused(read('b'))]).toEqual([true, true]);
      clock.ms += 1;
      expect(isRefused(read('a'))).toBe(false);
      die(1, read('a'), read('b'));
    }
    clock.ms += FORGET_MS;
    expect(isRefused(read('a'))).toBe(false);
    die(1, read('a'));
    for (let i = 0; i < 10; i++) {
      clock.ms += FORGET_MS / 2;
      expect(isRefused(read('a'))).toBe(true);
    }
  });

  it('make room for the next one when nothing comes of a trial', () => {
    const { poison, clock, die, isRefused } = poisonOf();
    die(3, read('a'), read('b'));
    clock.ms += PAROLE_MS;
    const tried = read('a');
    expect([isRefused(tried), isRefused(read('b'))]).toEqual([false, true]);
    poison.settled(read('a')); // another one
    expect(isRefused(read('b'))).toBe(true);
    poison.settled(tried);
    expect([isRefused(read('b')), isRefused(read('a'))]).toEqual([false, true]);
  });

  it('alone are never let through again', () => {
    const { clock, die, isRefused } = poisonOf();
    die(3, read('a'));
    for (let i = 0; i < 20; i++) {
      clock.ms += PAROLE_MS;
      expect(isRefused(read('a'))).toBe(true);
    }
  });
});
