// Header compression against nghttp2, which Node's HTTP/2 client has inside: a bare socket is the server, its blocks are ours.
import { once } from 'node:events';
import { connect, sensitiveHeaders, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { HpackDecoder } from '../kernel/h2/hpack/decoder.ts';
import { HpackEncoder } from '../kernel/h2/hpack/encoder.ts';
import { indexResponses } from '../kernel/h2/hpack/indexing.ts';
import { ADD_ALL, encodeBlock, fieldName, newDecoder } from './hpack-harness.ts';

const [HEADERS, SETTINGS] = [1, 4];
const [ACK, END_STREAM, END_HEADERS, PADDED, PRIORITY] = [1, 1, 4, 8, 0x20];
const PREFACE_BYTES = 24;
const HEADER_TABLE_SIZE = 1;
/** Streams on one connection, so that the tables have something to do. */
const STREAMS = 120;

interface Answers {
  /** What the server's SETTINGS say of its table; absent: nothing, which is 4096. */
  readonly tableBytes?: number;
  /** The response's block for a request's block. */
  readonly onBlock: (block: Uint8Array) => Uint8Array;
  /** The client's SETTINGS_HEADER_TABLE_SIZE, in the order of its blocks. */
  readonly onTableSize?: (bytes: number) => void;
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).toReversed()) close();
});

/** A client of nghttp2's, connected to a server that knows enough of HTTP/2 for header blocks to go both ways. */
async function connectTo(answers: Answers, settings: { headerTableSize?: number } = {}): Promise<ClientHttp2Session> {
  const server = createServer((socket) => answerOn(socket, answers)).listen(0, '127.0.0.1');
  closers.push(() => server.close());
  await once(server, 'listening');
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { settings });
  closers.push(() => session.destroy());
  await once(session, 'remoteSettings');
  return session;
}

function answerOn(socket: Socket, { tableBytes, onBlock, onTableSize }: Answers): void {
  let received = Buffer.alloc(0);
  let from = PREFACE_BYTES;
  socket.on('error', () => socket.destroy());
  socket.write(frame(SETTINGS, 0, 0, tableBytes === undefined ? Buffer.alloc(0) : setting(HEADER_TABLE_SIZE, tableBytes)));
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (;;) {
      if (received.length < from + 9) return;
      const end = from + 9 + received.readUIntBE(from, 3);
      if (received.length < end) return;
      const [type, flags, stream, payload] = [received[from + 3]!, received[from + 4]!, received.readUInt32BE(from + 5), received.subarray(from + 9, end)];
      from = end;
      if (type === SETTINGS && (flags & ACK) === 0) {
        for (let at = 0; at < payload.length; at += 6) {
          if (payload.readUInt16BE(at) === HEADER_TABLE_SIZE) onTableSize?.(payload.readUInt32BE(at + 2));
        }
        socket.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
      }
      if (type !== HEADERS) continue;
      if ((flags & END_HEADERS) === 0) throw new Error('a block in pieces: more than this server knows');
      const padding = (flags & PADDED) === 0 ? 0 : payload[0]!;
      const start = ((flags & PADDED) === 0 ? 0 : 1) + ((flags & PRIORITY) === 0 ? 0 : 5);
      socket.write(frame(HEADERS, END_STREAM | END_HEADERS, stream, onBlock(payload.subarray(start, payload.length - padding))));
    }
  });
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

/** Names and values that nghttp2 lets pass, some of them often. None that Node treats in its own way. */
const headers = fc.array(fc.tuple(
  fc.oneof(fc.constantFrom('x-one', 'x-two', 'grpc-status', 'content-type', 'te'), fieldName.map((name) => `x-${name}`)),
  fc.oneof(fc.constantFrom('0', 'application/grpc', 'trailers'), fc.string({ unit: fc.oneof(fc.integer({ min: 0x21, max: 0x7e }), fc.integer({ min: 0xa1, max: 0xff })).map((code) => String.fromCharCode(code)), minLength: 1, maxLength: 120 })),
), { maxLength: 8 }).map((pairs) => Object.fromEntries(pairs.filter(([name]) => name !== 'te')) as Record<string, string>);

/** Different ones in each run, the same again for the seed that a failure names. */
function samples(seed: number): Record<string, string>[] {
  return fc.sample(headers, { numRuns: STREAMS, seed });
}

