// What a kernel and a block server in another container say to each other beside the frames of a block: who wants which block, how its
// frames will travel, how its process ended. A link carries it: length-prefixed JSON (ipc/link.ts).
//
// A kernel dials once for each life of a block:
//
//   kernel  → hello      which block, which sizes and limits; over a Unix socket with the descriptors of its rings
//   server  → welcome    a process of its own has been started; or `refused`, and why
//   ...     the link stays open. Its end is the end of the life: the process is killed, or is gone already
//   kernel  → usage      server → usage
//   kernel  → kill
//   server  → leaving    it is about to end: the kernel lets what it has begun finish, and closes the life in order
//   server  → exit       how the process ended; the last message
//
// Where no descriptors can be handed over (TCP, or a system without), the frames travel over a second connection, which begins with
// `carry` and the key from the welcome. A probe says `probe` and is answered `here`.
import type { LogSettings } from './init.ts';
import { PROTOCOL_VERSION } from './control.ts';

/** What the first message begins with: whoever speaks something else is told apart at once. */
export const LINK_MAGIC = 'bulkhead';

/** How a block's frames travel. `ring`: memory that both map. `socket`: the Unix socket that was handed over. `carried`: a connection of their own. */
export type FrameWay = 'ring' | 'socket' | 'carried';

export interface TenantLimits {
  /** Bytes; 0: V8's own limit. */
  readonly heapBytes: number;
  /** Bytes; 0: none. Looked after by the kernel, which asks for `usage`. */
  readonly memoryBytes: number;
  /** 0: the system's. */
  readonly openFiles: number;
}

export interface Hello {
  readonly say: 'hello';
  readonly magic: typeof LINK_MAGIC;
  readonly protocol: number;
  /** Of the kernel's package; for people. */
  readonly version: string;
  readonly block: string;
  /** The compartment's name, and the application's, for log lines. */
  readonly name: string;
  readonly ringBytes: number;
  readonly maxFrameBytes: number;
  /** Descriptors came with this message: a socket, then the segment where there are to be rings, then segment and socket of each lane. */
  readonly handed: boolean;
  readonly rings: boolean;
  readonly lanes: number;
  readonly limits: TenantLimits;
  readonly log: LogSettings;
}

export interface Carry {
  readonly say: 'carry';
  readonly magic: typeof LINK_MAGIC;
  readonly key: string;
}

export interface Probe {
  readonly say: 'probe';
  readonly magic: typeof LINK_MAGIC;
}

export type KernelWord = Hello | Carry | Probe | { readonly say: 'usage' } | { readonly say: 'kill' };

export interface Welcome {
  readonly say: 'welcome';
  readonly protocol: number;
  readonly way: FrameWay;
  /** Why it is not the best one that was offered; `''`: it is. */
  readonly why: string;
  /** For `carry`; `''` where nothing is carried. */
  readonly key: string;
  /** The control group that the process has for itself, or `none` and why. */
  readonly cgroup: string;
}

export interface Usage {
  readonly say: 'usage';
  /** Resident bytes and open descriptors; -1: not known. */
  readonly rss: number;
  readonly files: number;
}

export interface Gone {
  readonly say: 'exit';
  /** In one line, for people. */
  readonly reason: string;
  readonly heap: boolean;
  /** The end of its standard error. */
  readonly said: string;
  readonly signal?: string;
  readonly code?: number;
}

export interface Refusal {
  readonly say: 'refused';
  readonly reason: string;
}

export interface Here {
  readonly say: 'here';
  readonly block: string;
  readonly version: string;
  readonly protocol: number;
  /** Kernels that are served now. */
  readonly kernels: number;
}

export type ServerWord = Welcome | Refusal | Usage | Gone | Here | { readonly say: 'leaving' };

/** Bytes of one message, its length apart. */
export const LONGEST_WORD = 60_000;
const LONGEST_TEXT = 20_000;
/** Of an application, a compartment, a host. */
const LONGEST_NAME = 256;
const LARGEST_FRAME = 2 ** 32 - 1;
const MOST_LANES = 64;
const LEVELS: readonly unknown[] = ['debug', 'info', 'warn', 'error', 'fatal'] satisfies LogSettings['level'][];
const WAYS: readonly unknown[] = ['ring', 'socket', 'carried'] satisfies FrameWay[];

/** @throws Error for what no kernel says */
export function asKernelWord(value: unknown): KernelWord {
  const word = asObject(value);
  switch (word['say']) {
    case 'usage':
    case 'kill':
      return { say: word['say'] };
    case 'probe':
      return { say: 'probe', magic: magicIn(word) };
    case 'carry':
      return { say: 'carry', magic: magicIn(word), key: textIn(word, 'key') };
    case 'hello':
      return asHello(word);
    default:
      throw new Error('it speaks something else');
  }
}

