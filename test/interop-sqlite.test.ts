// One SQLite file, two runtimes: what daprd left is read, and what we write has exactly daprd's layout.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../blocks/state/sqlite.ts';
import { EtagMismatch, type StateStore } from '../blocks/state/store.ts';
import { componentSpec, driverContext, memoryLog, read, removal, SCOPE, upsert } from './support.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const STAMP = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;

let folder: string;
let raw: DatabaseSync;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-sqlite-'));
  raw = new DatabaseSync(join(folder, 'data.db'));
});
afterEach(() => {
  raw.close();
  rmSync(folder, { recursive: true, force: true });
});

const open = (metadata: Readonly<Record<string, string>> = {}, log = memoryLog()) =>
  openSqliteStore(componentSpec('state.sqlite', { connectionString: join(folder, 'data.db'), ...metadata }), driverContext(log));
const row = (key: string) => ({ ...raw.prepare('SELECT * FROM state WHERE key = ?').get(key) });

describe('a database of daprd', () => {
  let store: StateStore;
  beforeEach(async () => {
    raw.exec(readFileSync(join(import.meta.dirname, 'fixtures/daprd-state.sql'), 'utf8'));
    store = await open();
  });
  afterEach(() => store.close());

  it('is read', async () => {
    const find = async (key: string) => {
      const item = await store.get(read(`app||${key}`), SCOPE);
      return item === undefined ? undefined : { ...item, data: item.data === undefined ? undefined : Buffer.from(item.data).toString('latin1') };
    };
    expect(await find('object')).toEqual({ data: '{"a":1,"b":"x\\u003cy"}', etag: '8b7d9c7e-6b0f-4c0e-9a4e-0c8a3a1f5b11' });
    expect(await find('text')).toMatchObject({ data: '"hello"' });
    expect(await find('null')).toMatchObject({ data: 'null' });
    expect(await find('bytes')).toMatchObject({ data: '\u0000\u00ff\u00c3(\u0000' });
    expect(await find('empty')).toMatchObject({ data: undefined, etag: '9c858901-8a57-4791-81fe-4c455b099bc9' });
    expect(await find('expired')).toBeUndefined();
    expect(await find('lasting')).toEqual({ data: '"here"', etag: '6fa459ea-ee8a-4ca4-894e-db77e160355e', metadata: { ttlExpireTime: '2199-01-02T03:04:05Z' } });
  });

  it('is written under its own etags', async () => {
    await store.set(upsert('app||text', '"bye"', { etag: '0d0e7f55-5a3e-4a6b-8b9e-2f6d1c3b4a22' }), SCOPE);
    await store.delete(removal('app||bytes', { etag: '3f2504e0-4f89-41d3-9a0c-0305e82c3301' }), SCOPE);
    await store.set(upsert('app||expired', '"new"', { concurrency: 'first-write' }), SCOPE); // what is over is not in the way
    expect(row('app||text')).toMatchObject({ value: '"bye"', is_binary: 0 });
    expect(row('app||bytes')).toEqual({});
    expect(row('app||expired')).toMatchObject({ value: '"new"', expiration_time: null });
    expect(() => store.set(upsert('app||object', '1', { etag: 'x' }), SCOPE)).toThrow(EtagMismatch);
  });

  it('keeps its migration level, also one of a later daprd', async () => {
    await store.close();
    raw.exec("UPDATE metadata SET value = '7' WHERE key = 'migrations'");
    store = await open();
    expect({ ...raw.prepare("SELECT value FROM metadata WHERE key = 'migrations'").get() }).toEqual({ value: '7' });
  });

  it('with a nonsensical migration level is refused', async () => {
    raw.exec("UPDATE metadata SET value = 'x' WHERE key = 'migrations'");
    await expect(open()).rejects.toThrow('invalid migration level in table metadata: x');
  });
});

