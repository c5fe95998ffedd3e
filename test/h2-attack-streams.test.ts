// Attacks with streams: opened and given up at once (rapid reset, CVE-2023-44487), opened and made to be reset by the server
// ("MadeYouReset", CVE-2025-8671), more of them than there may be, half of a request that never gets its other half.
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { expectEnded, expectHarmless, NIGHTLY, storm, type Wave } from './harness/h2-attack.ts';
import { Attacked, MAX_BODY_BYTES, STORE } from './harness/h2-attacked.ts';
import { getStateRequest, grpcRequest } from './harness/h2-hpack.ts';
import type { RawH2 } from './harness/h2-raw.ts';
import { Bit, Code, data, goAway, grpcMessage, headers, INITIAL_WINDOW, MAX_WINDOW, resetStream, Setting, Type, windowUpdate } from './harness/h2-wire.ts';

const BATCH = 100;
const ROUNDS = NIGHTLY ? 4_000 : 150;
const NOTHING = Buffer.alloc(0);
const REQUEST = grpcRequest('GetState');
const MESSAGE = grpcMessage(getStateRequest(STORE, 'k'));
const END_STREAM = Bit.END_HEADERS | Bit.END_STREAM;
const RESOURCE_EXHAUSTED = '8';

const attacked = new Attacked();

/** New streams in each batch, and what is done with each. */
const streams = (make: (stream: number) => Buffer) => (connection: RawH2): Wave => ({ next: () => Buffer.concat(Array.from({ length: BATCH }, () => make(connection.stream()))) });

describe('streams that are opened and given up', () => {
  it.each([
    ['at once, rapid reset', (stream: number) => Buffer.concat([headers(stream, REQUEST), resetStream(stream)])],
    ['after a whole request', (stream: number) => Buffer.concat([headers(stream, REQUEST), data(stream, MESSAGE, Bit.END_STREAM), resetStream(stream)])],
    ['in the middle of a message', (stream: number) => Buffer.concat([headers(stream, REQUEST), data(stream, grpcMessage(Buffer.alloc(500), 600)), resetStream(stream)])],
    ['as open subscriptions', (stream: number) => Buffer.concat([headers(stream, grpcRequest('SubscribeConfiguration')), data(stream, MESSAGE), resetStream(stream)])],
  ])('%s end their connection', { timeout: 300_000 }, async (what, make) => {
    const { toll, result } = await attacked.during(() => storm(attacked.port, { rounds: ROUNDS }, streams(make)));
    expectEnded(what, result, ['ENHANCE_YOUR_CALM']);
    expectHarmless(what, toll, { grownMiB: 96, cpuMs: 500 + result.rounds * BATCH * 0.2 });
  });
});

describe('streams that the server is made to reset', () => {
  it.each([
    ['by a window that grows by nothing', (stream: number) => [headers(stream, REQUEST), windowUpdate(stream, 0)]],
    ['by a window that overflows', (stream: number) => [headers(stream, REQUEST), windowUpdate(stream, MAX_WINDOW)]],
    ['by DATA after their end', (stream: number) => [headers(stream, REQUEST), data(stream, MESSAGE, Bit.END_STREAM), data(stream, MESSAGE)]],
    ['by HEADERS after their end', (stream: number) => [headers(stream, REQUEST), data(stream, MESSAGE, Bit.END_STREAM), headers(stream, NOTHING, END_STREAM)]],
    ['by HEADERS in their middle', (stream: number) => [headers(stream, REQUEST), headers(stream, NOTHING)]],
    ['by a wrong content-length', (stream: number) => [headers(stream, grpcRequest('GetState', [['content-length', '3']])), data(stream, MESSAGE, Bit.END_STREAM)]],
    ['by fields that may not be', (stream: number) => [headers(stream, grpcRequest('GetState', [['connection', 'close']]))]],
  ])('%s end their connection', { timeout: 300_000 }, async (what, make) => {
    const { toll, result } = await attacked.during(() => storm(attacked.port, { rounds: ROUNDS }, streams((stream) => Buffer.concat(make(stream)))));
    expectEnded(what, result, ['ENHANCE_YOUR_CALM', 'STREAM_CLOSED']);
    expectHarmless(what, toll, { grownMiB: 96, cpuMs: 500 + result.rounds * BATCH * 0.2 });
  });
});

