// The logger of every process of the sidecar, kernel and blocks alike. It lives in the vocabulary because both need the
// very same lines and may not import each other. Lines are written synchronously: the last one before a crash is the one
// that is wanted. (pino was measured at 20 ms of import in each process, and would have written none of these lines: the
// form is logrus', so only its level check would have been left.)
import { openSync, writeSync } from 'node:fs';
import type { LogSettings } from './init.ts';
import { jsonFormat, textFormat, type LogLevel } from './logline.ts';

/** Structured fields first, then the text. Never throws, never waits longer than a stalled reader is granted. */
export interface Log {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
  /** Only writes: whoever calls it ends the process. */
  fatal(fields: object, text: string): void;
  /** True when a record of that level is written: ask before building an expensive one. */
  enabled(level: LogLevel): boolean;
  /** A logger whose records carry these fields, too: `{ scope: 'dapr.runtime.http', block: 'state' }`. */
  with(fields: object): Log;
}

/** Where lines go. */
export interface LogOutput {
  /** False: the line is lost. */
  write(line: string): boolean;
}

export interface LogOptions {
  /** Default: standard output. */
  readonly output?: LogOutput;
  /** Fields of every record; `scope` is `dapr.runtime` unless given. */
  readonly fields?: object;
  /** Texts that must not appear in any line: the API tokens. */
  readonly conceal?: readonly string[];
  readonly now?: () => Date;
}

const RANK = { debug: 0, info: 1, warn: 2, error: 3, fatal: 4 } as const satisfies Record<LogLevel, number>;

export function openLog(settings: LogSettings, options: LogOptions = {}): Log {
  const { output = outputTo(STDOUT), fields = {}, conceal = [], now = () => new Date() } = options;
  const format = (settings.json ? jsonFormat : textFormat)(conceal);
  const base = { app_id: settings.appId, instance: settings.instance, scope: 'dapr.runtime', type: 'log', ver: settings.version };
  const least = RANK[settings.level];
  let lost = 0;
  const write = (level: LogLevel, text: string, lists: readonly object[]) => {
    if (RANK[level] < least) return;
    const time = now();
    if (lost > 0) {
      const report = `${lost} log lines were lost: the output did not take them`;
      if (output.write(format({ time, level: 'warn', text: report, fields: [base] }))) lost = 0;
    }
    if (!output.write(format({ time, level, text, fields: lists }))) lost++;
  };
  const bind = (lists: readonly object[]): Log => ({
    debug: (own, text) => write('debug', text, [...lists, own]),
    info: (own, text) => write('info', text, [...lists, own]),
    warn: (own, text) => write('warn', text, [...lists, own]),
    error: (own, text) => write('error', text, [...lists, own]),
    fatal: (own, text) => write('fatal', text, [...lists, own]),
    enabled: (level) => RANK[level] >= least,
    with: (own) => bind([...lists, own]),
  });
  return bind([base, fields]);
}

const STDOUT = 1;
/** How long all of a line's retries may hold up the event loop when a pipe is full. */
const STALL_MS = 500;
const RETRY_MS = 2;

/** Writes to an open descriptor, such as a child's inherited standard output. */
export function outputTo(fd: number): LogOutput {
  return new DescriptorOutput(fd);
}

/**
 * Opens `--log-file` for appending. Its descriptor goes to the blocks as their standard output, so that all processes
 * write to one file.
 * @throws the system's error when the file can't be opened.
 */
export function openLogFile(path: string): LogOutput & { readonly fd: number } {
  return new DescriptorOutput(openSync(path, 'a', 0o600));
}

class DescriptorOutput implements LogOutput {
  readonly fd: number;
  /** The reader has gone away for good: EPIPE. */
  #gone = false;
  /** The reader did not read for `STALL_MS`; lines are tried once and not waited for until one gets through. */
  #stalled = false;
  /** The last line stopped half way: the next one starts on a line of its own. */
  #torn = false;

  constructor(fd: number) {
    this.fd = fd;
  }

  write(line: string): boolean {
    if (this.#gone) return false;
    const bytes = Buffer.from(this.#torn ? `\n${line}` : line);
    const giveUp = performance.now() + STALL_MS;
    let written = 0;
    while (written < bytes.length) {
      try {
        written += writeSync(this.fd, bytes, written);
      } catch (cause) {
        const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
        if (code === 'EINTR') continue;
        if (code === 'EAGAIN' && !this.#stalled && performance.now() < giveUp) {
          Atomics.wait(PAUSE, 0, 0, RETRY_MS); // a pipe that somebody made non-blocking is full: its reader needs a moment
          continue;
        }
        this.#gone = code === 'EPIPE';
        this.#stalled = code === 'EAGAIN';
        this.#torn ||= written > 0;
        return false; // a full disk or the like may pass, so the next line is tried again
      }
    }
    this.#stalled = false;
    this.#torn = false;
    return true;
  }
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4));
