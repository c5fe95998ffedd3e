// A seat whose lives end over calls: what its clients hear, which calls come under suspicion, and who is never looked at.
import { describe, expect, it } from 'vitest';
import { Calls, type IncomingCall } from '../ipc/calls.ts';
import { EMPTY, Flag } from '../ipc/frame.ts';
import { openLocalPair } from '../ipc/local.ts';
import type { BlackBox } from '../ipc/vitals.ts';
import { MAX_ABANDONED } from '../kernel/abandoned.ts';
import type { Answer, CallRequest } from '../kernel/call.ts';
import { Poison } from '../kernel/poison.ts';
import { Seat, type SeatLimits } from '../kernel/seat.ts';
import { Grpc, type Failure } from '../proto/errors.ts';
import { ROUTE, type Route } from '../proto/routes.ts';
import { memoryLog } from './support.ts';

const read = (key: string): CallRequest => ({ route: ROUTE.GetState, flags: Flag.HTTP, head: [['store', key], ''], body: EMPTY, deadlineMs: 0 });
const write = (text: string, deadlineMs = 0): CallRequest => ({ route: ROUTE.SaveState, flags: 0, head: undefined, body: Buffer.from(text), deadlineMs });
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
    const late = ask(write('a', 1));
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
      const late = ask(write('late', 1));
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
