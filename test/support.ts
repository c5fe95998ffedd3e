// Small things that many tests need: a logger that remembers, a component spec, a call's scope, requests to a store.
import type { CallScope, Logger } from '../blocks/block.ts';
import type { Checkpoints, Handed } from '../blocks/checkpoints.ts';
import type { DriverContext } from '../blocks/components.ts';
import type { ComponentSpec } from '../blocks/driver.ts';
import type { Read, Removal, StringMap, Write } from '../blocks/state/store.ts';

export interface LogRecord {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly text: string;
}

export interface MemoryLog extends Logger {
  readonly records: readonly LogRecord[];
  /** The texts of one level, in order. */
  texts(level: LogRecord['level']): string[];
}

export function memoryLog(): MemoryLog {
  const records: LogRecord[] = [];
  const at = (level: LogRecord['level']) => (fields: object, text: string) => void records.push({ level, fields, text });
  return {
    records,
    texts: (level) => records.filter((record) => record.level === level).map(({ text }) => text),
    debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'),
  };
}

/** A component with the given metadata; a value may carry the name of the secret it came from. */
export function componentSpec(type: string, metadata: Readonly<Record<string, string>> = {}, name = 'store'): ComponentSpec {
  return { name, type, version: 'v1', metadata: Object.entries(metadata).map(([key, value]) => ({ name: key, value })), ignoreErrors: false, initTimeoutMs: 5000 };
}

/** What a kernel keeps for a block; `next` is what the block's next life gets of it, or the one that takes over in order. */
export interface MemoryCheckpoints extends Checkpoints {
  readonly kept: ReadonlyMap<string, string>;
  readonly handed: ReadonlyMap<string, readonly Uint8Array[]>;
  /** @param how `crash`: nothing was handed over */
  next(how?: 'crash' | 'handover'): MemoryCheckpoints;
}

export function memoryCheckpoints(found: ReadonlyMap<string, string> = new Map(), received: Handed = new Map()): MemoryCheckpoints {
  const kept = new Map(found);
  const left = new Map(found); // what comes later is not among it
  const handed = new Map<string, Uint8Array[]>();
  return {
    kept, handed,
    inherit: (take) => take(left, received),
    set: (name, value) => void kept.set(name, value),
    delete: (name) => void kept.delete(name),
    hand: (name, piece) => void handed.set(name, [...(handed.get(name) ?? []), piece]),
    next: (how = 'crash') => memoryCheckpoints(kept, how === 'crash' ? new Map() : handed),
  };
}

export function driverContext(log: Logger = memoryLog()): DriverContext {
  return { appId: 'app', namespace: '', log, checkpoints: memoryCheckpoints() };
}

/** The scope of a call that nobody cancels. */
export const SCOPE: CallScope = { signal: new AbortController().signal };

/** What a change may say beside its key; what is left out has no effect. */
export type WriteOptions = Partial<Pick<Write, 'etag' | 'concurrency' | 'consistency' | 'metadata' | 'isJson'>>;

export function read(key: string, metadata: StringMap = {}): Read {
  return { key, consistency: '', metadata };
}

/** @param value text is JSON, bytes are bytes, undefined is null */
export function upsert(key: string, value: string | Uint8Array | undefined, options: WriteOptions = {}): Write {
  const isJson = options.isJson ?? typeof value === 'string';
  return { kind: 'upsert', key, value: typeof value === 'string' ? Buffer.from(value) : value, etag: undefined, concurrency: '', consistency: '', metadata: {}, ...options, isJson };
}

export function removal(key: string, options: Omit<WriteOptions, 'isJson'> = {}): Removal {
  return { kind: 'delete', key, etag: undefined, concurrency: '', consistency: '', metadata: {}, ...options };
}