it('requests without a message are answered, each with an error, and cost no more than others', async () => {
  const what = 'requests without a message';
  const { toll, result } = await attacked.during(() => storm(attacked.port, { rounds: ROUNDS }, streams((stream) => headers(stream, REQUEST, END_STREAM))));
  expectEnded(what, result, ['served', 'ENHANCE_YOUR_CALM']);
  expectHarmless(what, toll, { grownMiB: 96, cpuMs: 500 + result.rounds * BATCH * 0.2 });
});

it('streams above the limit are refused, and are no loss to those below it', async () => {
  await using connection = await attacked.connect();
  const greeting = await connection.frame('the server has greeted', ({ type, flags }) => type === Type.SETTINGS && (flags & Bit.ACK) === 0);
  const limit = settingOf(greeting.payload, Setting.MAX_CONCURRENT_STREAMS);
  expect(limit).toBeLessThanOrEqual(10_000);
  const { toll, result: opened } = await attacked.during(async () => {
    const all = Array.from({ length: limit + 300 }, () => connection.stream());
    for (let at = 0; at < all.length; at += 500) {
      connection.send(...all.slice(at, at + 500).map((stream) => headers(stream, REQUEST)));
      await connection.drained(5_000);
    }
    await connection.answersPing();
    return all;
  });
  const refused = opened.filter((stream) => connection.replies.get(stream)?.reset === Code.REFUSED_STREAM);
  expect(refused).toEqual(opened.slice(limit));
  expect(connection.goAwayCode).toBeUndefined();
  // One that was below the limit is served, and makes room for another.
  for (const stream of [opened[0] as number, connection.stream()]) {
    connection.send(...(stream === opened[0] ? [] : [headers(stream, REQUEST)]), data(stream, MESSAGE, Bit.END_STREAM));
    expect((await connection.reply(stream)).fields.get('grpc-status')).toBe('0');
  }
  expectHarmless(`${limit} streams that wait for their message`, toll, { grownMiB: 96, cpuMs: 2_000 });
});

describe('half a message', () => {
  const half = grpcMessage(Buffer.alloc(600), 1_000);

  it('is forgotten with its connection', { timeout: 60_000 }, async () => {
    const attack = async (): Promise<void> => {
      await using connection = await attacked.connect();
      for (let batch = 0; batch < 20; batch++) {
        connection.send(...Array.from({ length: 100 }, () => connection.stream()).flatMap((stream) => [headers(stream, REQUEST), data(stream, half)]));
        await connection.drained(5_000);
      }
      expect(await connection.answersPing()).toBe(true);
    };
    await attack(); // what is reserved once is no leak
    const { toll } = await attacked.during(async () => {
      for (let count = 0; count < (NIGHTLY ? 200 : 10); count++) await attack();
    });
    expectHarmless('2,000 half messages on each of many connections', toll, { grownMiB: 64, cpuMs: NIGHTLY ? 30_000 : 3_000 });
  });

  it('on thousands of streams is refused where the server\'s share for a connection ends', { timeout: 60_000 }, async () => {
    await using connection = await attacked.connect();
    const opened: number[] = [];
    const body = Buffer.alloc(16_384);
    const { toll } = await attacked.during(async () => {
      // All of it together is twice what a server holds of one connection.
      for (let sent = 0; sent < 128 * 2 ** 20 && connection.goAwayCode === undefined;) {
        const stream = connection.stream();
        opened.push(stream);
        const frames = [headers(stream, REQUEST), data(stream, grpcMessage(body.subarray(5), MAX_BODY_BYTES - 100)), ...Array.from({ length: 14 }, () => data(stream, body))];
        connection.send(...frames);
        sent += 15 * body.length;
        await connection.drained(10_000);
      }
      await connection.answersPing();
    });
    const exhausted = opened.filter((stream) => connection.replies.get(stream)?.fields.get('grpc-status') === RESOURCE_EXHAUSTED);
    expect(exhausted.length).toBeGreaterThan(100);
    expect(exhausted.length).toBeLessThan(opened.length);
    expectHarmless(`${opened.length} messages of a quarter each, ${exhausted.length} refused`, toll, { grownMiB: 192, cpuMs: 3_000 });
  });
});

