// Clients that take their time: a preface that doesn't come, frames a byte at a time, requests and windows that wait for ever
// (RFC 9113 section 10.5, "slow loris"). Who takes too long is left. In the normal form the clock is the test's own, on connections
// that have the real sockets; the nightly form (CAMPAIGN=nightly) waits as long as it takes, against the real program.
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Budget } from '../kernel/h2/budget.ts';
import { Peer } from '../kernel/h2/peer.ts';
import type { Stream, StreamHandler } from '../kernel/h2/stream.ts';
import { eventually } from './harness/awaiting.ts';
import { NIGHTLY } from './harness/h2-attack.ts';
import { Attacked, STORE } from './harness/h2-attacked.ts';
import { getStateRequest, grpcRequest } from './harness/h2-hpack.ts';
import { codeName, RawH2 } from './harness/h2-raw.ts';
import { Bit, Code, continuation, data, grpcMessage, headers, ping, PREFACE, settings, Type } from './harness/h2-wire.ts';

const REQUEST = grpcRequest('GetState');
const NOTHING = Buffer.alloc(0);

interface Slow {
  readonly what: string;
  /** Sent at once; then one byte whenever a second has passed, as long as there are some. */
  readonly first: Buffer;
  readonly drop?: Buffer;
  /** Seconds within which the connection ends. */
  readonly seconds: number;
  readonly end: string;
}

const GREETING = Buffer.concat([PREFACE, settings()]);
const SLOW: readonly Slow[] = [
  { what: 'says nothing', first: NOTHING, seconds: 20, end: 'closed' },
  { what: 'says half a preface', first: PREFACE.subarray(0, 12), seconds: 20, end: 'closed' },
  { what: 'says its preface a byte a second', first: NOTHING, drop: PREFACE, seconds: 20, end: 'closed' },
  { what: 'says the preface and not its settings', first: PREFACE, seconds: 20, end: 'closed' },
  { what: 'sends HEADERS a byte a second', first: GREETING, drop: headers(1, REQUEST), seconds: 25, end: 'ENHANCE_YOUR_CALM' },
  { what: 'sends the head of a frame and nothing else', first: Buffer.concat([GREETING, headers(1, REQUEST).subarray(0, 9)]), seconds: 25, end: 'ENHANCE_YOUR_CALM' },
  { what: 'does not go on with its header block', first: Buffer.concat([GREETING, headers(1, REQUEST, 0), continuation(1, NOTHING, 0)]), seconds: 25, end: 'ENHANCE_YOUR_CALM' },
  { what: 'does not answer a PING', first: GREETING, seconds: 35, end: 'closed' },
];

