// state.sqlite: Dapr's table layout in a SQLite file, so that daprd and bulkhead can take over each other's databases.
import { randomUUID } from 'node:crypto';
import type { StatementSync } from 'node:sqlite';
import type { Checkpoints } from '../checkpoints.ts';
import type { DriverContext } from '../components.ts';
import { InvalidMetadata, type Awaitable, type ComponentSpec } from '../driver.ts';
import { formatDurationMs } from '../../proto/duration.ts';
import { handedItems, handItems, type Item as HandedItem } from '../handing.ts';
import { duration, readMetadata, text } from '../metadata.ts';
import { STATE_FIELDS } from './fields.ts';
import { openSqlite, SQLITE_FIELDS, type SqliteDatabase } from './sqlite-database.ts';
import { migrateStateTable, scheduleCleanup } from './sqlite-tables.ts';
import { EtagMismatch, type Item, type Operation, type Read, type Removal, type StateStore, type StringMap, type Write } from './store.ts';
import { readTtlSeconds } from './ttl.ts';

const FIELDS = {
  ...STATE_FIELDS,
  ...SQLITE_FIELDS,
  tableName: text({ default: 'state' }),
  metadataTableName: text({ default: 'metadata' }),
  cleanupInterval: duration({ aliases: ['cleanupIntervalInSeconds'], unit: 's', default: 0 }),
} as const;

export async function openSqliteStore(spec: ComponentSpec, { log, checkpoints }: DriverContext): Promise<StateStore> {
  const settings = readMetadata(spec, FIELDS, log);
  const tables = { state: identifier(settings.tableName), metadata: identifier(settings.metadataTableName) };
  const database = await openSqlite(settings, log);
  try {
    await migrateStateTable(database, tables);
    const stopCleanup = scheduleCleanup(database, tables, database.target.readOnly ? 0 : settings.cleanupInterval, log);
    if (settings.cleanupInterval > 0) log.debug({ component: spec.name }, `expired rows are removed every ${formatDurationMs(settings.cleanupInterval)}`);
    const store = new SqliteStore(database, tables.state, stopCleanup);
    if (database.target.file === undefined) store.livesHere(checkpoints);
    return store;
  } catch (cause) {
    database.close();
    throw cause;
  }
}

/** What `value` and its neighbours hold; NULL where a row has no expiry. */
interface Row {
  readonly value: string;
  readonly is_binary: number;
  readonly etag: string;
  readonly expires: string | null;
}

/** A whole row, on its way to the next life. */
type PackedRow = readonly [key: string, value: string, binary: number, etag: string, expiration: string | null, update: string];

const ROWS = 'rows';
/** Of a row, beside its key and value, about. */
const ROW_BYTES = 128;
const ALIVE = '(expiration_time IS NULL OR expiration_time > CURRENT_TIMESTAMP)';
/** A bound `+60 seconds`, or NULL, which makes the whole expression NULL. */
const EXPIRY = 'DATETIME(CURRENT_TIMESTAMP, :lifetime)';

class SqliteStore implements StateStore {
  readonly features = ['ETAG', 'TRANSACTIONAL', 'TTL', 'KEYS_LIKE'];
  /** Of a database in memory. */
  handOver?: () => void;
  readonly #database: SqliteDatabase;
  readonly #table: string;
  readonly #stopCleanup: () => void;
  readonly #select: StatementSync;
  readonly #upsert: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #delete: StatementSync;
  readonly #deleteMatching: StatementSync;
  readonly #ping: StatementSync;

  /** @param table a checked identifier: it can't be a bound parameter */
  constructor(database: SqliteDatabase, table: string, stopCleanup: () => void) {
    this.#database = database;
    this.#table = table;
    this.#stopCleanup = stopCleanup;
    const { db } = database;
    const insert = `INSERT INTO ${table} (key, value, is_binary, etag, expiration_time, update_time) VALUES (:key, :value, :binary, :etag, ${EXPIRY}, CURRENT_TIMESTAMP)`;
    const overwrite = 'DO UPDATE SET value = excluded.value, is_binary = excluded.is_binary, etag = excluded.etag, expiration_time = excluded.expiration_time, update_time = excluded.update_time';
    this.#select = db.prepare(`SELECT value, is_binary, etag, strftime('%Y-%m-%dT%H:%M:%SZ', expiration_time) AS expires FROM ${table} WHERE key = ? AND ${ALIVE}`);
    this.#upsert = db.prepare(`${insert} ON CONFLICT (key) ${overwrite}`);
    // first write wins: a row in the way counts only while it has not expired
    this.#insert = db.prepare(`${insert} ON CONFLICT (key) ${overwrite} WHERE ${table}.expiration_time <= CURRENT_TIMESTAMP`);
    this.#update = db.prepare(`UPDATE ${table} SET value = :value, is_binary = :binary, etag = :etag, expiration_time = ${EXPIRY}, update_time = CURRENT_TIMESTAMP WHERE key = :key AND etag = :expected AND ${ALIVE}`);
    this.#delete = db.prepare(`DELETE FROM ${table} WHERE key = ?`);
    this.#deleteMatching = db.prepare(`DELETE FROM ${table} WHERE key = ? AND etag = ? AND ${ALIVE}`);
    this.#ping = db.prepare('SELECT 1');
  }