it.each([
  ['4 GiB', 0xffff_ffff],
  ['one byte more than allowed', MAX_BODY_BYTES + 1],
])('a message that is announced with %s is refused before it comes', async (_, length) => {
  await using connection = await attacked.connect();
  const { toll } = await attacked.during(async () => {
    for (let count = 0; count < 200; count++) {
      const stream = connection.stream();
      connection.send(headers(stream, REQUEST), data(stream, grpcMessage(NOTHING, length)));
      const { fields } = await connection.reply(stream);
      expect([fields.get('grpc-status'), fields.get('grpc-message')]).toEqual([RESOURCE_EXHAUSTED, expect.stringContaining(`(${length} vs ${MAX_BODY_BYTES})`)]);
    }
  });
  expectHarmless(`messages announced with ${length} bytes`, toll, { grownMiB: 32, cpuMs: 1_000 });
});

it('messages that unpack to more than allowed are refused, and what they unpack to is not kept', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * MAX_BODY_BYTES));
  expect(bomb.length).toBeLessThan(INITIAL_WINDOW + 2 ** 14);
  const request = grpcRequest('GetState', [['grpc-encoding', 'gzip']]);
  await using connection = await attacked.connect();
  const { toll } = await attacked.during(async () => {
    for (let round = 0; round < (NIGHTLY ? 200 : 4); round++) {
      const opened = Array.from({ length: 25 }, () => connection.stream());
      for (const stream of opened) {
        connection.send(headers(stream, request));
        for (let at = 0, bytes = grpcMessage(bomb, bomb.length, 1); at < bytes.length; at += 16_384) connection.send(data(stream, bytes.subarray(at, at + 16_384), at + 16_384 >= bytes.length ? Bit.END_STREAM : 0));
        await connection.drained(5_000);
      }
      for (const stream of opened) expect((await connection.reply(stream)).fields.get('grpc-status')).toBe(RESOURCE_EXHAUSTED);
    }
  });
  expectHarmless('gzip bombs of 64 times the limit', toll, { grownMiB: 160, cpuMs: NIGHTLY ? 60_000 : 3_000 });
});

it('a message in frames of one byte each is taken, at a price that frames have', { timeout: 60_000 }, async () => {
  const bytes = grpcMessage(Buffer.concat([getStateRequest(STORE, 'k'), unknownField(NIGHTLY ? 900_000 : 60_000)]));
  await using connection = await attacked.connect();
  const { toll, result: status } = await attacked.during(async () => {
    const stream = connection.stream();
    connection.send(headers(stream, REQUEST));
    for (let at = 0; at < bytes.length; at += 2_000) {
      connection.send(...Array.from(bytes.subarray(at, at + 2_000), (_, index) => data(stream, bytes.subarray(at + index, at + index + 1), at + index + 1 === bytes.length ? Bit.END_STREAM : 0)));
      await connection.drained(5_000);
    }
    return (await connection.reply(stream)).fields.get('grpc-status');
  });
  expect(status).toBe('0');
  expectHarmless(`${bytes.length} DATA frames of a byte`, toll, { grownMiB: 64, cpuMs: 500 + bytes.length * 0.02 });
});

it('a client that leaves with GOAWAY and goes on is served; one that leaves all the time is not', async () => {
  await using connection = await attacked.connect();
  connection.send(goAway(0, Code.NO_ERROR), goAway(0, Code.INTERNAL_ERROR));
  expect((await connection.reply(connection.getState(STORE, 'k'))).fields.get('grpc-status')).toBe('0');
  const farewells = Buffer.concat(Array.from({ length: BATCH }, () => goAway(0, Code.NO_ERROR)));
  const { toll, result } = await attacked.during(() => storm(attacked.port, { rounds: ROUNDS }, () => ({ next: () => farewells })));
  expectEnded('GOAWAY', result, ['ENHANCE_YOUR_CALM']);
  expectHarmless('GOAWAY', toll, { grownMiB: 64, cpuMs: 500 + result.rounds * BATCH * 0.05 });
});

function settingOf(payload: Buffer, setting: number): number {
  for (let at = 0; at < payload.length; at += 6) if (payload.readUInt16BE(at) === setting) return payload.readUInt32BE(at + 2);
  throw new Error(`the server says nothing of setting ${setting}`);
}

/** Field 15, which no message has, so that decoders skip it. */
function unknownField(bytes: number): Buffer {
  const length: number[] = [];
  let rest = bytes;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128);
  return Buffer.concat([Buffer.of(15 * 8 + 2, ...length, rest), Buffer.alloc(bytes)]);
}