describe('a database of ours', () => {
  it('has the tables of daprd, column by column', async () => {
    await (await open()).close();
    const layout = (sql: string) => {
      const copy = new DatabaseSync(':memory:');
      copy.exec(sql);
      const columns = (database: DatabaseSync) => ['state', 'metadata'].map((table) => database.prepare(`PRAGMA table_info(${table})`).all().map((column) => ({ ...column })));
      const both = [columns(raw), columns(copy)];
      copy.close();
      return both;
    };
    const [ours, theirs] = layout(readFileSync(join(import.meta.dirname, 'fixtures/daprd-state.sql'), 'utf8'));
    expect(ours).toEqual(theirs);
    expect(raw.prepare('SELECT * FROM metadata').all().map((line) => ({ ...line }))).toEqual([{ key: 'migrations', value: '1' }]);
    expect({ ...raw.prepare('PRAGMA journal_mode').get() }).toEqual({ journal_mode: 'wal' });
  });

  it('has rows as daprd writes them', async () => {
    const store = await open();
    await store.set(upsert('app||json', '{"a":"grün"}'), SCOPE);
    await store.set(upsert('app||bytes', Uint8Array.of(0, 255)), SCOPE);
    await store.set(upsert('app||null', undefined), SCOPE);
    await store.transact?.([upsert('app||short', '1', { metadata: { ttlInSeconds: '60' } })], {}, SCOPE);
    expect(row('app||json')).toEqual({ key: 'app||json', value: '{"a":"grün"}', is_binary: 0, etag: expect.stringMatching(UUID), expiration_time: null, update_time: expect.stringMatching(STAMP) });
    expect(row('app||bytes')).toMatchObject({ value: 'AP8=', is_binary: 1 });
    expect(row('app||null')).toMatchObject({ value: '', is_binary: 1 });
    const { expiration_time: expires, update_time: updated } = row('app||short');
    expect(expires).toMatch(STAMP);
    expect(Date.parse(`${String(expires)}Z`) - Date.parse(`${String(updated)}Z`)).toBe(60_000);
    await store.close();
  });

  it('without WAL keeps a rollback journal', async () => {
    await (await open({ disableWAL: 'true' })).close();
    expect({ ...raw.prepare('PRAGMA journal_mode').get() }).toEqual({ journal_mode: 'delete' });
  });
});

describe('a database that another process locks', () => {
  it('makes a write wait for the lock without holding up the event loop', async () => {
    const store = await open();
    raw.exec('BEGIN IMMEDIATE');
    let turns = 0;
    const turning = setInterval(() => turns++, 1);
    const write = store.set(upsert('app||k', '1'), SCOPE);
    const transaction = store.transact?.([upsert('app||l', '1'), upsert('app||m', '2')], {}, SCOPE);
    expect(await store.get(read('app||k'), SCOPE)).toBeUndefined(); // readers don't wait
    await new Promise((resolve) => setTimeout(resolve, 50)); // longer than one pause between two tries
    raw.exec('COMMIT');
    await Promise.all([write, transaction]);
    clearInterval(turning);
    expect(turns).toBeGreaterThan(5);
    expect(await store.get(read('app||m'), SCOPE)).toBeDefined();
    await store.close();
  });

  it('gives up after busyTimeout and says so', async () => {
    const store = await open({ busyTimeout: '100ms' });
    raw.exec('BEGIN IMMEDIATE');
    await expect(store.set(upsert('app||k', '1'), SCOPE)).rejects.toThrow('database is locked: another process held its lock for 100ms');
    await expect(store.transact?.([upsert('app||k', '1')], {}, SCOPE)).rejects.toThrow('database is locked');
    raw.exec('ROLLBACK');
    await store.set(upsert('app||k', '1'), SCOPE);
    await store.close();
  });

  it('fails at once with busyTimeout 0', async () => {
    const store = await open({ busyTimeout: '0' });
    raw.exec('BEGIN IMMEDIATE');
    expect(() => store.set(upsert('app||k', '1'), SCOPE)).toThrow('database is locked');
    raw.exec('ROLLBACK');
    await store.close();
  });
});

describe('cleanup', () => {
  it('removes what has expired, in turn with other processes, and nothing without an interval', async () => {
    raw.exec(readFileSync(join(import.meta.dirname, 'fixtures/daprd-state.sql'), 'utf8'));
    const count = () => raw.prepare("SELECT count(*) AS n FROM state WHERE key = 'app||expired'").get()?.['n'];
    const idle = await open();
    await idle.close();
    expect(count()).toBe(1);
    const log = memoryLog();
    const store = await open({ cleanupInterval: '10ms' }, log);
    await expect.poll(count).toBe(0);
    await expect.poll(() => log.texts('debug')).toContain('removed 1 expired rows');
    expect(raw.prepare("SELECT value FROM metadata WHERE key = 'last-cleanup'").get()?.['value']).not.toBe('2024-05-06 07:08:09');
    await store.close();
    expect(log.texts('error')).toEqual([]);
  });

  it('leaves the work to the process that did it last', async () => {
    raw.exec(readFileSync(join(import.meta.dirname, 'fixtures/daprd-state.sql'), 'utf8'));
    raw.exec("UPDATE metadata SET value = '2100-01-01 00:00:00' WHERE key = 'last-cleanup'");
    const store = await open({ cleanupInterval: '5ms' });
    await new Promise((resolve) => setTimeout(resolve, 50)); // ten turns, none of which may do anything
    expect(raw.prepare("SELECT count(*) AS n FROM state WHERE key = 'app||expired'").get()?.['n']).toBe(1);
    await store.close();
  });
});
