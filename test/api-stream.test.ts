// Streamed gRPC calls through the real listener, switch and seat, to a block that is made of its methods alone; and request
// metadata on its way to a block (contract: gRPC API, server properties; messaging §2.10).
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { afterEach, expect, it } from 'vitest';
import { INITIAL_CREDIT, type IncomingCall } from '../ipc/calls.ts';
import { EMPTY } from '../ipc/frame.ts';
import { Secret } from '../kernel/secret.ts';
import type { PackedHttpHead } from '../proto/control.ts';
import { Grpc, type ApiError } from '../proto/errors.ts';
import { FAIL } from '../proto/failures.ts';
import { ROUTE } from '../proto/routes.ts';
import { eventually, within } from './harness/awaiting.ts';
import { closeAll, BIDI, describeOnListeners, DOWN, echoing, framed, manual, MAX_BODY, openRaw, TestBlock, wire } from './harness/streams.ts';

afterEach(closeAll);

describeOnListeners('a bidirectional stream', () => {
  it('carries 10,000 messages there and back, in order, to a reader that is slow', async () => {
    const block = echoing().start();
    const { client, dispatch } = await wire(block);
    const stream = client.bidi({}, {}, false);
    const call = stream.call as ClientDuplexStream<Buffer, Buffer>;
    const numbers: number[] = [];
    call.on('data', (message: Buffer) => {
      numbers.push(message.readUInt32LE(0));
      if (numbers.length % 250 !== 0) return;
      call.pause();
      setImmediate(() => call.resume());
    });
    for (let number = 0; number < 10_000; number++) {
      const message = Buffer.alloc(64);
      message.writeUInt32LE(number);
      if (!call.write(message)) await new Promise<void>((resolve) => call.once('drain', resolve));
    }
    call.end();
    expect(await stream.ended()).toEqual([Grpc.OK]);
    expect(numbers).toEqual(Array.from({ length: 10_000 }, (_, number) => number));
    expect([dispatch.streams, dispatch.inFlight]).toEqual([0, 0]);
  }, 30_000);

  it('takes no more from the block than the credit while the client reads nothing', async () => {
    const { block, opened } = manual(BIDI);
    const { address, client } = await wire(block.start());
    const { stream } = openRaw(address);
    const call = await opened();
    let sent = 0;
    const message = Buffer.alloc(1024 * 1024);
    const fill = (): void => {
      for (let room = true; room && sent < 1_000; ) {
        room = call.send(Buffer.from(message));
        sent++;
      }
    };
    call.onCredit = fill;
    fill();
    expect(sent).toBe(INITIAL_CREDIT);
    for (let i = 0; i < 20; i++) expect(await client.unary(ROUTE.PublishEvent)).toBe(Grpc.OK);
    expect(sent).toBe(INITIAL_CREDIT);
    stream.on('data', () => {});
    await eventually('the client reads and the block goes on', () => sent > 4 * INITIAL_CREDIT);
  });

  it('sends no more to the block than the credit while the block takes nothing', async () => {
    const block = new TestBlock('pubsub');
    let taken = 0;
    let call: IncomingCall | undefined;
    block.raw = (incoming) => {
      block.raw = undefined;
      call = incoming;
      incoming.onData = () => void taken++;
    };
    const { client } = await wire(block.start());
    const stream = client.bidi();
    for (let i = 0; i < 200; i++) stream.send('x');
    stream.end();
    await eventually('the credit is used up', () => taken === INITIAL_CREDIT);
    for (let i = 0; i < 20; i++) expect(await client.unary(ROUTE.PublishEvent)).toBe(Grpc.OK);
    expect(taken).toBe(INITIAL_CREDIT);
    let halfClosed = false;
    (call as IncomingCall).onEnd = () => (halfClosed = true);
    (call as IncomingCall).grant(100);
    await eventually('what was granted came', () => taken === INITIAL_CREDIT + 100);
    expect(halfClosed).toBe(false);
    (call as IncomingCall).grant(100);
    await eventually('all came, and then the half close', () => taken === 200 && halfClosed);
    (call as IncomingCall).end(Grpc.OK, 0, undefined, EMPTY);
    expect(await stream.ended()).toEqual([Grpc.OK]);
  });

  it('tells the block of a half close after the last message, and goes on in the other direction', async () => {
    const { block, opened, seen } = manual(BIDI);
    const { client } = await wire(block.start());
    const stream = client.bidi().send('a', 'b').end();
    await eventually('the half close arrived', () => seen.length === 3);
    expect(seen).toEqual(['a', 'b', '<half closed>']);
    const call = await opened();
    call.send(Buffer.from('c'));
    call.end();
    expect(await stream.ended()).toEqual([Grpc.OK]);
    expect(stream.received.map(String)).toEqual(['c']);
    expect(seen).toHaveLength(3);
  });

  it('is cancelled with its client', async () => {
    const { block, seen } = manual(BIDI);
    const { client, dispatch } = await wire(block.start());
    const stream = client.bidi().send('a');
    await eventually('the message arrived', () => seen.length === 1);
    expect([dispatch.streams, dispatch.inFlight]).toEqual([1, 0]);
    stream.call.cancel();
    await eventually('the block heard', () => seen.at(-1) === '<cancelled>');
    expect([dispatch.streams, dispatch.inFlight]).toEqual([0, 0]);
  });

  it('is cancelled when its client is cut off, which is no half close', async () => {
    const { block, seen } = manual(BIDI);
    const { address, dispatch } = await wire(block.start());
    const { stream, cutOff } = openRaw(address);
    stream.write(framed('a'));
    await eventually('the message arrived', () => seen.length === 1);
    cutOff();
    await eventually('the block heard', () => dispatch.streams === 0);
    await eventually('the block heard', () => seen.length === 2);
    expect(seen).toEqual(['a', '<cancelled>']);
  });

  it('ends with its deadline', async () => {
    const { block, seen } = manual(BIDI);
    const { client, dispatch } = await wire(block.start());
    const stream = client.bidi({}, { deadline: Date.now() + 150 }).send('a');
    expect((await stream.ended())[0]).toBe(Grpc.DEADLINE_EXCEEDED);
    await eventually('the block heard', () => seen.includes('<cancelled>'));
    expect(dispatch.streams).toBe(0);
  });

  it('hands over a failure with its details, after the messages before it', async () => {
    const { block, opened } = manual(BIDI);
    const { client } = await wire(block.start());
    const stream = client.bidi().send('a');
    const call = await opened();
    call.send(Buffer.from('before'));
    call.fail(FAIL.blockUnavailable('other', 'of a test') as ApiError);
    expect(await stream.ended()).toEqual([Grpc.UNAVAILABLE, 'the other block is not available: of a test', 'ERR_BLOCK_UNAVAILABLE', { block: 'other' }]);
    expect(stream.received.map(String)).toEqual(['before']);
  });

  it('carries messages as large as the limit', async () => {
    const { client } = await wire(echoing().start());
    const large = Buffer.alloc(MAX_BODY, 'x');
    const stream = client.bidi().send(large, large, large).end();
    expect(await stream.ended()).toEqual([Grpc.OK]);
    expect(stream.received.map((message) => message.equals(large))).toEqual([true, true, true]);
  });

  it('refuses a message from the client that is larger, and cancels the call', async () => {
    const { block, seen } = manual(BIDI);
    const { client } = await wire(block.start());
    const stream = client.bidi().send('a');
    await eventually('the stream is open', () => seen.length === 1);
    stream.send(Buffer.alloc(MAX_BODY + 1));
    expect((await stream.ended())[0]).toBe(Grpc.RESOURCE_EXHAUSTED);
    await eventually('the block heard', () => seen.includes('<cancelled>'));
    expect(seen).toEqual(['a', '<cancelled>']);
  });

  it('refuses a message from the block that is larger, and cancels the call', async () => {
    const { block, opened, seen } = manual(BIDI);
    const { client } = await wire(block.start());
    const stream = client.bidi();
    (await opened()).send(Buffer.alloc(MAX_BODY + 1));
    expect((await stream.ended())[0]).toBe(Grpc.RESOURCE_EXHAUSTED);
    await eventually('the block heard', () => seen.includes('<cancelled>'));
  });

  it('refuses a message that is too large for the channel, and only that call suffers', async () => {
    const block = echoing().start(100_000);
    const { client, dispatch } = await wire(block);
    const other = client.bidi().send('a');
    const stream = client.bidi().send(Buffer.alloc(200_000));
    expect((await stream.ended()).slice(0, 2)).toEqual([Grpc.RESOURCE_EXHAUSTED, 'a frame of more than 100000 bytes']);
    expect(await other.send('b').end().ended()).toEqual([Grpc.OK]);
    expect(other.received.map(String)).toEqual(['a', 'b']);
    expect(dispatch.streams).toBe(0);
  });

  it('survives whatever comes after its end', async () => {
    const { block, opened } = manual(BIDI);
    const { client, dispatch } = await wire(block.start());
    const stream = client.bidi();
    const call = await opened();
    call.end();
    call.send(Buffer.from('late'));
    call.end();
    call.fail(FAIL.cancelled());
    stream.send('late');
    expect(await stream.ended()).toEqual([Grpc.OK]);
    expect(stream.received).toEqual([]);
    stream.call.cancel();
    expect(await client.unary(ROUTE.PublishEvent)).toBe(Grpc.OK);
    expect(dispatch.streams).toBe(0);
  });
});

