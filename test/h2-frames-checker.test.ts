// The checker that the hostile tests of HTTP/2 rely on (harness/h2-checker.ts) sees what it is there to see: a server that breaks one
// rule, once, after doing everything right.
import { describe, expect, it } from 'vitest';
import { OutputChecker } from './harness/h2-checker.ts';
import { blockOf, grpcRequest, indexed, literal, remembered, tableSize } from './harness/h2-hpack.ts';
import { Bit, Code, continuation, data, frame, goAway, grpcMessage, headers, ping, PREFACE, resetStream, Setting, settings, SETTINGS_ACK, Type, windowUpdate } from './harness/h2-wire.ts';

const END = Bit.END_HEADERS | Bit.END_STREAM;
const HEAD = blockOf([[':status', '200'], ['content-type', 'application/grpc']]);
const TRAILERS = blockOf([['grpc-status', '0']]);
const MESSAGE = grpcMessage(Buffer.from('answer'));

/** A connection on which streams 1 and 3 are open, and the server has greeted. */
function begun(...clientSettings: readonly (readonly [number, number])[]): OutputChecker {
  const checker = new OutputChecker();
  checker.sent(Buffer.concat([PREFACE, settings(...clientSettings), headers(1, grpcRequest('GetState')), headers(3, grpcRequest('GetState'))]));
  checker.received(Buffer.concat([settings([Setting.MAX_CONCURRENT_STREAMS, 100]), SETTINGS_ACK]));
  return checker;
}

const large = (bytes: number): Buffer[] => Array.from({ length: Math.ceil(bytes / 16_384) }, (_, index) => data(1, Buffer.alloc(Math.min(16_384, bytes - 16_384 * index))));

it('has nothing to say of a server that does everything right', () => {
  const checker = begun([Setting.INITIAL_WINDOW_SIZE, 20]);
  const content = Buffer.from('12345678');
  checker.sent(ping(content));
  checker.sent(windowUpdate(1, 2));
  for (const bytes of [
    ping(content, Bit.ACK), headers(1, HEAD), data(1, MESSAGE), data(1, MESSAGE), headers(1, TRAILERS, END), headers(3, HEAD, 0), continuation(3, Buffer.alloc(0), 0), continuation(3, Buffer.alloc(0)),
    windowUpdate(3, 5), windowUpdate(0, 5), resetStream(3), goAway(2 ** 31 - 1, 0), goAway(3, 0),
  ]) {
    for (const byte of bytes) checker.received(Buffer.of(byte));
  }
  checker.ended();
  expect(checker.violations).toEqual([]);
  expect(checker.goAwayCode).toBe(0);
  expect([...checker.outcomes.keys()]).toEqual([1, 3]);
});

