// A block that says anything: random frames with random and with nearly right contents, into everything of the kernel that reads
// what a block sends. It ends as a violation or does no harm; what a caller gets is always something a listener can send.
// The nightly form (CAMPAIGN=nightly) runs a million frames. CAMPAIGN_SEED repeats a run.
import { randomInt } from 'node:crypto';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { expect, it } from 'vitest';
import type { Channel } from '../ipc/channel.ts';
import { Calls } from '../ipc/calls.ts';
import { EMPTY, Flag } from '../ipc/frame.ts';
import { openLocalPair } from '../ipc/local.ts';
import { BlockCalls } from '../kernel/block-calls.ts';
import { Checkpoints } from '../kernel/checkpoints.ts';
import { Seat, type Answer, type StreamAnswer } from '../kernel/seat.ts';
import { Control } from '../proto/control.ts';
import { Grpc } from '../proto/errors.ts';
import { ROUTE } from '../proto/routes.ts';

const FRAMES = process.env['CAMPAIGN'] === 'nightly' ? 1_000_000 : 30_000;
const SEED = Number(process.env['CAMPAIGN_SEED'] ?? randomInt(2 ** 31));
const FRAMES_PER_LIFE = 200;

/** mulberry32: small, quick, and the same everywhere. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Chooser {
  readonly #next: () => number;
  constructor(seed: number) {
    this.#next = random(seed);
  }
  below(bound: number): number {
    return Math.floor(this.#next() * bound);
  }
  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
  text(): string {
    return this.of(['', 'a', 'content-type', 'Content-Length', 'x\r\ny: z', 'ü', '\u0000', 'grpc-status', 'etag', '/dapr/config', 'GET', 'RPC', 'ready', 'store', 'x'.repeat(this.below(3_000)), 'bulkhead-token', '__proto__', 'a: b']);
  }
  value(depth = 0): unknown {
    switch (this.below(depth > 3 ? 8 : 11)) {
      case 0: return undefined;
      case 1: return null;
      case 2: return this.below(2) === 1;
      case 3: return this.of([0, -1, 1.5, 2 ** 31, 2 ** 53, Number.NaN, Infinity, 204, 600]);
      case 4: return Buffer.alloc(this.below(64), this.below(256));
      case 5: case 6: case 7: return this.text();
      case 8: return Array.from({ length: this.below(6) }, () => this.value(depth + 1));
      case 9: return Object.fromEntries(Array.from({ length: this.below(5) }, () => [this.of(['message', 'details', 'name', 'type', 'version', 'state', 'required', 'capabilities', 'topic', 'rules', 'protocol', 'constructor']), this.value(depth + 1)]));
      default: return this.nearlyRight();
    }
  }
  /** Heads as honest blocks send them, sometimes with one wrong member. */
  nearlyRight(): unknown {
    const wrong = <T>(right: T): unknown => (this.below(6) === 0 ? this.value(3) : right);
    switch (this.below(9)) {
      case 0: return [{ name: wrong('store'), type: wrong('state.redis'), version: wrong('v1'), state: wrong('ready'), required: wrong(true), capabilities: wrong(['ETAG']) }];
      case 1: return [{ pubsubName: wrong('p'), topic: wrong('t'), metadata: wrong({ a: 'b' }), rules: wrong([{ match: '', path: '/' }]), deadLetterTopic: wrong(''), type: wrong('STREAMING') }];
      case 2: return [wrong('POST'), wrong('/x'), wrong(['a', 'b'])];
      case 3: return [wrong('name'), wrong('value')];
      case 4: return ['id', wrong('id2')];
      case 5: return { message: wrong('it failed'), details: wrong(Buffer.from('x')) };
      case 6: return ['etag', wrong('1'), wrong('x-header'), 'y'];
      case 7: return { protocol: wrong(4) };
      default: return wrong('name');
    }
  }
}

/** Something a listener could not send. */
const unsendable: string[] = [];

function checkHeaders(headers: readonly string[] | undefined): void {
  if (headers === undefined) return;
  for (let i = 0; i < headers.length; i += 2) {
    try {
      validateHeaderName(headers[i] as string);
      validateHeaderValue(headers[i] as string, headers[i + 1] as string);
    } catch (cause) {
      unsendable.push(String(cause));
    }
  }
}

/** Counts how a call ended: once, by something that can be sent. */
function answer(ends: number[], index: number, http: boolean): StreamAnswer & Answer {
  const end = (): void => void (ends[index] = (ends[index] ?? 0) + 1);
  const isText = (text: unknown): boolean => typeof text === 'string' && text.length <= 70_000 && text.isWellFormed();
  return {
    onAnswer: (status, headers, body) => {
      end();
      if (http && !(status >= 200 && status <= 599)) unsendable.push(`status ${status}`);
      if (!(body instanceof Uint8Array)) unsendable.push('a body that is none');
      checkHeaders(headers);
    },
    onFailure: (code, message, details) => {
      end();
      if (!Object.values(Grpc).includes(code) || !isText(message) || !(details === undefined || details instanceof Uint8Array)) unsendable.push(`failure ${code} ${message}`);
    },
    onRefusal: ({ message }) => {
      end();
      if (!isText(message)) unsendable.push(`refusal ${message}`);
    },
    onCredit: () => {},
    onMessage: (message) => {
      if (!(message instanceof Uint8Array)) unsendable.push('a message that is none');
    },
    onEnd: end,
  };
}