describeOnListeners('a server stream', () => {
  it('hands the block its request with the opening, and its messages to the client', async () => {
    const { block, opened, bodies, seen } = manual(DOWN);
    const { client, dispatch } = await wire(block.start());
    const stream = client.down(Buffer.from('request'));
    const call = await opened();
    expect([bodies, dispatch.streams]).toEqual([['request'], 1]);
    call.send(Buffer.from('a'));
    call.send(Buffer.from('b'));
    call.end();
    expect(await stream.ended()).toEqual([Grpc.OK]);
    expect([stream.received.map(String), seen, dispatch.streams]).toEqual([['a', 'b'], [], 0]);
  });

  it('is cancelled with its client, and fails with details', async () => {
    const { block, opened, seen } = manual(DOWN);
    const { client } = await wire(block.start());
    const stream = client.down(Buffer.from('1'));
    await opened();
    stream.call.cancel();
    await eventually('the block heard', () => seen.length === 1);
    const failing = client.down(Buffer.from('2'));
    (await opened(1)).fail(FAIL.queueFull('config') as ApiError);
    expect(await failing.ended()).toEqual([Grpc.RESOURCE_EXHAUSTED, 'too many calls wait for the config block', 'ERR_BLOCK_BUSY', { block: 'config' }]);
    expect(seen).toEqual(['<cancelled>']);
  });
});

