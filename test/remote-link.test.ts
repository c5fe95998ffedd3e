// The link between a kernel and a block server: messages whole, however their bytes come, and an end for whoever speaks something else.
import { PassThrough, type Duplex } from 'node:stream';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { firstWord, Link, packWord, WordReader, type LinkOptions } from '../ipc/link.ts';
import { asKernelWord, asServerWord, LINK_MAGIC, LONGEST_WORD, versionProblem } from '../proto/remote.ts';
import { PROTOCOL_VERSION } from '../proto/control.ts';
import { eventually } from './harness/awaiting.ts';
import { chunkedPair } from './fixtures/ipc-stream.ts';

const LONGEST_MESSAGE = 200;
const lengthOf = (bytes: number): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes);
  return length;
};

interface Ears {
  readonly words: unknown[];
  readonly ends: (string | undefined)[];
}

const links: Link<unknown>[] = [];
afterEach(() => { for (const link of links.splice(0)) link.close(); });

/** A link on a stream, and what it hears. */
function listen(stream: Duplex, options: Partial<LinkOptions<unknown>> = {}): Ears & { readonly link: Link<unknown> } {
  const ears: Ears = { words: [], ends: [] };
  const link = new Link<unknown>(stream, { as: (value) => value, take: (word) => void ears.words.push(word), ended: (problem) => void ears.ends.push(problem), ...options });
  links.push(link);
  return { ...ears, link };
}

async function tcpPair(): Promise<readonly [Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  server.close();
  return [near, far];
}

describe('messages', () => {
  const words = [{ say: 'one' }, { say: 'two', text: 'ключ 🗝' }, { say: 'three', list: Array.from({ length: 500 }, (_, i) => i) }, {}];
  const bytes = Buffer.concat(words.map(packWord));

  it('come whole, byte by byte or all at once', () => {
    for (const size of [1, 2, 3, 5, 7, 64, bytes.length]) {
      const reader = new WordReader();
      const found: unknown[] = [];
      for (let at = 0; at < bytes.length; at += size) {
        reader.push(bytes.subarray(at, at + size));
        for (let word = reader.next(); word !== undefined; word = reader.next()) found.push(word);
      }
      expect([size, found, reader.rest.length]).toEqual([size, words, 0]);
    }
  });

  it('leave what comes behind them', () => {
    const reader = new WordReader();
    reader.push(Buffer.concat([packWord({ a: 1 }), Buffer.from('rest')]));
    expect([reader.next(), reader.rest.toString()]).toEqual([{ a: 1 }, 'rest']);
  });

  it('have a longest, which neither end goes beyond', () => {
    const longest = { t: 'x'.repeat(LONGEST_WORD - 8) };
    const reader = new WordReader();
    reader.push(packWord(longest));
    expect(reader.next()).toEqual(longest);
    expect(() => packWord({ t: 'x'.repeat(LONGEST_WORD - 7) })).toThrow(`a message of ${LONGEST_WORD + 1} bytes, the limit is ${LONGEST_WORD}`);
    reader.push(lengthOf(LONGEST_WORD + 1)); // told before a byte of it has come
    expect(() => reader.next()).toThrow('it speaks something else');
  });

  it('are JSON, or none', () => {
    for (const text of ['', '{', 'null}', 'GET / HTTP/1.1', '\xff\xfe', '{"say":']) {
      const reader = new WordReader();
      reader.push(Buffer.concat([lengthOf(Buffer.byteLength(text)), Buffer.from(text)]));
      expect(() => reader.next(), text).toThrow('it speaks something else');
    }
  });

  it('are found in anything, or nothing is, and only with a short error', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }).map((chunk) => Buffer.from(chunk)), fc.json().map((text) => Buffer.concat([lengthOf(Buffer.byteLength(text)), Buffer.from(text)]))), { maxLength: 8 }), (chunks) => {
      const reader = new WordReader();
      try {
        for (const chunk of chunks) {
          reader.push(chunk);
          for (let word = reader.next(); word !== undefined; word = reader.next());
        }
      } catch (cause) {
        expect((cause as Error).message).toBe('it speaks something else');
      }
    }), { numRuns: 500 });
  });
});