  /** The database is in memory: it goes from life to life where one is replaced in order. */
  livesHere(checkpoints: Checkpoints): void {
    const { db } = this.#database;
    checkpoints.inherit((_found, handed) => {
      const insert = db.prepare(`INSERT INTO ${this.#table} (key, value, is_binary, etag, expiration_time, update_time) VALUES (?, ?, ?, ?, ?, ?)`);
      void this.#database.transaction(() => {
        for (const [row] of handedItems<PackedRow>(handed.get(ROWS))) insert.run(...row);
      });
    });
    this.handOver = () => handItems(checkpoints, ROWS, this.#rows(), ([key, value]) => ROW_BYTES + 2 * (key.length + value.length));
  }

  get({ key }: Read): Awaitable<Item | undefined> {
    return this.#database.attempt(() => this.#read(key));
  }

  getMany(reads: readonly Read[]): Awaitable<(Item | undefined)[]> {
    return this.#database.attempt(() => reads.map(({ key }) => this.#read(key)));
  }

  set(write: Write): Awaitable<void> {
    const lifetime = lifetimeOf(write.metadata);
    return this.#database.attempt(() => this.#write(write, lifetime));
  }

  delete(removal: Removal): Awaitable<void> {
    return this.#database.attempt(() => this.#remove(removal));
  }

  transact(operations: readonly Operation[]): Awaitable<void> {
    const lifetimes = operations.map((operation) => (operation.kind === 'upsert' ? lifetimeOf(operation.metadata) : null));
    return this.#database.transaction(() => {
      operations.forEach((operation, index) => {
        if (operation.kind === 'upsert') this.#write(operation, lifetimes[index] ?? null);
        else this.#remove(operation);
      });
    });
  }

  ping(): Awaitable<void> {
    return this.#database.attempt(() => void this.#ping.get());
  }

  close(): void {
    this.#stopCleanup();
    this.#database.close();
  }

  *#rows(): Iterable<HandedItem<PackedRow>> {
    const rows = this.#database.db.prepare(`SELECT key, value, is_binary, etag, expiration_time, update_time FROM ${this.#table}`);
    rows.setReturnArrays(true);
    for (const row of rows.iterate()) yield [row as unknown as PackedRow, undefined];
  }

  #read(key: string): Item | undefined {
    const row = this.#select.get(key) as Row | undefined; // the columns are those of the statement
    if (row === undefined) return undefined;
    const data = row.value === '' ? undefined : Buffer.from(row.value, row.is_binary === 0 ? 'utf8' : 'base64');
    return row.expires === null ? { data, etag: row.etag } : { data, etag: row.etag, metadata: { ttlExpireTime: row.expires } };
  }

  #write({ key, value, isJson, etag: expected = '', concurrency }: Write, lifetime: string | null): void {
    // As daprd: JSON stays text, bytes become base64. Null and no bytes are both an empty binary: the column is NOT NULL.
    const bytes = value === undefined ? Buffer.alloc(0) : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    const asText = isJson && bytes.length > 0;
    const row = { key, value: bytes.toString(asText ? 'utf8' : 'base64'), binary: asText ? 0 : 1, etag: randomUUID(), lifetime };
    if (expected !== '') {
      if (this.#update.run({ ...row, expected }).changes === 0) throw new EtagMismatch(`no live row with key ${key} has etag ${expected}`);
    } else if (concurrency === 'first-write') {
      if (this.#insert.run(row).changes === 0) throw new EtagMismatch(`key ${key} exists and no etag was passed`);
    } else {
      this.#upsert.run(row);
    }
  }

  #remove({ key, etag = '' }: Removal): void {
    if (etag === '') this.#delete.run(key);
    else if (this.#deleteMatching.run(key, etag).changes === 0) throw new EtagMismatch(`no live row with key ${key} has etag ${etag}`);
  }
}

/** SQLite's modifier for the expiry; null for none. */
function lifetimeOf(metadata: StringMap): string | null {
  const seconds = readTtlSeconds(metadata);
  return seconds === undefined || seconds <= 0 ? null : `+${seconds} seconds`;
}

/** @throws InvalidMetadata unless the name is made of ASCII letters, digits and underscores, which needs no quoting */
function identifier(name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)) throw new InvalidMetadata(`invalid identifier: ${name}: a table name is made of ASCII letters, digits and underscores and does not start with a digit`);
  return name;
}
