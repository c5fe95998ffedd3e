// The sidecar about itself: metadata, health, shutdown, API log, Unix sockets (contract: metadata response, health targets,
// log format, signals and exit codes).
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness/awaiting.ts';
import { GrpcClient } from './harness/grpc.ts';
import { HttpClient } from './harness/http.ts';
import { ISOLATIONS, LISTENERS, STAGES, startSidecar, type Sidecar } from './harness/sidecar.ts';
import { getState } from './harness/states.ts';

const MEMORY = [{ name: 'memory', type: 'state.in-memory' }];
const CAPABILITIES = ['ETAG', 'TRANSACTIONAL', 'TTL', 'DELETE_WITH_PREFIX', 'KEYS_LIKE', 'ACTOR'];
const resource = (kind: string, name: string, spec: object = {}): string => JSON.stringify({ apiVersion: 'dapr.io/v1alpha1', kind, metadata: { name }, spec });

describe.each(STAGES)('metadata in $isolation isolation on $listener', (stage) => {
  let sidecar: Sidecar;
  let grpc: GrpcClient;
  beforeAll(async () => {
    sidecar = await startSidecar({
      ...stage, appId: 'me', flags: ['--app-max-concurrency=7', '--app-protocol=http'],
      components: [
        resource('Component', 'versioned', { type: 'state.in-memory', version: 'v1' }), resource('Component', 'plain', { type: 'state.in-memory' }),
        resource('Component', 'ignored', { type: 'state.nothing', version: 'v1', ignoreErrors: true }), resource('HTTPEndpoint', 'endpoint', { baseUrl: 'http://x' }),
        resource('Resiliency', 'resiliency'),
      ].join('\n---\n'),
    });
    grpc = new GrpcClient(sidecar.grpcAddress);
  });
  afterAll(async () => {
    grpc?.close();
    await sidecar?.stop();
  });

  it('HTTP shows what there is, in the contract\'s order, and leaves out what is empty', async () => {
    const { status, headers, body } = await sidecar.client.get('/v1.0/metadata');
    const document = JSON.parse(body) as Record<string, unknown>;
    expect([status, headers['content-type']]).toEqual([200, 'application/json']);
    expect(document).toEqual({
      id: 'me',
      runtimeVersion: expect.stringMatching(/^(edge|\d+\.\d+\.\d+(-rc\.\d+)?)$/) as string,
      enabledFeatures: expect.arrayContaining(['HotReload', 'WorkflowsRemoteActivityReminder']) as string[],
      components: [{ name: 'versioned', type: 'state.in-memory', version: 'v1', capabilities: CAPABILITIES }, { name: 'plain', type: 'state.in-memory', capabilities: CAPABILITIES }],
      extended: { daprRuntimeVersion: document['runtimeVersion'] },
      httpEndpoints: [{ name: 'endpoint' }],
      appConnectionProperties: { protocol: 'http', channelAddress: '127.0.0.1', maxConcurrency: 7 },
      actorRuntime: { runtimeStatus: 'DISABLED', hostReady: false, placement: 'placement: disconnected' },
      resiliencies: [{ name: 'resiliency' }],
    });
    expect(Object.keys(document)).toEqual(['id', 'runtimeVersion', 'enabledFeatures', 'components', 'extended', 'httpEndpoints', 'appConnectionProperties', 'actorRuntime', 'resiliencies']);
  });

  it('gRPC shows the same', async () => {
    const answer = await grpc.call('GetMetadata', {});
    const document = await sidecar.metadata();
    expect(answer).toMatchObject({
      id: 'me', runtimeVersion: document['runtimeVersion'], enabledFeatures: document['enabledFeatures'],
      registeredComponents: [{ name: 'versioned', type: 'state.in-memory', version: 'v1', capabilities: CAPABILITIES }, { name: 'plain', type: 'state.in-memory', version: '', capabilities: CAPABILITIES }],
      httpEndpoints: [{ name: 'endpoint' }], appConnectionProperties: { protocol: 'http', channelAddress: '127.0.0.1', maxConcurrency: 7, port: 0, health: undefined },
      actorRuntime: { runtimeStatus: 1, hostReady: false, placement: 'placement: disconnected', activeActors: [] }, resiliencies: [{ name: 'resiliency' }],
    });
    expect(answer.workflows, 'the message is there though no worker is').toBeDefined();
  });

  it('both protocols set keys that both show; the value is the body as it is', async () => {
    expect(await sidecar.client.put('/v1.0/metadata/over%20http', ' {"raw": "bödy"} ')).toMatchObject({ status: 204, body: '' });
    expect(await sidecar.client.put('/v1.0/metadata/empty')).toMatchObject({ status: 204 });
    await grpc.call('SetMetadata', { key: 'over gRPC', value: '<v>' });
    await grpc.call('SetMetadata', { key: '', value: 'a key without a name is none' });
    const { runtimeVersion, extended } = await sidecar.metadata();
    const expected = { 'over http': ' {"raw": "bödy"} ', empty: '', 'over gRPC': '<v>', daprRuntimeVersion: runtimeVersion };
    expect(extended).toEqual(expected);
    expect(Object.fromEntries((await grpc.call('GetMetadata', {})).extendedMetadata)).toEqual(expected);
    expect((await sidecar.client.get('/v1.0/metadata')).body, 'as Go\'s encoder writes it').toContain('"\\u003cv\\u003e"');
  });
});