/** @throws Error for what no block server says */
export function asServerWord(value: unknown): ServerWord {
  const word = asObject(value);
  switch (word['say']) {
    case 'welcome': {
      const { way } = word;
      if (!WAYS.includes(way)) throw new Error('frames are to travel in a way that is not known here');
      return { say: 'welcome', protocol: numberIn(word, 'protocol', 0, 65_535), way: way as FrameWay, why: textIn(word, 'why'), key: textIn(word, 'key'), cgroup: textIn(word, 'cgroup') };
    }
    case 'refused':
      return { say: 'refused', reason: textIn(word, 'reason') };
    case 'usage':
      return { say: 'usage', rss: numberIn(word, 'rss', -1, Number.MAX_SAFE_INTEGER), files: numberIn(word, 'files', -1, Number.MAX_SAFE_INTEGER) };
    case 'exit': {
      const { signal, code } = word;
      return {
        say: 'exit', reason: textIn(word, 'reason'), heap: word['heap'] === true, said: textIn(word, 'said'),
        ...(signal === undefined ? {} : { signal: textIn(word, 'signal') }), ...(code === undefined ? {} : { code: numberIn(word, 'code', 0, 255) }),
      };
    }
    case 'leaving':
      return { say: 'leaving' };
    case 'here':
      return { say: 'here', block: textIn(word, 'block'), version: textIn(word, 'version'), protocol: numberIn(word, 'protocol', 0, 65_535), kernels: numberIn(word, 'kernels', 0, Number.MAX_SAFE_INTEGER) };
    default:
      throw new Error('it speaks something else');
  }
}

/** Why a kernel and a block server can't work together; undefined: they can. @param other the version that the other end gave. */
export function versionProblem(protocol: number, here: 'kernel' | 'block server', other: string): string | undefined {
  if (protocol === PROTOCOL_VERSION) return undefined;
  const there = here === 'kernel' ? 'block server' : 'kernel';
  return `the ${there}${other === '' ? '' : `, version ${other},`} speaks protocol ${protocol}, the ${here} ${PROTOCOL_VERSION}: run both from the same image`;
}

function asHello(word: Readonly<Record<string, unknown>>): Hello {
  const limits = asObject(word['limits']);
  const log = asObject(word['log']);
  if (!LEVELS.includes(log['level'])) throw new Error('a hello whose log level is none');
  return {
    say: 'hello', magic: magicIn(word), protocol: numberIn(word, 'protocol', 0, 65_535), version: textIn(word, 'version', LONGEST_NAME),
    block: textIn(word, 'block', LONGEST_NAME), name: textIn(word, 'name', LONGEST_NAME),
    ringBytes: numberIn(word, 'ringBytes', 0, LARGEST_FRAME), maxFrameBytes: numberIn(word, 'maxFrameBytes', 1, LARGEST_FRAME),
    handed: word['handed'] === true, rings: word['rings'] === true, lanes: numberIn(word, 'lanes', 0, MOST_LANES),
    limits: {
      heapBytes: numberIn(limits, 'heapBytes', 0, Number.MAX_SAFE_INTEGER), memoryBytes: numberIn(limits, 'memoryBytes', 0, Number.MAX_SAFE_INTEGER),
      openFiles: numberIn(limits, 'openFiles', 0, Number.MAX_SAFE_INTEGER),
    },
    log: { level: log['level'] as LogSettings['level'], json: log['json'] === true, appId: textIn(log, 'appId', LONGEST_NAME), instance: textIn(log, 'instance', LONGEST_NAME), version: textIn(log, 'version', LONGEST_NAME) },
  };
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('it speaks something else');
  return value as Readonly<Record<string, unknown>>;
}

function magicIn(word: Readonly<Record<string, unknown>>): typeof LINK_MAGIC {
  if (word['magic'] !== LINK_MAGIC) throw new Error('it speaks something else');
  return LINK_MAGIC;
}

function textIn(word: Readonly<Record<string, unknown>>, name: string, longest = LONGEST_TEXT): string {
  const value = word[name];
  if (typeof value !== 'string' || value.length > longest) throw new Error(`${name} is no text, or too long a one`);
  return value;
}

function numberIn(word: Readonly<Record<string, unknown>>, name: string, least: number, most: number): number {
  const value = word[name];
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) throw new Error(`${name} is no number from ${least} to ${most}`);
  return value;
}
