// What a kernel makes of whatever answers at the address of a remote block: a line that says what is wrong, and another try; nothing is left
// open, and nobody waits for it longer than for any block.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { packWord } from '../ipc/link.ts';
import { PROTOCOL_VERSION } from '../proto/control.ts';
import type { Welcome } from '../proto/remote.ts';
import { eventually } from './harness/awaiting.ts';
import { startBlockServer } from './harness/block-server.ts';
import { descriptorsOf, residentBytesOf, sharedMappingsOf } from './harness/processes.ts';
import { startSidecar, type Sidecar } from './harness/sidecar.ts';

vi.setConfig({ testTimeout: 40_000 });
const MEBIBYTE = 2 ** 20;
const welcome: Welcome = { say: 'welcome', protocol: PROTOCOL_VERSION, way: 'ring', why: '', key: '', cgroup: 'none' };

let folder: string;
let path: string;
let sidecar: Sidecar;
let present: { readonly server: Server; readonly sockets: Set<Socket> } | undefined;
let bytes: number;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-fake-'));
  path = join(folder, 'state.sock');
  sidecar = await startSidecar({ components: [{ name: 'store', type: 'state.in-memory' }], flags: [`--block=state=remote:unix:${path}`, '--hold-ms=200', '--hang-ms=1000'], until: 'listening' });
  bytes = residentBytesOf(sidecar.pid);
});
afterAll(async () => {
  await leave();
  await sidecar?.stop();
  rmSync(folder, { recursive: true });
});

/** Nobody listens any more. */
async function leave(): Promise<void> {
  if (present === undefined) return;
  for (const socket of present.sockets) socket.destroy();
  present.server.close();
  await once(present.server, 'close');
  present = undefined;
}

/** Somebody else does. */
async function answerWith(answer: (socket: Socket) => void): Promise<void> {
  await leave();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)).resume());
    answer(socket);
  });
  server.listen(path);
  await once(server, 'listening');
  present = { server, sockets };
}

it.each<readonly [string, (socket: Socket) => void, RegExp]>([
  ['goes at once', (socket) => void socket.destroy(), /its block server at unix:\S+ closed the connection|it can't be reached at unix:\S+: the other end does not take it, errno 32/],
  ['speaks HTTP', (socket) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), /what answers at unix:\S+ is no block server of this version: it speaks something else/],
  ['says anything', (socket) => void socket.write(randomBytes(100_000)), /what answers at unix:\S+ is no block server of this version: it speaks something else/],
  ['is of another version', (socket) => void socket.write(packWord({ ...welcome, protocol: PROTOCOL_VERSION + 1 })), /the block server speaks protocol \d+, the kernel \d+: run both from the same image/],
  ['says welcome twice', (socket) => void socket.write(Buffer.concat([packWord(welcome), packWord(welcome)])), /its block server has said welcome twice/],
  ['has frames travel in a way of its own', (socket) => void socket.write(packWord({ ...welcome, way: 'pigeon' })), /no block server of this version: frames are to travel in a way that is not known here/],
  ['answers what nobody had asked', (socket) => void socket.write(packWord({ say: 'here', block: 'state', version: '1', protocol: 1, kernels: 1 })), /no block server of this version: it said what nobody had asked for/],
  ['refuses', (socket) => void socket.write(packWord({ say: 'refused', reason: 'it is Sunday' })), /its block server at unix:\S+ refuses: it is Sunday/],
  ['says that its process has ended before it has begun', (socket) => void socket.write(packWord({ say: 'exit', reason: 'no memory', heap: false, said: '', code: 7 })), /no memory/],
  ['says welcome and goes', (socket) => void socket.end(packWord(welcome)), /its block server at unix:\S+ is gone/],
])('goes on when one answers that %s', async (_what, answer, line) => {
  const { life } = await sidecar.block('state');
  await answerWith(answer);
  // What is said twice in a row is one line of the log; the actuator has it each time.
  await eventually(`a life ends, and ${line} says why`, async () => {
    const { lastDeath } = await sidecar.block('state');
    return (lastDeath?.life ?? 0) >= life && line.test(lastDeath?.reason ?? '');
  });
  expect((await sidecar.client.get('/v1.0/state/store/k')).status).toBe(503);
});

it('goes on when one says welcome and then nothing, or nothing at all', async () => {
  await answerWith((socket) => void socket.write(packWord(welcome)));
  const seen = sidecar.logs.all.length;
  await sidecar.logs.waitFor(/the state block ended in life \d+: (init failed|it has hung)/, 25_000, seen);
  await answerWith(() => {});
  await sidecar.logs.waitFor(/its block server at unix:\S+ did not answer within 10000 ms/, 25_000, seen);
}, 60_000);

it('keeps nothing of all that, and is served as soon as a block server is there', async () => {
  await leave();
  await using server = await startBlockServer({ block: 'state', listen: `unix:${path}` });
  await eventually('it is ready', async () => (await sidecar.block('state')).state === 'ready');
  expect((await sidecar.client.post('/v1.0/state/store', '[{"key":"k","value":1}]')).status).toBe(204);
  expect([(await sidecar.client.get('/v1.0/healthz')).status, server.tenants().length]).toEqual([204, 1]);
  await eventually('one life\'s memory is mapped', () => sharedMappingsOf(sidecar.pid).length === 1);
  expect(descriptorsOf(sidecar.pid).filter((target) => target.includes('memfd')), 'its descriptor is closed').toEqual([]);
  expect((residentBytesOf(sidecar.pid) - bytes) / MEBIBYTE).toBeLessThan(48);
});
