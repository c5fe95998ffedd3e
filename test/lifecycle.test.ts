// The program from its command line to its exit code: what it refuses, how it stops, how it begins anew, how quietly it
// waits (contract: flags, start order, signals, shutdown, exit codes).
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from './harness/awaiting.ts';
import { GrpcClient } from './harness/grpc.ts';
import { head, HttpClient, RawConnection } from './harness/http.ts';
import { isRunning, processorTicksOf, sleepsOf } from './harness/processes.ts';
import { ISOLATIONS, LISTENERS, manifestOf, startSidecar, type Sidecar, type SidecarOptions } from './harness/sidecar.ts';
import { getState, saveState, stateItem } from './harness/states.ts';
import { freePort } from './servers/process.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';

const MEMORY = { name: 'memory', type: 'state.in-memory' } as const;
const said = (sidecar: Sidecar): string[] => sidecar.logs.all.map((line) => /msg=(?:"((?:[^"\\]|\\.)*)"|(\S+))/.exec(line)).map((match) => match?.[1] ?? match?.[2] ?? '');
/** Where the texts are in the log; all there and in this order if the list is sorted and holds no -1. */
const order = (sidecar: Sidecar, ...texts: string[]): boolean => {
  const at = texts.map((text) => said(sidecar).findIndex((line) => line.startsWith(text)));
  return at.every((index, nth) => index >= 0 && (nth === 0 || index > (at[nth - 1] as number)));
};

