// A block server among peers that mean no good, over its Unix socket: words that are none, words that never end, descriptors of everything
// but what they should be, seats that are taken and let go. It refuses them, holds nothing of theirs, and serves whoever is honest.
import { once } from 'node:events';
import { chmodSync, chownSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { socketPair } from '../ipc/descriptors.ts';
import { closeAll, connectUnix, handOver, MOST_DESCRIPTORS } from '../ipc/handing.ts';
import { packWord, WordReader } from '../ipc/link.ts';
import { loadLibc } from '../ipc/libc.ts';
import { createSegment, sharedMemoryProblem } from '../ipc/memory.ts';
import { segmentBytes } from '../ipc/shared.ts';
import { PROTOCOL_VERSION } from '../proto/control.ts';
import { LINK_MAGIC, LONGEST_WORD, type Hello } from '../proto/remote.ts';
import { eventually, within } from './harness/awaiting.ts';
import { startBlockServer, type BlockServer } from './harness/block-server.ts';
import { descriptorTargetsOf } from './harness/process-memory.ts';
import { childrenOf, residentBytesOf } from './harness/processes.ts';
import { startSidecar } from './harness/sidecar.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 }); // programs are started, on machines that are busy

const problem = sharedMemoryProblem();
if (problem !== undefined) process.stderr.write(`SKIPPED: hostile kernels at a block server's Unix socket: ${problem}\n`);

const RING = 64 * 1024;
const MEBIBYTE = 2 ** 20;
const folder = mkdtempSync(join(tmpdir(), 'bulkhead-hostile-kernels-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const HELLO: Hello = {
  say: 'hello', magic: LINK_MAGIC, protocol: PROTOCOL_VERSION, version: '0', block: 'state', name: 'state', ringBytes: RING, maxFrameBytes: MEBIBYTE, handed: true, rings: true, lanes: 0,
  limits: { heapBytes: 0, memoryBytes: 0, openFiles: 0 }, log: { level: 'info', json: false, appId: 'hostile', instance: 'x', version: '0' },
};

/** Somebody who has connected. */
class Peer {
  readonly words: Record<string, unknown>[] = [];
  readonly socket: Socket;
  /** Resolves when the server has ended the connection. */
  readonly closed: Promise<unknown>;

  /** @param first sent at once, with these descriptors, which are the caller's */
  constructor(path: string, first?: Uint8Array, descriptors: readonly number[] = []) {
    const fd = connectUnix(path);
    if (first !== undefined) handOver(fd, first, descriptors);
    this.socket = new Socket({ fd });
    const reader = new WordReader();
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk: Buffer) => {
      reader.push(chunk);
      for (let word = reader.next(); word !== undefined; word = reader.next()) this.words.push(word as Record<string, unknown>);
    });
    this.closed = once(this.socket, 'close');
  }

  /** What it is told, once it is told something. */
  async told(): Promise<Record<string, unknown>> {
    return (await eventually('it is told something', () => this.words[0])) as Record<string, unknown>;
  }

  leave(): void {
    this.socket.destroy();
  }
}

const lengthOf = (bytes: number): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes);
  return length;
};

