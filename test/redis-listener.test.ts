// Listening to Redis, on real servers: what is heard and when, what comes back by itself, and what is refused.
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { RedisRefusal } from '../blocks/clients/redis-client.ts';
import { RedisListener, type Ask, type Subscription } from '../blocks/clients/redis-listener.ts';
import { REDIS_FIELDS, redisSettings } from '../blocks/clients/redis-settings.ts';
import { readMetadata } from '../blocks/metadata.ts';
import { eventually } from './harness/awaiting.ts';
import { startRelay, type Relay } from './harness/relay.ts';
import { freePort } from './servers/process.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';
import { componentSpec, memoryLog } from './support.ts';

type Metadata = Readonly<Record<string, string>>;
/** Soon back. */
const HASTY = { redisMaxRetryInterval: '100ms' };
const channel = (name: string): Subscription => ({ channel: name, pattern: false });
const pattern = (name: string): Subscription => ({ channel: name, pattern: true });

type Heard =
  | { readonly kind: 'heard' | 'refused'; readonly channels: readonly string[]; readonly cause?: Error }
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'message'; readonly channel: string; readonly payload: string | undefined };

describeWithRedis('a listener', () => {
  let server: RedisServer;
  let relay: Relay;
  const listeners: RedisListener[] = [];
  beforeAll(async () => {
    server = await startRedis();
    relay = await startRelay(server);
  });
  afterEach(async () => {
    for (const listener of listeners.splice(0)) await listener.close();
    relay.mend();
  });
  afterAll(async () => {
    await relay[Symbol.asyncDispose]();
    await server.stop();
  });

  const listen = (metadata: Metadata = { redisHost: relay.address }, prepare: (ask: Ask) => Promise<void> = async () => {}) => {
    const log = memoryLog();
    const told: Heard[] = [];
    const names = (subscriptions: readonly Subscription[]) => subscriptions.map((one) => one.channel);
    const settings = redisSettings(readMetadata(componentSpec('configuration.redis', { ...HASTY, ...metadata }), REDIS_FIELDS, log), { minRetryMs: 8 });
    const listener = new RedisListener(settings, log, {
      prepare,
      heard: (subscriptions) => told.push({ kind: 'heard', channels: names(subscriptions) }),
      refused: (subscriptions, cause) => told.push({ kind: 'refused', channels: names(subscriptions), cause }),
      lost: (reason) => told.push({ kind: 'lost', reason }),
      message: (name, payload) => told.push({ kind: 'message', channel: name, payload: payload?.toString() }),
    });
    listeners.push(listener);
    const messages = () => told.flatMap((one) => (one.kind === 'message' ? [`${one.channel}=${one.payload}`] : []));
    const kinds = () => told.map(({ kind }) => kind);
    const heard = (...channels: string[]) => eventually(`${channels.join(', ')} are heard`, () => told.some((one) => one.kind === 'heard' && JSON.stringify(one.channels) === JSON.stringify(channels)));
    const message = (text: string) => eventually(`${text} arrives`, () => messages().includes(text));
    return { listener, told, log, messages, kinds, heard, message };
  };

  it('has no connection before it has something to listen to', async () => {
    const before = await server.raw.info('stats');
    const { listener } = listen({ redisHost: server.address });
    expect(listener.isLive()).toBe(false);
    listener.remove([channel('a')]);
    const count = (info: string) => /total_connections_received:(\d+)/.exec(info)?.[1];
    expect(count(await server.raw.info('stats'))).toBe(count(before));
  });

  it('hears channels and patterns, from when that is told until they are removed', async () => {
    const { listener, messages, heard, message } = listen();
    const [a, b, all] = [channel('a'), channel('b ü'), pattern('p[12]*')];
    listener.add([a, b, all]);
    await heard('a', 'b ü', 'p[12]*');
    for (const [name, text] of [['a', '1'], ['other', 'x'], ['b ü', 'ü'], ['p1', '2'], ['p3', 'x'], ['p2x', '3'], ['a', '']] as const) await server.raw.publish(name, text);
    await message('a=');
    expect(messages()).toEqual(['a=1', 'b ü=ü', 'p1=2', 'p2x=3', 'a=']);
    listener.remove([a, all]);
    const again = channel('a');
    listener.remove([again]); // never added
    listener.add([again]);
    await heard('a');
    await server.raw.publish('p1', 'x');
    await server.raw.publish('a', 'again');
    await message('a=again');
    expect(messages().slice(5)).toEqual(['a=again']);
    listener.remove([again, b]); // nothing is left; then something is again
    listener.add([channel('c')]);
    await heard('c');
    await server.raw.publish('a', 'not heard');
    await server.raw.publish('c', 'last');
    await message('c=last');
    expect(messages()).not.toContain('a=not heard');
    await eventually('it is live', () => listener.isLive());
  });

  it('comes back by itself, prepares anew, and then hears all that is wanted, told in one call', async () => {
    let prepared = 0;
    const { listener, told, log, kinds, heard, message } = listen(undefined, async (ask) => {
      expect(String(await ask('echo', 'hello'))).toBe('hello');
      prepared++;
    });
    const [a, b, c] = [channel('a'), channel('b'), channel('c')];
    listener.add([a, b]);
    listener.add([c]);
    await eventually('all are heard', () => told.flatMap((one) => (one.kind === 'heard' ? one.channels : [])).length === 3);
    await eventually('it is live', () => listener.isLive());
    const before = told.length;
    relay.cut();
    await eventually('the loss is told', () => kinds().includes('lost'));
    expect(listener.isLive()).toBe(false);
    listener.remove([b]);
    listener.add([channel('d')]);
    await server.raw.publish('a', 'nobody hears');
    relay.mend();
    await heard('a', 'c', 'd');
    expect(kinds().slice(before)).toEqual(['lost', 'heard']);
    expect(prepared).toBe(2);
    await server.raw.publish('d', '1');
    await message('d=1');
    expect(log.texts('warn')).toEqual([expect.stringMatching(/^lost the connection that listens to redis at .*: .*; reconnecting$/)]);
    expect(log.texts('info')).toEqual([`listening to redis at ${relay.address} again`]);
  });

  it('does not come back for nothing', async () => {
    const { listener, kinds, heard } = listen();
    const a = channel('a');
    listener.add([a]);
    await heard('a');
    listener.remove([a]);
    relay.cut();
    await eventually('the loss is told', () => kinds().includes('lost'));
    relay.mend();
    listener.add([channel('b')]);
    await heard('b');
  });

  it('waits for a server that is not there yet, and says so once', async () => {
    const { listener, log, kinds } = listen({ redisHost: `127.0.0.1:${await freePort()}` });
    listener.add([channel('a')]);
    await eventually('the log tells', () => log.texts('warn').length > 0);
    expect(log.texts('warn')).toEqual([expect.stringMatching(/^can't listen to redis at .*: connect ECONNREFUSED .*; trying again$/)]);
    expect(kinds()).toEqual([]);
    const later = listen();
    relay.cut();
    later.listener.add([channel('a')]);
    await eventually('the log tells', () => later.log.texts('warn').length > 0);
    later.listener.add([channel('b')]);
    relay.mend();
    await later.heard('a', 'b');
    expect(later.kinds()).toEqual(['heard']);
  });

  it('notices by asking that the server says nothing any more', async () => {
    const { listener, told, kinds, heard } = listen({ redisHost: relay.address, readTimeout: '500ms', dialTimeout: '500ms' });
    listener.add([channel('a')]);
    await heard('a');
    await eventually('it is live', () => listener.isLive());
    relay.silence();
    await eventually('it is not live', () => !listener.isLive());
    await eventually('the loss is told', () => { listener.isLive(); return kinds().includes('lost'); });
    expect(told.find(({ kind }) => kind === 'lost')).toMatchObject({ reason: expect.stringContaining('500ms') as string });
    relay.mend();
    await eventually('it is heard again', () => kinds().at(-1) === 'heard');
    await eventually('it is live', () => listener.isLive());
  });

  it('is not live without an answer, however long a connection may be silent', async () => {
    const { listener, told, heard } = listen({ redisHost: relay.address, readTimeout: '5m' });
    listener.add([channel('a')]);
    await heard('a');
    await eventually('it is live', () => listener.isLive());
    relay.silence();
    await eventually('it is not live', () => !listener.isLive());
    expect(told).toHaveLength(1);
    relay.mend();
    await eventually('it is live again', () => listener.isLive());
  });

  it('gives up what is refused before it was ever heard', async () => {
    const refusing = listen(undefined, async (ask) => { await ask('no-such-command'); });
    refusing.listener.add([channel('a'), channel('b')]);
    await eventually('the refusal is told', () => refusing.told.length === 1);
    expect(refusing.told).toMatchObject([{ kind: 'refused', channels: ['a', 'b'], cause: { name: 'RedisRefusal', code: 'ERR' } }]);
    refusing.listener.add([channel('c')]); // asked for anew
    await eventually('the refusal is told', () => refusing.told.length === 2);
    expect(refusing.log.texts('error')).toEqual([]);
    const other = listen(undefined, () => Promise.reject(new Error('not like this')));
    other.listener.add([channel('a')]);
    await eventually('the refusal is told', () => other.told.length === 1);
    expect(other.told[0]).toMatchObject({ kind: 'refused', cause: { message: 'not like this' } });
  });

  it('keeps at what it has heard before, however often it is refused then', async () => {
    let refuse = false;
    const { listener, told, log, kinds, heard } = listen(undefined, () => (refuse ? Promise.reject(new RedisRefusal('NOPERM not now')) : Promise.resolve()));
    listener.add([channel('a')]);
    await heard('a');
    refuse = true;
    relay.cut();
    await eventually('the loss is told', () => kinds().includes('lost'));
    listener.add([channel('b')]);
    relay.mend();
    await eventually('the log tells', () => log.texts('error').length > 0);
    await eventually('what is new is refused', () => kinds().includes('refused'));
    expect(told.filter(({ kind }) => kind === 'refused')).toMatchObject([{ channels: ['b'] }]);
    refuse = false;
    await eventually('it is heard again', () => kinds().at(-1) === 'heard');
    expect(kinds()).toEqual(['heard', 'lost', 'refused', 'heard']);
    expect(log.texts('error')).toEqual([`can't listen to redis at ${relay.address} any more: NOPERM not now; trying again`]);
    expect(log.texts('info')).toEqual([`listening to redis at ${relay.address} again`]);
  });

  it('takes a server that is busy for one that is away', async () => {
    const busy = await startRedis({ extra: ['--busy-reply-threshold', '20'] });
    try {
      const first = listen({ redisHost: busy.address }, async (ask) => { await ask('config', 'get', 'port'); });
      first.listener.add([channel('a')]);
      await first.heard('a');
      const script = busy.raw.eval('while true do end', 0).catch(() => undefined);
      await eventually('the server is busy', async () => {
        const { log, listener, told } = listen({ redisHost: busy.address }, async (ask) => { await ask('config', 'get', 'port'); });
        listener.add([channel('b')]);
        await eventually('it has tried', () => log.texts('warn').length + told.length > 0);
        return log.texts('warn').some((text) => text.includes('BUSY'));
      });
      first.listener.add([channel('c')]);
      const killer = busy.raw.duplicate({ enableReadyCheck: false });
      await eventually('the script is killed', async () => (await killer.call('SCRIPT', 'KILL').catch(() => undefined)) === 'OK');
      killer.disconnect();
      await script;
      await eventually('all are heard', () => first.told.some((one) => one.kind === 'heard' && one.channels.includes('c')));
      expect(first.kinds()).not.toContain('refused');
    } finally {
      for (const listener of listeners.splice(0)) await listener.close();
      await busy.stop();
    }
  });

  it('closes in whatever state it is, and says nothing afterwards', async () => {
    const idle = listen();
    await idle.listener.close();
    idle.listener.add([channel('a')]);
    for (let turns = 0; turns < 12; turns++) {
      const { listener, told } = listen();
      listener.add([channel('a'), pattern('*')]);
      listener.isLive();
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
      const closing = listener.close();
      const before = told.length;
      await Promise.all([closing, listener.close()]);
      await server.raw.publish('a', 'x');
      listener.add([channel('b')]);
      listener.remove([channel('b')]);
      expect(listener.isLive()).toBe(false);
      expect(told).toHaveLength(before);
    }
    const away = listen();
    relay.cut();
    away.listener.add([channel('a')]);
    await eventually('it tries', () => away.log.texts('warn').length > 0);
    await away.listener.close();
    expect(idle.told).toEqual([]);
  });
});
