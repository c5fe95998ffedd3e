// Calls over which lives end: which are suspected, when one is refused, and how innocence shows. The clock is ours.
import { describe, expect, it } from 'vitest';
import { Calls, type IncomingCall } from '../ipc/calls.ts';
import { EMPTY, Flag } from '../ipc/frame.ts';
import { openLocalPair } from '../ipc/local.ts';
import type { BlackBox } from '../ipc/vitals.ts';
import { MAX_ABANDONED } from '../kernel/abandoned.ts';
import type { Answer, CallRequest } from '../kernel/call.ts';
import { FORGET_MS, MAX_BLAMED, MAX_DIGESTS, PAROLE_MS, Poison, type Suspect } from '../kernel/poison.ts';
import { Seat, type SeatLimits } from '../kernel/seat.ts';
import { Grpc, type Failure } from '../proto/errors.ts';
import { ROUTE, type Route } from '../proto/routes.ts';
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

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A seat whose lives are ours to end. */
function seated(limits: Partial<SeatLimits> = {}) {
  const log = memoryLog();
  const seat = new Seat('state', { holdMs: 1_000, maxHeld: 100, maxHeldBytes: 1 << 20, maxInFlight: 100, maxStreams: 10, ...limits }, new Poison({ block: 'state', deaths: 3, log }));
  const live = (recorder: 'recorder' | 'none' = 'recorder') => {
    const [near, far] = openLocalPair({ maxFrameBytes: 1 << 20 });
    const opened: IncomingCall[] = [];
    const flights: { call: number; method: number }[] = [];
    const limitsOfCalls = { maxIncoming: 1_000, maxQueuedBytes: 1 << 20 };
    new Calls(far, { ids: 'even', ...limitsOfCalls, serve: (call) => {
      opened.push(call);
      flights.push({ call: call.id, method: call.method });
    } });
    let orderly = false;
    const box = (): BlackBox | undefined => (recorder === 'none' ? undefined : { flights, lastWords: '' });
    const calls = new Calls(near, { ids: 'odd', ...limitsOfCalls, serve: () => {}, ending: () => {
      if (!orderly) seat.died(calls, box());
    } });
    void calls.ended.then(() => seat.detach(calls, 'it is restarting'));
    return {
      calls, opened, flights,
      attach: () => seat.attach(calls, () => {}),
      die: async (): Promise<void> => {
        far.close();
        await calls.ended;
        await turn();
      },
      close: async (): Promise<void> => {
        orderly = true;
        calls.close();
        await calls.ended;
        await turn();
      },
    };
  };
  const ask = (request: CallRequest) => {
    const heard: string[] = [];
    const answer: Answer = {
      onAnswer: (status) => void heard.push(`answer ${status}`),
      onFailure: (code, message) => void heard.push(`failure ${code} ${message}`),
      onRefusal: ({ grpc, http, code }: Failure) => void heard.push(`refusal ${grpc} ${http} ${code}`),
    };
    return { heard, ticket: seat.open(request, answer) };
  };
  return { seat, log, live, ask };
}

const RESTARTED = `refusal ${Grpc.UNAVAILABLE} 503 ERR_BLOCK_UNAVAILABLE`;
const REFUSED = `refusal ${Grpc.FAILED_PRECONDITION} 422 ERR_CALL_POISONOUS`;