describe.skipIf(problem !== undefined)('a block server among hostile kernels', () => {
  let server: BlockServer;
  let idle: number;
  const descriptors = (): number => descriptorTargetsOf(server.pid).length;
  const calm = async (): Promise<void> => {
    await eventually('it holds nothing of theirs', () => descriptors() <= idle && childrenOf(server.pid).length === 0, 5_000).catch((cause: unknown) => {
      throw new Error(`${String(cause)}: ${descriptors()} descriptors instead of ${idle}: ${descriptorTargetsOf(server.pid).join(' ')}; ${childrenOf(server.pid).length} processes`);
    });
  };
  beforeAll(async () => {
    server = await startBlockServer({ block: 'state', flags: ['--max-kernels=3'] });
    const first = new Peer(server.path, packWord({ say: 'probe', magic: LINK_MAGIC })); // loads what is loaded once
    await first.closed;
    idle = descriptors();
  });
  afterAll(() => server?.stop());

  it.each<[string, Uint8Array]>([
    ['a length beyond all bounds', lengthOf(0xffff_ffff)], ['a length just beyond the bound', lengthOf(LONGEST_WORD + 1)], ['another protocol', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['no JSON', Buffer.concat([lengthOf(5), Buffer.from('{"say')])], ['JSON that is no object', packWord([1, 2])], ['a word that nobody says first', packWord({ say: 'kill' })],
    ['a word that nobody says at all', packWord({ say: '__proto__' })], ['another magic', packWord({ ...HELLO, magic: 'x' })], ['a frame size beyond all bounds', packWord({ ...HELLO, maxFrameBytes: 2 ** 40 })],
    ['a thousand lanes', packWord({ ...HELLO, lanes: 1_000 })], ['a name that is none', packWord({ ...HELLO, name: { toString: 1 } })], ['a name of 50,000 characters', packWord({ ...HELLO, name: 'x'.repeat(50_000) })],
    ['limits that are none', packWord({ ...HELLO, limits: { heapBytes: -1, memoryBytes: 0, openFiles: 0 } })], ['a key that nobody has', packWord({ say: 'carry', magic: LINK_MAGIC, key: '' })],
    ['rings that are no power of two', packWord({ ...HELLO, ringBytes: RING + 8 })], ['another block', packWord({ ...HELLO, block: 'lock' })], ['another protocol version', packWord({ ...HELLO, protocol: 1 })],
  ])('leaves one that says %s', async (_, bytes) => {
    const peer = new Peer(server.path, bytes, []);
    await within(10_000, 'it is left', peer.closed);
    expect(peer.words.map(({ say }) => say).filter((say) => say !== 'refused')).toEqual([]);
    await calm();
  });

  it('takes no descriptors but a socket and sealed memory of the right size', async () => {
    const [near, far] = socketPair();
    const segment = createSegment(segmentBytes(RING));
    const small = createSegment(RING);
    const file = join(folder, 'file');
    writeFileSync(file, Buffer.alloc(segmentBytes(RING)));
    const plain = openSync(file, 'r+');
    const device = openSync('/dev/null', 'r+');
    const unsealed = loadLibc().memfd_create('hostile', 0);
    loadLibc().ftruncate(unsealed, segmentBytes(RING));
    try {
      for (const [what, handed] of Object.entries({
        'a socket alone': [far], 'a file instead of memory': [far, plain], 'a device instead of memory': [far, device], 'memory of another size': [far, small.fd],
        'memory instead of a socket': [segment.fd, segment.fd], 'too many': [far, segment.fd, segment.fd], 'a socket instead of memory': [far, far],
      })) {
        const peer = new Peer(server.path, packWord(HELLO), handed);
        await within(10_000, `${what} is refused`, peer.closed);
        expect([what, peer.words]).toEqual([what, [{ say: 'refused', reason: expect.any(String) }]]);
      }
      const shrinkable = new Peer(server.path, packWord(HELLO), [far, unsealed]);
      const { say } = await shrinkable.told();
      loadLibc().ftruncate(unsealed, 0); // a process that has mapped it may fall over this; the server must not
      shrinkable.leave();
      expect(['refused', 'welcome']).toContain(say);
      await calm();
    } finally {
      closeAll([near, far, plain, device, unsealed]);
      for (const one of [segment, small]) {
        one.closeFd();
        one.release();
      }
    }
  });

  it('closes what it is flooded with', async () => {
    const device = openSync('/dev/null', 'r');
    const flood = Array.from({ length: MOST_DESCRIPTORS }, () => device);
    const peers = Array.from({ length: 8 }, () => new Peer(server.path, packWord(HELLO), flood));
    await within(10_000, 'all are left', Promise.all(peers.map(({ closed }) => closed)));
    // More and more of them in words that never become one.
    const endless = connectUnix(server.path);
    handOver(endless, lengthOf(LONGEST_WORD), flood);
    await eventually('it has closed those, too', () => {
      try {
        handOver(endless, Buffer.from('x'), flood);
        return false;
      } catch {
        return true;
      }
    });
    closeSync(endless);
    closeSync(device);
    await calm();
  });

  it('lets those who say nothing wait for some seconds only, and others pass', async () => {
    const mute = Array.from({ length: 30 }, () => new Peer(server.path));
    const halting = new Peer(server.path, lengthOf(1_000).subarray(0, 3));
    const probe = new Peer(server.path, packWord({ say: 'probe', magic: LINK_MAGIC }));
    expect(await probe.told()).toMatchObject({ say: 'here', block: 'state' });
    await within(12_000, 'they are left', Promise.all([...mute, halting].map(({ closed }) => closed)));
    await calm();
  });

  it('gives out so many seats, and takes back those of whoever leaves', async () => {
    const carried = packWord({ ...HELLO, handed: false, rings: false });
    const peers = Array.from({ length: 3 }, () => new Peer(server.path, carried));
    for (const peer of peers) expect(await peer.told()).toMatchObject({ say: 'welcome', way: 'carried', key: expect.stringMatching(/^[0-9a-f]{64}$/) });
    const late = new Peer(server.path, carried);
    expect(await late.told()).toEqual({ say: 'refused', reason: expect.stringContaining('--max-kernels') });
    // A key is for one connection, and for the kernel it was given to.
    for (const key of ['0'.repeat(64), '']) expect(await new Peer(server.path, packWord({ say: 'carry', magic: LINK_MAGIC, key })).told()).toEqual({ say: 'refused', reason: expect.any(String) });
    for (const peer of peers) peer.leave();
    await calm();
  });

  it('is not kept busy by one that asks for its usage without end, and reads no answer', async () => {
    const greedy = new Peer(server.path, packWord({ ...HELLO, handed: false, rings: false }));
    await greedy.told();
    greedy.socket.pause();
    const before = residentBytesOf(server.pid);
    const flood = Buffer.concat(Array.from({ length: 2_000 }, () => packWord({ say: 'usage' })));
    const flooding = setInterval(() => {
      if (greedy.socket.writableLength < MEBIBYTE) greedy.socket.write(flood);
    }, 5);
    try {
      for (let turn = 0; turn < 10; turn++) {
        const probe = new Peer(server.path, packWord({ say: 'probe', magic: LINK_MAGIC }));
        const began = performance.now();
        expect(await probe.told()).toMatchObject({ say: 'here' });
        expect(performance.now() - began, 'milliseconds until another one is answered').toBeLessThan(2_000);
      }
    } finally {
      clearInterval(flooding);
      greedy.leave();
    }
    expect((residentBytesOf(server.pid) - before) / MEBIBYTE).toBeLessThan(64);
    await calm();
  });

  it('serves an honest kernel after all that, and its log shows no more of them than it should', async () => {
    await using sidecar = await startSidecar({ components: [{ name: 'memory', type: 'state.in-memory' }], flags: ['--blocks=state', server.flag] });
    expect((await sidecar.client.post('/v1.0/state/memory', '[{"key":"k","value":1}]')).status).toBe(204);
    expect((await sidecar.client.get('/v1.0/state/memory/k')).body).toBe('1');
    expect((await sidecar.block('state')).transport).toBe('ring');
    expect(Math.max(...server.logs.all.map((line) => line.length))).toBeLessThan(34_000);
    expect(server.logs.all.length).toBeLessThan(200);
  });
});

describe.skipIf(problem !== undefined || process.getuid?.() !== 0)('who may be at the other end', () => {
  it('is decided by the system\'s word, at the server', async () => {
    await using server = await startBlockServer({ block: 'state', flags: ['--uids=12345'] });
    const peer = new Peer(server.path, packWord({ say: 'probe', magic: LINK_MAGIC }));
    expect(await peer.told()).toEqual({ say: 'refused', reason: expect.stringContaining('--uids') });
    await within(10_000, 'it is left', peer.closed);
  });

  it('is decided by the system\'s word, at the kernel, before it says a word', async () => {
    const path = join(folder, 'impostor.sock');
    let heard = 0;
    const impostor = createServer((socket) => void socket.on('error', () => {}).on('data', () => heard++)).listen(path);
    await once(impostor, 'listening');
    try {
      await using sidecar = await startSidecar({ components: [{ name: 'memory', type: 'state.in-memory' }], flags: ['--blocks=state', `--block=state=remote:unix:${path}`, '--remote-uids=12345'], until: 'listening' });
      await sidecar.logs.match(/the socket is served by user 0, who is not among 12345: see --remote-uids/);
      expect(heard).toBe(0);
    } finally {
      impostor.close();
    }
  });

  it.each([
    ['a directory that others may enter', (path: string) => chmodSync(path, 0o755), /others may enter the directory/],
    ['a directory of another user', (path: string) => (rmSync(path, { recursive: true }), mkdirSync(path, { mode: 0o700 }), chownSync(path, 65_534, 65_534)), /belongs to user 65534/],
    ['a link in place of the directory', (path: string) => (rmSync(path, { recursive: true }), mkdirSync(`${path}.real`, { mode: 0o700 }), symlinkSync(`${path}.real`, path)), /is no directory/],
    ['a file in place of the socket', (path: string) => writeFileSync(join(path, 'state.sock'), 'mine'), /there is something else of that name/],
    ['a link in place of the socket', (path: string) => symlinkSync('/dev/null', join(path, 'state.sock')), /there is something else of that name/],
  ])('finds %s refused by the server, which touches nothing there', async (_, prepare, reason) => {
    const place = mkdtempSync(join(folder, 'place-'));
    prepare(place);
    const server = await startBlockServer({ block: 'state', listen: `unix:${join(place, 'state.sock')}`, until: 'nothing' });
    expect(await server.exited).toMatchObject({ code: 1 });
    expect(server.logs.all.join('\n')).toMatch(reason);
  });
});
