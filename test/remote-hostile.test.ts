// Whatever comes to a block server's socket: nonsense, silence, floods, and descriptors that are not what they should be. It stays, serves
// those who are honest, keeps nothing open, and its log stays readable.
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { connect, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { socketPair } from '../ipc/descriptors.ts';
import { connectUnix, handOver, MOST_DESCRIPTORS } from '../ipc/handing.ts';
import { loadLibc } from '../ipc/libc.ts';
import { firstWord, packWord } from '../ipc/link.ts';
import { createSegment } from '../ipc/memory.ts';
import { segmentBytes } from '../ipc/shared.ts';
import { PROTOCOL_VERSION } from '../proto/control.ts';
import { asServerWord, LINK_MAGIC, type Hello, type ServerWord } from '../proto/remote.ts';
import { eventually } from './harness/awaiting.ts';
import { RemoteBlocks, startBlockServer, type BlockServer } from './harness/block-server.ts';
import { childrenOf, descriptorsOf, isRunning, residentBytesOf } from './harness/processes.ts';
import { startSidecar } from './harness/sidecar.ts';

vi.setConfig({ testTimeout: 40_000 });
const RING = 65_536;
const SEGMENT = segmentBytes(RING);
/** As the server has them. */
const HELLO_MS = 5_000;
const MFD_ALLOW_SEALING = 2;

const hello: Hello = {
  say: 'hello', magic: LINK_MAGIC, protocol: PROTOCOL_VERSION, version: 'test', block: 'state', name: 'state', ringBytes: RING, maxFrameBytes: 1 << 20, handed: true, rings: true, lanes: 0,
  limits: { heapBytes: 0, memoryBytes: 0, openFiles: 0 }, log: { level: 'info', json: false, appId: 'raw', instance: 'i', version: 'v' },
};

let server: BlockServer;
let folder: string;
let before: string[];
const open: (number | Socket)[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-hostile-'));
  server = await startBlockServer({ block: 'state' });
  await probed(); // what is loaded once is loaded
  await eventually('all is at rest', () => childrenOf(server.pid).length === 0);
  // The probe's connection goes a moment after its answer, at the latest when the server has waited a second for that.
  await eventually('its connections are gone', async () => {
    before = descriptorsOf(server.pid);
    await sleep(1_200);
    return JSON.stringify(before) === JSON.stringify(descriptorsOf(server.pid));
  });
});
afterEach(async () => {
  for (const one of open.splice(0)) {
    if (typeof one === 'number') closeSync(one);
    else one.destroy();
  }
  await eventually('the server has what it had', () => JSON.stringify(descriptorsOf(server.pid)) === JSON.stringify(before), HELLO_MS + 5_000).catch(() => expect(descriptorsOf(server.pid)).toEqual(before));
  expect(childrenOf(server.pid)).toEqual([]);
  expect((await probed()).say).toBe('here');
});
afterAll(async () => {
  const complaints = server.logs.matching(/is (left|refused): /).length;
  await server?.stop();
  rmSync(folder, { recursive: true });
  expect(complaints, 'lines about them in all').toBeLessThan(40);
});

/** A server that answers a probe is well. */
async function probed(): Promise<ServerWord> {
  const socket = connect({ path: server.path });
  socket.write(packWord({ say: 'probe', magic: LINK_MAGIC }));
  try {
    return asServerWord((await firstWord(socket, 5_000)).word);
  } finally {
    socket.destroy();
  }
}

/** Says these bytes with these descriptors, and then what `stays` says; resolves with the answer. */
async function say(bytes: Buffer, descriptors: readonly number[], more: Buffer = Buffer.alloc(0)): Promise<ServerWord | string> {
  const fd = connectUnix(server.path);
  handOver(fd, bytes, descriptors);
  const socket = new Socket({ fd });
  open.push(socket);
  if (more.length > 0) socket.write(more);
  return firstWord(socket, HELLO_MS + 2_000).then(({ word }) => asServerWord(word), (cause: unknown) => (cause as Error).message);
}

