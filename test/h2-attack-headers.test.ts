// Attacks with header blocks: ones that never end (CVE-2024-27316), that are small and mean much (compression bombs), that keep the
// dynamic table busy, or that are no header blocks at all.
import { describe, expect, it } from 'vitest';
import { expectEnded, expectHarmless, NIGHTLY, storm, type Wave } from './harness/h2-attack.ts';
import { Attacked, STORE } from './harness/h2-attacked.ts';
import { FIRST_DYNAMIC, getStateRequest, grpcRequest, indexed, integer, literal, remembered, tableSize } from './harness/h2-hpack.ts';
import { codeName, type RawH2 } from './harness/h2-raw.ts';
import { Bit, continuation, data, grpcMessage, headers, INITIAL_MAX_FRAME, padded, Setting } from './harness/h2-wire.ts';

const ROUNDS = NIGHTLY ? 2_000 : 40;
const NOTHING = Buffer.alloc(0);
const END_STREAM = Bit.END_HEADERS | Bit.END_STREAM;
const RESOURCE_EXHAUSTED = '8';
const MESSAGE = grpcMessage(getStateRequest(STORE, 'k'));
/** As large as the dynamic table has room for: 4096 with 32 for the entry and the name. */
const LARGEST_ENTRY = remembered('x', 'b'.repeat(4_096 - 32 - 1));

const attacked = new Attacked();

/** A block in as few frames as hold it. */
function framed(stream: number, block: Buffer): Buffer[] {
  const parts = Array.from({ length: Math.ceil(block.length / INITIAL_MAX_FRAME) }, (_, index) => block.subarray(index * INITIAL_MAX_FRAME, (index + 1) * INITIAL_MAX_FRAME));
  return parts.map((part, index) => {
    const flags = index === parts.length - 1 ? Bit.END_HEADERS : 0;
    return index === 0 ? headers(stream, part, flags) : continuation(stream, part, flags);
  });
}

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
    expectEnded(what, result, ['ENHANCE_YOUR_CALM', 'closed'], ['served', 'PROTOCOL_ERROR']); // a ping in the middle of a header block
    expectHarmless(what, toll, { grownMiB: 96, cpuMs: 500 + result.bytes / 20_000 });
  });
});

describe('a small block that means much', () => {
  it('is refused as too large, and never built', { timeout: 120_000 }, async () => {
    // One entry of 4 KiB, named by a byte thousands of times: 16 KiB that stand for 64 MiB, and a MiB is the limit.
    const references = Buffer.alloc(INITIAL_MAX_FRAME - 200, indexed(FIRST_DYNAMIC));
    const block = Buffer.concat([grpcRequest('GetState'), references]);
    const rounds = NIGHTLY ? 5_000 : 80;
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
    ['many fields', 'a', 'b'],
    ['many fields without a value', 'e', ''],
    ['one large field', 'x-large', 'l'],
  ])('is refused beyond the limit, and served below it: %s', async (what, name, value) => {
    await using connection = await attacked.connect();
    const limit = await connection.setting(Setting.MAX_HEADER_LIST_SIZE);
    const overhead = name.length + value.length + 32; // RFC 9113 section 6.5.2
    for (const [share, status] of [[0.9, '0'], [1.01, RESOURCE_EXHAUSTED]] as const) {
      const fields = what === 'one large field' ? literal(name, value.repeat(limit * share)) : Buffer.concat(Array.from({ length: limit * share / overhead }, () => literal(name, value)));
      const stream = connection.stream();
      connection.send(...framed(stream, Buffer.concat([grpcRequest('GetState'), fields])), data(stream, MESSAGE, Bit.END_STREAM));
      expect((await connection.reply(stream)).fields.get('grpc-status'), `${share} of the limit`).toBe(status);
    }
  });

  it('of as many fields as there may be costs no more than its bytes allow', { timeout: 60_000 }, async () => {
    const times = NIGHTLY ? 2_000 : 20;
    await using connection = await attacked.connect();
    const limit = await connection.setting(Setting.MAX_HEADER_LIST_SIZE);
    const block = Buffer.concat([grpcRequest('GetState'), Buffer.alloc(limit * 0.9 / 34, indexed(FIRST_DYNAMIC))]);
    const { toll } = await attacked.during(async () => {
      connection.send(headers(connection.stream(), Buffer.concat([grpcRequest('GetState'), remembered('x', 'y')]), END_STREAM));
      for (let count = 0; count < times; count++) {
        const stream = connection.stream();
        connection.send(...framed(stream, block), data(stream, MESSAGE, Bit.END_STREAM));
        expect((await connection.reply(stream)).fields.get('grpc-status')).toBe('0');
      }
    });
    expectHarmless(`${times} blocks of ${block.length} bytes, a field each`, toll, { grownMiB: 96, cpuMs: 500 + times * 30 });
  });
});

it('fields of requests that wait are held within the server\'s share for a connection', { timeout: 60_000 }, async () => {
  await using connection = await attacked.connect();
  const limit = await connection.setting(Setting.MAX_HEADER_LIST_SIZE);
  const block = Buffer.concat([grpcRequest('GetState'), literal('user-agent', 'u'.repeat(limit - 1_000))]);
  const count = Math.ceil((NIGHTLY ? 2_048 : 128) * 2 ** 20 / limit); // together twice a connection's share, at least
  const { toll, result: opened } = await attacked.during(async () => {
    const all = Array.from({ length: count }, () => connection.stream());
    for (const stream of all) {
      connection.send(...framed(stream, block));
      if (!(await connection.drained(5_000)) || connection.goAwayCode !== undefined) break;
    }
    await connection.answersPing();
    return all;
  });
  // Streams are refused where there is no room for their fields, or the connection ends where there is none for a block.
  const refused = opened.filter((stream) => connection.replies.has(stream)).length;
  if (connection.goAwayCode === undefined) expect(refused).toBeGreaterThan(count / 4);
  else expect(codeName(connection.goAwayCode)).toBe('ENHANCE_YOUR_CALM');
  expectHarmless(`requests with fields of ${limit} bytes that wait for their message: ${refused} of ${count} refused, GOAWAY ${codeName(connection.goAwayCode)}`, toll, { grownMiB: 192, cpuMs: 3_000 });
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