describe('a command line that is refused', () => {
  const outcome = async (options: SidecarOptions): Promise<[code: number | null, output: string]> => {
    await using sidecar = await startSidecar({ ...options, until: 'nothing' });
    const { code } = await sidecar.end();
    return [code, sidecar.logs.all.join('\n')];
  };

  it('for an unknown flag prints the usage and exits with 2', async () => {
    const [code, output] = await outcome({ flags: ['--no-such-flag=1'] });
    expect(code).toBe(2);
    expect(output).toContain('unknown flag: --no-such-flag');
    expect(output).toContain('--dapr-http-port');
  });

  it('for a value that can\'t be read exits with 2', async () => {
    const [code, output] = await outcome({ flags: ['--app-max-concurrency=many'] });
    expect([code, output]).toEqual([2, expect.stringContaining('app-max-concurrency')]);
  });

  it.each([
    ['no app id', { appId: '' }, 'parameter app-id cannot be empty'],
    ['a dot in the app id', { appId: 'a.b' }, 'parameter app-id cannot contain dots'],
    ['a Configuration that is not there', { flags: ['--config=/nowhere/configuration.yaml'] }, '/nowhere/configuration.yaml'],
    ['a resources directory that is not there', { flags: ['--resources-path=/nowhere'] }, '/nowhere'],
  ])('for %s says why and exits with 1', async (_, options, why) => {
    const [code, output] = await outcome(options);
    expect(code).toBe(1);
    expect(output).toMatch(/level=fatal msg="Fatal error from runtime: /);
    expect(output).toContain(why);
  });

  it('for two components of one name names both, and exits with 1', async () => {
    const [code, output] = await outcome({ components: [MEMORY, { name: 'memory', type: 'state.sqlite' }, { name: 'memory', type: 'state.redis', version: '' }] });
    expect(code).toBe(1);
    expect(output).toContain('msg="Fatal error from runtime: failed to load components: duplicate definition of Component name memory (state.sqlite/v1) with existing memory (state.in-memory/v1)\\nduplicate definition of Component name memory (state.redis) with existing memory (state.in-memory/v1)"');
  });

  it('is not one that only asks', async () => {
    expect(await outcome({ flags: ['--version'] })).toEqual([0, expect.stringMatching(/^(edge|\d+\.\d+\.\d+(-rc\.\d+)?)$/)]);
    expect(await outcome({ flags: ['--help'] })).toEqual([0, expect.stringContaining('--app-id')]);
    expect(await outcome({ flags: ['--build-info'] })).toEqual([0, expect.stringMatching(/^Version: .+\nGit Commit: .+\nGit Version: .+$/)]);
  });
});

describe('a component that can\'t start', () => {
  const BROKEN = { name: 'broken', type: 'state.nothing' } as const;

  it('ends the sidecar with 1 under --init-failure=exit', async () => {
    await using sidecar = await startSidecar({ components: [MEMORY, BROKEN], flags: ['--init-failure=exit'], until: 'nothing' });
    expect(await sidecar.end()).toEqual({ code: 1, signal: null });
    expect(sidecar.logs.matching(/level=warn(?:ing)? msg="Error processing component, daprd will exit gracefully: .*couldn't find state store state\.nothing\/v1/)).toHaveLength(1);
    expect(sidecar.logs.matching(/level=fatal msg="Fatal error from runtime: .*couldn't find state store state\.nothing\/v1/)).toHaveLength(1);
  });

  it('does not when its errors are ignored', async () => {
    await using sidecar = await startSidecar({ components: [MEMORY, { ...BROKEN, ignoreErrors: true }], flags: ['--init-failure=exit'] });
    expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 204 });
    expect(await sidecar.stop()).toEqual({ code: 0, signal: null });
  });
});

describe.each(ISOLATIONS)('in %s isolation', (isolation) => {
  it('a start tells its steps in order', async () => {
    await using sidecar = await startSidecar({ isolation, appId: 'me', components: [MEMORY], flags: ['--log-level=debug', `--unix-domain-socket=`] });
    expect(order(sidecar, 'Starting Dapr Runtime -- version', 'Log level set to: debug', 'standalone mode configured', 'app id: me', 'Enabled features: ', 'metric spec: {', 'Loading components…')).toBe(true);
    expect(order(sidecar, 'Loading components…', 'All outstanding components processed', 'dapr initialized. Status: Running. Init Elapsed')).toBe(true);
    expect(said(sidecar)).toEqual(expect.arrayContaining([
      'Component loaded: memory (state.in-memory/v1)', `API gRPC server is running on port ${sidecar.grpcPort}`, `HTTP server is running on port ${sidecar.httpPort}`, 'The request body size parameter is: 4194304 bytes',
    ]));
    expect(sidecar.logs.matching(/This will block until|waiting for application/)).toEqual([]);
    expect(sidecar.logs.all.filter((line) => !/^time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)" level=\w+ msg=.* app_id=me .*type=log ver=\S+$/.test(line)), 'every line is a record').toEqual([]);
  });

  it.each([['SIGINT', 'interrupt'], ['SIGTERM', 'terminated']] as const)('%s stops it gracefully with 0', async (signal, name) => {
    await using sidecar = await startSidecar({ isolation, components: [MEMORY] });
    sidecar.signal(signal);
    expect(await sidecar.end()).toEqual({ code: 0, signal: null });
    expect(order(sidecar, `Received signal '${name}'; beginning shutdown`, 'Dapr is shutting down', 'Shutting down component memory (state.in-memory/v1)', 'Dapr runtime stopped', 'Daprd shutdown gracefully')).toBe(true);
    expect(said(sidecar).at(-1)).toBe('Daprd shutdown gracefully');
    expect(said(sidecar).some((line) => /^Closing HTTP server 127\.0\.0\.1:\d+\.\.\.$/.test(line))).toBe(true);
  });

  it('a stop does not wait for connections that are silent, idle or half a request', async () => {
    await using sidecar = await startSidecar({ isolation, components: [MEMORY] });
    await using silent = await RawConnection.to(sidecar.httpPort);
    await using idle = await RawConnection.to(sidecar.httpPort);
    await using halfway = await RawConnection.to(sidecar.httpPort);
    using grpc = new GrpcClient(sidecar.grpcAddress);
    const session = connectHttp2(sidecar.http);
    try {
      await once(session, 'connect');
      idle.send(head('GET /v1.0/healthz HTTP/1.1', 'Host: x'));
      await idle.until(/ 204 /);
      halfway.send('GET /v1.0/hea');
      await grpc.call('GetMetadata', {});
      sidecar.signal('SIGTERM');
      expect(await sidecar.end()).toEqual({ code: 0, signal: null });
      await Promise.all([silent.closed, idle.closed, halfway.closed]);
    } finally {
      session.destroy();
    }
  });

  it('SIGHUP begins anew in the same process on the same ports, with files read again', async () => {
    const [http, grpc] = [await freePort(), await freePort()];
    await using sidecar = await startSidecar({ isolation, components: [MEMORY], configuration: '{"kind":"Configuration"}', flags: [`--dapr-http-port=${http}`, `--dapr-grpc-port=${grpc}`] });
    using client = new GrpcClient(sidecar.grpcAddress);
    expect(await sidecar.client.post('/v1.0/state/memory', '[{"key":"k","value":1}]')).toMatchObject({ status: 204 });
    expect(await sidecar.client.put('/v1.0/metadata/own', 'x')).toMatchObject({ status: 204 });
    writeFileSync(join(sidecar.resources, 'second.yaml'), manifestOf({ name: 'second', type: 'state.in-memory' }));
    writeFileSync(sidecar.configurationFile, '{"kind":"Configuration","spec":{"api":{"denied":[{"name":"publish","version":"v1","protocol":"http"}]}}}');
    for (let time = 1; time <= 3; time++) {
      const seen = sidecar.logs.all.length;
      sidecar.signal('SIGHUP');
      await sidecar.logs.waitFor(/msg="Received signal 'hangup'; restarting"/, 10_000, seen);
      await sidecar.logs.waitFor(/msg="dapr initialized\./, 30_000, seen);
      expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 204 });
    }
    const { components, extended } = await sidecar.metadata() as { components: { name: string }[]; extended: Record<string, string> };
    expect(components.map(({ name }) => name)).toEqual(['memory', 'second']);
    expect(extended, 'what PUT had set is gone').not.toHaveProperty('own');
    expect(await sidecar.client.get('/v1.0/state/memory/k'), 'and so is what was in memory').toMatchObject({ status: 204 });
    expect(await sidecar.client.post('/v1.0/publish/p/t'), 'the Configuration was read again').toMatchObject({ status: 404 });
    expect(await client.call('GetMetadata', {})).toMatchObject({ id: 'app' });
    expect(isRunning(sidecar.pid)).toBe(true);
    expect(await sidecar.stop()).toEqual({ code: 0, signal: null });
    expect(sidecar.logs.matching(/Starting Dapr Runtime/)).toHaveLength(1);
  }, 60_000);

  it('a port that is busy for a while is waited for', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };
    await using sidecar = await startSidecar({ isolation, components: [MEMORY], flags: [`--dapr-http-port=${port}`], until: 'nothing' });
    await sidecar.logs.waitFor(/Loading components/);
    await sleep(500); // it tries and fails, which nothing announces
    holder.close();
    await sidecar.reached('ready');
    expect(sidecar.httpPort).toBe(port);
  }, 40_000);

  // How the kernel listens is its own matter.
  it.runIf(isolation === 'process').concurrent.each(['http', 'grpc'])('a busy %s port ends it with 1 after ten seconds of trying', async (api) => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    try {
      const { port } = holder.address() as { port: number };
      const began = performance.now();
      await using sidecar = await startSidecar({ isolation, flags: [`--dapr-${api}-port=${port}`], until: 'nothing' });
      expect(await sidecar.end(40_000)).toEqual({ code: 1, signal: null });
      expect(performance.now() - began).toBeGreaterThan(9_500);
      expect(sidecar.logs.matching(/level=fatal msg="Fatal error from runtime: could not listen on any endpoint/)).toHaveLength(1);
    } finally {
      holder.close();
    }
  }, 60_000);

  it('an idle sidecar makes no wakeups', async () => {
    await using sidecar = await startSidecar({ isolation, components: [MEMORY] });
    for (let call = 0; call < 100; call++) await sidecar.client.post('/v1.0/state/memory', `[{"key":"k${call}","value":1}]`);
    const pids = [sidecar.pid, ...(isolation === 'process' ? [await sidecar.pidOf('state')] : [])];
    const counted = async (): Promise<number[]> => {
      const before = pids.map(sleepsOf);
      await sleep(2_000);
      return pids.map((pid, index) => sleepsOf(pid) - (before[index] as number));
    };
    let wakeups = await counted();
    for (let attempt = 0; attempt < 4 && wakeups.some((count) => count > 2); attempt++) wakeups = await counted(); // garbage is collected and code compiled once, after work
    process.stdout.write(`  wakeups of ${isolation === 'process' ? 'kernel and block' : 'the process'} in 2 s without calls: ${wakeups.join(' and ')}\n`);
    expect(Math.max(...wakeups)).toBeLessThanOrEqual(2);
    const ticks = pids.map(processorTicksOf);
    await sleep(1_000);
    // A spin takes all the ticks it gets, dozens even on a busy machine; one or two are another's, charged to whoever ran.
    expect(Math.max(...pids.map((pid, index) => processorTicksOf(pid) - (ticks[index] as number))), 'nor does it spin').toBeLessThanOrEqual(3);
  }, 40_000);
});

it('a kernel that is killed takes its blocks along', async () => {
  await using sidecar = await startSidecar({ components: [MEMORY] });
  const block = await sidecar.pidOf('state');
  expect(isRunning(block)).toBe(true);
  expect(await sidecar.crash()).toEqual({ code: null, signal: 'SIGKILL' });
  await eventually('the block has ended', () => !isRunning(block));
});

it('nor does a block outlive it that is stuck, and so can\'t notice', async () => {
  await using sidecar = await startSidecar({ components: [MEMORY] });
  const block = await sidecar.pidOf('state');
  process.kill(block, 'SIGSTOP');
  sidecar.signal('SIGKILL');
  await eventually('the block has ended', () => !isRunning(block));
  expect(await sidecar.end()).toEqual({ code: null, signal: 'SIGKILL' });
});

it('a signal to the whole process group, as Ctrl-C sends it, leaves the order of the shutdown to the kernel', async () => {
  await using sidecar = await startSidecar({ components: [MEMORY] });
  const block = await sidecar.pidOf('state');
  process.kill(block, 'SIGINT');
  process.kill(block, 'SIGTERM');
  expect(await sidecar.client.get('/v1.0/state/memory/k')).toMatchObject({ status: 204 });
  expect((await sidecar.block('state')).pid).toBe(block);
  sidecar.signal('SIGINT');
  expect(await sidecar.end()).toEqual({ code: 0, signal: null });
  expect(isRunning(block)).toBe(false);
});

describeWithRedis('a shutdown with calls in flight', () => {
  let server: RedisServer;
  beforeEach(async () => {
    server = await startRedis();
  });
  afterEach(() => server?.stop());

  /** A sidecar with calls that wait for a silent Redis. */
  const withCallsInFlight = async (options: SidecarOptions = {}): Promise<{ sidecar: Sidecar; http: Promise<number | string>; grpc: Promise<string> }> => {
    const sidecar = await startSidecar({ components: [{ name: 'redis', type: 'state.redis', metadata: { redisHost: server.address, readTimeout: '60000' } }], ...options });
    try {
      expect(await sidecar.client.post('/v1.0/state/redis', '[{"key":"k","value":1}]')).toMatchObject({ status: 204 });
      server.pause();
      const client = new GrpcClient(sidecar.grpcAddress);
      const http = sidecar.client.get('/v1.0/state/redis/k').then(({ status }) => status, (cause: NodeJS.ErrnoException) => String(cause.code));
      const grpc = client.call('SaveState', saveState('redis', stateItem('w', '1'))).then(() => 'OK', (cause: { code: string }) => cause.code).finally(() => client.close());
      await eventually('both are in flight', async () => (await sidecar.block('state')).inFlight === 2);
      return { sidecar, http, grpc };
    } catch (cause) {
      await sidecar.crash();
      throw cause;
    }
  };

  it.each(LISTENERS)('lets them finish, takes no new ones, and exits with 0, on %s', async (listener) => {
    const { sidecar, http, grpc } = await withCallsInFlight({ listener });
    await using _ = sidecar;
    const { httpPort } = sidecar;
    sidecar.signal('SIGTERM');
    await sidecar.logs.waitFor(/Closing HTTP server/);
    const late = HttpClient.to(httpPort);
    await expect(late.get('/v1.0/healthz')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    late.close();
    server.resume();
    expect([await http, await grpc]).toEqual([200, 'OK']);
    expect(await sidecar.end()).toEqual({ code: 0, signal: null });
    expect(said(sidecar).at(-1)).toBe('Daprd shutdown gracefully');
    expect(await server.raw.hget('app||w', 'data'), 'the write happened').toBe('1');
  });

  // One signal on each listener, which knows neither.
  it.each([['SIGINT', 'interrupt', LISTENERS[0]], ['SIGTERM', 'terminated', LISTENERS[1]]] as const)('ends at once with 1 on a second signal, %s', async (signal, name, listener) => {
    const { sidecar, http, grpc } = await withCallsInFlight({ listener });
    await using _ = sidecar;
    sidecar.signal('SIGINT');
    await sidecar.logs.waitFor(/Dapr is shutting down/);
    sidecar.signal(signal);
    expect(await sidecar.end()).toEqual({ code: 1, signal: null });
    expect(sidecar.logs.matching(new RegExp(`level=fatal msg="Received signal '${name}' during shutdown; exiting immediately"`))).toHaveLength(1);
    expect([await http, await grpc]).toEqual(['ECONNRESET', expect.stringMatching(/^(?:Unavailable|Internal)$/)]);
  });

  it('gives up with 1 when the graceful time is over, and callers see the end of the connection', async () => {
    const { sidecar, http, grpc } = await withCallsInFlight({ flags: ['--dapr-graceful-shutdown-seconds=1'] });
    await using _ = sidecar;
    sidecar.signal('SIGTERM');
    expect(await sidecar.end()).toEqual({ code: 1, signal: null });
    expect(sidecar.logs.matching(/level=fatal msg="Graceful shutdown timeout exceeded, forcing shutdown"/)).toHaveLength(1);
    expect([await http, await grpc]).toEqual(['ECONNRESET', expect.stringMatching(/^(?:Unavailable|Internal)$/)]);
  });

  it('with a blocked shutdown enters it at once, as there is no app to wait for', async () => {
    await using sidecar = await startSidecar({ components: [MEMORY], flags: ['--dapr-block-shutdown-duration=180s'] });
    sidecar.signal('SIGTERM');
    expect(await sidecar.end()).toEqual({ code: 0, signal: null });
    expect(order(sidecar, 'Received signal', 'Blocking graceful shutdown for 3m0s or until app reports unhealthy...', 'App reported unhealthy, entering shutdown...', 'Dapr is shutting down')).toBe(true);
  });
});

it('a read in flight outlives a restart of its block and then a shutdown', async () => {
  await using sidecar = await startSidecar({ components: [MEMORY] });
  using grpc = new GrpcClient(sidecar.grpcAddress);
  process.kill(await sidecar.pidOf('state'), 'SIGKILL');
  let answered = false;
  const read = grpc.call('GetState', getState('memory', 'k')).finally(() => (answered = true));
  await eventually('the read waits, unless the next life was faster', async () => answered || (await sidecar.block('state')).held > 0);
  sidecar.signal('SIGTERM');
  expect(await read).toMatchObject({ etag: '' });
  expect(await sidecar.end()).toEqual({ code: 0, signal: null });
});
