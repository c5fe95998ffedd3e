// Frames that cost a server something and carry nothing, by the thousand (RFC 9113 section 10.5; CVE-2019-9511 to 9518): the
// connection that sends them ends, what it may cost is bounded, and an innocent connection beside it notices nothing.
import { describe, it } from 'vitest';
import { expectEnded, expectHarmless, NIGHTLY, storm, type StormOptions, type Wave } from './harness/h2-attack.ts';
import { Attacked } from './harness/h2-attacked.ts';
import { grpcRequest } from './harness/h2-hpack.ts';
import type { RawH2 } from './harness/h2-raw.ts';
import { Bit, continuation, data, frame, headers, padded, ping, PREFACE, priority, resetStream, Setting, settings, SETTINGS_ACK, windowUpdate } from './harness/h2-wire.ts';

/** Frames in one write. */
const BATCH = 250;
const ROUNDS = NIGHTLY ? 4_000 : 60;
const NOTHING = Buffer.alloc(0);
const REQUEST = grpcRequest('GetState');

interface Flood {
  readonly what: string;
  readonly wave: (connection: RawH2) => Wave;
  /** Any of them is how a connection may end. */
  readonly ends: readonly string[];
  readonly options?: Partial<StormOptions>;
}

/** The same frame again and again. */
const always = (one: Buffer, first?: Buffer) => (): Wave => {
  const batch = Buffer.concat(Array.from({ length: BATCH }, () => one));
  return first === undefined ? { next: () => batch } : { first, next: () => batch };
};
/** The same frame on a stream that is open and waits for its message. */
const onStream = (make: (stream: number) => Buffer) => (connection: RawH2): Wave => {
  const stream = connection.stream();
  return always(make(stream), headers(stream, REQUEST))();
};
const CALM = ['ENHANCE_YOUR_CALM'];

const FLOODS: readonly Flood[] = [
  { what: 'SETTINGS', wave: always(settings([Setting.INITIAL_WINDOW_SIZE, 65_535])), ends: CALM },
  { what: 'SETTINGS, replies unread', wave: always(settings()), ends: CALM, options: { reads: false } },
  { what: 'SETTINGS with hundreds of entries each', wave: always(settings(...Array.from({ length: 200 }, () => [Setting.INITIAL_WINDOW_SIZE, 65_535] as const))), ends: CALM },
  { what: 'ACKs of SETTINGS', wave: always(SETTINGS_ACK), ends: [...CALM, 'PROTOCOL_ERROR'] },
  { what: 'PING', wave: always(ping()), ends: CALM },
  { what: 'PING, replies unread', wave: always(ping()), ends: CALM, options: { reads: false } },
  { what: 'ACKs of PINGs that nobody sent', wave: always(ping(Buffer.alloc(8), Bit.ACK)), ends: CALM },
  { what: 'empty DATA', wave: onStream((stream) => data(stream, NOTHING)), ends: CALM },
  { what: 'DATA that is padding', wave: onStream((stream) => data(stream, padded(NOTHING, 0), Bit.PADDED)), ends: CALM },
  { what: 'DATA for streams that are gone', wave: () => goneStreams((stream) => data(stream, NOTHING)), ends: [...CALM, 'STREAM_CLOSED'] },
  { what: 'PRIORITY', wave: always(priority(1)), ends: CALM },
  { what: 'PRIORITY for streams that never come', wave: idlePriorities, ends: CALM },
  { what: 'WINDOW_UPDATE of the connection by 1', wave: always(windowUpdate(0, 1)), ends: CALM },
  { what: 'WINDOW_UPDATE of a stream by 1', wave: onStream((stream) => windowUpdate(stream, 1)), ends: CALM },
  { what: 'WINDOW_UPDATE of streams that are gone', wave: () => goneStreams((stream) => windowUpdate(stream, 1)), ends: CALM },
  { what: 'RST_STREAM of streams that are gone', wave: () => goneStreams((stream) => resetStream(stream)), ends: [...CALM, 'STREAM_CLOSED'] },
  { what: 'frames of an unknown type', wave: always(frame(0xfa, 0xff, 7, Buffer.alloc(4))), ends: CALM },
  { what: 'empty CONTINUATION', wave: always(continuation(1, NOTHING, 0), headers(1, NOTHING, 0)), ends: [...CALM, 'PROTOCOL_ERROR'] },
  { what: 'a preface again and again', wave: always(PREFACE), ends: ['FRAME_SIZE_ERROR', 'PROTOCOL_ERROR'] },
];

/** Streams are opened and given up, and something is sent for them afterwards. */
function goneStreams(make: (stream: number) => Buffer): Wave {
  const stream = 1;
  return always(make(stream), Buffer.concat([headers(stream, REQUEST), resetStream(stream)]))();
}

function idlePriorities(): Wave {
  let stream = 1;
  return { next: () => Buffer.concat(Array.from({ length: BATCH }, () => priority((stream += 2), stream - 2))) };
}

describe('a flood of', () => {
  const attacked = new Attacked();

  it.each(FLOODS)('$what ends its connection', { timeout: 300_000 }, async ({ what, wave, ends, options }) => {
    const { toll, result } = await attacked.during(() => storm(attacked.port, { rounds: ROUNDS, ...options }, wave));
    expectEnded(what, result, ends);
    expectHarmless(what, toll, { grownMiB: 96, cpuMs: 400 + result.rounds * BATCH * 0.05 });
  });
});
