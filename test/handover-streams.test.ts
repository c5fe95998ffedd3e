// Streams and the lives of their block: what a route's resumption means for one whose life dies, is replaced in order, or stays
// after all, message by message and credit by credit.
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { INITIAL_CREDIT } from '../ipc/calls.ts';
import type { PackedHttpHead } from '../proto/control.ts';
import { Grpc } from '../proto/errors.ts';
import { ROUTE } from '../proto/routes.ts';
import { eventually } from './harness/awaiting.ts';
import { BIDI, closeAll, describeOnListeners, ECHO, manual, openRaw, TestBlock, wire, type ClientStream } from './harness/streams.ts';

afterEach(closeAll);

const IDS = ROUTE.NextIds;
const texts = ({ received }: ClientStream): string[] => received.map(String);
const resumptions = ({ heads }: TestBlock): unknown[] => heads.map((head) => (head as PackedHttpHead)[2]?.slice(2));

/** The present life ends, and the seat knows. */
async function die(block: TestBlock, streams = 1): Promise<void> {
  block.kill();
  await eventually('they wait', () => block.seat.held === streams);
}

describeOnListeners('a stream whose first message is its request', () => {
  it('goes on after a death: the next life gets that message and no other, and is told what the client has', async () => {
    const { block, opened, seen } = manual(BIDI);
    const { client } = await wire(block.start());
    const stream = client.bidi().send('initial');
    await opened();
    await eventually('the first message arrived', () => seen.length === 1);
    await die(block);
    block.start();
    await opened(1);
    await eventually('it came again', () => seen.length === 3);
    (await opened(1)).send(Buffer.from('event 1'));
    await eventually('the client has it', () => stream.received.length === 1);
    stream.send('verdict 1');
    await eventually('the verdict arrived', () => seen.includes('verdict 1'));
    await die(block);
    stream.send('verdict for the dead');
    block.start();
    (await opened(2)).send(Buffer.from('event 2'));
    stream.send('verdict 2');
    await eventually('the second verdict arrived', () => seen.includes('verdict 2'));
    stream.end();
    await eventually('and the end', () => seen.at(-1) === '<half closed>');
    (await opened(2)).end();
    expect(await stream.ended()).toEqual([Grpc.OK]);
    // Whether the verdict without a life found the next one depends on how fast it was: it is about nothing there.
    expect(seen.filter((one) => one !== 'verdict for the dead')).toEqual(['initial', '<cancelled>', 'initial', 'verdict 1', '<cancelled>', 'initial', 'verdict 2', '<half closed>']);
    expect(resumptions(block)).toEqual([[], [], ['bulkhead-resumed', '1']]);
    expect([texts(stream), block.seat.repeated, block.seat.lost]).toEqual([['event 1', 'event 2'], 2, 0]);
  });

  it('is told of an end that the client reached while there was no life', async () => {
    const { block, opened, seen } = manual(BIDI);
    const { client } = await wire(block.start());
    const stream = client.bidi().send('initial');
    await opened();
    await eventually('the first message arrived', () => seen.length === 1);
    await die(block);
    stream.end();
    await turn();
    block.start();
    await eventually('the next life heard all', () => seen.at(-1) === '<half closed>');
    expect(seen.slice(2)).toEqual(['initial', '<half closed>']);
    (await opened(1)).end();
    expect((await stream.ended())[0]).toBe(Grpc.OK);
  });

  it('moves when a life is replaced: the former one is cancelled, the client hears nothing', async () => {
    const { block, opened, seen } = manual(BIDI);
    const { client } = await wire(block.start());
    const [stream, silent] = [client.bidi().send('initial'), client.bidi()];
    await opened(1);
    await eventually('the first message arrived', () => seen.length === 1);
    block.seat.suspend();
    expect(block.seat.streams).toBe(2);
    block.start();
    await opened(3);
    await eventually('the former life is rid of both', () => seen.filter((one) => one === '<cancelled>').length === 2);
    silent.send('late initial');
    await eventually('all arrived', () => seen.includes('late initial'));
    (await opened(2)).send(Buffer.from('event'));
    await eventually('the client has it', () => stream.received.length === 1);
    expect([seen.filter((one) => one === 'initial').length, block.seat.repeated, block.seat.lost, block.seat.streams]).toEqual([2, 0, 0, 2]);
    for (const each of [stream, silent]) each.call.cancel();
    await eventually('nothing is left', () => block.seat.streams === 0);
  });

  it('stays with its life where that is not replaced after all', async () => {
    const { block, opened, seen } = manual(BIDI);
    const { client } = await wire(block.start());
    const stream = client.bidi().send('initial');
    const call = await opened();
    block.seat.suspend();
    const held = client.bidi().send('other');
    await eventually('a new one waits', () => block.seat.held === 1);
    block.seat.resume();
    await opened(1);
    await eventually('both arrived', () => seen.length === 2);
    call.send(Buffer.from('event'));
    await eventually('the client has it', () => stream.received.length === 1);
    expect([seen, block.opened]).toEqual([['initial', 'other'], 2]);
    for (const each of [stream, held]) each.call.cancel();
  });

  it('leaves no more with a client that does not read than two lives may send, and goes on when it reads', async () => {
    const { block, opened } = manual(BIDI);
    const { address } = await wire(block.start());
    const { stream } = openRaw(address);
    const message = Buffer.alloc(256 * 1024); // more than HTTP/2 takes by itself
    let sent = 0;
    const fill = async (nth: number): Promise<void> => {
      const call = await opened(nth);
      for (let room = true; room; sent++) room = call.send(Buffer.from(message));
    };
    await fill(0);
    block.start();
    await fill(1);
    expect(sent).toBe(2 * INITIAL_CREDIT);
    for (let life = 0; life < 3; life++) {
      block.start();
      await turn();
    }
    expect(block.opened, 'it is put off').toBe(2);
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    const call = await opened(2);
    await eventually('the client has all', () => bytes >= sent * message.length);
    for (let i = 0; i < 3 * INITIAL_CREDIT; i++) {
      sent++;
      if (!call.send(Buffer.from(message))) await new Promise<void>((resolve) => (call.onCredit = resolve));
    }
    await eventually('and what came later', () => bytes >= sent * (message.length + 5));
    expect(bytes).toBe(sent * (message.length + 5));
  });
});

