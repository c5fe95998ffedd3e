// What several gateways count in memory that all of them see: sums are right whatever order things happen in, a limit is never passed, a
// gateway that is gone takes its calls along and leaves its totals; and what one of them knows of a poisonous call, all of them know.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Flag } from '../ipc/frame.ts';
import { ROUTE } from '../proto/routes.ts';
import type { Answer, CallRequest } from '../kernel/call.ts';
import { SharedSeat } from '../kernel/gateways/shared-seat.ts';
import { GatewayTally, Tally, tallyMemory } from '../kernel/gateways/tally.ts';
import { parseCommandLine } from '../kernel/config.ts';
import { evidenceOf, PAROLE_MS, Poison } from '../kernel/poison.ts';

const GATEWAYS = 3;
const request = (body: string): CallRequest => ({ route: ROUTE.SaveState, flags: Flag.HTTP, head: [['store'], ''], body: Buffer.from(body), deadlineMs: 0 });

/** Counts how its calls ended. */
class Ends implements Answer {
  refused = 0;
  onAnswer(): void {}
  onFailure(): void {}
  onRefusal(): void {
    this.refused++;
  }
}

describe('counts of several gateways', () => {
  it('hold limits for their sum, and forget who is gone', () => {
    const step = fc.record({ gateway: fc.nat(GATEWAYS - 1), kind: fc.constantFrom('open', 'open', 'open', 'cancel', 'die') });
    fc.assert(fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 6 }), (steps, maxHeld) => {
      const memory = tallyMemory(GATEWAYS);
      const tally = new Tally(memory);
      const seatOf = (index: number): SharedSeat => new SharedSeat('state', { holdMs: 60_000, maxHeld, maxHeldBytes: 1_000, maxInFlight: 100, maxStreams: 10 }, new Poison({ block: 'state', deaths: 0 }), new GatewayTally(memory, index));
      const gateways = Array.from({ length: GATEWAYS }, (_none, index) => ({ seat: seatOf(index), open: [] as { cancel(): void }[] }));
      const ends = new Ends();
      let heldInAll = 0;
      for (const { gateway, kind } of steps) {
        const at = gateways[gateway] as (typeof gateways)[number];
        if (kind === 'open') {
          const { refused } = ends;
          const before = gateways.reduce((sum, { open }) => sum + open.length, 0);
          const ticket = at.seat.open(request('x'), ends);
          expect(ends.refused - refused, `with ${before} of ${maxHeld}`).toBe(before < maxHeld ? 0 : 1);
          if (ends.refused === refused) {
            at.open.push(ticket);
            heldInAll++;
          }
        } else if (kind === 'cancel') at.open.shift()?.cancel();
        else {
          at.seat.close(); // its timer ends; nobody hears of its calls any more
          tally.drop(gateway);
          gateways[gateway] = { seat: seatOf(gateway), open: [] };
        }
        const open = gateways.reduce((sum, one) => sum + one.open.length, 0);
        expect([tally.sum('calls'), tally.sum('held'), tally.sum('heldBytes'), tally.sum('heldInAll')]).toEqual([open, open, open, heldInAll]);
      }
      for (const { seat } of gateways) seat.close();
      expect([tally.sum('calls'), tally.sum('held'), tally.isBusy()]).toEqual([0, 0, false]);
    }), { numRuns: 150 });
  });

  it('wake the supervisor once, and again when it has looked away', () => {
    const memory = tallyMemory(GATEWAYS);
    const tally = new Tally(memory);
    const [one, other] = [new GatewayTally(memory, 0), new GatewayTally(memory, 1)];
    let woken = 0;
    const wake = (): void => void woken++;
    one.addCalls(1);
    one.wake(wake);
    other.wake(wake);
    expect([woken, tally.isBusy()]).toEqual([1, true]);
    other.wake(wake);
    one.addCalls(-1);
    expect([woken, tally.isBusy()]).toEqual([2, false]);
  });
});

describe('suspicion in several gateways', () => {
  it('is what the supervisor says, on a clock of each one\'s own', () => {
    const [here, there] = [{ ms: 1_000_000 }, { ms: 5 }];
    const supervisor = new Poison({ block: 'state', deaths: 2, now: () => here.ms });
    const gateway = new Poison({ block: 'state', deaths: 2, now: () => there.ms, fellows: { claimTrial: () => true, tried: () => {}, acquitted: () => {} } });
    const killer = request('killer');
    for (let death = 0; death < 2; death++) supervisor.blame(evidenceOf([killer, request(`beside ${death}`)]));
    gateway.learn(structuredClone(supervisor.tell()));
    const suspect = gateway.suspicionOf(request('killer'));
    expect(suspect).toMatchObject({ deaths: 2 });
    expect(gateway.refuses(killer, suspect!)).toBe(true);
    there.ms += PAROLE_MS + 1;
    expect(gateway.refuses(killer, suspect!), 'it was not alone at the deaths').toBe(false);
    supervisor.acquit(suspect!);
    gateway.learn(supervisor.tell());
    expect(gateway.suspicionOf(killer)).toBeUndefined();
    expect(gateway.alert, 'there was another one beside it').toBe(true);
  });

  it('lets one call through at a time, over all of them', () => {
    const memory = tallyMemory(GATEWAYS);
    const clock = { ms: 0 };
    const adjourned: string[] = [];
    const gateways = [0, 1].map((index) => {
      const tally = new GatewayTally(memory, index);
      const tried = (digest: string | undefined): void => {
        tally.endTrial();
        if (digest !== undefined) adjourned.push(digest);
      };
      return new Poison({ block: 'state', deaths: 1, now: () => clock.ms, fellows: { claimTrial: () => tally.claimTrial(), tried, acquitted: () => {} } });
    }) as [Poison, Poison];
    const supervisor = new Poison({ block: 'state', deaths: 1, now: () => clock.ms });
    supervisor.blame(evidenceOf([request('a'), request('b')]));
    for (const gateway of gateways) gateway.learn(supervisor.tell());
    clock.ms += PAROLE_MS + 1;
    const refused = (gateway: Poison, call: CallRequest): boolean => gateway.refuses(call, gateway.suspicionOf(call)!);
    const [first, second] = [request('a'), request('b')];
    expect([refused(gateways[0], first), refused(gateways[1], second), refused(gateways[1], first)]).toEqual([false, true, true]);
    gateways[0].settled(first);
    expect([adjourned.length, refused(gateways[0], first), refused(gateways[1], second)]).toEqual([1, true, false]);
    new Tally(memory).drop(1); // the gateway that has the call dies
    expect(refused(gateways[0], second)).toBe(false);
  });
});

it('one gateway is all there can be beside a listener that can\'t share its port', () => {
  const chosen = (...flags: string[]) => {
    const parsed = parseCommandLine(flags, {});
    return 'config' in parsed ? parsed.config.gateways : parsed.fatal?.text;
  };
  expect([chosen('--gateways=2', '--grpc-listener=own'), chosen('--gateways=auto', '--grpc-listener=grpc-js'), chosen()]).toEqual([2, 1, 1]);
  expect(chosen('--gateways=2', '--grpc-listener=grpc-js')).toBe("Failed to parse flags: --gateways=2 needs --grpc-listener=own, because grpc-js can't share its port");
});