describe.each(ISOLATIONS)('health in %s isolation', (isolation) => {
  it('is 204 when all is up, and 500 for another app\'s id', async () => {
    await using sidecar = await startSidecar({ isolation, appId: 'me', components: MEMORY });
    for (const path of ['/v1.0/healthz', '/v1.0/healthz?appid=me', '/v1.0/healthz/outbound']) {
      const { status, headers, body } = await sidecar.client.get(path);
      expect([path, status, headers['content-type'], body]).toEqual([path, 204, undefined, '']);
    }
    const other = await sidecar.client.get('/v1.0/healthz?appid=you');
    expect([other.status, other.headers['content-type'], other.body]).toEqual([500, 'application/json', '{"errorCode":"ERR_HEALTH_APPID_NOT_MATCH","message":"dapr app-id does not match"}']);
  });

  it('names a component that can\'t start and why, while outbound health and the others are well', async () => {
    await using sidecar = await startSidecar({
      isolation, until: 'listening',
      components: [...MEMORY, { name: 'broken', type: 'state.sqlite' }, { name: 'ignored', type: 'state.nothing', ignoreErrors: true }],
    });
    await sidecar.logs.waitFor(/dapr initialized/);
    const { status, body } = await sidecar.client.get('/v1.0/healthz');
    const { errorCode, message } = JSON.parse(body) as { errorCode: string; message: string };
    expect([status, errorCode]).toEqual([500, 'ERR_HEALTH_NOT_READY']);
    expect(message).toMatch(/^dapr is not ready: \[component broken \(state\.sqlite\/v1\): \[INIT_COMPONENT_FAILURE\]: initialization error occurred for broken \(state\.sqlite\/v1\): missing connection string\]$/);
    expect(await sidecar.client.get('/v1.0/healthz/outbound')).toMatchObject({ status: 204 });
    expect(await sidecar.client.get('/v1.0/state/memory/k')).toMatchObject({ status: 204 });
    expect((await sidecar.metadata())['components']).toEqual([expect.objectContaining({ name: 'memory' })]);
    const refused = await sidecar.client.get('/v1.0/state/broken/k');
    expect([refused.status, JSON.parse(refused.body)]).toEqual([503, expect.objectContaining({ errorCode: 'ERR_COMPONENT_NOT_READY', message: expect.stringContaining('missing connection string') as string })]);
  });
});

describe('the shutdown API', () => {
  const last = (sidecar: Sidecar): string => sidecar.logs.matching(/level=/).at(-1) ?? '';

  it.each(ISOLATIONS)('over HTTP answers 204, then ends with 0, in %s isolation', async (isolation) => {
    await using sidecar = await startSidecar({ isolation, components: MEMORY });
    expect(await sidecar.client.post('/v1.0/shutdown')).toMatchObject({ status: 204, body: '' });
    expect(await sidecar.end()).toEqual({ code: 0, signal: null });
    expect(sidecar.logs.matching(/msg="Shutdown requested via API"/)).toHaveLength(1);
    expect(last(sidecar)).toContain('msg="Daprd shutdown gracefully"');
  });

  it.each(STAGES)('over gRPC answers, then ends with 0, in $isolation isolation on $listener', async (stage) => {
    await using sidecar = await startSidecar({ ...stage, components: MEMORY });
    using grpc = new GrpcClient(sidecar.grpcAddress);
    expect(await grpc.call('Shutdown', {}, { metadata: { 'dapr-force-shutdown': 'false' } })).toEqual({});
    expect(await sidecar.end()).toEqual({ code: 0, signal: null });
    expect(last(sidecar)).toContain('msg="Daprd shutdown gracefully"');
  });

  const endsByForce = async (sidecar: Sidecar): Promise<void> => {
    expect(await sidecar.end()).toEqual({ code: 1, signal: null });
    expect(last(sidecar)).toMatch(/level=warn(ing)? msg="Force shutdown requested, exiting immediately without graceful shutdown"/);
  };

  it.each(ISOLATIONS)('by force over HTTP answers, then ends with 1, in %s isolation', async (isolation) => {
    await using sidecar = await startSidecar({ isolation, components: MEMORY });
    expect(await sidecar.client.post('/v1.0/shutdown', '', { 'dapr-force-shutdown': 'TRUE' })).toMatchObject({ status: 204 });
    await endsByForce(sidecar);
  });

  it.each(STAGES)('by force over gRPC answers, then ends with 1, in $isolation isolation on $listener', async (stage) => {
    await using sidecar = await startSidecar({ ...stage, components: MEMORY });
    using grpc = new GrpcClient(sidecar.grpcAddress);
    expect(await grpc.call('Shutdown', {}, { metadata: { 'dapr-force-shutdown': 'True' } })).toEqual({});
    await endsByForce(sidecar);
  });
});