describeOnListeners('a stream and the lives of its block', () => {
  const RESTARTED = [Grpc.UNAVAILABLE, 'the pubsub block restarted while this call was in flight', 'ERR_BLOCK_UNAVAILABLE', { block: 'pubsub' }];

  it('ends at once with the life it was opened on where nothing can be begun again, and is not opened on the next', async () => {
    const { block, opened, seen } = manual(BIDI);
    const { client, dispatch } = await wire(block.start());
    const stream = client.bidi().send(Buffer.alloc(64 * 1024 + 1, 'a')); // longer than what is kept of a first message
    await eventually('the message arrived', () => seen.length === 1);
    (await opened()).send(Buffer.from('before'));
    await eventually('the answer arrived', () => stream.received.length === 1);
    block.kill();
    expect(await stream.ended()).toEqual(RESTARTED);
    expect([dispatch.streams, block.seat.lost]).toEqual([0, 1]);
    block.start();
    const next = client.bidi().send('b');
    await eventually('the next stream is open', () => seen.includes('b'));
    expect([block.opened, block.seat.repeated]).toEqual([2, 0]);
    next.call.cancel();
  });

  it('is resumed on the next life where the route allows it, and its client hears nothing of that', async () => {
    const { block, opened, bodies } = manual(DOWN);
    const { client, dispatch } = await wire(block.start());
    const stream = client.down(Buffer.from('request'));
    const other = client.down(Buffer.from('other'));
    const [first] = [await opened(), await opened(1)];
    first.send(Buffer.from('before'));
    await eventually('the client has it', () => stream.received.length === 1);
    block.kill();
    await eventually('both wait', () => block.seat.held === 2);
    block.start();
    const next = await opened(2);
    await opened(3);
    expect(bodies).toEqual(['request', 'other', 'request', 'other']);
    const names = block.heads.map((head) => (head as PackedHttpHead)[2]);
    const [name, otherName] = [names[0]?.[1], names[1]?.[1]];
    expect(name).not.toBe(otherName);
    expect(names, 'only who got a message is told that it is resumed').toEqual([['bulkhead-stream', name], ['bulkhead-stream', otherName], ['bulkhead-stream', name, 'bulkhead-resumed', '1'], ['bulkhead-stream', otherName]]);
    next.send(Buffer.from('after'));
    next.end();
    expect(await stream.ended()).toEqual([Grpc.OK]);
    expect([stream.received.map(String), block.seat.repeated, block.seat.lost]).toEqual([['before', 'after'], 2, 0]);
    other.call.cancel();
    await eventually('nothing is left', () => dispatch.streams === 0);
  });

  it('is resumed with all the credit its client is good for', async () => {
    const { block, opened } = manual(DOWN);
    const { client } = await wire(block.start());
    const stream = client.down(Buffer.from(''));
    let count = 0;
    for (let life = 0; life < 3; life++) {
      const call = await opened(life);
      for (let i = 0; i < 5 * INITIAL_CREDIT; i++) {
        const message = Buffer.from(String(count++));
        if (!call.send(message)) await new Promise<void>((resolve) => (call.onCredit = resolve));
      }
      await eventually('all arrived', () => stream.received.length >= count - INITIAL_CREDIT);
      block.kill();
      block.start();
    }
    stream.call.cancel();
  });

  it('is given up when life after life ends soon after it came', async () => {
    const { block, opened } = manual(DOWN);
    const { client } = await wire(block.start());
    const stream = client.down(Buffer.from('deadly'));
    for (let life = 0; life < 6; life++) {
      await opened(life);
      block.kill();
      await eventually('its end is known', () => block.seat.held + block.seat.lost > 0);
      block.start();
    }
    expect((await stream.ended()).slice(0, 2)).toEqual([Grpc.UNAVAILABLE, 'the config block restarted while this call was in flight']);
    expect(block.opened).toBe(6);
  });

  it('is not called resumed by its client', async () => {
    const { block, opened } = manual(DOWN);
    const { client } = await wire(block.start());
    const stream = client.down(Buffer.from(''), { 'bulkhead-stream': '1', 'bulkhead-resumed': '1' });
    await opened();
    expect((block.heads[0] as PackedHttpHead)[2]).toEqual(['bulkhead-stream', expect.stringMatching(/^\d+$/)]);
    stream.call.cancel();
  });

  it('waits for a life, and reads nothing of its client meanwhile', async () => {
    const block = echoing();
    const { client, dispatch } = await wire(block);
    const stream = client.bidi();
    for (let i = 0; i < 100; i++) stream.send(String(i));
    stream.end();
    await eventually('it waits', () => block.seat.held === 1);
    expect([dispatch.streams, dispatch.inFlight]).toEqual([1, 0]);
    block.start();
    expect(await stream.ended()).toEqual([Grpc.OK]);
    expect(stream.received.map(String)).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
    expect(block.opened).toBe(1);
  });

  it('waits no longer than it may', async () => {
    const block = echoing({ holdMs: 50 });
    const { client, dispatch } = await wire(block);
    expect((await client.bidi().ended()).slice(0, 2)).toEqual([Grpc.UNAVAILABLE, 'the pubsub block is not available: it is starting']);
    expect([block.seat.held, dispatch.streams]).toEqual([0, 0]);
  });

  it('is forgotten when its client leaves while it waits', async () => {
    const block = echoing();
    const { client, dispatch } = await wire(block);
    const stream = client.bidi();
    await eventually('it waits', () => block.seat.held === 1);
    stream.call.cancel();
    await eventually('it is gone', () => block.seat.held === 0);
    block.start();
    expect([block.opened, dispatch.streams]).toEqual([0, 0]);
  });

  it('is one of as many as a seat takes', async () => {
    const block = echoing({ maxStreams: 3 }).start();
    const { client, dispatch } = await wire(block);
    const streams = Array.from({ length: 3 }, () => client.bidi().send('a'));
    await eventually('all are open', () => streams.every(({ received }) => received.length === 1));
    expect(await client.bidi().ended()).toEqual([Grpc.RESOURCE_EXHAUSTED, 'the pubsub block has 3 streams open, and takes no more', 'ERR_BLOCK_BUSY', { block: 'pubsub' }]);
    expect(await client.unary(ROUTE.PublishEvent)).toBe(Grpc.OK);
    expect(await streams[0]!.end().ended()).toEqual([Grpc.OK]);
    expect(await client.bidi().end().ended()).toEqual([Grpc.OK]);
    expect(dispatch.streams).toBe(2);
  });
});