/** Requests that are held open; it answers nothing. */
class Patient implements StreamHandler {
  static readonly stalled: number[] = [];
  readonly #stream: Stream;
  constructor(stream: Stream) {
    this.#stream = stream;
  }
  onData(_bytes: Buffer, start: number, end: number): void {
    this.#stream.take(end - start);
  }
  onReset(): void {}
  onSent(): void {}
  onStalled(): void {
    Patient.stalled.push(this.#stream.id);
    this.#stream.reset(Code.CANCEL);
  }
}

describe('with a clock of its own, a client is left that', () => {
  const peers: Peer[] = [];
  let server: Server;
  let port: number;
  beforeAll(async () => {
    server = createServer((socket: Socket) => {
      peers.push(new Peer(socket, {
        application: { open: (stream) => void (stream.handler = new Patient(stream)), openTooLarge: (stream) => stream.reset(Code.INTERNAL_ERROR) },
        maxStreams: 100, maxHeaderBytes: 4_096, budget: new Budget(1_000_000), onBug: (cause) => { throw cause; },
      }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(() => server.close());

  const peerOf = async (connection: RawH2): Promise<Peer> => {
    await connection.frame('the server has greeted', ({ type }) => type === Type.SETTINGS);
    return peers.at(-1) as Peer;
  };

  it.each(SLOW)('$what', async ({ first, drop = NOTHING, seconds, end }) => {
    await using connection = await RawH2.to(port, { greets: false, acknowledges: false });
    connection.send(first);
    const peer = await peerOf(connection);
    // What was sent has come before the clock moves.
    if (first.length > PREFACE.length) await eventually('the greeting has come', () => peer.connection.settled);
    const began = performance.now();
    let passed = 0;
    for (; passed < seconds && !peer.connection.over; passed++) {
      if (passed < drop.length) {
        peer.connection.heard = false;
        connection.send(drop.subarray(passed, passed + 1));
        await eventually('the byte has come', () => peer.connection.heard);
      }
      if (passed % 5 === 4) peer.look(began + (passed + 1) * 1_000);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(passed).toBeGreaterThan(9); // an honest one that is slow has its time
    expect(passed).toBeLessThan(seconds);
    expect(codeName(await connection.ending())).toBe(end);
  });

  it('leaves a request unfinished, stream by stream; and not one that goes on', async () => {
    await using connection = await RawH2.to(port);
    const [halted, slow] = [connection.stream(), connection.stream()];
    connection.send(headers(halted, REQUEST), data(halted, grpcMessage(NOTHING, 1_000)), headers(slow, REQUEST));
    const peer = await peerOf(connection);
    const began = performance.now();
    for (let passed = 0; passed <= 185; passed += 5) {
      peer.connection.heard = false;
      connection.send(data(slow, Buffer.alloc(1)), ping(Buffer.alloc(8, 1)));
      await eventually('it has come', () => peer.connection.heard);
      peer.look(began + passed * 1_000);
    }
    expect(codeName((await connection.reply(halted)).reset)).toBe('CANCEL');
    expect(Patient.stalled).toEqual([halted]);
    expect(connection.replies.get(slow)?.reset).toBeUndefined();
    expect(peer.connection.streams).toBe(1);
  });
});

(NIGHTLY ? describe : describe.skip)('in real time, which only the nightly form has (CAMPAIGN=nightly): a client is left that', () => {
  const attacked = new Attacked();

  it.concurrent.each(SLOW)('$what', { timeout: 120_000 }, async ({ first, drop = NOTHING, seconds, end }) => {
    await using connection = await attacked.connect({ greets: false, acknowledges: false });
    connection.send(first);
    const began = performance.now();
    for (let passed = 0; passed < seconds + 10 && connection.goAwayCode === undefined && !connection.isClosed; passed++) {
      if (passed < drop.length) connection.send(drop.subarray(passed, passed + 1));
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    expect(codeName(await connection.ending(1_000))).toBe(end);
    const took = (performance.now() - began) / 1_000;
    expect(took).toBeGreaterThan(9);
    expect(took).toBeLessThan(seconds + 5);
  });

  it.concurrent('sends half a request, thousands of times: each ends, and the connection goes on', { timeout: 300_000 }, async () => {
    await using connection = await attacked.connect();
    const opened = Array.from({ length: 3_000 }, () => connection.stream());
    connection.send(...opened.flatMap((stream) => [headers(stream, REQUEST), data(stream, grpcMessage(getStateRequest(STORE, 'k'), 1_000))]));
    for (const stream of opened) expect((await connection.reply(stream, 200_000)).fields.get('grpc-status')).toBe('4');
    expect((await connection.reply(connection.getState(STORE, 'k'))).fields.get('grpc-status')).toBe('0');
  });

  it.concurrent('asks for answers and takes none: each is given up, and the connection goes on', { timeout: 300_000 }, async () => {
    await using connection = await attacked.connect({ settings: [[4, 0]] });
    const opened = Array.from({ length: 50 }, () => connection.stream());
    connection.send(...opened.flatMap((stream) => [headers(stream, grpcRequest('GetMetadata')), data(stream, grpcMessage(NOTHING), Bit.END_STREAM)]));
    await connection.until('all are given up', () => opened.every((stream) => connection.replies.get(stream)?.reset !== undefined), 200_000);
    expect(connection.goAwayCode).toBeUndefined();
  });
});
