// Descriptors handed from one process to another over a Unix socket: they arrive, open on the same thing and closed to children; nothing
// is left open whatever goes wrong; and who is at the other end is who the system says.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { socketPair } from '../ipc/descriptors.ts';
import { closeAll, connectUnix, handOver, MOST_DESCRIPTORS, MOST_HANDED_BYTES, peerCredentials, takeHanded } from '../ipc/handing.ts';
import { createSegment, mapSegment } from '../ipc/memory.ts';

const CLOEXEC = 0o2000000;
const folder = mkdtempSync(join(tmpdir(), 'bulkhead-handing-'));
const file = join(folder, 'file');
const open: number[] = [];
let before: number;

const descriptors = (): number => readdirSync('/proc/self/fd').length;
const flagsOf = (fd: number): number => Number.parseInt(/^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '', 8);

/** Both ends are closed after the test. */
function pair(): readonly [number, number] {
  const ends = socketPair();
  open.push(...ends);
  return ends;
}

beforeAll(() => {
  writeFileSync(file, 'content');
  pair(); // loads what is loaded once
  const [one, other] = open as [number, number];
  handOver(one, Buffer.from('x'), [one]);
  closeAll(takeHanded(other)?.descriptors ?? []);
});
beforeEach(() => {
  closeAll(open.splice(0));
  before = descriptors();
});
afterEach(() => {
  closeAll(open.splice(0));
  expect(descriptors(), 'open descriptors').toBe(before);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('what is handed over', () => {
  it('arrives open on the same file, with its bytes, and no child inherits it', () => {
    const [near, far] = pair();
    const original = openSync(file, 'r+');
    handOver(near, Buffer.from('hello'), [original]);
    const { ino } = fstatSync(original);
    closeSync(original);
    const handed = takeHanded(far);
    expect(handed?.bytes.toString()).toBe('hello');
    const [received = -1, ...more] = handed?.descriptors ?? [];
    expect([more, fstatSync(received).ino, (flagsOf(received) & CLOEXEC) !== 0]).toEqual([[], ino, true]);
    writeSync(received, 'CONTENT', 0);
    expect(readFileSync(file, 'utf8')).toBe('CONTENT');
    closeAll([received]);
  });

  it('may be memory, which both then see', () => {
    const [near, far] = pair();
    const segment = createSegment(65_536);
    handOver(near, Buffer.from('.'), [segment.fd]);
    segment.closeFd();
    const [fd = -1] = takeHanded(far)?.descriptors ?? [];
    const mapped = mapSegment(fd, 65_536);
    closeSync(fd);
    new Uint8Array(segment.buffer)[4_711] = 42;
    expect(new Uint8Array(mapped.buffer)[4_711]).toBe(42);
    mapped.release();
    segment.release();
  });

  it('may be as many as the system takes, and not one more', () => {
    const [near, far] = pair();
    const all = Array.from({ length: MOST_DESCRIPTORS }, () => near);
    expect(() => handOver(near, Buffer.from('.'), [...all, near])).toThrow(`${MOST_DESCRIPTORS + 1} descriptors to hand over: expected at most ${MOST_DESCRIPTORS}`);
    expect(takeHanded(far), 'nothing was sent').toBeUndefined();
    handOver(near, Buffer.from('.'), all);
    const handed = takeHanded(far);
    expect(new Set(handed?.descriptors).size).toBe(MOST_DESCRIPTORS);
    closeAll(handed?.descriptors ?? []);
  });

  it('may be bytes alone, from one to the most; none at all is refused', () => {
    const [near, far] = pair();
    expect(() => handOver(near, Buffer.alloc(0), [])).toThrow(RangeError);
    expect(() => handOver(near, Buffer.alloc(MOST_HANDED_BYTES + 1), [])).toThrow(RangeError);
    handOver(near, Buffer.alloc(MOST_HANDED_BYTES, 'y'), []);
    const handed = takeHanded(far);
    expect([handed?.bytes.equals(Buffer.alloc(MOST_HANDED_BYTES, 'y')), handed?.descriptors]).toEqual([true, []]);
  });

  it('is taken in pieces, and up to the next bytes that descriptors came with at most', () => {
    const [near, far] = pair();
    handOver(near, Buffer.from('first'), [near]);
    handOver(near, Buffer.from('second'), [near, far]);
    handOver(near, Buffer.from('third'), []);
    const taken = [takeHanded(far, 3), takeHanded(far), takeHanded(far, 1), takeHanded(far), takeHanded(far)];
    expect(taken.map((one) => one && [one.bytes.toString(), one.descriptors.length])).toEqual([['fir', 1], ['stsecond', 2], ['t', 0], ['hird', 0], undefined]);
    for (const one of taken) closeAll(one?.descriptors ?? []);
  });

  it('is a copy that later messages don\'t change', () => {
    const [near, far] = pair();
    handOver(near, Buffer.from('one'), []);
    const first = takeHanded(far);
    handOver(near, Buffer.from('two'), []);
    takeHanded(far);
    expect(first?.bytes.toString()).toBe('one');
  });
});

describe('what goes wrong', () => {
  it('is nothing while nothing has come', () => {
    const [, far] = pair();
    expect(takeHanded(far)).toBeUndefined();
  });

  it('is empty bytes when the other end has closed, after what it had said', () => {
    const [near, far] = socketPair();
    handOver(near, Buffer.from('last'), []);
    closeSync(near);
    expect([takeHanded(far), takeHanded(far)].map((one) => one?.bytes.toString())).toEqual(['last', '']);
    closeSync(far);
  });

  it('is an error, and no signal, when nobody is there to take it; what was to be handed over stays the caller\'s', () => {
    const [near, far] = socketPair();
    closeSync(far);
    const own = openSync(file, 'r');
    expect(() => handOver(near, Buffer.from('x'), [own])).toThrow(/^the other end does not take it, errno 32$/);
    closeSync(own);
    closeSync(near);
  });

  it('is an error when the socket takes no more', () => {
    const [near] = pair();
    let sent = 0;
    expect(() => { for (; sent < 1_000; sent++) handOver(near, Buffer.alloc(MOST_HANDED_BYTES), []); }).toThrow(/the other end (does not take it, errno 11|took \d+ of \d+ bytes)/);
    expect(sent).toBeGreaterThan(0);
  });

  it('is an error for what is no socket, and for a descriptor that is none', () => {
    const [near, far] = pair();
    const plain = openSync(file, 'r');
    expect(() => takeHanded(plain)).toThrow('nothing can be received from the other end, errno 88');
    expect(() => peerCredentials(plain)).toThrow('the system does not say who is at the other end, errno 88');
    closeSync(plain);
    expect(() => handOver(near, Buffer.from('x'), [plain])).toThrow('errno 9');
    expect(takeHanded(far)).toBeUndefined();
  });

  it('is an error where this process can\'t take so many descriptors, and those that fitted are closed', () => {
    const [near, far] = pair();
    handOver(near, Buffer.from('x'), Array.from({ length: 100 }, () => near));
    const program = `import { readdirSync } from 'node:fs'; import { takeHanded } from ${JSON.stringify(join(import.meta.dirname, '../ipc/handing.ts'))};
      const count = () => readdirSync('/proc/self/fd').length; try { takeHanded(0); } catch {} const before = count();
      try { takeHanded(3); console.log('taken'); } catch (cause) { console.log(cause.message, count() - before); }`;
    const { stdout, stderr } = spawnSync('sh', ['-c', 'ulimit -n 64; exec "$0" --input-type=module-typescript -e "$1"', process.execPath, program], { stdio: ['ignore', 'pipe', 'pipe', far], encoding: 'utf8' });
    expect([stdout, stderr]).toEqual(['the other end has sent more descriptors than this process can take 0\n', '']);
  });
});

describe('connecting', () => {
  it('says why it can\'t be done', async () => {
    const stale = join(folder, 'stale.sock');
    const holder = spawn(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(stale)}, () => console.log('up'))`], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(holder.stdout, 'data');
    holder.kill('SIGKILL');
    await once(holder, 'close');
    const whyNot = (path: string): string => {
      try {
        closeSync(connectUnix(path));
        return 'it can';
      } catch (cause) {
        return (cause as Error).message;
      }
    };
    before = descriptors();
    expect([stale, join(folder, 'none'), join(file, 'below'), '/', 'x'.repeat(108), 'é'.repeat(54)].map(whyNot)).toEqual([
      'ECONNREFUSED: nobody listens there', 'ENOENT: there is no such socket', 'ENOTDIR: the path leads through something that is no directory', 'ECONNREFUSED: nobody listens there',
      'the path of a Unix socket has at most 107 bytes, this one has 108', 'the path of a Unix socket has at most 107 bytes, this one has 108',
    ]);
  });

  it('reaches a listener, whose path may be as long as a path may be, and knows who listens', async () => {
    const long = join(folder, 'x'.repeat(107 - folder.length - 1));
    const accepted: Socket[] = [];
    const server = createServer({ pauseOnConnect: true }, (socket) => accepted.push(socket)).listen(long);
    await once(server, 'listening');
    const fd = connectUnix(long);
    expect((flagsOf(fd) & CLOEXEC) !== 0).toBe(true);
    expect(peerCredentials(fd)).toEqual({ pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
    closeSync(fd);
    while (accepted.length === 0) await new Promise(setImmediate);
    accepted[0]?.destroy();
    server.close();
    await once(server, 'close');
  });
});
