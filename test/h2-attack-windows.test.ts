// Attacks with flow control: windows that overflow, that are never opened, that are opened by a byte at a time (CVE-2019-9517 and its
// like), and clients that don't read what they asked for.
import { beforeAll, describe, expect, it } from 'vitest';
import { expectEnded, expectHarmless, NIGHTLY, storm } from './harness/h2-attack.ts';
import { Attacked, MAX_BODY_BYTES, STORE } from './harness/h2-attacked.ts';
import { GrpcClient } from './harness/grpc.ts';
import { getStateRequest, grpcRequest } from './harness/h2-hpack.ts';
import { codeName, type RawH2 } from './harness/h2-raw.ts';
import { Bit, Code, data, grpcMessage, headers, INITIAL_WINDOW, MAX_WINDOW, Setting, settings, Type, windowUpdate } from './harness/h2-wire.ts';
import { saveState, stateItem } from './harness/states.ts';

const REQUEST = grpcRequest('GetState');
/** Values: one as large as there may be, and some smaller ones. */
const BYTES = { large: MAX_BODY_BYTES - 1_000, middle: 64_000, small: 2_000 } as const;
type Key = keyof typeof BYTES;

const attacked = new Attacked();

beforeAll(async () => {
  using client = new GrpcClient(attacked.sidecar.grpcAddress);
  for (const [key, bytes] of Object.entries(BYTES)) await client.call('SaveState', saveState(STORE, stateItem(key, 'v'.repeat(bytes))));
});

const get = (stream: number, key: Key): Buffer => Buffer.concat([headers(stream, REQUEST), data(stream, grpcMessage(getStateRequest(STORE, key)), Bit.END_STREAM)]);

/** Asks for a value so many times. Resolves when the server has read it all. */
async function ask(connection: RawH2, key: Key, times: number): Promise<number[]> {
  const opened = Array.from({ length: times }, () => connection.stream());
  for (let at = 0; at < times; at += 100) {
    connection.send(...opened.slice(at, at + 100).map((stream) => get(stream, key)));
    await connection.drained(5_000);
  }
  await connection.answersPing();
  return opened;
}

/** Of the answer for the small value, with its prefix. */
async function lengthOfAnswer(): Promise<number> {
  await using connection = await attacked.connect();
  return (await connection.reply(connection.getState(STORE, 'small'))).body.length;
}

describe('a window beyond the largest', () => {
  it.each<readonly [what: string, attack: Buffer]>([
    ['of the connection', windowUpdate(0, MAX_WINDOW)],
    ['of a stream that a setting makes larger', Buffer.concat([headers(1, REQUEST), windowUpdate(1, MAX_WINDOW - INITIAL_WINDOW), settings([Setting.INITIAL_WINDOW_SIZE, INITIAL_WINDOW + 1])])],
    ['by a setting', settings([Setting.INITIAL_WINDOW_SIZE, 2 ** 31])],
  ])('%s ends the connection', async (what, attack) => {
    const { toll, result } = await attacked.during(() => storm(attacked.port, { rounds: 5 }, () => ({ next: () => attack })));
    expectEnded(what, result, ['FLOW_CONTROL_ERROR']);
    expectHarmless(what, toll, { grownMiB: 32, cpuMs: 300 });
  });

  it('of a stream ends the stream, and no other', async () => {
    await using connection = await attacked.connect();
    const [first, second] = [connection.stream(), connection.stream()];
    connection.send(headers(first, REQUEST), headers(second, REQUEST), windowUpdate(first, MAX_WINDOW), data(second, grpcMessage(getStateRequest(STORE, 'k')), Bit.END_STREAM));
    expect(codeName((await connection.reply(first)).reset)).toBe('FLOW_CONTROL_ERROR');
    expect((await connection.reply(second)).fields.get('grpc-status')).toBe('0');
  });

  it('that is the largest is none beyond it', async () => {
    await using connection = await attacked.connect();
    const stream = connection.stream();
    connection.send(windowUpdate(0, MAX_WINDOW - INITIAL_WINDOW), headers(stream, REQUEST), windowUpdate(stream, MAX_WINDOW - INITIAL_WINDOW), data(stream, grpcMessage(getStateRequest(STORE, 'k')), Bit.END_STREAM));
    expect((await connection.reply(stream)).fields.get('grpc-status')).toBe('0');
  });
});

