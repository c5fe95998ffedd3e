// Small things that many tests need: a logger that remembers, a component spec, a call's scope.
import type { CallScope, Logger } from '../blocks/block.ts';
import type { DriverContext } from '../blocks/components.ts';
import type { ComponentSpec } from '../blocks/driver.ts';

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

export function driverContext(log: Logger = memoryLog()): DriverContext {
  return { appId: 'app', namespace: '', log };
}

/** The scope of a call that nobody cancels. */
export const SCOPE: CallScope = { signal: new AbortController().signal };