/** Sends a request and gives what came as response headers. */
async function ask(session: ClientHttp2Session, request: OutgoingHttpHeaders): Promise<Record<string, unknown>> {
  const stream = session.request(request, { endStream: true });
  const [response] = (await once(stream, 'response')) as [Record<string, unknown>];
  stream.resume();
  await once(stream, 'close');
  return Object.fromEntries(Object.entries(response)); // without Node's own symbol
}

describe('blocks of nghttp2', () => {
  it.each([undefined, 0, 100, 4096, 65_536])('are what our decoder reads, with a table of %s bytes', async (tableBytes) => {
    const seed = Date.now() >>> 0;
    const decoder: HpackDecoder = newDecoder(1 << 20, Math.max(4096, tableBytes ?? 0));
    const seen: string[][] = [];
    const onBlock = (block: Uint8Array): Uint8Array => {
      const { fields, tooLarge } = decoder.decode(block, 0, block.length);
      if (tooLarge) throw new Error('too large');
      seen.push(fields);
      return Uint8Array.of(0x88);
    };
    const session = await connectTo({ tableBytes, onBlock });
    const sent = samples(seed).map((one, i) => ({ ':path': `/path/${i % 10}`, ...one, authorization: `Bearer ${i}`, ...(i % 3 === 0 ? { [sensitiveHeaders]: ['authorization'] } : {}) }));
    await Promise.all(sent.map((one) => ask(session, one)));
    const all = seen.map((fields) => Object.fromEntries(Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i], fields[2 * i + 1]])));
    const expected = sent.map((one) => ({ ':method': 'GET', ':scheme': 'http', ':authority': expect.stringContaining('127.0.0.1:'), ...Object.fromEntries(Object.entries(one)) }));
    expect(all, `seed ${seed}`).toEqual(expected);
    if (tableBytes === 0) expect(decoder.tableBytes).toBe(0);
    else expect(decoder.tableBytes).toBeGreaterThan(0);
    if (tableBytes === 100) expect(decoder.tableBytes).toBeLessThanOrEqual(100);
  });
});

describe('our blocks', () => {
  it.each([[undefined, 'all fields'], [0, 'all fields'], [100, 'all fields'], [4096, 'what repeats'], [100, 'what repeats'], [65_536, 'all fields']])('are what nghttp2 reads, with a table of %s bytes that holds %s', async (headerTableSize, what) => {
    const seed = Date.now() >>> 0;
    const encoder = new HpackEncoder(4096, what === 'all fields' ? ADD_ALL : indexResponses);
    const answers = samples(seed);
    let next = 0;
    const onBlock = (): Uint8Array => encodeBlock(encoder, [':status', String(200 + (next % 3)), ...Object.entries(answers[next++]!).flat()]);
    const session = await connectTo({ onBlock, onTableSize: (bytes) => encoder.setMaxTableBytes(bytes) }, headerTableSize === undefined ? {} : { headerTableSize });
    const received = await Promise.all(answers.map(() => ask(session, {})));
    expect(received.map(({ ':status': status, ...others }) => [status, others]), `seed ${seed}`).toEqual(answers.map((one, i) => [200 + (i % 3), one]));
  });

  it('are what nghttp2 reads while the client changes its table', async () => {
    const seed = Date.now() >>> 0;
    const encoder = new HpackEncoder(4096, ADD_ALL);
    const answers = samples(seed);
    let next = 0;
    const sizes: number[] = [];
    const onTableSize = (bytes: number): void => {
      sizes.push(bytes);
      encoder.setMaxTableBytes(bytes);
    };
    const onBlock = (): Uint8Array => encodeBlock(encoder, [':status', '200', ...Object.entries(answers[next++]!).flat()]);
    const session = await connectTo({ onBlock, onTableSize });
    const changes = [[0], [4096], [100], [0, 4096], [2000], [4096, 50, 300]];
    for (const [round, change] of changes.entries()) {
      const acknowledged = change.map((headerTableSize) => new Promise<void>((done) => session.settings({ headerTableSize }, () => done())));
      const slice = answers.slice(20 * round, 20 * round + 20);
      const received = await Promise.all(slice.map(() => ask(session, {}))); // some of them before the settings arrive
      expect(received.map(({ ':status': status, ...others }) => (status === 200 ? others : status)), `seed ${seed}`).toEqual(slice);
      await Promise.all(acknowledged);
    }
    expect(sizes.slice(-9)).toEqual(changes.flat());
  });
});