describeOnListeners('a listener that drains', () => {
  it('ends streams at once, and lets a unary call finish', async () => {
    const { block, seen } = manual(BIDI);
    let slow: IncomingCall | undefined;
    block.raw = (call) => (slow = call);
    const { client, listener, dispatch } = await wire(block.start());
    const idle = client.bidi();
    const busy = client.bidi().send('a');
    const unary = client.unary(ROUTE.PublishEvent);
    await eventually('all are open', () => block.opened === 3 && seen.length === 1 && slow !== undefined);
    let drained = false;
    const draining = listener.drain(10_000).then(() => (drained = true));
    const SHUTTING_DOWN = [Grpc.UNAVAILABLE, 'the pubsub block is not available: the sidecar is shutting down', 'ERR_BLOCK_UNAVAILABLE', { block: 'pubsub' }];
    expect(await idle.ended()).toEqual(SHUTTING_DOWN);
    expect(await busy.ended()).toEqual(SHUTTING_DOWN);
    await eventually('the block heard', () => seen.filter((word) => word === '<cancelled>').length === 2);
    expect([drained, dispatch.streams, dispatch.inFlight]).toEqual([false, 0, 1]);
    slow!.end(Grpc.OK, 0, undefined, EMPTY);
    expect(await unary).toBe(Grpc.OK);
    await within(3_000, 'the listener is closed', draining);
  });

  it('does not wait for a stream that sent nothing, of any owner', async () => {
    const block = echoing().start();
    const { client, listener } = await wire(block);
    const reflection = client.bidi({}, {}, true, { ...BIDI, rpc: '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo' });
    client.bidi();
    await eventually('the stream is open', () => block.opened === 1);
    reflection.send(Buffer.from([0x3a, 0])); // list the services
    await eventually('reflection answers', () => reflection.received.length === 1);
    await within(3_000, 'the listener is closed', listener.drain(10_000));
    expect((await reflection.ended()).slice(0, 2)).toEqual([Grpc.UNAVAILABLE, expect.stringMatching(/the sidecar is shutting down$/)]);
  });
});

