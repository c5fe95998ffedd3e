// Attacks with header blocks: ones that never end (CVE-2024-27316), that are small and mean much (compression bombs), that keep the
// dynamic table busy, or that are no header blocks at all.
import { describe, expect, it } from 'vitest';
import { expectEnded, expectHarmless, NIGHTLY, storm, type Wave } from './harness/h2-attack.ts';
import { Attacked, STORE } from './harness/h2-attacked.ts';
import { blockOf, FIRST_DYNAMIC, getStateRequest, grpcRequest, indexed, integer, literal, remembered, tableSize } from './harness/h2-hpack.ts';
import type { RawH2 } from './harness/h2-raw.ts';
import { Bit, continuation, data, grpcMessage, headers, INITIAL_MAX_FRAME, padded } from './harness/h2-wire.ts';

const ROUNDS = NIGHTLY ? 2_000 : 60;
const NOTHING = Buffer.alloc(0);
const END_STREAM = Bit.END_HEADERS | Bit.END_STREAM;
const RESOURCE_EXHAUSTED = '8';
const MESSAGE = grpcMessage(getStateRequest(STORE, 'k'));
/** As large as the dynamic table has room for: 4096 with 32 for the entry and the name. */
const LARGEST_ENTRY = remembered('x', 'b'.repeat(4_096 - 32 - 1));

const attacked = new Attacked();

describe('a header block that never ends', () => {
  const field = literal('x-filler', 'f'.repeat(100));
  const full = Buffer.concat(Array.from({ length: Math.floor(INITIAL_MAX_FRAME / field.length) }, () => field));
  const tables = Buffer.concat(Array.from({ length: 5 }, () => remembered('x-entry', 'e'.repeat(2_000))));

  it.each([
    ['with nothing in its frames', NOTHING],
    ['with a byte in each frame', indexed(2)],
    ['with full frames', full],
    ['with entries for the table', tables],
  ])('%s ends its connection', { timeout: 120_000 }, async (what, block) => {
    const wave = (connection: RawH2): Wave => {
      const stream = connection.stream();
      const batch = Buffer.concat(Array.from({ length: 50 }, () => continuation(stream, block, 0)));
      return { first: headers(stream, grpcRequest('GetState'), 0), next: () => batch };
    };
    const { toll, result } = await attacked.during(() => storm(attacked.port, { rounds: ROUNDS }, wave));
    expectEnded(what, result, ['ENHANCE_YOUR_CALM', 'closed']);
    expectHarmless(what, toll, { grownMiB: 96, cpuMs: 500 + result.bytes / 20_000 });
  });
});

describe('a small block that means much', () => {
  it('is refused as too large, and never built', { timeout: 120_000 }, async () => {
    // One entry of 4 KiB, named by a byte thousands of times: 16 KiB that stand for 64 MiB.
    const references = Buffer.alloc(INITIAL_MAX_FRAME - 200, indexed(FIRST_DYNAMIC));
    const block = Buffer.concat([grpcRequest('GetState'), references]);
    const rounds = NIGHTLY ? 5_000 : 150;
    await using connection = await attacked.connect();
    const { toll } = await attacked.during(async () => {
      connection.send(headers(connection.stream(), Buffer.concat([grpcRequest('GetState'), LARGEST_ENTRY]), END_STREAM));
      for (let round = 0; round < rounds; round++) {
        const opened = Array.from({ length: 10 }, () => connection.stream());
        connection.send(...opened.map((stream) => headers(stream, block, END_STREAM)));
        for (const stream of opened) expect((await connection.reply(stream)).fields.get('grpc-status')).toBe(RESOURCE_EXHAUSTED);
        connection.forget();
      }
    });
    expectHarmless(`${rounds * 10} blocks of 16 KiB that stand for 64 MiB each`, toll, { grownMiB: 96, cpuMs: 500 + rounds * 10 * 1 });
    expect((await connection.reply(connection.getState(STORE, 'k'))).fields.get('grpc-status')).toBe('0');
  });

  it.each([
    ['many fields', Array.from({ length: 2_000 }, (): [string, string] => ['a', 'b'])],
    ['a field that is too large', [['x-large', 'l'.repeat(14_000)]] as [string, string][]],
    ['an empty field, thousands of times', Array.from({ length: 3_000 }, (): [string, string] => ['e', ''])],
  ])('is refused when it has %s, in one frame and in several', async (_, fields) => {
    const block = Buffer.concat([grpcRequest('GetState'), blockOf(fields)]);
    await using connection = await attacked.connect();
    for (const size of [INITIAL_MAX_FRAME, 1_000]) {
      const stream = connection.stream();
      const parts = Array.from({ length: Math.ceil(block.length / size) }, (_part, index) => block.subarray(index * size, (index + 1) * size));
      connection.send(...parts.map((part, index) => {
        const flags = index === parts.length - 1 ? Bit.END_HEADERS : 0;
        return index === 0 ? headers(stream, part, flags) : continuation(stream, part, flags);
      }));
      connection.send(data(stream, MESSAGE, Bit.END_STREAM));
      expect((await connection.reply(stream)).fields.get('grpc-status')).toBe(RESOURCE_EXHAUSTED);
    }
    expect((await connection.reply(connection.getState(STORE, 'k'))).fields.get('grpc-status')).toBe('0');
  });
});