/** Memory as a kernel makes it, or not quite. @param sealed false: it could be made smaller under who maps it */
function memory(bytes: number, sealed = true): number {
  if (sealed) {
    const segment = createSegment(bytes);
    open.push(segment.fd); // its mapping goes with this process
    return segment.fd;
  }
  const fd = loadLibc().memfd_create('bulkhead', MFD_ALLOW_SEALING);
  open.push(fd);
  ftruncateSync(fd, bytes);
  return fd;
}

/** The process that was begun for the kernel that was let in after so many others. */
async function served(others: number): Promise<number> {
  return (await eventually('the log says who is served', () => server.everServed()[others]))?.pid as number;
}

function sockets(): readonly [number, number] {
  const ends = socketPair();
  open.push(...ends);
  return ends;
}

function plainFile(bytes: number): number {
  const fd = openSync(join(folder, 'file'), 'w+');
  open.push(fd);
  ftruncateSync(fd, bytes);
  return fd;
}

it('answers nonsense with a reason, or not at all', async () => {
  expect(await say(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'), [])).toMatch(/it closed the connection without a word|ECONNRESET/);
  await server.logs.waitFor(/level=warning .*user \d+, process \d+ is left: it speaks something else/);
  for (let i = 0; i < 50; i++) expect(await say(randomBytes(1 + i * 20), [])).toEqual(expect.stringMatching(/it closed the connection without a word|ECONNRESET|it said nothing/));
  for (const word of [{ say: 'kill' }, { say: 'usage' }]) expect(await say(packWord(word), [])).toEqual({ say: 'refused', reason: 'it did not begin at the beginning' });
  expect(await say(packWord({ say: 'carry', magic: LINK_MAGIC, key: '' }), [])).toEqual({ say: 'refused', reason: 'nobody waits for its frames' });
  expect(await say(packWord({ say: 'carry', magic: LINK_MAGIC, key: 'x'.repeat(64) }), [])).toEqual({ say: 'refused', reason: 'nobody waits for its frames' });
  const lines = server.logs.matching(/is (left|refused):/).length;
  expect(lines).toBeLessThan(20);
}, 60_000);

it('leaves who says half of it and falls silent, and closes what came with it', async () => {
  const [, theirs] = sockets();
  const whole = packWord(hello);
  const began = performance.now();
  expect(await say(whole.subarray(0, 40), [theirs, memory(SEGMENT)])).toMatch(/it closed the connection without a word|ECONNRESET/);
  expect(performance.now() - began).toBeGreaterThan(HELLO_MS - 500);
  await server.logs.waitFor(/is left: it said nothing whole within 5000 ms/);
});

it('takes in a kernel while 200 others say nothing', async () => {
  const silent = Array.from({ length: 200 }, () => connect({ path: server.path }).on('error', () => {}).on('close', () => {}));
  open.push(...silent);
  await eventually('they are connected, or were turned away', () => silent.every((socket) => !socket.connecting));
  await eventually('it keeps some of them only', () => descriptorsOf(server.pid).length - before.length < 70, 2_000);
  const began = performance.now();
  await using sidecar = await startSidecar({ isolation: 'remote', servers: new RemoteBlocks([server]), components: [{ name: 'store', type: 'state.in-memory' }] });
  expect((await sidecar.client.post('/v1.0/state/store', '[{"key":"k","value":1}]')).status).toBe(204);
  expect(performance.now() - began, 'it has not waited for them to be left').toBeLessThan(HELLO_MS);
});

it('leaves who hands over descriptors without end and without a word', async () => {
  for (let flood = 0; flood < 5; flood++) {
    const fd = connectUnix(server.path);
    const [one] = sockets();
    try {
      for (let message = 0; message < 50; message++) handOver(fd, Buffer.from([1]), Array.from({ length: MOST_DESCRIPTORS }, () => one));
    } catch {
      // it has closed the connection, or takes no more of them
    }
    const socket = new Socket({ fd });
    open.push(socket);
    socket.on('error', () => {}).resume();
    await eventually('it is left', () => socket.destroyed, HELLO_MS + 2_000);
  }
});

it.each<readonly [string, Partial<Hello>, () => readonly number[], RegExp]>([
  ['too many', {}, () => [sockets()[1], memory(SEGMENT), memory(SEGMENT)], /^3 descriptors came with it instead of 2$/],
  ['rings, and no segment', {}, () => [sockets()[1]], /^1 descriptors came with it instead of 2$/],
  ['no rings, and a segment', { rings: false }, () => [sockets()[1], memory(SEGMENT)], /^2 descriptors came with it instead of 1$/],
  ['a segment that is too small', {}, () => [sockets()[1], memory(SEGMENT - 4_096)], /^what should be \d+ bytes of memory is something else$/],
  ['a segment that is too large', {}, () => [sockets()[1], memory(SEGMENT + 4_096)], /is something else$/],
  ['a segment that is a socket', {}, () => sockets(), /^what should be memory of a fixed size is something else$/],
  ['a segment that is a file', {}, () => [sockets()[1], plainFile(SEGMENT)], /^what should be memory of a fixed size is something else$/],
  ['a segment that may shrink', {}, () => [sockets()[1], memory(SEGMENT, false)], /^what should be memory of a fixed size is something else$/],
  ['a socket that is a file', {}, () => [plainFile(SEGMENT), memory(SEGMENT)], /^what should be a socket is none$/],
  ['lanes that are not there', { lanes: 2 }, () => [sockets()[1], memory(SEGMENT), memory(SEGMENT), sockets()[1]], /^4 descriptors came with it instead of 6$/],
  ['lanes in the wrong order', { lanes: 1 }, () => [sockets()[1], memory(SEGMENT), sockets()[1], memory(SEGMENT)], /is something else$/],
  ['rings of an odd size', { ringBytes: RING + 1 }, () => [sockets()[1], memory(SEGMENT)], /^rings of 65537 bytes: expected a power of two from 65536 to 268435456$/],
  ['rings of no size', { ringBytes: 0 }, () => [sockets()[1], memory(SEGMENT)], /^rings of 0 bytes/],
  ['another block', { block: 'lock' }, () => [sockets()[1], memory(SEGMENT)], /^it wants the lock block, and this is the state block$/],
])('refuses a hello with %s', async (_what, change, descriptors, reason) => {
  expect(await say(packWord({ ...hello, ...change }), descriptors())).toEqual({ say: 'refused', reason: expect.stringMatching(reason) as string });
});

it('ends the process of a kernel that speaks nonsense once it is in, of one that goes, and of one that never reads', async () => {
  const lived: number[] = [];
  const known = server.everServed().length;
  for (const more of [randomBytes(200), Buffer.from('{}'), packWord(hello), packWord({ say: 'carry', magic: LINK_MAGIC, key: '' }), packWord({ say: 'usage' }).subarray(0, 6)]) {
    const [, theirs] = sockets();
    expect(await say(packWord(hello), [theirs, memory(SEGMENT)], more)).toMatchObject({ say: 'welcome', way: 'ring', why: '' });
    const pid = await served(lived.length + known);
    lived.push(pid);
    (open.splice(0)).forEach((one) => (typeof one === 'number' ? closeSync(one) : one.destroy()));
    await eventually('its process is gone', () => !isRunning(pid), 3_000);
  }
  expect(new Set(lived).size).toBe(5);
});

it('survives a kernel whose words come behind its hello at once, "usage" among them', async () => {
  const [, theirs] = sockets();
  const words = Buffer.concat([packWord(hello), packWord({ say: 'usage' }), packWord({ say: 'usage' })]);
  expect(await say(words, [theirs, memory(SEGMENT)])).toMatchObject({ say: 'welcome' });
});

it('serves a block over rings that are full of nonsense only until the block has read it', async () => {
  const [ours, theirs] = sockets();
  const known = server.everServed().length;
  const segment = createSegment(SEGMENT);
  open.push(segment.fd);
  new Uint8Array(segment.buffer).set(randomBytes(SEGMENT));
  expect(await say(packWord(hello), [theirs, segment.fd])).toMatchObject({ say: 'welcome', way: 'ring' });
  const pid = await served(known);
  writeSync(ours, Buffer.from([1]));
  await eventually('the block ends by itself', () => !isRunning(pid), 5_000);
  segment.release();
});

it('has not grown', () => {
  expect(residentBytesOf(server.pid)).toBeLessThan(140 * 1024 * 1024);
});
