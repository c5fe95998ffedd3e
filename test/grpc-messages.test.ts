// Messages of gRPC as they lie in DATA frames: cut anywhere, many in one piece, one in many, and those that are none.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeMessage } from '../kernel/grpc/fields.ts';
import { MessageReader, type MessageFault } from '../kernel/grpc/message-reader.ts';
import { Budget } from '../kernel/h2/budget.ts';
import { Grpc } from '../proto/errors.ts';

const MAX = 1_000;

function framed(flag: number, message: Uint8Array, length = message.length): Buffer {
  const bytes = Buffer.alloc(5 + message.length);
  bytes[0] = flag;
  bytes.writeUInt32BE(length, 1);
  bytes.set(message, 5);
  return bytes;
}

/** Reads pieces one after the other. */
function readAll(pieces: readonly Buffer[], budget = new Budget(1 << 20)): { readonly messages: readonly [string, boolean][]; readonly fault: MessageFault | undefined; readonly reader: MessageReader } {
  const reader = new MessageReader(MAX, budget);
  const messages: [string, boolean][] = [];
  let fault: MessageFault | undefined;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length && fault === undefined;) {
      at = reader.read(piece, at, piece.length);
      if (reader.message !== undefined) messages.push([reader.message.toString('hex'), reader.compressed]);
      ({ fault } = reader);
    }
  }
  return { messages, fault, reader };
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [...new Set(at.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((start, index) => bytes.subarray(start, places[index] ?? bytes.length));
}

describe('messages in pieces', () => {
  const some = fc.array(fc.tuple(fc.uint8Array({ maxLength: MAX }), fc.boolean()), { maxLength: 8 });

  it('are the same wherever they are cut', () => {
    fc.assert(fc.property(some, fc.array(fc.nat(), { maxLength: 20 }), (sent, places) => {
      const budget = new Budget(1 << 20);
      const bytes = Buffer.concat(sent.map(([message, compressed]) => framed(compressed ? 1 : 0, message)));
      const { messages, fault, reader } = readAll(cut(bytes, places), budget);
      expect(fault).toBeUndefined();
      expect(messages).toEqual(sent.map(([message, compressed]) => [Buffer.from(message).toString('hex'), compressed]));
      expect(reader.inside).toBe(false);
      expect(budget.used).toBe(0);
    }), { numRuns: 300 });
  });

  it('one that is not whole is held, and given back to the budget when it is given up', () => {
    const budget = new Budget(1 << 20);
    const { messages, reader } = readAll([framed(0, Buffer.alloc(600)).subarray(0, 300)], budget);
    expect([messages, reader.inside, budget.used]).toEqual([[], true, 295]);
    reader.close();
    expect(budget.used).toBe(0);
  });

  it.each([
    ['announces more than may be', framed(0, Buffer.alloc(0), MAX + 1), Grpc.RESOURCE_EXHAUSTED, 'Received message larger than max (1001 vs 1000)'],
    ['announces 4 GiB', framed(0, Buffer.alloc(0), 0xffff_ffff), Grpc.RESOURCE_EXHAUSTED, 'Received message larger than max (4294967295 vs 1000)'],
    ['has an unknown flag', framed(2, Buffer.alloc(3)), Grpc.INTERNAL, 'grpc: received unexpected payload format 2'],
  ])('one that %s is refused when its prefix is there', (_what, bytes, code, message) => {
    expect(readAll([...bytes.subarray(0, 5)].map((byte) => Buffer.of(byte))).fault).toEqual({ code, message });
  });

  it('together never hold more than the budget', () => {
    const budget = new Budget(1_000);
    const { fault: first } = readAll([framed(0, Buffer.alloc(900)).subarray(0, 800)], budget);
    const { fault: second } = readAll([framed(0, Buffer.alloc(900)).subarray(0, 800)], budget);
    expect([first, second?.code, budget.used]).toEqual([undefined, Grpc.RESOURCE_EXHAUSTED, 795]);
  });

  it('memory grows with what comes, not with what is announced', () => {
    const before = process.memoryUsage().arrayBuffers;
    const kept = Array.from({ length: 50 }, () => {
      const own = new MessageReader(1 << 30, new Budget(1 << 30));
      own.read(framed(0, Buffer.alloc(10), 1 << 29), 0, 15);
      return own;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
    expect(kept.every(({ inside }) => inside)).toBe(true);
  });
});

it('a status message goes out in what a header may hold, and decodes to itself', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 50 }), (text) => {
    const encoded = encodeMessage(text);
    expect(encoded).toMatch(/^(?! )[ -~]*(?<! )$/);
    expect(decodeURIComponent(encoded)).toBe(text.toWellFormed());
  }));
  expect(encodeMessage(' ')).toBe('%20');
  expect(encodeMessage('50 % of ünder\n')).toBe('50 %25 of %C3%BCnder%0A');
});