describe('a seat', () => {
  it('refuses a write that three lives died over, at once, and no other', async () => {
    const { seat, live, ask } = seated();
    for (let death = 0; death < 3; death++) {
      const life = live();
      life.attach();
      const { heard } = ask(write('poison'));
      await turn();
      await life.die();
      expect(heard).toEqual([RESTARTED]);
    }
    expect(ask(write('poison')).heard, 'also while nobody is there to take it').toEqual([REFUSED]);
    const life = live();
    life.attach();
    expect(ask(write('poison')).heard).toEqual([REFUSED]);
    const neighbour = ask(write('p0ison'));
    await turn();
    expect(life.opened).toHaveLength(1);
    life.opened[0]?.end(Grpc.OK, 0, undefined, EMPTY);
    await turn();
    expect(neighbour.heard).toEqual(['answer 0']);
    expect([seat.poisoned, seat.lost, seat.repeated, seat.inFlight]).toEqual([2, 3, 0, 0]);
  });

  it('lets a poisonous read kill no more lives than the limit: the repeat is refused, too', async () => {
    const { seat, log, live, ask } = seated();
    let life = live();
    life.attach();
    const first = ask(read('poison'));
    const second: { heard: string[] }[] = [];
    for (let death = 1; death <= 3; death++) {
      await turn();
      expect(life.opened).toHaveLength(1);
      await life.die();
      if (death === 2) second.push(ask(read('poison')));
      life = live();
      life.attach();
    }
    await turn();
    expect(first.heard, 'lost twice').toEqual([RESTARTED]);
    expect(second[0]?.heard).toEqual([REFUSED]);
    expect([life.opened.length, seat.repeated, seat.poisoned]).toEqual([0, 2, 1]);
    expect(log.texts('error')).toHaveLength(1);
  });

  it('suspects those that the recorder names, and all where there is none', async () => {
    const { seat, live, ask } = seated();
    const recorded = live();
    recorded.attach();
    for (const text of ['begun', 'waiting', 'of another method']) ask(write(text));
    await turn();
    recorded.flights.splice(1, 1);
    recorded.flights.push({ call: 4_711, method: 18 });
    recorded.flights[1] = { ...recorded.flights[1] as { call: number; method: number }, method: 19 };
    await recorded.die();
    expect(['begun', 'waiting', 'of another method'].map((text) => seat.poison.suspicionOf(write(text))?.deaths)).toEqual([1, undefined, undefined]);
    const blind = live('none');
    blind.attach();
    for (const text of ['begun', 'waiting']) ask(write(text));
    await turn();
    await blind.die();
    expect(['begun', 'waiting'].map((text) => seat.poison.suspicionOf(write(text))?.deaths)).toEqual([2, 1]);
  });

  it('acquits a suspect that is answered, and not one whose deadline passed here', async () => {
    const { seat, live, ask } = seated();
    const first = live();
    first.attach();
    ask(write('a'));
    ask(write('b'));
    await turn();
    await first.die();
    const second = live();
    second.attach();
    const late = ask(write('a', { deadlineMs: 1 }));
    const failed = ask(write('b'));
    await turn();
    second.opened[1]?.end(Grpc.INTERNAL, Flag.FAILED, { message: 'no' }, EMPTY);
    while (late.heard.length === 0) await turn();
    expect(failed.heard).toEqual([`failure ${Grpc.INTERNAL} no`]);
    expect(late.heard).toEqual([`failure ${Grpc.DEADLINE_EXCEEDED} context deadline exceeded`]);
    expect([seat.poison.suspicionOf(write('a'))?.deaths, seat.poison.suspicionOf(write('b'))]).toEqual([1, undefined]);
  });

  it('does not lose sight of a call that its caller gave up while the block was at it', async () => {
    const { seat, live, ask } = seated();
    for (let death = 1; death <= 3; death++) {
      const life = live();
      life.attach();
      const late = ask(write('late', { deadlineMs: 1 }));
      const left = ask(write('left'));
      await turn();
      left.ticket.cancel();
      while (late.heard.length === 0) await turn();
      for (let i = 0; i < MAX_ABANDONED - 3; i++) ask(write(`${i}`)).ticket.cancel();
      await life.die();
      expect(['late', 'left'].map((text) => seat.poison.suspicionOf(write(text))?.deaths)).toEqual([death, death]);
    }
    expect(ask(write('left')).heard).toEqual([REFUSED]);
  });

  it('suspects nobody when a life is ended in order, and listens to no life that had no calls', async () => {
    const { seat, live, ask } = seated();
    const orderly = live();
    orderly.attach();
    ask(write('a'));
    await turn();
    await orderly.close();
    expect(seat.poison.alert).toBe(false);
    const crashed = live();
    crashed.attach();
    ask(write('a'));
    await turn();
    await crashed.die();
    await live().die(); // before it was attached
    expect(seat.poison.suspicionOf(write('a'))?.deaths).toBe(1);
  });

  it('costs an unsuspected seat nothing: no call is looked at', async () => {
    const { live, ask } = seated();
    const life = live();
    life.attach();
    const request = new Proxy(write('a'), { get: (target, key) => {
      if (key === 'head' && new Error().stack?.includes('poison.ts') === true) throw new Error('it was looked at');
      return target[key as keyof CallRequest] as Route;
    } });
    ask(request);
    await turn();
    expect(life.opened).toHaveLength(1);
  });
});