describeOnListeners('who may stream', () => {
  it('is asked for the token', async () => {
    const block = echoing().start();
    const { client } = await wire(block, { token: new Secret('t') });
    expect((await client.bidi().ended()).slice(0, 3)).toEqual([Grpc.UNAUTHENTICATED, 'Unauthorized', 'Unauthorized']);
    expect((await client.down(Buffer.from('r'), { 'dapr-api-token': 'wrong' }).ended())[0]).toBe(Grpc.UNAUTHENTICATED);
    expect(block.opened).toBe(0);
    expect(await client.bidi({ 'dapr-api-token': 't' }).end().ended()).toEqual([Grpc.OK]);
  });

  it('is what the Configuration admits', async () => {
    const block = echoing().start();
    const { client } = await wire(block, { admit: ({ name }) => name !== BIDI.name });
    expect((await client.bidi().ended()).slice(0, 3)).toEqual([Grpc.UNIMPLEMENTED, 'Not Implemented', 'Not Implemented']);
    expect(block.opened).toBe(0);
  });

  it('is what the Configuration admits from now on, when it changes', async () => {
    const block = echoing().start();
    const { client, listener } = await wire(block);
    const early = client.bidi().send('a');
    await eventually('it echoes', () => early.received.length === 1);
    listener.apply({ admit: ({ name }) => name !== BIDI.name && name !== ROUTE.PublishEvent.name, log: undefined });
    expect((await client.bidi().ended()).slice(0, 3)).toEqual([Grpc.UNIMPLEMENTED, 'Not Implemented', 'Not Implemented']);
    expect(await client.unary(ROUTE.PublishEvent)).toBe(Grpc.UNIMPLEMENTED);
    expect(await early.end().ended()).toEqual([Grpc.OK]);
    listener.apply({ admit: () => true, log: undefined });
    expect(await client.bidi().end().ended()).toEqual([Grpc.OK]);
    expect(await client.unary(ROUTE.PublishEvent)).toBe(Grpc.OK);
  });

  it('gets UNIMPLEMENTED where no block runs', async () => {
    const { client } = await wire(echoing().start());
    expect(await client.down(Buffer.from('r')).ended()).toEqual([Grpc.UNIMPLEMENTED, expect.stringContaining('the config block, which serves SubscribeConfiguration, does not run here')]);
  });
});

