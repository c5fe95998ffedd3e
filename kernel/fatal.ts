// A reason not to start, and what was noticed on the way: lines for the log, collected by the loaders instead of logged by
// them, so that loading stays a function that tests can call.
import type { Log } from '../proto/log.ts';

/** One line for the log. Never holds a secret's value. */
export interface Notice {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** `dapr.runtime` and the like; what Dapr puts into `scope`. */
  readonly scope: string;
  readonly text: string;
  /** Log name of the component it is about. */
  readonly component?: string;
}

/** The sidecar must not start. The kernel prints `Fatal error from runtime: <message>` and exits with 1. */
export class FatalError extends Error {
  override readonly name = 'FatalError';
  /** What led there, to be logged before the message. */
  readonly notices: readonly Notice[];

  constructor(message: string, notices: readonly Notice[] = []) {
    super(message);
    this.notices = notices;
  }
}

/** `no such file or directory`: the words of the operating system for a failed call, without Node's decoration. */
export function systemReason(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return SYSTEM_REASONS[code] ?? (code === '' ? String(cause) : code);
}

const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory', EACCES: 'permission denied', EPERM: 'operation not permitted', ENOTDIR: 'not a directory',
  EISDIR: 'is a directory', ELOOP: 'too many levels of symbolic links', EMFILE: 'too many open files', ENAMETOOLONG: 'file name too long',
  EROFS: 'read-only file system', ENOSPC: 'no space left on device', EEXIST: 'file exists', EIO: 'input/output error',
};

/** Logs what a loader noticed. */
export function logNotices(log: Log, notices: readonly Notice[]): void {
  for (const { level, scope, component, text } of notices) log[level]({ scope, component }, text);
}
