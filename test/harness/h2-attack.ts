// What attacks over HTTP/2 have in common: how many of their frames a server takes, and bounds on what they may cost it.
import { expect } from 'vitest';
import type { Toll } from './innocent.ts';
import { codeName, RawH2, type RawOptions } from './h2-raw.ts';
import { pace } from './pace.ts';

/** `CAMPAIGN=nightly` attacks for as long as it takes to see what grows slowly. */
export const NIGHTLY = process.env['CAMPAIGN'] === 'nightly';
/** A peer that takes nothing for so long has given the attacker up. Milliseconds. */
const PATIENCE_MS = 1_500;

/** How slow the machine is: what an innocent call may take is stretched by it. */
const STRETCH = await pace();

/** What a call of an innocent may take on a machine that has nothing else to do. The long form meets more of what the machine does besides. */
const SLOWEST_MS = NIGHTLY ? 5_000 : 1_000;

/** One connection of an attacker. */
export interface Wave {
  /** Sent once, behind the greeting. */
  readonly first?: Uint8Array;
  /** Sent again and again; undefined when there is no more. */
  readonly next: () => Uint8Array | undefined;
}

/** What became of an attack. */
export interface Storm {
  /** Bytes that were written, of all connections. */
  readonly bytes: number;
  /** Rounds of `next`. */
  readonly rounds: number;
  readonly connections: number;
  /** How connections ended, with how many: `ENHANCE_YOUR_CALM`, `closed`, or `stalled` for one that is neither answered nor read. */
  readonly ends: ReadonlyMap<string, number>;
}

export interface StormOptions extends RawOptions {
  readonly rounds: number;
  /** False: what the server sends stays unread. */
  readonly reads?: boolean;
}

/** Sends so many rounds, on a new connection whenever the server ends one. An attacker writes no faster than the server reads. */
export async function storm(port: number, { rounds, reads = true, ...options }: StormOptions, wave: (connection: RawH2) => Wave): Promise<Storm> {
  const ends = new Map<string, number>();
  let [bytes, done, connections] = [0, 0, 0];
  while (done < rounds) {
    connections++;
    await using connection = await RawH2.to(port, options);
    if (!reads) connection.stopReading();
    const { first, next } = wave(connection);
    if (first !== undefined) connection.send(first);
    let end: string | undefined;
    for (; done < rounds && end === undefined; done++) {
      const batch = next();
      if (batch === undefined) break;
      bytes += batch.length;
      connection.send(batch);
      if (!(await connection.drained(PATIENCE_MS))) end = connection.isClosed ? 'closed' : 'stalled';
      else if (done % 8 === 0) await new Promise((resolve) => setImmediate(resolve)); // what came is read
      if (connection.goAwayCode !== undefined) end = codeName(connection.goAwayCode);
    }
    connection.readOn();
    // What was written last is judged as well: a server says what it thinks of it when it has come there.
    end = await judged(connection, end);
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  return { bytes, rounds: done, connections, ends };
}

async function judged(connection: RawH2, end: string | undefined): Promise<string> {
  if (connection.goAwayCode === undefined && !connection.isClosed) {
    if (!(await connection.answersPing(PATIENCE_MS))) return connection.goAwayCode === undefined ? (connection.isClosed ? 'closed' : 'stalled') : codeName(connection.goAwayCode);
  }
  if (connection.goAwayCode !== undefined) return codeName(connection.goAwayCode);
  return connection.isClosed ? 'closed' : (end ?? 'served');
}

export interface Bounds {
  readonly grownMiB: number;
  readonly cpuMs: number;
  /** Of the innocent's slowest call, where a second is not enough. */
  readonly slowestMs?: number;
}

/** The innocent noticed nothing, the server did not work itself up. Prints what it was. */
export function expectHarmless(what: string, toll: Toll, { grownMiB, cpuMs, slowestMs = SLOWEST_MS }: Bounds): void {
  process.stdout.write(`  ${what}: +${toll.grownMiB.toFixed(1)} MiB, ${toll.cpuMs} ms of CPU, innocent: ${toll.calls} calls, slowest ${toll.slowestMs.toFixed(0)} ms (own timers up to ${toll.starvedMs.toFixed(0)} ms late)\n`);
  expect(toll.errors).toEqual([]);
  expect(toll.calls).toBeGreaterThan(0);
  expect(toll.slowestMs, 'slowest call of the innocent').toBeLessThan(slowestMs * STRETCH + 3 * toll.starvedMs);
  expect(toll.grownMiB, 'resident memory').toBeLessThan(grownMiB);
  expect(toll.cpuMs, 'CPU').toBeLessThan(cpuMs);
}

/**
 * Connections ended in one of these ways, but perhaps for the last, which was at its beginning when the attack was over.
 * @param last how that one may end: what is asked of it then is out of place where it is in the middle of something.
 */
export function expectEnded(what: string, { bytes, rounds, connections, ends }: Storm, wanted: readonly string[], last: readonly string[] = ['served']): void {
  const all = [...ends].map(([end, count]) => `${end} (${count})`).join(', ');
  process.stdout.write(`  ${what}: ${rounds} rounds, ${(bytes / 2 ** 20).toFixed(1)} MiB on ${connections} connections, which ended as ${all}\n`);
  const others = [...ends].filter(([end, count]) => !wanted.includes(end) && !(last.includes(end) && count === 1));
  expect(others, 'other ends').toEqual([]);
  expect(wanted.some((end) => ends.has(end)), `${all} has one of ${wanted.join(', ')}`).toBe(true);
}
