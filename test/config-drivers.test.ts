// The configuration drivers against the suite that defines a configuration store; and what is special to the one that
// reads a file: how files change, what is in them, and who counts. (The others' specials: config-redis.test.ts, config-etcd.test.ts.)
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DriverContext } from '../blocks/components.ts';
import { DRIVERS } from '../blocks/config/drivers.ts';
import type { ConfigStore, Watch } from '../blocks/config/store.ts';
import { InvalidMetadata } from '../blocks/driver.ts';
import { configConformance, Recorder, type ConfigConformanceOptions, type Written } from './conformance/config.ts';
import { eventually } from './harness/awaiting.ts';
import { startRelay, type Relay } from './harness/relay.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';
import { componentSpec, driverContext, memoryCheckpoints, memoryLog, SCOPE } from './support.ts';

async function open(type: string, metadata: Readonly<Record<string, string>>, context: DriverContext = driverContext()): Promise<ConfigStore> {
  const load = DRIVERS[type];
  if (load === undefined) throw new Error(`no driver for ${type}`);
  const spec = componentSpec(type, metadata);
  return (await load())(spec, context, AbortSignal.timeout(spec.initTimeoutMs));
}

describe('configuration.in-memory', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-config-'));
  const opened: ConfigStore[] = [];
  let unique = 0;
  const newPath = (suffix = '.yaml') => join(folder, `file${unique++}${suffix}`);
  afterEach(async () => { for (const store of opened.splice(0)) await store.close(); });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const openFileStore = async (path: string, context?: DriverContext): Promise<ConfigStore> => {
    const store = await open('configuration.in-memory', { file: path }, context);
    opened.push(store);
    return store;
  };
  const watching = async (path: string, log = memoryLog()): Promise<{ readonly store: ConfigStore; readonly watch: Watch; readonly heard: Recorder; readonly log: typeof log }> => {
    const store = await openFileStore(path, driverContext(log));
    const heard = new Recorder();
    const watch = store.openWatch(heard);
    watch.add('all');
    await eventually('the first state is told', () => heard.states.length === 1);
    return { store, watch, heard, log };
  };
  const inPlace = (path: string, text: string | Buffer) => writeFileSync(path, text);
  const over = (path: string, text: string) => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  const valuesOf = (heard: Recorder) => Object.fromEntries([...heard.known].map(([key, { value }]) => [key, value]));
  const toldValues = (heard: Recorder, values: Readonly<Record<string, string>>) => eventually(`${JSON.stringify(values)} are told`, () => {
    const known = valuesOf(heard);
    return Object.keys(known).length === Object.keys(values).length && Object.entries(values).every(([key, value]) => known[key] === value);
  });

  const options = (write: (text: string) => void): ConfigConformanceOptions => {
    const items: Record<string, string> = {};
    return {
      features: [], watchesAllCheaply: true, versions: 'counted', wholeSteps: true, emptyValue: 'item',
      change: async (changes: Readonly<Record<string, Written | undefined>>) => {
        for (const [key, written] of Object.entries(changes)) {
          if (written === undefined) delete items[key];
          else items[key] = written.value;
        }
        write(JSON.stringify(items));
      },
    };
  };
  const renamed = newPath('.json');
  const rewritten = newPath('.json');
  inPlace(renamed, '{}');
  inPlace(rewritten, '{}');
  configConformance('configuration.in-memory, a file that is renamed over', () => open('configuration.in-memory', { file: renamed }), options((text) => over(renamed, text)));
  configConformance('configuration.in-memory, a file that is written in place', () => open('configuration.in-memory', { file: rewritten }), options((text) => inPlace(rewritten, text)));

  describe('how a file changes', () => {
    it('by a swap of links, as Kubernetes updates a mounted volume', async () => {
      const volume = join(folder, `volume${unique++}`);
      mkdirSync(join(volume, '..one'), { recursive: true });
      mkdirSync(join(volume, '..two'));
      inPlace(join(volume, '..one', 'app.yaml'), 'a: 1\n');
      inPlace(join(volume, '..two', 'app.yaml'), 'a: 2\nb: 1\n');
      symlinkSync('..one', join(volume, '..data'));
      symlinkSync(join('..data', 'app.yaml'), join(volume, 'app.yaml'));
      const { heard } = await watching(join(volume, 'app.yaml'));
      await toldValues(heard, { a: '1' });
      symlinkSync('..two', join(volume, '..data_tmp'));
      renameSync(join(volume, '..data_tmp'), join(volume, '..data'));
      rmSync(join(volume, '..one'), { recursive: true });
      await toldValues(heard, { a: '2', b: '1' });
      for (const [index, name] of ['..three', '..four', '..five'].entries()) {
        mkdirSync(join(volume, name));
        inPlace(join(volume, name, 'app.yaml'), `a: ${index + 3}\n`);
        symlinkSync(name, join(volume, '..data_tmp'));
        renameSync(join(volume, '..data_tmp'), join(volume, '..data'));
        await toldValues(heard, { a: `${index + 3}` });
      }
      expect(heard.losses).toEqual([]);
    });

    it('at the other end of a link, in another folder', async () => {
      const real = newPath();
      const link = newPath();
      mkdirSync(join(folder, 'links'), { recursive: true });
      inPlace(real, 'a: 1');
      symlinkSync(real, join(folder, 'links', 'hop'));
      symlinkSync(join(folder, 'links', 'hop'), link);
      const { heard } = await watching(link);
      inPlace(real, 'a: 2');
      await toldValues(heard, { a: '2' });
      over(real, 'a: 3');
      await toldValues(heard, { a: '3' });
      rmSync(join(folder, 'links', 'hop'));
      const other = newPath();
      inPlace(other, 'a: 4');
      symlinkSync(other, join(folder, 'links', 'hop'));
      await toldValues(heard, { a: '4' });
    });

    it('by going away and coming back: it keeps what it held, and says so once', async () => {
      const path = newPath();
      inPlace(path, 'a: 1');
      const { store, heard, log } = await watching(path);
      rmSync(path);
      await eventually('the log tells', () => log.texts('error').length > 0);
      expect(log.texts('error')).toEqual([`can't read the configuration from its file: ${path} does not exist; what it held before stays`]);
      expect(valuesOf(heard)).toEqual({ a: '1' });
      expect((await store.get(['a'], {}, SCOPE)).get('a')?.value).toBe('1');
      inPlace(path, 'a: 2');
      await toldValues(heard, { a: '2' });
      over(path, 'a: 3');
      await toldValues(heard, { a: '3' });
      expect(log.texts('error')).toHaveLength(1);
    });

    it('with its folder, which comes back with another file', async () => {
      const inner = join(folder, `inner${unique++}`);
      mkdirSync(inner);
      const path = join(inner, 'app.yaml');
      inPlace(path, 'a: 1');
      const { heard, log } = await watching(path);
      for (let round = 2; round < 5; round++) {
        rmSync(inner, { recursive: true });
        if (round === 3) await eventually('the log tells', () => log.texts('error').length > 0);
        mkdirSync(inner);
        inPlace(path, `a: ${round}`);
        await toldValues(heard, { a: `${round}` });
      }
      renameSync(inner, `${inner}.old`);
      mkdirSync(inner);
      inPlace(path, 'a: moved');
      await toldValues(heard, { a: 'moved' });
    });

    it('slowly: half a text is not told, and neither is an empty one', async () => {
      const path = newPath('.json');
      inPlace(path, '{"a": "1", "b": "1"}');
      const { heard, log } = await watching(path);
      for (let round = 2; round < 6; round++) {
        const file = await openFile(path, 'w');
        for (const part of ['{"a": ', `"${round}", `, '"b": ', `"${round}"}`]) {
          await file.write(part);
          await file.sync();
        }
        await file.close();
        await toldValues(heard, { a: `${round}`, b: `${round}` });
      }
      for (const { changes } of heard.states) expect([...changes.keys()].sort()).toEqual(['a', 'b']);
      expect(log.texts('error')).toEqual([]);
    });

    it('to nothing: an empty file holds no keys, once it has stayed empty', async () => {
      const path = newPath();
      inPlace(path, 'a: 1');
      const { heard } = await watching(path);
      inPlace(path, '');
      await toldValues(heard, {});
    });

    it('without a change of what it holds: nothing is told', async () => {
      const path = newPath();
      inPlace(path, 'a: 1');
      const { heard } = await watching(path);
      utimesSync(path, 1, 1);
      over(path, '# the same again\n"a": "1"\n');
      over(path, 'a: 1\nb: 1');
      await toldValues(heard, { a: '1', b: '1' });
      expect(heard.of('a')).toHaveLength(1);
    });

    it('to something broken: the former content stays, and the log says where and why, once', async () => {
      const path = newPath();
      inPlace(path, 'a: 1\nb: 2');
      const { heard, log } = await watching(path);
      over(path, 'a: 1\nb: {c: s3cret}\n');
      await eventually('the log tells', () => log.texts('error').length === 1);
      expect(log.texts('error')[0]).toBe(`can't read the configuration from its file: ${path}: line 2: key "b" holds a mapping with "c": mappings are not flattened, and one that stands for an item has "value" and, if wanted, "version" and "metadata"; what it held before stays`);
      over(path, 'a: 1\nb: 3');
      await toldValues(heard, { a: '1', b: '3' });
      expect(log.texts('error')).toHaveLength(1);
    });
  });

  describe('what a text may hold', () => {
    const itemsOf = async (items: string) => {
      const store = await open('configuration.in-memory', { items });
      try {
        return Object.fromEntries(await store.get('all', {}, SCOPE));
      } finally {
        await store.close();
      }
    };

    it('texts, numbers and booleans as they are written, and nothing for nothing', async () => {
      const items = await itemsOf('text: hello\nquoted: "a\\nb"\nint: 007\nhex: 0x1F\nfloat: 1.50\nlong: 12345678901234567890\nyes: yes\ntrue: true\nempty:\nnull: null\ntilde: ~\n12: a\nblock: |\n  one\n  two\n"a: b": c\n');
      expect(Object.fromEntries(Object.entries(items).map(([key, { value }]) => [key, value]))).toEqual({
        text: 'hello', quoted: 'a\nb', int: '007', hex: '0x1F', float: '1.50', long: '12345678901234567890', yes: 'yes', true: 'true', empty: '', null: '', tilde: '', 12: 'a', block: 'one\ntwo\n', 'a: b': 'c',
      });
    });

    it('items with a version and metadata of their own', async () => {
      const items = await itemsOf('{"a": {"value": "x", "version": "v7", "metadata": {"owner": "me", "n": 1}}, "b": {"value": 2}, "c": {"value": "y", "version": 3, "metadata": null}, "__proto__": "p"}');
      expect(items['a']).toEqual({ value: 'x', version: 'v7', metadata: { owner: 'me', n: '1' } });
      expect(items['b']).toEqual({ value: '2', version: '1', metadata: {} });
      expect(items['c']).toEqual({ value: 'y', version: '3', metadata: {} });
      expect(Object.keys(items)).toContain('__proto__');
    });

    it('anchors, tabs in JSON, a byte order mark, comments only', async () => {
      expect((await itemsOf('a: &x 1\nb: *x\n'))['b']?.value).toBe('1');
      expect((await itemsOf('{\n\t"a":\t"1",\n\t"b": "2"\n}'))['b']?.value).toBe('2');
      expect((await itemsOf('\uFEFFa: 1'))['a']?.value).toBe('1');
      expect(await itemsOf('# nothing\n')).toEqual({});
    });

    it.each<[string, string]>([
      ['line 2: the value of key "b" is a list and must be a text, a number or a boolean', 'a: 1\nb: [1, s3cret]'],
      ['line 1: key "a" holds a mapping with "b": mappings are not flattened', 'a: {b: s3cret}'],
      ['line 1: key "a" holds a mapping: mappings are not flattened', 'a: {version: 1}'],
      ['line 1: the value of key "a" is a mapping', 'a: {value: {b: s3cret}}'],
      ['line 1: the metadata of key "a" is not a mapping', 'a: {value: 1, metadata: [s3cret]}'],
      ['line 1: the metadata "m" of key "a" is a list', 'a: {value: 1, metadata: {m: [s3cret]}}'],
      ['line 3: the key "a" is there twice', 'a: 1\n\na: s3cret'],
      ['line 1: the name in the metadata of key "a" "m" is there twice', 'a: {value: 1, metadata: {m: 1, m: s3cret}}'],
      ['line 1: the text is not a mapping of keys to values', '- s3cret'],
      ['line 1: the text is not a mapping of keys to values', 's3cret'],
      ['line 1: a key is not a text that isn\'t empty', '"": s3cret'],
      ['line 1: a key is not a text that isn\'t empty', '? [s3cret]\n: 1'],
      ['line 1: Missing closing "quote', 'a: "s3cret'],
      ['line 1: ', 'a: 1\n  b: s3cret: x'],
      ['line 1: an alias has no anchor before it', 'a: *s3cret'],
      ['Source contains multiple documents', 'a: 1\n---\nb: s3cret'],
      ['line 102: there are more than 100 aliases', `a: &x 1\n${Array.from({ length: 101 }, (_, index) => `k${index}: *x`).join('\n')}`],
      ['it is nested too deeply', '['.repeat(50_000)],
      ['is longer than 1048576 bytes', 'a: 1\n'.padEnd(1024 * 1024 + 1, '#')],
    ])('refuses a text and does not quote it: %s', async (message, items) => {
      const opening = open('configuration.in-memory', { items });
      await expect(opening).rejects.toBeInstanceOf(InvalidMetadata);
      await expect(opening).rejects.toThrow(message);
      await expect(opening).rejects.not.toThrow('s3cret');
    });

    it.each<[string, string | Buffer, string]>([
      ['a broken file', 'a: [1]', 'line 1: the value of key "a" is a list'],
      ['bytes that are no text', Buffer.from([0x61, 0x3a, 0x20, 0xff]), 'it is not a text in UTF-8'],
      ['a file that is too large', Buffer.alloc(1024 * 1024 + 1, '#'), 'is larger than 1048576 bytes'],
    ])('does not start with %s, which may mend', async (_, content, message) => {
      const path = newPath();
      inPlace(path, content);
      const opening = openFileStore(path);
      await expect(opening).rejects.toThrow(message);
      await expect(opening).rejects.toThrow(path);
      await expect(opening).rejects.not.toBeInstanceOf(InvalidMetadata);
      inPlace(path, 'a: 1');
      expect((await (await openFileStore(path)).get('all', {}, SCOPE)).size).toBe(1);
    });

    it('does not start with a file that is not there, or is none', async () => {
      await expect(openFileStore(join(folder, 'no', 'such', 'file.yaml'))).rejects.toThrow(`${join(folder, 'no', 'such', 'file.yaml')} does not exist`);
      await expect(openFileStore(folder)).rejects.toThrow(`${folder} is not a file`);
      const path = newPath();
      symlinkSync(path, path);
      await expect(openFileStore(path)).rejects.toThrow('ELOOP');
    });

    it('holds nothing when nothing is given, and refuses to choose between a file and a list', async () => {
      const store = await open('configuration.in-memory', {});
      expect((await store.get('all', {}, SCOPE)).size).toBe(0);
      await store.close();
      const opening = open('configuration.in-memory', { file: newPath(), items: 'a: 1' });
      await expect(opening).rejects.toBeInstanceOf(InvalidMetadata);
      await expect(opening).rejects.toThrow('"file" and "items" exclude each other');
    });
  });

  describe('versions', () => {
    const versionsOf = async (store: ConfigStore) => Object.fromEntries([...await store.get('all', {}, SCOPE)].map(([key, { version }]) => [key, version]));

    it('grow with each change of a key, stay without one, and never go back, also when the key was gone', async () => {
      const path = newPath();
      inPlace(path, 'a: 1\nb: 1');
      const { store, heard } = await watching(path);
      expect(await versionsOf(store)).toEqual({ a: '1', b: '1' });
      over(path, 'a: 2\nb: 1');
      await toldValues(heard, { a: '2', b: '1' });
      expect(await versionsOf(store)).toEqual({ a: '2', b: '1' });
      over(path, 'b: 1');
      await toldValues(heard, { b: '1' });
      over(path, 'a: 2\nb: 1');
      await toldValues(heard, { a: '2', b: '1' });
      expect(await versionsOf(store)).toEqual({ a: '3', b: '1' });
    });

    it('outlive the block', async () => {
      const path = newPath();
      inPlace(path, 'a: 1\nb: 1\nc: {value: 1, version: v1}');
      const log = memoryLog();
      let checkpoints = memoryCheckpoints();
      const life = async () => {
        const store = await openFileStore(path, { ...driverContext(log), checkpoints });
        const versions = await versionsOf(store);
        await store.close();
        checkpoints = checkpoints.next();
        return versions;
      };
      expect(await life()).toEqual({ a: '1', b: '1', c: 'v1' });
      expect(await life()).toEqual({ a: '1', b: '1', c: 'v1' });
      inPlace(path, 'a: 2\nb: 1');
      expect(await life()).toEqual({ a: '2', b: '1' });
      inPlace(path, 'b: 1');
      expect(await life()).toEqual({ b: '1' });
      inPlace(path, 'a: 2\nb: {value: 1, metadata: {m: x}}');
      expect(await life()).toEqual({ a: '3', b: '3' });
    });
  });
});

