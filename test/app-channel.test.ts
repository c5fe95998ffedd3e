// The app channel against real applications, one suite for all protocols; then what only some of them have.
import { describe, expect, it } from 'vitest';
import type { AppChannel } from '../kernel/app/channel.ts';
import { grpcMetadata, httpHeaders, requestTarget } from '../kernel/app/headers.ts';
import { AppWatch } from '../kernel/app/health.ts';
import { Limiter, type Waiter } from '../kernel/app/limiter.ts';
import { openAppChannel } from '../kernel/app/open.ts';
import type { AppConfig } from '../kernel/config.ts';
import { Secret } from '../kernel/secret.ts';
import type { AppState, PackedAppRequest } from '../proto/control.ts';
import { GO_CODE_NAMES, type GrpcCode } from '../proto/errors.ts';
import { APP_PROTOCOLS, canSpeak, startApp, startImpostor, type AppProtocol, type Misbehaviour } from './harness/app.ts';
import { eventually, within } from './harness/awaiting.ts';
import { memoryLog, type MemoryLog } from './support.ts';

const ON_TOPIC_EVENT = '/dapr.proto.runtime.v1.AppCallback/OnTopicEvent';
const HEALTH_CHECK = '/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck';
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const isGrpc = (protocol: AppProtocol): boolean => protocol === 'grpc' || protocol === 'grpcs';

interface Settings {
  readonly maxConcurrency?: number;
  readonly token?: string;
  readonly health?: Partial<AppConfig['health']>;
  readonly address?: string;
  readonly maxBodyBytes?: number;
}

/** What came of a call: the application's answer, or the name of a failure's code and its text. */
type Outcome = { readonly status: number; readonly body: string } | { readonly failure: string; readonly text: string };

interface Asking {
  readonly headers?: readonly string[];
  readonly body?: string | Uint8Array;
  readonly deadlineMs?: number;
  readonly target?: string;
}

/** A channel with its log and its states. */
class Opened implements AsyncDisposable {
  readonly channel: AppChannel;
  readonly log: MemoryLog;
  readonly states: AppState[] = [];
  readonly #protocol: AppProtocol;

  constructor(channel: AppChannel, log: MemoryLog, protocol: AppProtocol) {
    this.channel = channel;
    this.log = log;
    this.#protocol = protocol;
    channel.start((state) => {
      if (!channel.found) throw new Error('it told something before the application was found');
      if (state !== (this.states.at(-1) ?? 'down')) this.states.push(state); // that it was found alone is no new state
    });
  }

  ask(asking: Asking = {}): Promise<Outcome> {
    return this.begin(asking).outcome;
  }