describe('the dynamic table', () => {
  const request = grpcRequest('GetState');
  const small = Array.from({ length: 100 }, (_, index) => remembered(`x-${index}`, '')); // more than 4096 bytes hold, at 32 for each

  it.each([
    ['up and down in each block', Buffer.concat([tableSize(0), tableSize(4_096), request])],
    ['up and down, filled in between', Buffer.concat([tableSize(0), tableSize(4_096), request, LARGEST_ENTRY])],
    ['filled with small entries again and again', Buffer.concat([request, ...small])],
    ['filled with large entries again and again', Buffer.concat([request, LARGEST_ENTRY.subarray(0, 3), integer(7, 0, 3_000), Buffer.alloc(3_000, 'c'), LARGEST_ENTRY])],
  ])('%s costs what its bytes cost', { timeout: 120_000 }, async (what, block) => {
    const wave = (connection: RawH2): Wave => ({ next: () => Buffer.concat(Array.from({ length: 50 }, () => headers(connection.stream(), block, END_STREAM))) });
    const { toll, result } = await attacked.during(() => storm(attacked.port, { rounds: ROUNDS }, wave));
    expectEnded(what, result, ['served', 'ENHANCE_YOUR_CALM']);
    expectHarmless(what, toll, { grownMiB: 96, cpuMs: 500 + result.rounds * 50 * 0.3 });
  });
});

describe('what is no header block', () => {
  it.each<readonly [what: string, block: Buffer, end: string]>([
    ['an index of nothing', indexed(0), 'COMPRESSION_ERROR'],
    ['an index beyond the table', indexed(FIRST_DYNAMIC + 100), 'COMPRESSION_ERROR'],
    ['an integer without an end', Buffer.concat([Buffer.of(0x7f), Buffer.alloc(1_000, 0xff)]), 'COMPRESSION_ERROR'],
    ['an integer of leading zeros', Buffer.concat([Buffer.of(0x7f), Buffer.alloc(1_000, 0x80), Buffer.of(0)]), 'COMPRESSION_ERROR'],
    ['a string longer than its block', Buffer.of(0x00, 0x7f, 0xff, 0xff, 0x7f, 0x61), 'COMPRESSION_ERROR'],
    ['a table larger than agreed', Buffer.concat([tableSize(4_097), grpcRequest('GetState')]), 'COMPRESSION_ERROR'],
    ['a table size in the middle', Buffer.concat([grpcRequest('GetState'), tableSize(100)]), 'COMPRESSION_ERROR'],
    ['a thousand table sizes', Buffer.concat([...Array.from({ length: 1_000 }, () => tableSize(0)), grpcRequest('GetState')]), 'COMPRESSION_ERROR'],
    ['a Huffman code that is padding only', Buffer.of(0x00, 0x82, 0xff, 0xff, 0x01, 0x61), 'COMPRESSION_ERROR'],
    ['more padding than frame', padded(NOTHING, 0).fill(0x20), 'PROTOCOL_ERROR'],
  ])('ends the connection: %s', async (what, block, end) => {
    const flags = what.startsWith('more padding') ? END_STREAM | Bit.PADDED : END_STREAM;
    const { toll, result } = await attacked.during(() => storm(attacked.port, { rounds: 10 }, () => ({ next: () => headers(1, block, flags) })));
    expectEnded(what, result, [end]);
    expectHarmless(what, toll, { grownMiB: 32, cpuMs: 500 });
  });
});
