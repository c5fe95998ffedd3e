// The logger of every process of the sidecar, kernel and blocks alike: pino, with daprd's keys and daprd's text form. It
// lives in the vocabulary because both need the very same lines and may not import each other. Lines are written
// synchronously: the last one before a crash is the one that is wanted.
import { openSync, writeSync } from 'node:fs';
import { pino, type DestinationStream } from 'pino';
import type { LogSettings } from './init.ts';
import { cleaner, flatten, LEVEL_NAMES, textLine, timestamp, type Fields, type LogLevel } from './logline.ts';

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
  /** Whether lines are JSON here; undefined: as each log is told. */
  readonly json?: boolean;
}

/** An open file, pipe or terminal; others may write to it, too. */
export interface LogDescriptor extends LogOutput {
  readonly fd: number;
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

export function openLog(settings: LogSettings, options: LogOptions = {}): Log {
  const { output = outputTo(STDOUT), fields = {}, conceal = [], now = () => new Date() } = options;
  const clean = cleaner(conceal);
  const base = { app_id: settings.appId, instance: settings.instance, scope: 'dapr.runtime', type: 'log', ver: settings.version };
  const stream = (output.json ?? settings.json) ? new LineStream(output) : new TextStream(output, now);
  const logger = pino({
    level: settings.level,
    base: null,
    timestamp: () => `,"time":"${timestamp(now())}"`,
    formatters: { level: (label) => ({ level: LEVEL_NAMES[label as LogLevel] }) },
  }, stream);
  let reporting = false;
  const write = (level: LogLevel, text: string, lists: readonly object[]) => {
    if (!logger.isLevelEnabled(level)) return;
    if (stream.lost > 0 && !reporting) {
      const { lost } = stream;
      reporting = true;
      write('warn', `${lost} log lines were lost: the output did not take them`, [base]);
      reporting = false;
      stream.lost = stream.taken ? 0 : lost; // the report itself is no loss
    }
    logger[level](flatten(lists, clean), clean(text));
  };
  const bind = (lists: readonly object[]): Log => ({
    debug: (own, text) => write('debug', text, [...lists, own]),
    info: (own, text) => write('info', text, [...lists, own]),
    warn: (own, text) => write('warn', text, [...lists, own]),
    error: (own, text) => write('error', text, [...lists, own]),
    fatal: (own, text) => write('fatal', text, [...lists, own]),
    enabled: (level) => logger.isLevelEnabled(level),
    with: (own) => bind([...lists, own]),
  });
  return bind([base, fields]);
}

/** pino's own lines, as they are; counts those that the output did not take. */
class LineStream implements DestinationStream {
  lost = 0;
  /** Whether the last line got through. */
  taken = true;
  readonly #output: LogOutput;

  constructor(output: LogOutput) {
    this.#output = output;
  }

  write(line: string): void {
    this.taken = this.#output.write(line);
    if (!this.taken) this.lost++;
  }
}

const METADATA: unique symbol = Symbol.for('pino.metadata');

/** Text lines, from the record that pino leaves on a stream that asks for it. */
class TextStream extends LineStream {
  readonly [METADATA] = true;
  lastLevel = 0;
  lastMsg = '';
  lastObj: Fields = {};
  readonly #now: () => Date;

  constructor(output: LogOutput, now: () => Date) {
    super(output);
    this.#now = now;
  }

  override write(): void {
    super.write(textLine(this.#now(), pino.levels.labels[this.lastLevel] as LogLevel, this.lastMsg, this.lastObj));
  }
}

const STDOUT = 1;
/** How long all of a line's retries may hold up the event loop when a pipe is full. */
const STALL_MS = 500;
const RETRY_MS = 2;

/** Writes to an open descriptor, such as a block's standard output. */
export function outputTo(fd: number): LogDescriptor {
  return new DescriptorOutput(fd);
}

/**
 * Opens `--log-file` for appending. What is not a process of its own writes to it by its descriptor.
 * @throws the system's error when the file can't be opened.
 */
export function openLogFile(path: string): LogDescriptor {
  return new DescriptorOutput(openSync(path, 'a', 0o600));
}

class DescriptorOutput implements LogDescriptor {
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