describe('sees', () => {
  const WRONGS: readonly (readonly [what: string, says: RegExp, server: readonly Buffer[], client?: readonly Buffer[]])[] = [
    ['a frame that is too large', /has 16385 bytes, the client takes 16384/, [headers(1, HEAD), data(1, Buffer.alloc(16_385))]],
    ['a frame larger than a setting that was never made', /has 20000 bytes/, [headers(1, HEAD), data(1, Buffer.alloc(20_000))], [settings([Setting.INITIAL_WINDOW_SIZE, 70_000])]],
    ['more DATA than the stream has a window for', /the window of the stream is 65535/, [headers(1, HEAD), ...large(65_536)], [windowUpdate(0, 100_000)]],
    ['more DATA than the connection has a window for', /the window of the connection is 65535/, [headers(1, HEAD), ...large(65_536)], [windowUpdate(1, 100_000)]],
    ['DATA after a setting took the window back', /the window of the stream is 0/, [headers(1, HEAD), SETTINGS_ACK, data(1, MESSAGE)], [settings([Setting.INITIAL_WINDOW_SIZE, 0])]],
    ['a stream that nobody opened', /HEADERS on stream 5, which the client did not open/, [headers(5, HEAD)]],
    ['a reset of a stream that is idle', /RST_STREAM on stream 5, which the client did not open/, [resetStream(5)]],
    ['a window for a stream that is idle', /WINDOW_UPDATE on stream 7/, [windowUpdate(7, 1)]],
    ['a stream with an even number', /HEADERS on stream 2/, [headers(2, HEAD)]],
    ['DATA on no stream', /DATA on stream 0/, [data(0, MESSAGE)]],
    ['DATA before HEADERS', /before HEADERS/, [data(1, MESSAGE)]],
    ['DATA after the end of the stream', /DATA on stream 1 after END_STREAM/, [headers(1, HEAD), headers(1, TRAILERS, END), data(1, MESSAGE)]],
    ['HEADERS after the end of the stream', /HEADERS on stream 1 after END_STREAM/, [headers(1, blockOf([[':status', '200'], ['grpc-status', '0']]), END), headers(1, HEAD)]],
    ['DATA after a reset', /DATA on stream 1 after RST_STREAM/, [headers(1, HEAD), resetStream(1), data(1, MESSAGE)]],
    ['a reset for a window that was kept to', /all windows were kept to/, [resetStream(1, Code.FLOW_CONTROL_ERROR)], [data(1, Buffer.alloc(65_535))]],
    ['a window after a reset', /WINDOW_UPDATE on stream 1 after RST_STREAM/, [resetStream(1), windowUpdate(1, 1)]],
    ['a window that grows by nothing', /by 0/, [windowUpdate(0, 0)]],
    ['a window that overflows', /window of the connection overflows/, [windowUpdate(0, 2 ** 31 - 1)]],
    ['a window of a stream that overflows', /window of stream 1 overflows/, [windowUpdate(1, 2 ** 31 - 1)]],
    ['a call without trailers', /ends a gRPC call without trailers/, [headers(1, HEAD), data(1, MESSAGE, Bit.END_STREAM)]],
    ['a call that ends within a message', /ends within a message/, [headers(1, HEAD), data(1, MESSAGE.subarray(0, 7)), headers(1, TRAILERS, END)]],
    ['a call without a status', /ends without grpc-status/, [headers(1, HEAD, END)]],
    ['HEADERS in the middle', /do not end it/, [headers(1, HEAD), headers(1, TRAILERS)]],
    ['a block that another frame cuts off', /DATA on stream 1 within a header block/, [headers(1, HEAD, 0), data(1, MESSAGE)]],
    ['a CONTINUATION of nothing', /without HEADERS/, [continuation(1, HEAD)]],
    ['a block that does not decode', /can't be decoded/, [headers(1, indexed(70))]],
    ['a table that was made smaller and is not', /does not come down to a table of 100 bytes/, [SETTINGS_ACK, headers(1, HEAD)], [settings([Setting.HEADER_TABLE_SIZE, 100])]],
    ['an upper-case name', /"Upper"/, [headers(1, Buffer.concat([HEAD, literal('Upper', 'x')]))]],
    ['a field of HTTP/1.1', /"connection"/, [headers(1, Buffer.concat([HEAD, literal('connection', 'close')]))]],
    ['a line break in a value', /grpc-message is "a\\nb"/, [headers(1, Buffer.concat([HEAD, literal('grpc-message', 'a\nb')]))]],
    ['no :status', /has no :status/, [headers(1, literal('content-type', 'x'))]],
    ['a pseudo-header in trailers', /:status at 0 of its trailers/, [headers(1, HEAD), headers(1, Buffer.concat([indexed(8), TRAILERS]), END)]],
    ['an ACK of no SETTINGS', /ACK of SETTINGS that nobody sent/, [SETTINGS_ACK]],
    ['an ACK of another PING', /ACK of a PING that nobody sent/, [ping(Buffer.alloc(8, 2), Bit.ACK)], [ping(Buffer.alloc(8, 1))]],
    ['two ACKs of a PING', /ACK of a PING that nobody sent/, [ping(Buffer.alloc(8), Bit.ACK), ping(Buffer.alloc(8), Bit.ACK)], [ping()]],
    ['a GOAWAY that names too high a stream', /names 5, which nobody opened/, [goAway(5, 0)]],
    ['a GOAWAY that takes back another', /names 3 after 1/, [goAway(1, 0), goAway(3, 0)]],
    ['frames after a GOAWAY with an error', /SETTINGS on stream 0 after a GOAWAY with an error/, [goAway(3, 1), settings()]],
    ['an answer above the last stream of GOAWAY', /above the 1 of GOAWAY/, [goAway(1, 0), headers(3, HEAD)]],
    ['a push', /PUSH_PROMISE on stream 1 from a server/, [frame(Type.PUSH_PROMISE, 4, 1, Buffer.alloc(4))]],
    ['a frame of an unknown type', /type 99 on stream 0 from a server/, [frame(99, 0, 0)]],
    ['a flag that there is not', /has flags 65/, [frame(Type.DATA, 0x41, 1)]],
    ['a PING that is too short', /PING on stream 0 has 7 bytes/, [frame(Type.PING, 0, 0, Buffer.alloc(7))]],
    ['a PING on a stream', /PING on stream 1/, [frame(Type.PING, 0, 1, Buffer.alloc(8))]],
    ['a setting that may not be', /SETTINGS say that 5 is 1/, [settings([Setting.MAX_FRAME_SIZE, 1])]],
    ['an end within a frame', /ended within a frame, after 3 bytes/, [Buffer.alloc(3)]],
    ['an end within a header block', /ended within a header block/, [headers(1, HEAD, 0)]],
  ];
  it.each(WRONGS.map(([what, says, server, client = []]) => ({ what, says, server, client })))('$what', ({ says, server, client }) => {
    const checker = begun();
    for (const bytes of client) checker.sent(bytes);
    for (const bytes of server) checker.received(bytes);
    checker.ended();
    expect(checker.violations.join('\n')).toMatch(says);
  });

  it('an answer to a stream that the client reset long ago', () => {
    const checker = begun();
    checker.sent(resetStream(1));
    checker.received(headers(1, HEAD)); // was on its way
    expect(checker.violations).toEqual([]);
    checker.settled();
    checker.received(data(1, MESSAGE));
    expect(checker.violations).toEqual(['frame 4: DATA on stream 1, which the client has reset long ago']);
  });

  it('a server that does not begin with SETTINGS', () => {
    const checker = new OutputChecker();
    checker.received(windowUpdate(0, 1));
    expect(checker.violations).toEqual(['frame 1: begins with WINDOW_UPDATE on stream 0']);
  });
});

it('takes a table for smaller that was made so, and what was remembered before for gone', () => {
  const checker = begun();
  checker.received(headers(1, Buffer.concat([HEAD, remembered('x-one', 'value')])));
  checker.sent(settings([Setting.HEADER_TABLE_SIZE, 0]));
  checker.received(SETTINGS_ACK);
  checker.received(headers(3, Buffer.concat([tableSize(0), HEAD])));
  expect(checker.violations).toEqual([]);
  checker.received(headers(1, Buffer.concat([indexed(62), TRAILERS]), END));
  expect(checker.violations.join()).toMatch(/can't be decoded/);
});
