// Opens a SQLite database from the connection string and settings that Dapr's SQLite components share.
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../block.ts';
import { InvalidMetadata, type Awaitable } from '../driver.ts';
import { duration, flag, text } from '../metadata.ts';
import { formatDurationMs } from '../../proto/duration.ts';

export const SQLITE_FIELDS = {
  connectionString: text({ aliases: ['url'], required: 'missing connection string' }),
  timeout: duration({ aliases: ['timeoutInSeconds'], unit: 's', default: 20_000, minMs: 1000 }),
  busyTimeout: duration({ unit: 's', default: 2000 }),
  disableWAL: flag(),
} as const;

/** Result codes of SQLite that mean "somebody else holds the lock, try again"; the low byte of the extended code. */
const BUSY = 5;
const LOCKED = 6;
/** Pause before another try at a held lock, with jitter. Milliseconds. */
const PAUSE_MS = { min: 1, max: 25 } as const;

/** What a connection string says. */
export interface SqliteTarget {
  /** For SQLite: a path, a `file:` URI or `:memory:`. */
  readonly location: string;
  /** The file on disk; undefined for a database in memory. */
  readonly file: string | undefined;
  readonly readOnly: boolean;
  readonly begin: 'BEGIN IMMEDIATE' | 'BEGIN EXCLUSIVE' | 'BEGIN DEFERRED';
  /** Statements to run first. */
  readonly pragmas: readonly string[];
}

/** An open database that waits for locks without holding up the event loop. */
export interface SqliteDatabase {
  readonly db: DatabaseSync;
  readonly target: SqliteTarget;
  /**
   * Runs `work`, which must leave nothing behind when it throws. Answers at once if no other process holds the lock;
   * else tries again until `busyTimeout` is over.
   */
  attempt<T>(work: () => T): Awaitable<T>;
  /** Runs `work` in one transaction that is rolled back if it throws. */
  transaction<T>(work: () => T): Awaitable<T>;
  /** May be called twice. */
  close(): void;
}

/** Reads a connection string as daprd does: a path, `:memory:`, or a `file:` URI, with parameters behind a `?`. @throws InvalidMetadata */
export function parseConnectionString(connectionString: string, log: Logger): SqliteTarget {
  const mark = connectionString.indexOf('?');
  const base = mark > 0 ? connectionString.slice(0, mark) : connectionString;
  const parameters = new URLSearchParams(mark > 0 ? connectionString.slice(mark + 1) : '');
  const lock = (parameters.get('_txlock') ?? 'immediate').toLowerCase();
  if (lock !== 'immediate' && lock !== 'exclusive' && lock !== 'deferred') throw new InvalidMetadata(`connection string: _txlock must be immediate, exclusive or deferred, not ${JSON.stringify(lock)}`);
  if (lock !== 'immediate') log.warn({}, `SQLite transactions take their lock by _txlock=${lock}; "immediate" is the safe choice`);
  const pragmas = parameters.getAll('_pragma').map(pragmaStatement);
  for (const name of new Set(parameters.keys())) { // a copy: entries go while we look
    if (!name.startsWith('_')) continue;
    // names with an underscore are not SQLite's: they tell the Go driver how to convert times, and no time crosses ours
    if (name !== '_txlock' && name !== '_pragma') log.warn({}, `connection string: parameter ${name} has no effect here`);
    parameters.delete(name);
  }
  const begin = `BEGIN ${lock.toUpperCase()}` as SqliteTarget['begin'];
  const uri = /^file:/i.test(base);
  if (/^(?:file:)?:memory:/i.test(base) || parameters.get('mode') === 'memory') {
    // shared with nobody: daprd's shared cache spans components of one process, which isolation forbids here
    return { location: ':memory:', file: undefined, readOnly: false, begin, pragmas };
  }
  const readOnly = parameters.get('mode') === 'ro' || parameters.get('immutable') === '1';
  const file = resolve(uri ? filePath(base) : base);
  if (!uri && parameters.size === 0) return { location: base, file, readOnly, begin, pragmas };
  const query = parameters.toString();
  return { location: `${uri ? base : `file:${base}`}${query === '' ? '' : `?${query}`}`, file, readOnly, begin, pragmas };
}

/**
 * Opens the database and sets its journal.
 * @throws InvalidMetadata for a wrong connection string, Error when the file can't be opened (which may mend by itself)
 */