describe('a link', () => {
  it('carries messages both ways over a stream of odd pieces', async () => {
    const [left, right] = chunkedPair(5);
    const [near, far] = [listen(left), listen(right)];
    const said = Array.from({ length: 50 }, (_, i) => ({ i, text: 'x'.repeat((i * 397) % 12_000) }));
    for (const word of said) near.link.say(word);
    far.link.say({ back: true });
    await eventually('all came', () => far.words.length === said.length && near.words.length === 1);
    expect([far.words, near.words]).toEqual([said, [{ back: true }]]);
    near.link.close();
    await eventually('both know', () => far.ends.length === 1 && near.ends.length === 1);
    expect([near.ends, far.ends]).toEqual([[undefined], [undefined]]);
  });

  it('is ended by a peer that talks too much', async () => {
    const [left, right] = chunkedPair(64);
    const [near, far] = [listen(left), listen(right)];
    for (let i = 0; i < 200; i++) near.link.say({ i });
    await eventually('it is over', () => far.ends.length === 1);
    expect(far.ends).toEqual(['it talks too much']);
    expect(far.words.length).toBeLessThan(100);
  });

  it('is ended by a peer that does not read what it is told', async () => {
    const [near] = await tcpPair(); // nobody reads at the other end
    const here = listen(near);
    for (let i = 0; i < 1_000 && here.ends.length === 0; i++) {
      here.link.say({ text: 'x'.repeat(50_000) });
      if (i % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually('it is over', () => here.ends.length === 1);
    expect(here.ends).toEqual(['it does not read what it is told']);
  });

  it('takes what had come before it was there', async () => {
    const [left] = chunkedPair(6);
    const all = packWord({ n: 1 });
    const { words } = listen(left, { rest: Buffer.concat([all, all]) });
    await eventually('both are heard', () => words.length === 2);
  });

  it('says its last words although it is closed at once, and nothing after', async () => {
    const [near, far] = await tcpPair();
    const there = listen(far);
    const here = listen(near);
    here.link.say({ last: 'x'.repeat(50_000) });
    here.link.close();
    here.link.say({ never: true });
    here.link.close();
    await eventually('the end has come', () => there.ends.length === 1 && here.ends.length === 1);
    expect(there.words).toEqual([{ last: 'x'.repeat(50_000) }]);
  });

  it.each([
    ['what is no message', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'it speaks something else'],
    ['a message that is too long', lengthOf(LONGEST_WORD + 1), 'it speaks something else'],
    ['a message that the check refuses', packWord({ say: 'nonsense' }), 'no'],
  ])('ends with a reason for %s', async (_what, bytes, reason) => {
    const [near, far] = await tcpPair();
    const { words, ends } = listen(far, { as: () => { throw new Error('no'); } });
    near.on('error', () => {}).resume().write(bytes);
    await eventually('it has ended', () => ends.length > 0);
    await eventually('the other side sees it', () => near.destroyed);
    expect([words, ends]).toEqual([[], [reason]]);
  });

  it('hears nothing more once it has ended, though more lies there', async () => {
    const [near, far] = await tcpPair();
    const heard: unknown[] = [];
    const link = new Link<unknown>(far, { as: (value) => value, take: (word) => { heard.push(word); link.close(); }, ended: () => {} });
    near.resume().write(Buffer.concat([packWord({ n: 1 }), packWord({ n: 2 })]));
    near.write(packWord({ n: 3 }));
    await eventually('the other side sees it', () => near.destroyed);
    expect(heard).toEqual([{ n: 1 }]);
  });

  it('ends, without a reason of ours, when the peer goes in the middle of a message', async () => {
    const [near, far] = await tcpPair();
    const { words, ends } = listen(far);
    near.end(packWord({ say: 'something long' }).subarray(0, 9));
    near.resume();
    await eventually('it has ended', () => ends.length > 0);
    expect([words, ends]).toEqual([[], [undefined]]);
  });

  it('ends for a peer that resets', async () => {
    const [near, far] = await tcpPair();
    const { ends } = listen(far);
    near.resetAndDestroy();
    await eventually('it has ended', () => ends.length > 0);
    expect(ends).toEqual([undefined]);
  });

  it('does not wait for a peer that reads nothing', async () => {
    const [near, far] = await tcpPair();
    near.pause();
    const { link } = listen(far);
    for (let i = 0; i < 200; i++) link.say({ text: 'x'.repeat(50_000) });
    link.close();
    await eventually('the connection is gone', () => far.destroyed, 5_000);
    near.destroy();
  });
});

describe('the first message', () => {
  it('is told with what came behind it, and the stream is left for others to read', async () => {
    const stream = new PassThrough();
    stream.write(packWord({ say: 'hello' }).subarray(0, 5));
    const first = firstWord(stream, 1_000);
    stream.write(Buffer.concat([packWord({ say: 'hello' }).subarray(5), Buffer.from('rest')]));
    expect(await first).toEqual({ word: { say: 'hello' }, rest: Buffer.from('rest') });
    expect([stream.isPaused(), stream.listenerCount('data'), stream.listenerCount('end')]).toEqual([true, 0, 0]);
  });

  it.each([
    ['in time', () => {}, 'it said nothing within 50 ms'],
    ['because it goes', (stream: PassThrough) => void stream.end(), 'it closed the connection without a word'],
    ['because it goes in the middle of it', (stream: PassThrough) => void stream.end(Buffer.from([9, 0])), 'it closed the connection without a word'],
    ['because it breaks', (stream: PassThrough) => void stream.destroy(new Error('broken')), 'broken'],
    ['because it says something else', (stream: PassThrough) => void stream.write('GET / HTTP/1.1\r\n'), 'it speaks something else'],
  ])('does not come %s', async (_when, act, reason) => {
    const stream = new PassThrough();
    const first = firstWord(stream, 50);
    act(stream);
    await expect(first).rejects.toThrow(reason);
    expect(stream.listenerCount('data')).toBe(0);
  });
});

describe('what may be said', () => {
  const limits = { heapBytes: 0, memoryBytes: 1, openFiles: 2 };
  const log = { level: 'info', json: false, appId: 'a', instance: 'i', version: 'v' };
  const hello = { say: 'hello', magic: LINK_MAGIC, protocol: PROTOCOL_VERSION, version: '1', block: 'state', name: 'state/a', ringBytes: 65_536, maxFrameBytes: 1_000, handed: true, rings: true, lanes: 2, limits, log };
  const welcome = { say: 'welcome', protocol: PROTOCOL_VERSION, way: 'ring', why: '', key: '', cgroup: '/x' };
  const kernelWords = [hello, { say: 'carry', magic: LINK_MAGIC, key: 'k' }, { say: 'probe', magic: LINK_MAGIC }, { say: 'usage' }, { say: 'kill' }];
  const serverWords = [
    welcome, { say: 'refused', reason: 'r' }, { say: 'usage', rss: -1, files: 3 }, { say: 'leaving' }, { say: 'exit', reason: 'r', heap: true, said: 's' }, { say: 'exit', reason: 'r', heap: false, said: '', signal: 'SIGKILL', code: 3 },
    { say: 'here', block: 'state', version: '1', protocol: 3, kernels: 0 },
  ];

  it('comes through as it is, without what nobody asked for', () => {
    for (const word of kernelWords) expect(asKernelWord({ ...word, more: 'more' })).toEqual(word);
    for (const word of serverWords) expect(asServerWord({ ...word, more: 'more' })).toEqual(word);
  });

  it.each([
    [{ ...hello, magic: 'dapr' }, 'it speaks something else'], [{ ...hello, limits: undefined }, 'it speaks something else'], [{ ...hello, log: { ...log, level: 'loud' } }, 'a hello whose log level is none'],
    [{ ...hello, lanes: 65 }, 'lanes is no number from 0 to 64'], [{ ...hello, lanes: 1.5 }, 'lanes is no number'], [{ ...hello, ringBytes: '1' }, 'ringBytes is no number'], [{ ...hello, maxFrameBytes: 0 }, 'maxFrameBytes is no number from 1'],
    [{ ...hello, name: 'x'.repeat(20_001) }, 'name is no text, or too long a one'], [{ ...hello, block: 7 }, 'block is no text'], [{ say: 'carry', magic: LINK_MAGIC }, 'key is no text'], [{ say: 'probe' }, 'it speaks something else'],
    [{ say: 'welcome' }, 'it speaks something else'], [[], 'it speaks something else'], [null, 'it speaks something else'], ['hello', 'it speaks something else'],
  ])('refuses of a kernel %o', (word, reason) => {
    expect(() => asKernelWord(word)).toThrow(reason);
  });

  it.each([
    [{ ...welcome, way: 'pigeon' }, 'frames are to travel in a way that is not known here'], [{ ...welcome, key: undefined }, 'key is no text'], [{ say: 'usage', rss: -2, files: 0 }, 'rss is no number from -1'],
    [{ say: 'usage', rss: 0 }, 'files is no number'], [{ say: 'exit', reason: 'r', said: '', code: 256 }, 'code is no number from 0 to 255'], [{ say: 'exit', reason: 'r', said: '', signal: 9 }, 'signal is no text'],
    [hello, 'it speaks something else'], [undefined, 'it speaks something else'], [{ say: '__proto__' }, 'it speaks something else'],
  ])('refuses of a server %o', (word, reason) => {
    expect(() => asServerWord(word)).toThrow(reason);
  });

  it('is a shape of ours or a short error, whatever comes', () => {
    const anything = fc.anything({ withNullPrototype: true, withBigInt: true });
    const changed = fc.tuple(fc.constantFrom(...kernelWords, ...serverWords), fc.constantFrom('say', 'magic', 'protocol', 'version', 'block', 'name', 'ringBytes', 'maxFrameBytes', 'handed', 'rings', 'lanes', 'limits', 'log', 'way', 'why', 'key', 'cgroup', 'rss', 'files', 'reason', 'code', 'signal'), anything)
      .map(([word, name, value]) => ({ ...word, [name]: value }));
    const typesOf = (value: object): string => JSON.stringify(Object.entries(value).map(([name, one]) => [name, typeof one === 'object' ? typesOf(one as object) : typeof one]));
    const shapes = new Set([...kernelWords, ...serverWords].map(typesOf));
    shapes.add(typesOf({ say: 'exit', reason: '', heap: true, said: '', code: 1 })).add(typesOf({ say: 'exit', reason: '', heap: true, said: '', signal: '' }));
    fc.assert(fc.property(fc.oneof(anything, changed), (value) => {
      for (const check of [asKernelWord, asServerWord]) {
        try {
          expect(shapes).toContain(typesOf(check(value)));
        } catch (cause) {
          if (!(cause instanceof Error) || cause.message.length > LONGEST_MESSAGE || cause.name === 'AssertionError') throw cause;
        }
      }
    }), { numRuns: 3_000 });
  });

  it('names what is wrong between versions, and what to do', () => {
    expect(versionProblem(PROTOCOL_VERSION, 'kernel', '1')).toBeUndefined();
    expect(versionProblem(PROTOCOL_VERSION + 1, 'block server', '9.9')).toBe(`the kernel, version 9.9, speaks protocol ${PROTOCOL_VERSION + 1}, the block server ${PROTOCOL_VERSION}: run both from the same image`);
    expect(versionProblem(0, 'kernel', '')).toBe(`the block server speaks protocol 0, the kernel ${PROTOCOL_VERSION}: run both from the same image`);
  });
});