describeWithRedis('configuration.redis', () => {
  let server: RedisServer;
  let relay: Relay;
  beforeAll(async () => {
    server = await startRedis({ durable: true });
    relay = await startRelay(server);
  });
  afterAll(async () => {
    await relay[Symbol.asyncDispose]();
    await server.stop();
  });
  /** A silent server is given up soon, but not one that is merely slow. */
  const hasty = { readTimeout: '1s', dialTimeout: '1s', redisMaxRetryInterval: '100ms' };
  const common = (database = 0): ConfigConformanceOptions => ({
    features: [], watchesAllCheaply: false, versions: 'written', wholeSteps: false, emptyValue: 'absent',
    change: async (changes) => {
      const step = server.raw.multi().select(database);
      for (const [key, written] of Object.entries(changes)) {
        if (written === undefined) step.del(key);
        else step.set(key, written.version === undefined ? written.value : `${written.value}||${written.version}`);
      }
      await step.select(0).exec();
    },
  });

  configConformance('configuration.redis', () => open('configuration.redis', { redisHost: server.address, ...hasty }), {
    ...common(),
    outages: [
      { name: 'a crash of the server', writable: false, begin: () => server.kill(), end: () => server.restart() },
      { name: 'a silent server', writable: false, begin: () => server.pause(), end: () => server.resume() },
    ],
  });

  configConformance('configuration.redis over a bad line, another database', () => open('configuration.redis', { redisHost: relay.address, redisDB: '3', ...hasty }), {
    ...common(3),
    outages: [
      { name: 'a cut line', writable: true, begin: () => relay.cut(), end: () => relay.mend() },
      { name: 'a line that swallows what the server says', writable: true, begin: () => relay.silence(), end: () => relay.mend() },
    ],
  });
});
