// Every way in which a driver can fail, by name. Each is asked for by a text in a call: `fault:<name>[:<argument>][~<word>]`,
// with a word the failure happens once, however often the call is repeated.
import { randomFillSync } from 'node:crypto';
import { openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../blocks/block.ts';
import { EMPTY, Kind } from '../../ipc/frame.ts';
import type { Channel } from '../../ipc/channel.ts';
import { Control } from '../../proto/control.ts';
import { chaosHere } from './registry.ts';

export interface Place {
  readonly block: string;
  readonly log: Logger;
}

/** Undefined: the call goes on as if nothing had been asked for. */
type Failure = (argument: string, place: Place) => Promise<void> | void;

const NEVER = new Promise<void>(() => {});
const MI = 1024 * 1024;
/** An id that no kernel of a test gets to, and one that it has used for its first call. */
const NEVER_MADE = 0x7fff_fffd;
const LONG_ANSWERED = 1;
/** More than a block may have open at its kernel. */
const TOO_MANY_CALLS = 5_000;

/** What failures keep for good. */
const hoard: unknown[] = [];

export const FAILURES = {
  /** An exception that nobody catches. */
  throw: () => {
    setTimeout(() => { throw new Error('thrown on purpose'); }, 0);
    return NEVER;
  },
  /** A promise whose rejection nobody handles. */
  reject: () => {
    void Promise.reject(new Error('rejected on purpose'));
    return NEVER;
  },
  exit: (code) => process.exit(Number(code || 3)),
  kill: () => {
    process.kill(process.pid, 'SIGKILL');
    return NEVER;
  },
  /** Native code that reads where nothing is. */
  segv: () => {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    koffi.load(null).func('size_t strlen(const void *text)')(null);
  },
  loop: () => {
    for (;;) hoard.length = 0;
  },
  /** Nothing of the event loop for so many milliseconds; then all goes on. */
  block: (ms) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(ms || 1_000));
  },
  /** JavaScript objects until the heap is full. */
  heap: () => {
    for (;;) hoard.push(new Array(1_000_000).fill(hoard.length)); // large pieces: small ones keep the collector busy for seconds
  },
  /** Memory outside the heap, so many MiB every 25 ms, up to 1.5 GiB; it answers all the time. */
  leak: (mebibytes) => {
    const step = Number(mebibytes || 16) * MI;
    let left = 1_536 * MI;
    const timer = setInterval(() => {
      hoard.push(Buffer.alloc(step, 1));
      if ((left -= step) <= 0) clearInterval(timer);
    }, 25);
  },
  /** Descriptors until there are no more; they stay open. */
  files: (count) => {
    try {
      for (let left = Number(count || 100_000); left > 0; left--) hoard.push(openSync('/dev/null', 'r'));
    } catch {
      // that was the last one
    }
  },
  /** So many lines on standard output, on standard error and through the logger, as fast as they are taken. */
  flood: (lines, { log }) => {
    let left = Number(lines || 100_000);
    const some = (): void => {
      for (let i = 0; i < 500 && left > 0; i++, left--) {
        const line = `a line of a flood, ${left} are left, and none of them says more than this one does`;
        quietly(() => writeSync(1, `${line}\n`));
        quietly(() => writeSync(2, `${line}\n`));
        log.warn({}, line);
      }
      if (left > 0) setImmediate(some);
    };
    some();
  },
  /** Answers that nobody waits for, so many of 64 KiB each in one go. */
  'ring-full': (count, place) => {
    const body = Buffer.alloc(64 * 1024, 'x');
    for (let left = Number(count || 3_000); left > 0; left--) channelOf(place).send({ kind: Kind.END, flags: 0, code: 0, call: LONG_ANSWERED, arg: 0, head: undefined, body });
  },
  /** More calls of the kernel at once than it takes. */
  'too-many-calls': (_, place) => {
    for (let call = 1; call <= TOO_MANY_CALLS; call++) channelOf(place).send({ kind: Kind.OPEN, flags: 0, code: Control.PROCESSING, call: 0x1000_0000 + 2 * call, arg: 0, head: [], body: EMPTY });
    return NEVER;
  },
  /** Random bytes all over the memory that it shares with the kernel. */
  'ring-corrupt': () => {
    const { segment } = chaosHere();
    if (segment !== undefined) randomFillSync(new Uint8Array(segment));
    return NEVER;
  },
  'no-reply': () => NEVER,
  /** An answer to a call that was never made; `late`: answers to one that was answered long ago, which is no crime. */
  'stray-replies': (when, place) => {
    for (let i = 0; i < 100; i++) channelOf(place).send({ kind: Kind.END, flags: 0, code: 0, call: when === 'late' ? LONG_ANSWERED : NEVER_MADE, arg: 0, head: undefined, body: EMPTY });
    return when === 'late' ? undefined : NEVER;
  },
  /** From now on nobody may send any more on a stream. */
  'stream-deaf': (_, place) => {
    const channel = channelOf(place);
    const send = channel.send.bind(channel);
    channel.send = (frame) => frame.kind === Kind.CREDIT || send(frame);
  },
  slow: async (ms) => sleep(Number(ms || 1_000)),
} as const satisfies Readonly<Record<string, Failure>>;
export type FailureName = keyof typeof FAILURES;

/** The text that asks for a failure. @param word it happens once for this word, whatever is repeated */
export function ask(name: FailureName, argument = '', word = ''): string {
  return `fault:${name}${argument === '' ? '' : `:${argument}`}${word === '' ? '' : `~${word}`}`;
}

/** Does what a text asks for, if it does. @throws Error for a failure that there isn't */
export function failAsAsked(text: string, place: Place): Promise<void> | void {
  const at = text.indexOf('fault:');
  if (at < 0) return undefined;
  const [, name = '', argument = '', word = ''] = /^fault:([a-z-]+)(?::([\w-]*))?(?:~([\w-]+))?/.exec(text.slice(at)) ?? [];
  if (!Object.hasOwn(FAILURES, name)) throw new Error(`there is no failure "${name}"; there are ${Object.keys(FAILURES).join(', ')}`);
  if (word !== '' && !chaosHere().orders.isFirst(word)) return undefined;
  const failure: Failure = FAILURES[name as FailureName];
  return failure(argument, place);
}

function channelOf({ block }: Place): Channel {
  const channel = chaosHere().channels.get(block);
  if (channel === undefined) throw new Error(`nobody serves the ${block} block here`);
  return channel;
}

/** A reader that is behind is no reason to stop. */
function quietly(write: () => void): void {
  try {
    write();
  } catch {
    // full, or gone
  }
}