describe('a window of zero', () => {
  it('holds answers up to the server\'s share for a connection, and gives them up with it', { timeout: 120_000 }, async () => {
    const times = 110; // of a mebibyte each: far more than one connection may hold
    const connections = NIGHTLY ? 8 : 1;
    const { toll, result: counts } = await attacked.during(async () => {
      const open = await Promise.all(Array.from({ length: connections }, () => attacked.connect({ settings: [[Setting.INITIAL_WINDOW_SIZE, 0]] })));
      let [waiting, refused] = [0, 0];
      for (const connection of open) {
        const opened = await ask(connection, 'large', times);
        await connection.until('all are answered, or given up', () => opened.every((stream) => connection.replies.has(stream)));
        refused += opened.filter((stream) => connection.replies.get(stream)?.reset === Code.ENHANCE_YOUR_CALM).length;
        waiting += opened.filter((stream) => connection.replies.get(stream)?.reset === undefined).length;
        expect(connection.counts[Type.DATA]).toBe(0);
        expect(connection.goAwayCode).toBeUndefined();
      }
      await Promise.all(open.map((connection) => connection[Symbol.asyncDispose]()));
      return { waiting, refused };
    });
    expect(counts.waiting + counts.refused).toBe(times * connections);
    expect(counts.refused).toBeGreaterThan(times / 4);
    // 64 MiB for each connection, 256 MiB for all, and what is on its way. The innocent's calls come behind theirs in the block.
    expectHarmless(`${counts.waiting} answers of 1 MiB that wait, ${counts.refused} given up`, toll, { grownMiB: NIGHTLY ? 450 : 200, cpuMs: 2_000 * connections, slowestMs: 5_000 });
  });

  it('of a connection lets small answers go as far as it reaches, and the rest when it opens', async () => {
    await using connection = await attacked.connect({ grants: false });
    const opened = await ask(connection, 'small', 100);
    const received = (): number => connection.frames.reduce((sum, { type, payload }) => sum + (type === Type.DATA ? payload.length : 0), 0);
    await connection.until('the window is used up', () => received() === INITIAL_WINDOW);
    connection.send(windowUpdate(0, MAX_WINDOW - INITIAL_WINDOW));
    for (const stream of opened) expect((await connection.reply(stream)).fields.get('grpc-status')).toBe('0');
  });
});

describe('a window that opens by a byte at a time', () => {
  // Each byte is a frame of ours for a frame of theirs, which is what such a client has to pay; that thousands of streams wait must
  // not make it dearer for us.
  it.each([
    ['of the connection', 2_000, [[Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW]], () => windowUpdate(0, 1), INITIAL_WINDOW],
    ['of one stream of thousands', 1, [[Setting.INITIAL_WINDOW_SIZE, 0]], (opened: readonly number[]) => windowUpdate(opened[0] as number, 1), 0],
    ['of each stream in turn', 2_000, [[Setting.INITIAL_WINDOW_SIZE, 0]], (opened: readonly number[], round: number) => windowUpdate(opened[round % opened.length] as number, 1), 0],
  ] as const)('%s', { timeout: 120_000 }, async (what, served, greeting, update, atOnce) => {
    const streams = 2_000;
    const updates = NIGHTLY ? 200_000 : 10_000;
    await using connection = await attacked.connect({ settings: greeting, grants: false });
    let bytes = 0;
    connection.onFrame = ({ type, payload }) => {
      if (type === Type.DATA) bytes += payload.length;
    };
    const answerBytes = await lengthOfAnswer();
    const opened = await ask(connection, 'small', streams);
    const { toll } = await attacked.during(async () => {
      for (let round = 0; round < updates && connection.goAwayCode === undefined && !connection.isClosed; round += 500) {
        connection.send(...Array.from({ length: 500 }, (_, index) => update(opened, round + index)));
        await connection.drained(5_000);
      }
      await connection.answersPing();
    });
    // It was served to the byte, or told to calm down; nothing else.
    if (connection.goAwayCode === undefined) expect(bytes).toBe(Math.min(atOnce + updates, served * answerBytes));
    else expect(codeName(connection.goAwayCode)).toBe('ENHANCE_YOUR_CALM');
    expectHarmless(`${updates} windows of a byte ${what}, ${streams} streams wait`, toll, { grownMiB: 96, cpuMs: 500 + updates * 0.06 });
  });

  it('by settings, for thousands of streams at once', { timeout: 120_000 }, async () => {
    await using connection = await attacked.connect({ settings: [[Setting.INITIAL_WINDOW_SIZE, 0]], grants: false });
    await ask(connection, 'small', 2_000);
    const { toll } = await attacked.during(async () => {
      for (let round = 0; round < 2_000 && connection.goAwayCode === undefined && !connection.isClosed; round += 100) {
        connection.send(...Array.from({ length: 100 }, (_, index) => settings([Setting.INITIAL_WINDOW_SIZE, (round + index) % 2])));
        await connection.drained(5_000);
      }
      expect(codeName(await connection.ending())).toBe('ENHANCE_YOUR_CALM');
    });
    expectHarmless('a setting that changes thousands of windows, thousands of times', toll, { grownMiB: 64, cpuMs: 1_000 });
  });
});

it('a client that does not read is not read either', { timeout: 120_000 }, async () => {
  const times = NIGHTLY ? 100_000 : 3_000; // 64 KB each
  await using connection = await attacked.connect({ settings: [[Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW]], grants: false });
  connection.send(windowUpdate(0, MAX_WINDOW - INITIAL_WINDOW));
  connection.stopReading();
  const { toll, result: taken } = await attacked.during(async () => {
    let count = 0;
    for (; count < times; count += 20) {
      connection.send(...Array.from({ length: 20 }, () => get(connection.stream(), 'middle')));
      if (!(await connection.drained(1_000))) break;
    }
    return count;
  });
  expectHarmless(`${taken} answers of 64 KB that nobody reads`, toll, { grownMiB: 200, cpuMs: 3_000, slowestMs: 5_000 });
});