export async function openSqlite(
  settings: { readonly connectionString: string; readonly timeout: number; readonly busyTimeout: number; readonly disableWAL: boolean },
  log: Logger,
): Promise<SqliteDatabase> {
  const target = parseConnectionString(settings.connectionString, log);
  // One statement on one row can't outlast `timeout`; waiting for a lock is the only long part, so that is what it caps.
  const database = new Database(target, Math.min(Math.max(settings.busyTimeout, 0), settings.timeout));
  try {
    const journal = target.file === undefined ? 'MEMORY' : settings.disableWAL ? 'DELETE' : 'WAL';
    if (!target.readOnly) await database.attempt(() => database.db.exec(`PRAGMA journal_mode = ${journal}`));
    for (const pragma of target.pragmas) await database.attempt(() => database.db.exec(pragma));
  } catch (cause) {
    database.close();
    throw new Error(`cannot prepare SQLite database ${target.location}: ${(cause as Error).message}`, { cause });
  }
  return database;
}

class Database implements SqliteDatabase {
  readonly db: DatabaseSync;
  readonly target: SqliteTarget;
  readonly #waitMs: number;

  constructor(target: SqliteTarget, waitMs: number) {
    this.target = target;
    this.#waitMs = waitMs;
    const folder = target.file === undefined ? undefined : dirname(target.file);
    if (folder !== undefined && !existsSync(folder)) throw new Error(`cannot open SQLite database ${target.file}: the folder ${folder} does not exist`);
    try {
      this.db = new DatabaseSync(target.location, { timeout: 0 }); // SQLite would sleep on this thread: we wait ourselves
    } catch (cause) {
      throw new Error(`cannot open SQLite database ${target.location}: ${(cause as Error).message}`, { cause });
    }
  }

  attempt<T>(work: () => T): Awaitable<T> {
    try {
      return work();
    } catch (cause) {
      if (!isHeld(cause) || this.#waitMs === 0) throw cause;
      return this.#again(work);
    }
  }

  transaction<T>(work: () => T): Awaitable<T> {
    return this.attempt(() => {
      this.db.exec(this.target.begin);
      try {
        const result = work();
        this.db.exec('COMMIT');
        return result;
      } catch (cause) {
        if (this.db.isTransaction) this.db.exec('ROLLBACK'); // some failures have rolled back already
        throw cause;
      }
    });
  }

  close(): void {
    if (this.db.isOpen) this.db.close();
  }

  async #again<T>(work: () => T): Promise<T> {
    const end = performance.now() + this.#waitMs;
    for (;;) {
      await sleep(PAUSE_MS.min + Math.random() * PAUSE_MS.max);
      try {
        return work();
      } catch (cause) {
        if (!isHeld(cause)) throw cause;
        if (performance.now() >= end) throw new Error(`${(cause as Error).message}: another process held its lock for ${formatDurationMs(this.#waitMs)}`, { cause });
      }
    }
  }
}

function isHeld(cause: unknown): boolean {
  const { errcode } = cause as { readonly errcode?: unknown };
  return typeof errcode === 'number' && ((errcode & 0xff) === BUSY || (errcode & 0xff) === LOCKED);
}

/** `name(value)` or `name=value`, of plain words only: it becomes SQL. */
function pragmaStatement(pragma: string): string {
  const [, name, inner, equal] = /^([a-z_]+)(?:\((-?\w+)\)|=(-?\w+))?$/i.exec(pragma.trim()) ?? [];
  if (name === undefined) throw new InvalidMetadata(`connection string: cannot read _pragma=${JSON.stringify(pragma)}; write name(value)`);
  for (const own of ['busy_timeout', 'journal_mode', 'foreign_keys']) {
    if (name.toLowerCase() === own) throw new InvalidMetadata(`found forbidden option '_pragma=${own}' in the connection string`);
  }
  const value = inner ?? equal;
  return value === undefined ? `PRAGMA ${name}` : `PRAGMA ${name} = ${value}`;
}

/** The path in a `file:` URI, which may be relative (`file:data.db`) and may have an empty or local authority. */
function filePath(uri: string): string {
  const rest = uri.slice('file:'.length).replace(/^\/\/(?:localhost)?(?=\/)/i, '').replace(/#.*$/s, '');
  try {
    return decodeURIComponent(rest);
  } catch {
    throw new InvalidMetadata(`connection string: ${JSON.stringify(uri)} is not a valid file: URI`); // the URIError says nothing more
  }
}
