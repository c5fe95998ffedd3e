// The two tables of state.sqlite: their layout and migration level, which are daprd's, and the removal of expired rows.
import type { Logger } from '../block.ts';
import type { Awaitable } from '../driver.ts';
import type { SqliteDatabase } from './sqlite-database.ts';

/** Checked identifiers. */
export interface SqliteTables {
  readonly state: string;
  readonly metadata: string;
}

/** The level this layout has in daprd's count; a higher one in a file comes from a later daprd that only adds. */
const LEVEL = 1;
/** Two processes may share a file: the one whose turn is up to this much early still counts. Milliseconds, as in daprd. */
const SLACK_MS = 100;

/** Creates what is missing. Other processes may do the same at the same time. */
export async function migrateStateTable(database: SqliteDatabase, tables: SqliteTables): Promise<void> {
  const { db, target } = database;
  const level = () => {
    const row = db.prepare(`SELECT value FROM ${tables.metadata} WHERE key = 'migrations'`).get();
    const value = row === undefined ? 0 : Number(row['value']);
    if (!Number.isInteger(value) || value < 0) throw new Error(`invalid migration level in table ${tables.metadata}: ${String(row?.['value'])}`);
    return value;
  };
  if (target.readOnly) {
    await database.attempt(() => {
      if (level() < LEVEL) throw new Error(`SQLite database ${target.location} is read-only and has no table ${tables.state} yet`);
    });
    return;
  }
  await database.transaction(() => {
    db.exec(`CREATE TABLE IF NOT EXISTS ${tables.metadata} (
      key text NOT NULL PRIMARY KEY,
      value text NOT NULL
    )`);
    // Whatever the level: it counts for the file, and a second component may keep its state table in the same file.
    db.exec(`CREATE TABLE IF NOT EXISTS ${tables.state} (
      key TEXT NOT NULL PRIMARY KEY,
      value TEXT NOT NULL,
      is_binary BOOLEAN NOT NULL,
      etag TEXT NOT NULL,
      expiration_time TIMESTAMP DEFAULT NULL,
      update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
    )`);
    if (level() < LEVEL) db.prepare(`REPLACE INTO ${tables.metadata} (key, value) VALUES ('migrations', ?)`).run(String(LEVEL));
  });
}

/**
 * Removes expired rows every `intervalMs` (0 or less: never), unless another process did so in the meantime.
 * @returns stops it; may be called twice
 */
export function scheduleCleanup(database: SqliteDatabase, tables: SqliteTables, intervalMs: number, log: Logger): () => void {
  if (intervalMs <= 0) return () => undefined;
  const { db } = database;
  const turn = db.prepare(`INSERT INTO ${tables.metadata} (key, value) VALUES ('last-cleanup', CURRENT_TIMESTAMP)
    ON CONFLICT (key) DO UPDATE SET value = CURRENT_TIMESTAMP WHERE (unixepoch(CURRENT_TIMESTAMP) - unixepoch(value)) * 1000 > ?`);
  const removal = db.prepare(`DELETE FROM ${tables.state} WHERE expiration_time IS NOT NULL AND expiration_time < CURRENT_TIMESTAMP`);
  const clean = (): Awaitable<number> =>
    database.transaction(() => (turn.run(Math.max(0, Math.floor(intervalMs) - SLACK_MS)).changes === 0 ? 0 : Number(removal.run().changes)));
  const round = async () => {
    try {
      const removed = await clean();
      if (removed > 0) log.debug({ table: tables.state, removed }, `removed ${removed} expired rows`);
    } catch (cause) {
      if (db.isOpen) log.error({ table: tables.state, error: (cause as Error).message }, `cannot remove expired rows: ${(cause as Error).message}`);
    }
  };
  const timer = setInterval(() => void round(), Math.min(intervalMs, 2_147_483_647)).unref();
  return () => clearInterval(timer);
}