describeOnListeners('a stream of requests with an answer each', () => {
  const idle = () => manual(IDS);

  it('goes on after a death that found nothing unanswered, and ends where it did', async () => {
    const { block, opened, seen } = idle();
    const { client } = await wire(block.start());
    const stream = client.bidi({}, {}, true, IDS).send('1');
    await eventually('the request arrived', () => seen.length === 1);
    (await opened()).send(Buffer.from('one'));
    await eventually('so did the answer', () => stream.received.length === 1);
    await die(block);
    stream.send('2');
    await turn();
    block.start();
    await eventually('the next one waited', () => seen.includes('2'));
    expect(block.heads, 'nobody needs to know').toEqual([undefined, undefined]);
    block.kill();
    expect((await stream.ended()).slice(0, 2)).toEqual([Grpc.UNAVAILABLE, 'the sequencer block restarted while this call was in flight']);
    expect(seen).toEqual(['1', '<cancelled>', '2', '<cancelled>']);
  });

  it('moves at once when all is answered, else with the last answer', async () => {
    const { block, opened, seen } = idle();
    const { client } = await wire(block.start());
    const quick = client.bidi({}, {}, true, IDS);
    await opened();
    const slow = client.bidi({}, {}, true, IDS).send('a', 'b');
    const former = await opened(1);
    await eventually('the requests arrived', () => seen.length === 2);
    former.send(Buffer.from('A'));
    await eventually('one is answered', () => slow.received.length === 1);
    block.seat.suspend();
    slow.send('c');
    await block.seat.atRest(50);
    block.start();
    const next = await opened(2);
    expect([block.opened, seen], 'the other one stays').toEqual([3, ['a', 'b', '<cancelled>']]);
    quick.send('x');
    await eventually('the next life is asked', () => seen.includes('x'));
    next.send(Buffer.from('X'));
    former.send(Buffer.from('B'));
    (await opened(3)).send(Buffer.from('C'));
    await eventually('all are answered', () => slow.received.length === 3 && quick.received.length === 1);
    expect([texts(slow), seen.toSorted()]).toEqual([['A', 'B', 'C'], ['<cancelled>', '<cancelled>', 'a', 'b', 'c', 'x']]);
    for (const each of [quick, slow]) each.call.cancel();
    await eventually('nothing is left', () => block.seat.streams === 0);
  });

  it('loses no request and no answer, and keeps their order, over 30 lives in order', async () => {
    const block = new TestBlock('sequencer');
    let asked = 0;
    block.methods.set(IDS.id, {
      open(call, body) {
        ECHO.open(call, body);
        const echo = call.onMessage;
        const waiting: Buffer[] = [];
        call.onMessage = (message) => {
          asked++;
          if (waiting.push(Buffer.from(message)) === 1) setImmediate(() => waiting.splice(0).forEach(echo)); // a store takes its time
        };
        const end = call.onHalfClose;
        call.onHalfClose = () => setImmediate(end);
      },
    });
    const { client } = await wire(block.start());
    const stream = client.bidi({}, {}, true, IDS);
    let number = 0;
    for (let life = 0; life < 30; life++) {
      for (let i = 0; i < 50; i++) stream.send(String(number++));
      await eventually('some are answered', () => stream.received.length >= number - 40);
      block.seat.suspend();
      stream.send(String(number++));
      await block.seat.atRest(1_000);
      if (life % 5 === 0) block.seat.resume();
      else block.start();
    }
    stream.end();
    expect((await stream.ended())[0]).toBe(Grpc.OK);
    expect(texts(stream)).toEqual(Array.from({ length: number }, (_, at) => String(at)));
    expect([asked, block.seat.lost, block.seat.repeated]).toEqual([number, 0, 0]);
  });
});