describeOnListeners('the API log', () => {
  it('has one line for each stream, when it ends', async () => {
    const { block, opened } = manual(BIDI);
    const lines: [method: string, code: number][] = [];
    const { client } = await wire(block.start(), { log: ({ method, code, userAgent }) => {
      expect(userAgent).toMatch(/^grpc-node-js/);
      lines.push([method, code]);
    } });
    const ended = client.bidi();
    (await opened()).end();
    await ended.ended();
    const failed = client.bidi();
    (await opened(1)).fail(FAIL.cancelled());
    await failed.ended();
    const left = client.bidi();
    await opened(2);
    expect(lines).toHaveLength(2);
    left.call.cancel();
    await eventually('the line of the one that left is there', () => lines.length === 3);
    await client.down(Buffer.from('r')).ended();
    expect(lines).toEqual([[BIDI.rpc, Grpc.OK], [BIDI.rpc, Grpc.CANCELLED], [BIDI.rpc, Grpc.CANCELLED], [DOWN.rpc, Grpc.UNIMPLEMENTED]]);
  });
});

describeOnListeners('request metadata', () => {
  const TRACE = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'a=1' };

  it('reaches the block where the route wants it, binary as base64', async () => {
    const block = new TestBlock('pubsub').start();
    const { client } = await wire(block);
    const trace = Buffer.from([0, 0, 255, 1, 2]);
    await client.unary(ROUTE.PublishEvent, { ...TRACE, 'grpc-trace-bin': trace, 'x-other': '1', 'if-match': '2' });
    await client.unary(ROUTE.BulkPublishEvent, { tracestate: 'b=2' });
    await client.unary(ROUTE.BulkPublishEventAlpha1, { 'x-other': '1' });
    const [first, ...others] = block.heads as PackedHttpHead[];
    const flat = first?.[2] ?? [];
    const pairs = Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at], flat[2 * at + 1]]);
    expect([pairs.length, Object.fromEntries(pairs) as unknown]).toEqual([3, { 'grpc-trace-bin': trace.toString('base64'), ...TRACE, tracestate: 'a=1' }]);
    expect(others).toEqual([[[], '', ['tracestate', 'b=2']], undefined]);
  });

  it('reaches a stream', async () => {
    const { block, opened } = manual(BIDI);
    const { client } = await wire(block.start());
    client.bidi(TRACE);
    await opened();
    client.bidi();
    const headers = [(await opened(0)).headers, (await opened(1)).headers];
    expect(headers).toEqual([{ traceparent: TRACE.traceparent, 'bulkhead-stream': expect.any(String) }, { 'bulkhead-stream': expect.any(String) }]);
    expect(headers[0]?.['bulkhead-stream']).not.toBe(headers[1]?.['bulkhead-stream']);
  });

  it('of HTTP alone stays where it is', async () => {
    const block = new TestBlock('state').start();
    const { client } = await wire(block);
    expect(await client.unary(ROUTE.DeleteState, { 'if-match': 'etag' })).toBe(Grpc.OK);
    expect(block.heads).toEqual([undefined]);
  });

  it('reaches the kernel\'s own methods', async () => {
    const heard: (readonly string[])[] = [];
    const { client } = await wire(echoing(), {}, ({ headers }) => heard.push(headers));
    await client.unary(ROUTE.Shutdown, { 'dapr-force-shutdown': 'true' });
    await client.unary(ROUTE.Shutdown);
    expect(heard).toEqual([['dapr-force-shutdown', 'true'], []]);
  });
});
