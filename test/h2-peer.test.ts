// How long an HTTP/2 connection may take for things: beginning, answering a ping, ending a frame, resting; and how it is left.
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { Budget } from '../kernel/h2/budget.ts';
import type { Application } from '../kernel/h2/connection.ts';
import { Peer } from '../kernel/h2/peer.ts';
import type { Stream } from '../kernel/h2/stream.ts';
import { eventually } from './harness/awaiting.ts';
import { grpcRequest } from './harness/h2-hpack.ts';
import { Bit, FrameSplitter, PREFACE, Type, frame, headers, ping, settings, type Frame } from './harness/h2-wire.ts';

const OK = [':status', '200'];
const BLOCK = grpcRequest('/a/b');
const LAST = 2 ** 31 - 1;

/** The server's end of a connection, as far as a peer looks at it. */
class FakeSocket extends Duplex {
  readonly sent: Frame[] = [];
  ended = false;
  readonly #splitter = new FrameSplitter();

  constructor() {
    super({ allowHalfOpen: true });
    this.once('finish', () => (this.ended = true));
  }

  setNoDelay(): void {}
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.sent.push(...this.#splitter.push(chunk));
    done();
  }

  of(type: number): Frame[] {
    return this.sent.filter((one) => one.type === type);
  }
}

class Bench implements Application {
  readonly socket = new FakeSocket();
  readonly streams: Stream[] = [];
  readonly stalled: number[] = [];
  readonly peer: Peer;
  readonly #began = performance.now();

  constructor() {
    this.peer = new Peer(this.socket as unknown as Socket, {
      application: this, maxStreams: 10, maxHeaderBytes: 4_096, budget: new Budget(1 << 20), onBug: (cause) => { throw cause; },
    });
  }

  open(stream: Stream): void {
    this.streams.push(stream);
    stream.handler = { onData: () => {}, onReset: () => {}, onSent: () => {}, onStalled: () => this.stalled.push(stream.id) };
  }

  openTooLarge(): void {}

  /** Bytes of the client arrive. */
  async receive(...chunks: Buffer[]): Promise<void> {
    this.socket.push(Buffer.concat(chunks));
    await new Promise(setImmediate);
  }