const METHODS = [...Object.values(Control), 0, 16, 255, 65_535];

/** One life of a hostile block; resolves with how its channel ended, and after how many frames. */
async function oneLife(choose: Chooser, frames: number): Promise<{ readonly kind: string; readonly sent: number }> {
  const [near, far] = openLocalPair({ maxFrameBytes: 1 << 16 });
  const checkpoints = new Checkpoints();
  const kernel: Calls = new Calls(near, {
    ids: 'odd', maxIncoming: 64, maxQueuedBytes: 1 << 20,
    serve: new BlockCalls({
      components: () => {}, subscriptions: () => {}, acquit: () => {},
      checkpoints: { set: (name, value) => checkpoints.set(name, value), delete: (name) => checkpoints.delete(name), hand: () => false },
      app: () => ({
        call: ([verb, target, headers], _body, _deadline, reply) => {
          if (typeof target !== 'string' || headers.some((text) => typeof text !== 'string')) unsendable.push(`request ${verb}`);
          setImmediate(() => reply.onAnswer(200, EMPTY));
          return () => {};
        },
        state: 'up', inFlight: 0, found: true, start: () => {}, close: async () => {},
      }),
    }, () => kernel.over).serve,
  });
  const seat = new Seat('state', { holdMs: 0, maxHeld: 0, maxHeldBytes: 0, maxInFlight: 100, maxStreams: 10 });
  seat.attach(kernel, () => {});
  void kernel.ended.then(() => seat.detach(kernel, 'it is restarting'));
  const ends: number[] = [];
  const request = { head: undefined, body: EMPTY, deadlineMs: 0 };
  for (let index = 0; index < 20; index++) {
    const http = index % 2 === 0;
    if (index % 5 === 4) seat.openStream({ ...request, route: ROUTE.SubscribeConfiguration, flags: 0 }, answer(ends, index, false));
    else seat.open({ ...request, route: index % 3 === 0 ? ROUTE.GetState : ROUTE.SaveState, flags: http ? Flag.HTTP : 0 }, answer(ends, index, http));
  }
  const [ended, over] = [Promise.withResolvers<string>(), { is: false }];
  void kernel.ended.then((end) => {
    over.is = true;
    ended.resolve(end.kind);
  });
  far.onFrame = () => {};
  let sent = 0;
  for (; sent < frames && !over.is; sent++) {
    send(far, choose);
    if (sent % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  far.close();
  const kind = await ended.promise;
  await new Promise((resolve) => setImmediate(resolve)); // what failed with the channel has been told
  ends.forEach((count, index) => expect(count, `how often call ${index} ended`).toBe(1));
  expect(ends.length).toBe(20);
  return { kind, sent };
}

let opened = 0;

function send(far: Channel, choose: Chooser): void {
  const honest = choose.below(40) > 0; // mostly what passes the first checks: the others end the life
  const kind = honest ? choose.of([1, 1, 1, 1, 1, 1, 3, 4, 5, choose.of([2, 3, 3])]) : choose.below(8);
  try {
    far.send({
      kind,
      flags: choose.of([0, 0, 0, Flag.FAILED, Flag.HTTP, Flag.STREAM, Flag.FAILED | Flag.HTTP, choose.below(256)]),
      code: choose.below(3) === 0 ? choose.below(65_536) : choose.of([...METHODS, 200, 204, 99, 600, ...Object.values(Grpc)]),
      call: honest ? (kind === 1 ? 2 * ++opened : choose.of([2 * choose.below(opened + 1) + 2, 2 * choose.below(20) + 1])) : choose.below(2 ** 32),
      arg: choose.of([0, 1, 64, 0xffff_ffff]),
      head: choose.below(2) === 0 ? choose.nearlyRight() : choose.value(),
      body: Buffer.alloc(choose.below(3) === 0 ? choose.below(2_000) : 0, choose.below(256)),
    });
  } catch {
    // Nothing that any channel carries.
  }
}

it('does no harm', { timeout: 1_800_000 }, async () => {
  const choose = new Chooser(SEED);
  const kinds = new Map<string, number>();
  const before = process.memoryUsage().rss;
  for (let sum = 0; sum < FRAMES;) {
    const { kind, sent } = await oneLife(choose, FRAMES_PER_LIFE);
    sum += sent;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  process.stdout.write(`  ${FRAMES} frames, CAMPAIGN_SEED=${SEED}: ${[...kinds].map(([kind, count]) => `${count} lives ended as ${kind}`).join(', ')}\n`);
  expect(unsendable).toEqual([]);
  expect(process.memoryUsage().rss - before).toBeLessThan(512 * 2 ** 20);
});