  begin({ headers = [], body = '', deadlineMs = 10_000, target = isGrpc(this.#protocol) ? ON_TOPIC_EVENT : '/orders' }: Asking = {}): { outcome: Promise<Outcome>; giveUp: () => void } {
    return this.call([isGrpc(this.#protocol) ? 'RPC' : 'POST', target, headers], Buffer.from(body), deadlineMs);
  }

  call(request: PackedAppRequest, body: Uint8Array, deadlineMs: number): { outcome: Promise<Outcome>; giveUp: () => void } {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    let told = false;
    const tell = (outcome: Outcome): void => {
      if (told) reject(new Error(`a call was answered twice: ${JSON.stringify(outcome)}`));
      told = true;
      resolve(outcome);
    };
    let returned = false;
    const giveUp = this.channel.call(request, body, deadlineMs, {
      onAnswer: (status, answer) => tell({ status, body: Buffer.from(answer).toString() }),
      onFailure: (code: GrpcCode, text: string) => (returned ? tell({ failure: GO_CODE_NAMES[code], text }) : reject(new Error('answered before the call returned'))),
    });
    returned = true;
    return { outcome: promise, giveUp };
  }

  whenUp(): Promise<unknown> {
    return eventually('the channel is up', () => this.channel.state === 'up');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.channel.close();
  }
}

function appConfig(protocol: AppProtocol, port: number, { maxConcurrency = 0, token = '', health, address = '127.0.0.1' }: Settings = {}): AppConfig {
  return {
    port, protocol, address, maxConcurrency, token: new Secret(token),
    health: { enabled: health !== undefined, path: '/healthz', intervalMs: 20, timeoutMs: 10_000, threshold: 3, ...health },
    bindingOptionsTimeoutMs: 3_000, askConfig: true, askSubscriptions: true,
  };
}

async function open(protocol: AppProtocol, port: number, settings: Settings = {}): Promise<Opened> {
  const log = memoryLog();
  const { maxBodyBytes = MAX_BODY_BYTES } = settings;
  return new Opened(await openAppChannel(appConfig(protocol, port, settings), { appId: 'shop', log, maxBodyBytes }), log, protocol);
}

async function openUp(protocol: AppProtocol, port: number, settings?: Settings): Promise<Opened> {
  const opened = await open(protocol, port, settings);
  await opened.whenUp();
  return opened;
}

for (const protocol of APP_PROTOCOLS) describe.skipIf(!canSpeak(protocol))(`an application that speaks ${protocol}`, () => {
  const ok = (body: string): Outcome => ({ status: isGrpc(protocol) ? 0 : 200, body });
  const echo = ({ body }: { body: Buffer }) => ({ body });

  it('is told what was asked, and its answer comes back', async () => {
    await using app = await startApp({ protocol, handler: echo });
    await using opened = await openUp(protocol, app.port);
    expect(await opened.ask({ headers: ['traceparent', '00-1-2-03'], body: 'hello' })).toEqual(ok('hello'));
    const [request] = app.deliveries;
    expect(request).toMatchObject(isGrpc(protocol) ? { method: 'RPC', path: ON_TOPIC_EVENT, text: 'hello' } : { method: 'POST', path: '/orders', text: 'hello' });
    expect(request?.headers).toMatchObject({ traceparent: '00-1-2-03' });
    expect(request?.headers['user-agent']).toMatch(/^bulkhead/);
    expect(request?.headers).not.toHaveProperty('dapr-api-token');
    expect(opened.channel.inFlight).toBe(0);
  });

  it('says no in its own words', async () => {
    await using app = await startApp({ protocol, handler: () => (isGrpc(protocol) ? { status: 12, body: 'never heard of it' } : { status: 404, body: 'never heard of it' }) });
    await using opened = await openUp(protocol, app.port);
    expect(await opened.ask()).toEqual(isGrpc(protocol) ? { failure: 'Unimplemented', text: 'never heard of it' } : { status: 404, body: 'never heard of it' });
  });

  it('may get and give as much as the limit', async () => {
    await using app = await startApp({ protocol, handler: echo });
    await using opened = await openUp(protocol, app.port);
    const body = Buffer.alloc(MAX_BODY_BYTES, 'abcdefg');
    expect(await opened.ask({ body })).toEqual(ok(body.toString()));
  });

  it('that answers with more than the limit fails that call only', async () => {
    await using app = await startApp({ protocol, handler: ({ text }) => ({ body: Buffer.alloc(Number(text)) }) });
    await using opened = await openUp(protocol, app.port, { maxBodyBytes: 100_000 });
    expect(await opened.ask({ body: '100001' })).toMatchObject({ failure: 'ResourceExhausted', text: expect.stringMatching(/100000/) });
    expect(await opened.ask({ body: '100000' })).toMatchObject(ok('\0'.repeat(100_000)));
  });

  it('that takes too long is not waited for, and learns it', async () => {
    await using app = await startApp({ protocol, handler: () => 'hang' });
    await using opened = await openUp(protocol, app.port);
    expect(await opened.ask({ deadlineMs: 50 })).toEqual({ failure: 'DeadlineExceeded', text: 'the application did not answer within 50 ms' });
    const [request] = await app.received(1);
    await within(5_000, 'the request is gone', request!.whenGone);
    app.handler = echo;
    expect(await opened.ask({ body: 'next' })).toEqual(ok('next'));
  });

  it('is not waited for by who has given up, and learns it', async () => {
    await using app = await startApp({ protocol, handler: ({ text }) => (text === 'hang' ? 'hang' : { body: text }) });
    await using opened = await openUp(protocol, app.port);
    const { outcome, giveUp } = opened.begin({ body: 'hang', deadlineMs: 0 });
    let answered = false;
    outcome.then(() => { answered = true; }, () => { answered = true; });
    const [request] = await app.received(1);
    expect(opened.channel.inFlight).toBe(1);
    giveUp();
    giveUp();
    expect(opened.channel.inFlight).toBe(0);
    await within(5_000, 'the request is gone', request!.whenGone);
    expect(await opened.ask({ body: 'next' })).toEqual(ok('next'));
    expect(answered).toBe(false);
  });

  it('gets no more calls at a time than it wants, in their order', async () => {
    await using app = await startApp({ protocol, handler: async ({ body }) => ({ body, delayMs: 5 }) });
    await using opened = await openUp(protocol, app.port, { maxConcurrency: 2 });
    const bodies = Array.from({ length: 20 }, (_, index) => `${index}`);
    const outcomes = Promise.all(bodies.map((body) => opened.ask({ body })));
    expect(opened.channel.inFlight).toBe(20);
    expect(await outcomes).toEqual(bodies.map(ok));
    expect(app.peak).toBe(2);
    expect(opened.channel.inFlight).toBe(0);
  });

  it('has the turn of a call that was given up, and that one only', async () => {
    await using app = await startApp({ protocol, handler: () => 'hang' });
    await using opened = await openUp(protocol, app.port, { maxConcurrency: 2 });
    for (let round = 1; round <= 5; round++) {
      const hanging = [opened.begin(), opened.begin()];
      const late = opened.ask({ body: 'late', deadlineMs: 40 });
      await app.received(2 * round);
      const taken = app.deliveries.slice(-2);
      expect(await late).toMatchObject({ failure: 'DeadlineExceeded' }); // never sent: both turns are taken
      for (const { giveUp } of hanging) giveUp();
      for (const { giveUp } of hanging) giveUp();
      await within(5_000, 'the application has noticed', Promise.all(taken.map(({ whenGone }) => whenGone)));
    }
    expect(app.deliveries.map(({ text }) => text)).not.toContain('late');
    app.forget();
    app.handler = ({ body }) => ({ body, delayMs: 5 });
    await Promise.all(Array.from({ length: 10 }, () => opened.ask()));
    expect(app.peak).toBe(2);
  });

  it('says whether it was asked at all', async () => {
    await using app = await startApp({ protocol, handler: () => 'reset' });
    await using opened = await openUp(protocol, app.port);
    const unasked = (): Promise<boolean> => new Promise((resolve, reject) => {
      opened.channel.call([isGrpc(protocol) ? 'RPC' : 'POST', isGrpc(protocol) ? ON_TOPIC_EVENT : '/orders', []], Buffer.from('m'), 10_000, {
        onAnswer: () => reject(new Error('it answered')),
        onFailure: (_code, _text, told = false) => resolve(told),
      });
    });
    expect(await unasked(), 'it was, and broke off').toBe(false);
    await app.stop();
    await eventually('it is not there', unasked); // the first one may still go out on a connection that has just been cut
    await app.restart();
    app.handler = echo;
    await eventually('calls succeed again', async () => 'status' in (await opened.ask()), 5_000);
  });

  it('is found when it comes', async () => {
    await using app = await startApp({ protocol, handler: echo });
    await app.stop();
    await using opened = await open(protocol, app.port);
    expect(opened.channel.state).toBe('down');
    expect(await opened.ask()).toEqual({ failure: 'Unavailable', text: `the application is not listening yet on 127.0.0.1:${app.port}` });
    expect(opened.states).toEqual([]);
    await app.restart();
    await opened.whenUp();
    expect(await opened.ask({ body: 'there' })).toEqual(ok('there'));
    expect(opened.states).toEqual(['up']);
    expect(opened.log.texts('info')).toEqual([
      `application protocol: ${protocol}. waiting on port ${app.port}.  This will block until the app is listening on that port.`,
      `application discovered on port ${app.port}`,
    ]);
  });

  it('may go away and come back', async () => {
    await using app = await startApp({ protocol, handler: echo });
    await using opened = await openUp(protocol, app.port);
    for (const round of ['first', 'second']) {
      expect(await opened.ask({ body: round })).toEqual(ok(round));
      await app.stop();
      const away = await Promise.all([opened.ask(), opened.ask({ deadlineMs: 5_000 })]);
      away.push(await opened.ask());
      for (const outcome of away) expect(outcome).toMatchObject({ failure: 'Unavailable', text: expect.not.stringMatching(/preface/) });
      expect(opened.channel.state).toBe('up');
      await app.restart();
      await eventually('calls succeed again', async () => 'status' in (await opened.ask()), 5_000);
    }
    expect(opened.states).toEqual(['up']);
  });

  it.for<Misbehaviour>(['reset', 'rubbish'])('may break its connection (%s) under a call', async (misbehaviour) => {
    await using app = await startApp({ protocol, handler: ({ body, text }) => (text === 'break' ? misbehaviour : { body }) });
    await using opened = await openUp(protocol, app.port);
    expect(await opened.ask({ body: 'before' })).toEqual(ok('before'));
    expect(await opened.ask({ body: 'break' })).toMatchObject({ failure: 'Unavailable' });
    expect(app.deliveries.filter(({ text }) => text === 'break')).toHaveLength(1); // sent once: it may have been handled
    await eventually('calls succeed again', async () => 'status' in (await opened.ask({ body: 'after' })), 5_000);
  });

  it('is told apart from what speaks no such protocol', async () => {
    let port = 0;
    {
      await using impostor = await startImpostor('rubbish');
      port = impostor.port;
      await using opened = await openUp(protocol, port);
      for (const _ of [1, 2, 3]) expect(await opened.ask({ deadlineMs: 8_000 })).toMatchObject({ failure: 'Unavailable' });
      await impostor[Symbol.asyncDispose]();
      await using app = await startApp({ protocol, port, handler: echo });
      await eventually('the application is called', async () => 'status' in (await opened.ask()), 5_000);
      expect(app.deliveries.length).toBeGreaterThan(0);
    }
  });

  it('that accepts connections and says nothing is not waited for beyond the deadline', async () => {
    await using impostor = await startImpostor('mute');
    await using opened = await openUp(protocol, impostor.port, { maxConcurrency: 1 });
    const outcomes = await Promise.all([opened.ask({ deadlineMs: 100 }), opened.ask({ deadlineMs: 50 })]);
    expect(outcomes).toMatchObject([{ failure: 'DeadlineExceeded' }, { failure: 'DeadlineExceeded' }]);
    expect(opened.channel.inFlight).toBe(0);
  });

  it('loses its calls when the channel closes', async () => {
    await using app = await startApp({ protocol, handler: () => 'hang' });
    await using opened = await openUp(protocol, app.port, { maxConcurrency: 1 });
    const calls = [opened.ask({ deadlineMs: 0 }), opened.ask({ deadlineMs: 0 })];
    await app.received(1);
    const closed = opened.channel.close();
    expect(opened.channel.inFlight).toBe(0);
    for (const call of calls) expect(await call).toMatchObject({ failure: 'Unavailable' });
    await within(5_000, 'the channel is closed', closed);
    await opened.channel.close();
    expect(app.deliveries).toHaveLength(1);
    expect(await opened.ask()).toMatchObject({ failure: 'Unavailable', text: expect.stringMatching(/shutting down/) });
  });

  it('is sent the token, and headers only that do no harm', async () => {
    await using app = await startApp({ protocol });
    await using opened = await openUp(protocol, app.port, { token: 'hush' });
    const headers = [
      'Dapr-Api-Token', 'forged', 'Content-Length', '123', 'Transfer-Encoding', 'chunked', 'Connection', 'close', 'Host', 'elsewhere', 'Keep-Alive', '1', 'Upgrade', 'x',
      'Expect', '100-continue', 'te', 'x', 'proxy-connection', 'x', ':path', '/forged', 'bad name', 'x', '', 'x', 'split', 'a\r\nforged: yes', 'nul', 'a\0b', 'wide', '日本', 'user-agent', 'forged',
      'Kept', ' a value ', 'tracestate', 'a=1,b=2', 'odd one out',
    ];
    expect(await opened.ask({ headers, body: 'whole body' })).toEqual(ok(''));
    const [{ headers: received, text } = { headers: {} as Record<string, string>, text: '' }] = app.deliveries;
    expect(text).toBe('whole body');
    expect(received).toMatchObject({ 'dapr-api-token': 'hush', kept: 'a value', tracestate: 'a=1,b=2' });
    expect(Object.values(received).join('\n')).not.toMatch(/forged|elsewhere|chunked|日本/);
    for (const name of ['split', 'nul', 'wide', 'keep-alive', 'upgrade', 'expect', 'proxy-connection', 'odd one out', 'bad name']) expect(received).not.toHaveProperty(name);
  });

  it('is sent only so many headers', async () => {
    await using app = await startApp({ protocol });
    await using opened = await openUp(protocol, app.port);
    const headers = Array.from({ length: 500 }, (_, index) => [`name-${index}`, 'v'.repeat(500)]).flat();
    expect(await opened.ask({ headers: [...headers, 'content-type', 'application/json'] })).toEqual(ok(''));
    const received = app.deliveries[0]?.headers ?? {};
    expect(received).toHaveProperty('name-0');
    expect(received).not.toHaveProperty('name-100');
    if (!isGrpc(protocol)) expect(received['content-type']).toBe('application/json');
  });

  it('shares few connections between its calls', async () => {
    await using app = await startApp({ protocol, handler: echo });
    await using opened = await openUp(protocol, app.port);
    for (let index = 0; index < 10; index++) expect(await opened.ask()).toEqual(ok(''));
    const multiplexed = protocol !== 'http' && protocol !== 'https';
    expect(app.connections).toBeLessThanOrEqual(1 + (multiplexed ? 1 : 2)); // that of the search for the port, too; one is free again only after its answer
    await Promise.all(Array.from({ length: 50 }, () => opened.ask()));
    expect(app.connections).toBeLessThanOrEqual(1 + (multiplexed ? 1 : 51));
  });

  it('is not asked in another protocol\'s way', async () => {
    await using app = await startApp({ protocol });
    await using opened = await openUp(protocol, app.port);
    const wrong: PackedAppRequest = isGrpc(protocol) ? ['POST', '/orders', []] : ['RPC', ON_TOPIC_EVENT, []];
    expect(await opened.call(wrong, Buffer.alloc(0), 1_000).outcome).toMatchObject({ failure: 'Internal', text: expect.stringMatching(new RegExp(`protocol is ${protocol}$`)) });
    expect(opened.channel.inFlight).toBe(0);
  });

  describe('with health checks', () => {
    const probePath = isGrpc(protocol) ? HEALTH_CHECK : '/healthz';

    it('is down until a probe succeeds, and after as many failures in a row as the threshold', async () => {
      await using app = await startApp({ protocol, handler: echo });
      // An answer for each probe; the last one goes on.
      const script = ['bad', 'good', 'bad', 'bad', 'good', 'bad', 'bad', 'bad', 'bad', 'good'];
      const seen: AppState[] = [];
      app.asked = () => {
        seen.push(opened.channel.state);
        const answer = script.length > 1 ? script.shift() : script[0];
        return answer === 'good' ? {} : { status: isGrpc(protocol) ? 14 : 503 };
      };
      await using opened = await open(protocol, app.port, { health: { threshold: 3 }, token: 'hush' });
      await eventually('all probes have been made', () => seen.length >= 12);
      expect(seen.slice(0, 11)).toEqual(['down', 'down', 'up', 'up', 'up', 'up', 'up', 'up', 'down', 'down', 'up']);
      expect(opened.states).toEqual(['up', 'down', 'up']);
      expect(opened.log.texts('info').filter((text) => text === 'the application is healthy')).toHaveLength(2);
      expect(opened.log.texts('warn')).toEqual([expect.stringMatching(/^the application is not healthy yet: /), expect.stringMatching(/^the application is unhealthy after 3 failed probes: /)]);
      expect(app.requests[0]).toMatchObject({ path: probePath, method: isGrpc(protocol) ? 'RPC' : 'GET', headers: { 'dapr-api-token': 'hush' } });
    });

    it('is not called while it is down', async () => {
      await using app = await startApp({ protocol, handler: echo });
      app.healthy = false;
      await using opened = await open(protocol, app.port, { health: { threshold: 1 } });
      await eventually('it has been probed', () => app.requests.length > 0);
      expect(await opened.ask()).toEqual({ failure: 'Unavailable', text: 'app is not in a healthy state' });
      app.healthy = true;
      await opened.whenUp();
      expect(await opened.ask({ body: 'well' })).toEqual(ok('well'));
      app.healthy = false;
      await eventually('it is down', () => opened.channel.state === 'down');
      expect(await opened.ask()).toEqual({ failure: 'Unavailable', text: 'app is not in a healthy state' });
      expect(app.deliveries).toHaveLength(1);
    });

    it('is down when it stops, and up when it is back', async () => {
      await using app = await startApp({ protocol });
      await using opened = await openUp(protocol, app.port, { health: { threshold: 2 } });
      await app.stop();
      await eventually('it is down', () => opened.channel.state === 'down');
      await app.restart();
      await opened.whenUp();
      expect(opened.states).toEqual(['up', 'down', 'up']);
    });

    it('is probed without waiting behind its calls', async () => {
      await using app = await startApp({ protocol, handler: () => 'hang' });
      await using opened = await openUp(protocol, app.port, { maxConcurrency: 1, health: { threshold: 1 } });
      const calls = [opened.ask({ deadlineMs: 0 }), opened.ask({ deadlineMs: 0 })];
      await app.received(1);
      const before = app.requests.length;
      await eventually('more probes have come', () => app.requests.length > before + 2);
      expect(opened.states).toEqual(['up']);
      await opened.channel.close();
      expect(await Promise.all(calls)).toMatchObject([{ failure: 'Unavailable' }, { failure: 'Unavailable' }]);
    });

    it('that lets probes hang is down, and is asked one at a time', async () => {
      await using app = await startApp({ protocol });
      await using opened = await openUp(protocol, app.port, { health: { threshold: 2, timeoutMs: 60, intervalMs: 60 } });
      let open = 0;
      let most = 0;
      app.asked = ({ whenGone }) => {
        most = Math.max(most, ++open);
        void whenGone.then(() => open--);
        return 'hang';
      };
      await eventually('it is down', () => opened.channel.state === 'down');
      expect(most).toBeGreaterThan(0);
      expect(opened.log.texts('warn')).toEqual([expect.stringMatching(/: no answer within 60 ms$/)]);
      app.asked = () => undefined;
      await opened.whenUp();
    });
  });
});

describe('an HTTP application', () => {
  it('keeps its redirects', async () => {
    await using app = await startApp({ handler: () => ({ status: 307, headers: { location: '/elsewhere' } }) });
    await using opened = await openUp('http', app.port);
    expect(await opened.ask()).toEqual({ status: 307, body: '' });
    expect(app.deliveries).toHaveLength(1);
  });

  it('is asked with GET, without a body, and told who asks', async () => {
    await using app = await startApp({ subscriptions: [{ pubsubname: 'bus', topic: 'orders', route: '/orders' }] });
    await using opened = await openUp('http', app.port);
    expect(await opened.call(['GET', '/dapr/subscribe', ['content-type', 'application/json']], Buffer.alloc(0), 5_000).outcome).toEqual({
      status: 200, body: '[{"pubsubname":"bus","topic":"orders","route":"/orders"}]',
    });
    expect(app.requests[0]).toMatchObject({ method: 'GET', headers: { 'dapr-app-id': 'shop', 'content-type': 'application/json' } });
  });

  it('is asked at any path that somebody made up', async () => {
    await using app = await startApp();
    await using opened = await openUp('http', app.port);
    for (const target of ['orders', '/a b?c=d e', '/über/\u{1f600}', '/x\r\nforged: yes', '/\ud800', 'http://elsewhere/']) expect(await opened.ask({ target })).toMatchObject({ status: 200 });
    expect(app.deliveries.map(({ path }) => path)).toEqual(['/orders', '/a%20b?c=d%20e', '/%C3%BCber/%F0%9F%98%80', '/x%0D%0Aforged:%20yes', '/%EF%BF%BD', '/http://elsewhere/']);
  });

  it('may be a name', async () => {
    await using app = await startApp();
    await using opened = await openUp('http', app.port, { address: 'localhost' });
    expect(await opened.ask()).toMatchObject({ status: 200 });
    await app.stop();
    expect(await opened.ask()).toMatchObject({ failure: 'Unavailable', text: expect.stringMatching(new RegExp(`^the application at localhost:${app.port} gave no answer: .*ECONNREFUSED`)) });
  });

  it('is not sent a token that no header can carry', async () => {
    await using app = await startApp();
    await using opened = await openUp('http', app.port, { token: 'two\nlines' });
    expect(await opened.ask()).toMatchObject({ status: 200 });
    expect(app.deliveries[0]?.headers).not.toHaveProperty('dapr-api-token');
    expect(opened.log.texts('error')).toEqual([expect.stringMatching(/^APP_API_TOKEN has characters/)]);
    expect(JSON.stringify(opened.log.records)).not.toContain('lines');
  });

  it('may end an idle connection at any time', async () => {
    await using app = await startApp({ handler: ({ text }) => (text === 'close' ? { headers: { connection: 'close' } } : undefined) });
    await using opened = await openUp('http', app.port);
    for (let round = 0; round < 20; round++) expect(await opened.ask({ body: round % 2 === 0 ? 'close' : 'keep' })).toMatchObject({ status: 200 });
    expect(app.deliveries).toHaveLength(20);
  });
});

describe('a gRPC application', () => {
  it('gets binary metadata as bytes', async () => {
    await using app = await startApp({ protocol: 'grpc' });
    await using opened = await openUp('grpc', app.port);
    const trace = Buffer.from([0, 0, 1, 2, 3, 255]).toString('base64');
    const headers = ['grpc-trace-bin', trace, 'broken-bin', '***', 'grpc-status', '13', 'grpc-timeout', '1n', 'Upper-Case', 'x'];
    expect(await opened.ask({ headers })).toMatchObject({ status: 0 });
    const received = app.deliveries[0]?.headers;
    expect(received).toMatchObject({ 'grpc-trace-bin': trace, 'upper-case': 'x' });
    for (const name of ['broken-bin', 'grpc-status', 'grpc-timeout']) expect(received).not.toHaveProperty(name);
  });

  it('is sent more than what the sidecar takes: it has a limit of its own', async () => {
    await using app = await startApp({ protocol: 'grpc' });
    await using opened = await openUp('grpc', app.port, { maxBodyBytes: 1_000 });
    expect(await opened.ask({ body: 'x'.repeat(1_001) })).toMatchObject({ status: 0 });
    expect(app.deliveries).toHaveLength(1);
  });

  it('is called over more connections when one is busy', async () => {
    await using app = await startApp({ protocol: 'grpc', handler: () => ({ delayMs: 50 }) });
    await using opened = await openUp('grpc', app.port);
    const outcomes = await Promise.all(Array.from({ length: 350 }, () => opened.ask()));
    expect(outcomes.every((outcome) => 'status' in outcome)).toBe(true);
    expect(app.connections).toBe(1 + 4);
  });
});

describe('looking for the application', () => {
  it('says from time to time that it still looks, and stops when it is told to', async () => {
    const app = await startApp();
    await app.stop();
    const log = memoryLog();
    const changes: AppState[] = [];
    const watch = new AppWatch(appConfig('http', app.port), () => () => {}, log, 1);
    watch.start((state) => changes.push(state));
    const line = `waiting for application to listen on port ${app.port}`;
    await eventually('two lines say so', () => log.texts('info').filter((text) => text === line).length >= 2);
    watch.close();
    const lines = log.records.length;
    await using back = await startApp({ port: app.port });
    await using other = await openUp('http', back.port); // by now the first one would have found it
    expect(other.states).toEqual(['up']);
    expect(changes).toEqual([]);
    expect(log.records).toHaveLength(lines);
  });
});

describe('headers', () => {
  it('have one content type, and ours in front', () => {
    expect(httpHeaders(['a', '1'], ['Content-Type', 'text/plain', 'content-type', 'x/y', 'B', '2', 'dangling'])).toEqual(['a', '1', 'content-type', 'text/plain', 'b', '2']);
    expect(httpHeaders([], ['content-type', 'x'.repeat(257)])).toEqual([]);
  });

  it('of gRPC are fewer', () => {
    const added: [string, string | Buffer][] = [];
    grpcMetadata(['content-type', 'x', 'te', 'x', 'name', 'ü', 'ok', 'yes', 'x-bin', 'AQI='], (name, value) => added.push([name, value]));
    expect(added).toEqual([['ok', 'yes'], ['x-bin', Buffer.from([1, 2])]]);
  });

  it('come after a target without surprises', () => {
    expect(requestTarget('')).toBe('/');
    expect(requestTarget('/a?b=%20')).toBe('/a?b=%20');
  });
});

describe('turns', () => {
  const waiters = (limiter: Limiter, order: number[], count: number): Waiter[] =>
    Array.from({ length: count }, (_, index) => ({ admit: () => void order.push(index) })).map((waiter) => (limiter.enter(waiter), waiter));

  it('come in order, skip who has left, and are as many as there are', () => {
    const limiter = new Limiter(2, 10);
    const order: number[] = [];
    const all = waiters(limiter, order, 6);
    expect(order).toEqual([0, 1]);
    limiter.forsake(all[3] as Waiter);
    limiter.forsake(all[3] as Waiter);
    limiter.forsake(all[0] as Waiter); // has a turn: no effect
    limiter.leave();
    expect(order).toEqual([0, 1, 2]);
    limiter.leave();
    limiter.leave();
    expect(order).toEqual([0, 1, 2, 4, 5]);
  });

  it('are waited for by so many only', () => {
    const limiter = new Limiter(1, 2);
    const waiter = (): Waiter => ({ admit: () => {} });
    expect([limiter.enter(waiter()), limiter.enter(waiter()), limiter.enter(waiter()), limiter.enter(waiter())]).toEqual([true, true, true, false]);
  });

  it('may end while they begin, however many wait', () => {
    const limiter = new Limiter(1, 100_000);
    let admitted = 0;
    const brief: Waiter = { admit: () => {} };
    limiter.enter(brief);
    for (let index = 0; index < 50_000; index++) limiter.enter({ admit: () => { admitted++; limiter.leave(); } });
    limiter.leave();
    expect(admitted).toBe(50_000);
    expect(limiter.enter(brief)).toBe(true);
  });
});