describe('the API log', () => {
  const configuration = (apiLogging: object): string => resource('Configuration', 'c', { logging: { apiLogging } });
  const callBoth = async (sidecar: Sidecar): Promise<void> => {
    using grpc = new GrpcClient(sidecar.grpcAddress);
    await sidecar.client.get('/v1.0/state/memory/k?metadata.a=b', { 'User-Agent': 'curl/8.0 (test)' });
    await sidecar.client.get('/v1.0/state/none/k', { 'User-Agent': 'second' });
    await sidecar.client.get('/v1.0/healthz', { 'User-Agent': 'prober' });
    await grpc.call('GetState', getState('memory', 'k'));
    await grpc.call('GetState', getState('none', 'k')).catch(() => {});
  };
  const fields = (line: string | undefined): string => (line ?? '').replace(/^.* msg=/, 'msg=').replace(/ (?:app_id|instance|ver|type)=\S+/g, '').replace(/duration=\d+(?:\.\d+)?/, 'duration=D');

  it.each(LISTENERS)('has a line for each call, with its outcome, on %s', async (listener) => {
    await using sidecar = await startSidecar({ isolation: 'monolith', listener, components: MEMORY, flags: ['--enable-api-logging'] });
    await callBoth(sidecar);
    await sidecar.client.get('/v1.0/metadata', { 'User-Agent': 'last' });
    await sidecar.logs.waitFor(/useragent=last/);
    const http = sidecar.logs.matching(/HTTP API Called/);
    expect(fields(http.find((line) => line.includes('curl')))).toBe('msg="HTTP API Called" code=204 duration=D method="GET /v1.0/state/memory/k" scope=dapr.runtime.http-info size=0 useragent="curl/8.0 (test)"');
    expect(fields(http.find((line) => line.includes('second')))).toMatch(/code=400 .*method="GET \/v1\.0\/state\/none\/k" .*size=\d{3} /);
    expect(http.filter((line) => line.includes('prober'))).toHaveLength(1);
    const grpc = sidecar.logs.matching(/gRPC API Called/).map(fields);
    expect(grpc).toHaveLength(2);
    expect(grpc[0]).toMatch(/^msg="gRPC API Called" code=0 duration=D method=\/dapr\.proto\.runtime\.v1\.Dapr\/GetState scope=\S+ useragent="?grpc-node-js\//);
    expect(grpc[1]).toContain('code=3 ');
  });

  it('hides URLs and health checks when the Configuration says so', async () => {
    await using sidecar = await startSidecar({ components: MEMORY, configuration: configuration({ enabled: true, obfuscateURLs: true, omitHealthChecks: true }) });
    await callBoth(sidecar);
    await sidecar.client.get('/v1.0/metadata', { 'User-Agent': 'last' });
    await sidecar.logs.waitFor(/useragent=last/);
    const http = sidecar.logs.matching(/HTTP API Called/);
    expect(http.map((line) => /method="?([^"]*?)"? (?:scope|size)=/.exec(line)?.[1])).toEqual(['GetState', 'GetState', 'GetMetadata']);
    expect(http.join()).not.toContain('/v1.0');
  });

  it('the flag wins over the Configuration', async () => {
    await using sidecar = await startSidecar({ components: MEMORY, configuration: configuration({ enabled: true }), flags: ['--enable-api-logging=false'] });
    await callBoth(sidecar);
    await sidecar.stop();
    expect(sidecar.logs.matching(/API Called/)).toEqual([]);
  });

  it('is off by default', async () => {
    await using sidecar = await startSidecar({ components: MEMORY });
    await callBoth(sidecar);
    await sidecar.stop();
    expect(sidecar.logs.matching(/API Called/)).toEqual([]);
  });
});

describe.each(STAGES)('Unix sockets in $isolation isolation on $listener', (stage) => {
  it('replace the ports of both APIs, belong to the user alone, and go with the sidecar', async () => {
    await using sidecar = await startSidecar({ ...stage, appId: 'me', components: MEMORY, flags: ['--unix-domain-socket=sockets'], until: 'nothing' });
    const folder = join(sidecar.folder, 'sockets');
    const paths = { http: join(folder, 'dapr-me-http.socket'), grpc: join(folder, 'dapr-me-grpc.socket') };
    await sidecar.logs.waitFor(/dapr initialized/, 30_000);
    expect(readdirSync(folder).toSorted()).toEqual(['dapr-me-grpc.socket', 'dapr-me-http.socket']);
    expect(Object.values(paths).map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600]);
    const http = HttpClient.to(paths.http);
    using grpc = new GrpcClient(`unix:${paths.grpc}`);
    try {
      expect(await http.post('/v1.0/state/memory', '[{"key":"k","value":"over a socket"}]')).toMatchObject({ status: 204 });
      expect(Buffer.from((await grpc.call('GetState', getState('memory', 'k'))).data).toString()).toBe('"over a socket"');
    } finally {
      http.close();
    }
    sidecar.signal('SIGTERM');
    await eventually('the sockets are gone', () => !Object.values(paths).some(existsSync));
    expect(await sidecar.end()).toEqual({ code: 0, signal: null });
  });
});
