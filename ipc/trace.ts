// One line for each frame of a channel; for `--trace-ipc`. A channel that isn't traced isn't wrapped, so it costs nothing.
import type { Channel, ChannelEnd, RingUse } from './channel.ts';
import { bytesIn, Flag, Kind, NO_PIECES, type Frame, type Pieces } from './frame.ts';
import type { OwnVitals, PeerVitals } from './vitals.ts';

const KIND_NAMES = Object.fromEntries(Object.entries(Kind).map(([name, kind]) => [kind, name]));
const FLAG_NAMES = Object.entries(Flag);

/**
 * The channel, with a line given to `print` for each frame either way and for the end:
 *
 *   state -> OPEN #17 route 16 for 5000 ms, head, 200 B [HTTP]; 9 frames, 1800 B sent
 *   state <- END #17 status 0, 12 B; 8 frames, 96 B received
 */
export function traceChannel(channel: Channel, label: string, print: (line: string) => void): Channel {
  return new TracedChannel(channel, label, print);
}

class TracedChannel implements Channel {
  readonly #channel: Channel;
  readonly #label: string;
  readonly #print: (line: string) => void;
  readonly #sent: Totals = { frames: 0, bytes: 0 };
  readonly #received: Totals = { frames: 0, bytes: 0 };

  constructor(channel: Channel, label: string, print: (line: string) => void) {
    this.#channel = channel;
    this.#label = label;
    this.#print = print;
    this.onEnd = (): void => {};
  }

  get peer(): PeerVitals | undefined {
    return this.#channel.peer;
  }
  get own(): OwnVitals | undefined {
    return this.#channel.own;
  }

  get queuedBytes(): number {
    return this.#channel.queuedBytes;
  }
  get ring(): RingUse | undefined {
    return this.#channel.ring;
  }

  get onFrame(): (frame: Frame) => void {
    return this.#channel.onFrame;
  }
  set onFrame(take: (frame: Frame) => void) {
    this.#channel.onFrame = (frame) => {
      this.#print(`${this.#label} <- ${describe(frame, this.#received)} received`);
      take(frame);
    };
  }

  get onDrain(): () => void {
    return this.#channel.onDrain;
  }
  set onDrain(take: () => void) {
    this.#channel.onDrain = take;
  }

  get onEnd(): (end: ChannelEnd) => void {
    return this.#channel.onEnd;
  }
  set onEnd(take: (end: ChannelEnd) => void) {
    this.#channel.onEnd = (end) => {
      this.#print(`${this.#label} ended: ${end.kind === 'violation' ? `violation, ${end.reason}` : end.kind}`);
      take(end);
    };
  }

  send(frame: Frame, pieces: Pieces = NO_PIECES): boolean {
    const goesOn = this.#channel.send(frame, pieces);
    this.#print(`${this.#label} -> ${describe(frame, this.#sent, bytesIn(pieces))} sent${goesOn ? '' : ', full'}`);
    return goesOn;
  }

  flush(): void {
    this.#channel.flush();
  }

  close(): void {
    this.#channel.close();
  }
}

interface Totals {
  frames: number;
  /** Of bodies: nobody has packed the heads yet. */
  bytes: number;
}

function describe({ kind, flags, code, call, arg, head, body }: Frame, totals: Totals, more = 0): string {
  const bytes = body.length + more;
  totals.frames++;
  totals.bytes += bytes;
  const names = FLAG_NAMES.filter(([, bit]) => (flags & bit) !== 0).map(([name]) => name);
  const subject = kind === Kind.OPEN ? ` route ${code}${arg > 0 ? ` for ${arg} ms` : ''}` : kind === Kind.END ? ` status ${code}` : kind === Kind.CREDIT ? ` of ${arg}` : '';
  return `${KIND_NAMES[kind] ?? kind} #${call}${subject}${head === undefined ? '' : ', head'}, ${bytes} B${names.length === 0 ? '' : ` [${names.join(' ')}]`}; ${totals.frames} frames, ${totals.bytes} B`;
}
