// What is kept of HTTP/1.1 connections: who hears that a client has left, which connections end for being quiet, and that a
// turn's answers leave together.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpConnections, type UnderWay } from '../kernel/http-connections.ts';
import { Outbox } from '../kernel/http-outbox.ts';
import { eventually, within } from './harness/awaiting.ts';

const IDLE_MS = 60;

describe('HTTP/1.1 connections', () => {
  let server: Server;
  let taken: ((socket: Socket) => void) | undefined;
  beforeAll(async () => {
    server = createServer((socket) => taken?.(socket.resume()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => server.close());

  /** The server's end and the client's. */
  async function pair(): Promise<[server: Socket, client: Socket]> {
    const accepted = new Promise<Socket>((resolve) => (taken = resolve));
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.on('error', () => {});
    return [await accepted, client.resume()];
  }

  const request = (): UnderWay & { left: number } => ({ left: 0, abandoned() { this.left++; } });

  it('end when nothing was asked for as long as they are kept, and not before', async () => {
    const connections = new HttpConnections(IDLE_MS);
    const began = performance.now();
    const [socket, client] = await pair();
    const [used, other] = await pair();
    connections.open(socket);
    const busy = connections.open(used);
    const call = request();
    busy.begin(call);
    await within(5_000, 'the quiet one is closed', once(client, 'close'));
    expect(performance.now() - began).toBeGreaterThan(IDLE_MS - 5);
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS * 2)); // what must not happen has no event
    expect([connections.size, used.destroyed, busy.isBusy]).toEqual([1, false, true]);
    busy.end(call, performance.now());
    await within(5_000, 'the other one is closed', once(other, 'close'));
    await eventually('none is left', () => connections.size === 0);
    expect(call.left, 'it had its answer').toBe(0);
    connections.close();
  });

  it('tell every request without an answer that its client has left, once', async () => {
    const connections = new HttpConnections(IDLE_MS);
    const [socket, client] = await pair();
    const connection = connections.open(socket);
    const requests = [request(), request(), request(), request()] as const;
    for (const one of requests) connection.begin(one);
    connection.end(requests[0], performance.now());
    connection.end(requests[2], performance.now());
    expect(connection.isBusy).toBe(true);
    client.destroy();
    await eventually('it is gone', () => connections.size === 0);
    expect(requests.map(({ left }) => left)).toEqual([0, 1, 0, 1]);
    connections.close();
  });

  it('are followed no more when they speak another protocol', async () => {
    const connections = new HttpConnections(IDLE_MS);
    const [socket, client] = await pair();
    const connection = connections.open(socket);
    const one = request();
    connection.begin(one);
    connections.letGo(socket);
    connections.finish();
    connections.close();
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS * 2));
    expect([socket.destroyed, one.left]).toEqual([false, 0]);
    client.destroy();
    await once(socket, 'close');
    expect(one.left).toBe(0);
  });
});

it('answers of one turn leave in one go, in their order, with the same date; those that come meanwhile in the next', async () => {
  const written: string[] = [];
  let dates = 0;
  const outbox = new Outbox(() => `date ${++dates}`);
  const answer = (name: string, then?: () => void) => ({
    write: (_nowMs: number, date: string) => {
      written.push(`${name} ${date}`);
      then?.();
    },
  });
  outbox.add(answer('a', () => outbox.add(answer('c'))));
  outbox.add(answer('b'));
  expect(written).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(written).toEqual(['a date 1', 'b date 1']);
  await new Promise((resolve) => setImmediate(resolve));
  expect(written).toEqual(['a date 1', 'b date 1', 'c date 2']);
});