  /** It is so many seconds after the beginning. */
  async at(seconds: number): Promise<void> {
    this.peer.look(this.#began + seconds * 1_000);
    await new Promise(setImmediate);
  }

  begin(): Promise<void> {
    return this.receive(PREFACE, settings());
  }

  get goAways(): { readonly last: number; readonly code: number }[] {
    return this.socket.of(Type.GOAWAY).map(({ payload }) => ({ last: payload.readUInt32BE(0), code: payload.readUInt32BE(4) }));
  }
}

it('a client that says nothing, or half a preface, is left after 10 s', async () => {
  for (const said of [Buffer.alloc(0), PREFACE.subarray(0, 10), PREFACE]) {
    const bench = new Bench();
    await bench.receive(said);
    await bench.at(9);
    expect(bench.socket.destroyed).toBe(false);
    await bench.at(11);
    expect(bench.socket.destroyed).toBe(true);
  }
});

it('one that is silent is pinged after 10 s, and left when it does not answer within 5', async () => {
  const bench = new Bench();
  await bench.begin();
  await bench.at(1);
  await bench.at(9);
  expect(bench.socket.of(Type.PING)).toEqual([]);
  await bench.at(11.5);
  expect(bench.socket.of(Type.PING)).toHaveLength(1);
  await bench.receive(ping(bench.socket.of(Type.PING)[0]?.payload ?? Buffer.alloc(8), Bit.ACK));
  await bench.at(17);
  await bench.at(28);
  expect(bench.socket.of(Type.PING)).toHaveLength(2);
  await bench.at(32);
  expect(bench.socket.destroyed).toBe(false);
  await bench.at(34);
  expect(bench.socket.destroyed).toBe(true);
});

it('one without a stream for 180 s is asked to go, and ended when it has heard of it', async () => {
  const bench = new Bench();
  await bench.begin();
  for (let second = 0; second < 180; second += 5) {
    await bench.at(second);
    await bench.receive(ping());
  }
  expect(bench.goAways).toEqual([]);
  await bench.receive(headers(1, BLOCK, Bit.END_HEADERS | Bit.END_STREAM));
  bench.streams[0]?.sendOnly(OK);
  for (let second = 180; second < 360; second += 5) {
    await bench.at(second);
    await bench.receive(ping());
  }
  expect(bench.goAways).toEqual([]);
  await bench.at(366);
  expect(bench.goAways).toEqual([{ last: LAST, code: 0 }]);
  await bench.receive(ping(Buffer.from('bulkhead'), Bit.ACK));
  expect(bench.goAways).toEqual([{ last: LAST, code: 0 }, { last: 1, code: 0 }]);
  await eventually('the socket is ended', () => bench.socket.ended);
});

it.each([
  ['a frame', frame(Type.HEADERS, Bit.END_HEADERS, 1, BLOCK).subarray(0, 12)],
  ['the head of one', frame(Type.PING, 0, 0, Buffer.alloc(8)).subarray(0, 3)],
  ['a header block', headers(1, BLOCK, 0)],
])('%s that does not come to its end ends the connection after 10 s', async (_what, begun) => {
  const bench = new Bench();
  await bench.begin();
  await bench.at(1);
  await bench.receive(begun);
  await bench.at(5);
  await bench.at(14);
  expect(bench.goAways).toEqual([]);
  await bench.at(16);
  expect(bench.goAways).toEqual([{ last: 0, code: 11 }]);
  await eventually('the socket is gone', () => bench.socket.destroyed);
});

it('a connection that always has another frame unfinished goes on', async () => {
  const bench = new Bench();
  await bench.begin();
  const bytes = Buffer.concat(Array.from({ length: 20 }, () => ping()));
  for (let at = 0; at < bytes.length - 20; at += 20) {
    await bench.receive(bytes.subarray(at, at + 20));
    await bench.at(at / 2);
  }
  expect([bench.goAways, bench.socket.destroyed]).toEqual([[], false]);
});

it('a stream that nothing moves is told so after one to two minutes, and one that moves is not', async () => {
  const bench = new Bench();
  await bench.begin();
  await bench.receive(headers(1, BLOCK), headers(3, BLOCK));
  for (let second = 0; second <= 130; second += 5) {
    await bench.receive(frame(Type.DATA, 0, 3, Buffer.alloc(1)), ping());
    await bench.at(second);
  }
  expect(bench.stalled).toEqual([1]);
});

it('what was under way when it is left comes to its end, and what comes after is not begun', async () => {
  const bench = new Bench();
  await bench.begin();
  await bench.receive(headers(1, BLOCK, Bit.END_HEADERS | Bit.END_STREAM));
  bench.peer.leave();
  await bench.receive(headers(3, BLOCK, Bit.END_HEADERS | Bit.END_STREAM)); // it can't have known
  expect(bench.streams.map(({ id }) => id)).toEqual([1, 3]);
  await bench.receive(ping(Buffer.from('bulkhead'), Bit.ACK), headers(5, BLOCK, Bit.END_HEADERS | Bit.END_STREAM));
  expect([bench.streams.length, bench.goAways]).toEqual([2, [{ last: LAST, code: 0 }, { last: 3, code: 0 }]]);
  bench.streams[0]?.sendOnly(OK);
  await new Promise(setImmediate);
  expect(bench.socket.ended).toBe(false);
  bench.streams[1]?.sendOnly(OK);
  await eventually('the socket is ended', () => bench.socket.ended);
  expect(bench.socket.of(Type.HEADERS).map(({ stream }) => stream)).toEqual([1, 3]);
});
