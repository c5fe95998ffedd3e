// What an end looks like and what it means: from codes, signals and last words to one line for people.
import type { Limits } from './limits.ts';

/** Why a life ended. */
export interface Exit {
  /** For people and the log, in one line. */
  readonly reason: string;
  readonly signal?: NodeJS.Signals;
  readonly code?: number;
  /** Its JavaScript heap reached its limit. */
  readonly heap: boolean;
  /** Its last lines on standard error; `''` for none. */
  readonly said: string;
  /** It never began. */
  readonly unlaunched?: true;
}

/** What is known of a process that has ended. */
export interface ProcessEnd {
  readonly block: string;
  readonly limits: Pick<Limits, 'heapBytes'>;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** We sent a SIGKILL. */
  readonly killed: boolean;
  /** The system killed it because its control group had no memory left. */
  readonly outOfMemory: boolean;
  /** The error that it knew it was ending with; `''` for none. */
  readonly lastWords: string;
  readonly said: string;
}

/** Signals that only a fault in native code brings about, V8's own aborts among them. */
const CRASHES: ReadonlySet<string> = new Set(['SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGABRT', 'SIGFPE', 'SIGTRAP', 'SIGSYS']);
const HEAP_OVERFLOW = /FATAL ERROR: .*(?:heap limit|heap out of memory)/;
const ERROR_LINE = /^(?:Uncaught )?\w*(?:Error|Exception)(?: \[\w+\])?: .+/m;
const LONGEST_CAUSE = 300;
/** Where the message of an error ends and its stack begins, whether or not lines are still lines. */
const STACK = /\n|\s{4,}at /;

export function processExit({ block, limits, code, signal, killed, outOfMemory, lastWords, said }: ProcessEnd): Exit {
  const heap = signal !== 'SIGKILL' && HEAP_OVERFLOW.test(said);
  return { reason: reason(), heap, said, ...(signal === null ? {} : { signal }), ...(code === null ? {} : { code }) };

  function reason(): string {
    if (heap) return heapReason(block, limits.heapBytes);
    if (signal === null) return codeReason(code ?? 0, lastWords === '' ? (ERROR_LINE.exec(said)?.[0] ?? '') : lastWords);
    if (killed) return `signal ${signal}`;
    if (CRASHES.has(signal)) return `signal ${signal}: it crashed in native code`;
    if (signal !== 'SIGKILL') return `signal ${signal}`;
    return outOfMemory ? `signal SIGKILL: it used all the memory of its control group; raise it with --block-memory=${block}=...` : 'signal SIGKILL: killed from outside, perhaps for memory';
  }
}

/** @param cause the error that it ended with; `''` when there is none to be told. */
export function codeReason(code: number, cause: string): string {
  const first = (cause.split(STACK, 1)[0] as string).trim();
  return code === 0 || first === '' ? `exit code ${code}` : `exit code ${code}: ${first.length > LONGEST_CAUSE ? `${first.slice(0, LONGEST_CAUSE)}…` : first}`;
}

/** @param heapBytes 0: V8's own limit. */
export function heapReason(block: string, heapBytes: number): string {
  const limit = heapBytes === 0 ? 'its limit' : `its limit of ${Math.round(heapBytes / 2 ** 20)} MiB`;
  return `its heap reached ${limit}: raise it with --block-heap=${block}=...`;
}
