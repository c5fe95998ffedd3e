// Attacks with streams: opened and given up at once (rapid reset, CVE-2023-44487), opened and made to be reset by the server
// ("MadeYouReset", CVE-2025-8671), more of them than there may be, half of a request that never gets its other half.
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { expectEnded, expectHarmless, NIGHTLY, storm, type Wave } from './harness/h2-attack.ts';
import { Attacked, MAX_BODY_BYTES, STORE } from './harness/h2-attacked.ts';
import { getStateRequest, grpcRequest } from './harness/h2-hpack.ts';
import type { RawH2 } from './harness/h2-raw.ts';
import { Bit, Code, data, goAway, grpcMessage, headers, MAX_WINDOW, resetStream, Setting, windowUpdate } from './harness/h2-wire.ts';

const BATCH = 100;
const ROUNDS = NIGHTLY ? 4_000 : 120;
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
  const limit = await connection.setting(Setting.MAX_CONCURRENT_STREAMS);
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
      for (let count = 0; count < (NIGHTLY ? 200 : 5); count++) await attack();
    });
    expectHarmless('2,000 half messages on each of many connections', toll, { grownMiB: 64, cpuMs: NIGHTLY ? 30_000 : 3_000 });
  });

  // The request that is whole and does not end is no better: it waits as well.
  it.each([
    ['a message, and nothing after it', 15 * 16_384 - 5],
    ['a quarter of a message', MAX_BODY_BYTES - 100],
  ])('or %s, on hundreds of streams, is refused where the server\'s share for a connection ends', { timeout: 60_000 }, async (what, length) => {
    await using connection = await attacked.connect();
    const opened: number[] = [];
    const body = Buffer.alloc(16_384);
    const rest = Array.from({ length: 14 }, () => body);
    const { toll } = await attacked.during(async () => {
      // All of it together is half as much again as what a server holds of one connection.
      for (let sent = 0; sent < 96 * 2 ** 20 && connection.goAwayCode === undefined; sent += 15 * body.length) {
        const stream = connection.stream();
        opened.push(stream);
        connection.send(headers(stream, REQUEST), data(stream, Buffer.concat([grpcMessage(NOTHING, length), body.subarray(5)])), ...rest.map((part) => data(stream, part)));
        await connection.drained(10_000);
      }
      await connection.answersPing();
    });
    const exhausted = opened.filter((stream) => connection.replies.get(stream)?.fields.get('grpc-status') === RESOURCE_EXHAUSTED);
    expect(exhausted.length).toBeGreaterThan(50);
    expect(exhausted.length).toBeLessThan(opened.length);
    expectHarmless(`${opened.length} times ${what}, ${exhausted.length} refused`, toll, { grownMiB: 192, cpuMs: 3_000 });
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

it.each([
  ['64 times what is allowed', 64 * MAX_BODY_BYTES, 100, [RESOURCE_EXHAUSTED]],
  // No more at once than a block lets wait: what is refused there is refused to everybody.
  ['almost as much as is allowed', MAX_BODY_BYTES - 1_000, 30, ['0']],
] as const)('messages that unpack to %s do not fill the memory', { timeout: 60_000 }, async (what, unpacked, atOnce, statuses) => {
  // A field that no request has: the block has to read over it.
  const bomb = gzipSync(Buffer.concat([getStateRequest(STORE, 'k'), unknownField(unpacked - 100)]));
  const request = grpcRequest('GetState', [['grpc-encoding', 'gzip']]);
  const bytes = grpcMessage(bomb, bomb.length, 1);
  const frames = Array.from({ length: Math.ceil(bytes.length / 16_384) }, (_, index) => bytes.subarray(index * 16_384, (index + 1) * 16_384));
  await using connection = await attacked.connect();
  const { toll } = await attacked.during(async () => {
    for (let round = 0; round < (NIGHTLY ? 200 : 2); round++) {
      const opened = Array.from({ length: atOnce }, () => connection.stream());
      for (const stream of opened) {
        connection.send(headers(stream, request), ...frames.map((part, index) => data(stream, part, index === frames.length - 1 ? Bit.END_STREAM : 0)));
        await connection.drained(5_000);
      }
      for (const stream of opened) expect(statuses).toContain((await connection.reply(stream)).fields.get('grpc-status'));
    }
  });
  expectHarmless(`gzip bombs of ${what}`, toll, { grownMiB: 256, cpuMs: NIGHTLY ? 120_000 : 4_000, slowestMs: 3_000 });
});

it('messages that nobody takes just now are held within the server\'s share for a connection', { timeout: 60_000 }, async () => {
  // Reflection answers one message after the other, until nobody takes the answers: window zero. What comes then has to wait.
  const question = grpcMessage(Buffer.of(7 * 8 + 2, 0));
  const batch = Buffer.concat(Array.from({ length: 2_000 }, () => question));
  const reflection = grpcRequest('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo');
  const streamsOpen = NIGHTLY ? 500 : 60;
  await using connection = await attacked.connect({ settings: [[Setting.INITIAL_WINDOW_SIZE, 0]] });
  const window = await connection.setting(Setting.INITIAL_WINDOW_SIZE);
  const { toll, result: ended } = await attacked.during(async () => {
    const opened = Array.from({ length: streamsOpen }, () => connection.stream());
    for (const stream of opened) {
      connection.send(headers(stream, reflection), ...Array.from({ length: Math.floor(window / batch.length) }, () => data(stream, batch)));
      await connection.drained(5_000);
      if (connection.goAwayCode !== undefined) break;
    }
    await connection.answersPing();
    return opened.filter((stream) => connection.replies.get(stream)?.reset !== undefined).length;
  });
  expectHarmless(`${streamsOpen} streams with ${window} bytes of small messages each, ${ended} ended`, toll, { grownMiB: 200, cpuMs: 5_000 });
});

it('a message in frames of one byte each is taken, at a price that frames have', { timeout: 60_000 }, async () => {
  const bytes = grpcMessage(Buffer.concat([getStateRequest(STORE, 'k'), unknownField(NIGHTLY ? 900_000 : 40_000)]));
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

/** Field 15, which no message has, so that decoders skip it. */
function unknownField(bytes: number): Buffer {
  const length: number[] = [];
  let rest = bytes;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128);
  return Buffer.concat([Buffer.of(15 * 8 + 2, ...length, rest), Buffer.alloc(bytes)]);
}
