// Who may call what: the API token, allowed and denied APIs, CORS, the public port (contract: transport rules, gRPC server
// properties, Configuration `api`).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GetStateRequest } from '../proto/gen/dapr/proto/runtime/v1/state.ts';
import { GrpcClient } from './harness/grpc.ts';
import { HttpClient, type HttpReply } from './harness/http.ts';
import { LISTENERS, STAGES, startSidecar, type Sidecar } from './harness/sidecar.ts';
import { freePort } from './servers/process.ts';

const MEMORY = [{ name: 'memory', type: 'state.in-memory' }];
const NO_TARGET = '{"errorCode":"ERR_DIRECT_INVOKE","message":"failed getting app id either from the URL path or the header dapr-app-id"}';
const PREFLIGHT = { Origin: 'https://good.example', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type, x-other' };
const getState = { storeName: 'memory', key: 'k', consistency: 0, metadata: new Map<string, string>() } satisfies GetStateRequest;
const asHttpError = (reason: string, code: string, text: string): object => ({ type: 'ErrorInfo', reason, domain: 'dapr.io', metadata: { 'http.code': code, 'http.error_message': text } });

describe.each(STAGES)('the API token in $isolation isolation on $listener', (stage) => {
  const TOKEN = { 'dapr-api-token': 'secret of the test' };
  let sidecar: Sidecar;
  let grpc: GrpcClient;
  beforeAll(async () => {
    sidecar = await startSidecar({ ...stage, components: MEMORY, env: { DAPR_API_TOKEN: 'secret of the test' }, flags: ['--allowed-origins=https://good.example'] });
    grpc = new GrpcClient(sidecar.grpcAddress);
  });
  afterAll(async () => {
    grpc?.close();
    await sidecar?.stop();
  });
  const plain = ({ status, headers, body }: HttpReply): unknown => [status, headers['content-type'], body];
  const UNAUTHORIZED = [401, 'text/plain; charset=utf-8', 'invalid api token\n'];

  it.each([
    ['no token', {}], ['an empty token', { 'dapr-api-token': '' }], ['a wrong token', { 'dapr-api-token': 'secret of the tesT' }], ['a longer token', { 'dapr-api-token': 'secret of the test ...' }],
    ['the token in another header', { Authorization: 'Bearer secret of the test' }],
  ])('HTTP refuses %s with 401 in plain text', async (_, headers) => {
    for (const [method, path] of [['GET', '/v1.0/metadata'], ['GET', '/v1.0/state/memory/k'], ['POST', '/v1.0/shutdown'], ['GET', '/nothing'], ['OPTIONS', '/v1.0/metadata'], ['GET', '/actuator/blocks'], ['GET', '/v1.0/state/memory/%zz']]) {
      expect([method, path, plain(await sidecar.client.send(method as string, path as string, { headers }))]).toEqual([method, path, UNAUTHORIZED]);
    }
  });

  it('HTTP takes the right one', async () => {
    expect(await sidecar.client.get('/v1.0/state/memory/k', TOKEN)).toMatchObject({ status: 204 });
    expect(await sidecar.client.get('/nothing', { 'DAPR-API-TOKEN': TOKEN['dapr-api-token'] })).toMatchObject({ status: 404 });
  });

  it('asks GET of the two health paths for no token, and nothing else of them', async () => {
    for (const path of ['/v1.0/healthz', '/v1.0/healthz/outbound', '//v1.0/healthz/', '/v1.0/healthz?appid=app']) expect([path, (await sidecar.client.get(path)).status]).toEqual([path, 204]);
    for (const method of ['POST', 'HEAD', 'OPTIONS']) expect([method, (await sidecar.client.send(method, '/v1.0/healthz')).status]).toEqual([method, 401]);
    expect(await sidecar.client.get('/v1.0/healthz/other')).toMatchObject({ status: 401 });
  });

  it('answers a preflight before it asks for the token', async () => {
    expect(await sidecar.client.send('OPTIONS', '/v1.0/state/memory', { headers: PREFLIGHT })).toMatchObject({ status: 200, body: '' });
  });

  it('gRPC refuses every method without it, and tells a missing token from a wrong one', async () => {
    const missing = asHttpError('Unauthorized', '401', 'missing api token in request metadata');
    const wrong = asHttpError('Unauthorized', '401', 'authentication error: api token mismatch');
    await expect(grpc.call('GetMetadata', {})).rejects.toMatchObject({ code: 'Unauthenticated', text: 'Unauthorized', details: [missing] });
    await expect(grpc.call('GetState', getState, { metadata: { 'dapr-api-token': 'x' } })).rejects.toMatchObject({ code: 'Unauthenticated', text: 'Unauthorized', details: [wrong] });
    await expect(grpc.call('Shutdown', {})).rejects.toMatchObject({ code: 'Unauthenticated' });
    expect(await grpc.stream('/dapr.proto.runtime.v1.Dapr/SubscribeConfiguration', Buffer.alloc(0))).toMatchObject({ code: 'Unauthenticated', details: [missing] });
  });

  it('gRPC takes the right one', async () => {
    expect(await grpc.call('GetState', getState, { metadata: TOKEN })).toMatchObject({ etag: '' });
  });

  it('keeps the token out of the log', async () => {
    expect(sidecar.logs.all.length).toBeGreaterThan(0);
    expect(sidecar.logs.matching(/secret of the test/)).toEqual([]);
  });
});

describe('CORS', () => {
  const origin = 'https://good.example';
  const cors = ({ status, headers }: HttpReply): object => ({ status, vary: headers['vary'], origin: headers['access-control-allow-origin'] });

  it('is not there unless asked for', async () => {
    await using sidecar = await startSidecar({ components: MEMORY });
    const answer = await sidecar.client.send('OPTIONS', '/v1.0/state/memory', { headers: PREFLIGHT });
    expect([cors(answer), answer.body]).toEqual([{ status: 404, vary: undefined, origin: undefined }, NO_TARGET]);
    expect(cors(await sidecar.client.get('/v1.0/metadata', { Origin: origin }))).toEqual({ status: 200, vary: undefined, origin: undefined });
  });

  it('admits the origins of a list, by name', async () => {
    await using sidecar = await startSidecar({ components: MEMORY, flags: [`--allowed-origins=https://other.example,${origin}`] });
    const preflight = await sidecar.client.send('OPTIONS', '/v1.0/state/memory', { headers: PREFLIGHT });
    expect(cors(preflight)).toEqual({ status: 200, vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers', origin });
    expect(preflight.headers['access-control-allow-methods']).toContain('POST');
    expect(preflight.headers['access-control-allow-headers']?.toLowerCase()).toContain('x-other');
    const refused = await sidecar.client.send('OPTIONS', '/v1.0/state/memory', { headers: { ...PREFLIGHT, Origin: 'https://bad.example' } });
    expect(cors(refused)).toEqual({ status: 200, vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers', origin: undefined });
    expect(cors(await sidecar.client.get('/v1.0/metadata', { Origin: origin }))).toEqual({ status: 200, vary: 'Origin', origin });
    expect(cors(await sidecar.client.get('/v1.0/metadata', { Origin: 'https://bad.example' }))).toEqual({ status: 200, vary: 'Origin', origin: undefined });
    expect(cors(await sidecar.client.get('/v1.0/state/none/k', { Origin: origin }))).toEqual({ status: 400, vary: 'Origin', origin });
    expect(await sidecar.client.send('OPTIONS', '/v1.0/state/memory', { headers: { Origin: origin } })).toMatchObject({ status: 404, body: NO_TARGET });
  });

  it('admits all origins by a star', async () => {
    await using sidecar = await startSidecar({ flags: ['--allowed-origins=*'] });
    expect(cors(await sidecar.client.send('OPTIONS', '/nothing', { headers: PREFLIGHT }))).toMatchObject({ status: 200, origin: '*' });
    expect(cors(await sidecar.client.get('/v1.0/metadata', { Origin: 'https://any.example' }))).toEqual({ status: 200, vary: 'Origin', origin: '*' });
  });
});

describe('api.allowed and api.denied', () => {
  const configuration = (api: object): string => JSON.stringify({ apiVersion: 'dapr.io/v1alpha1', kind: 'Configuration', metadata: { name: 'c' }, spec: { api } });
  const rule = (name: string, protocol: string, version = 'v1'): object => ({ name, version, protocol });
  const NOT_IMPLEMENTED = { code: 'Unimplemented', text: 'Not Implemented', details: [asHttpError('Not Implemented', '501', 'requested endpoint is not available')] };

  it.each(LISTENERS)('a denied API is not there, and the others are, on %s', async (listener) => {
    await using sidecar = await startSidecar({ isolation: 'monolith', listener, components: MEMORY, configuration: configuration({ denied: [rule('state', 'http', 'v1.0'), rule('state', 'grpc'), rule('shutdown', 'http')] }) });
    using grpc = new GrpcClient(sidecar.grpcAddress);
    for (const [method, path] of [['GET', '/v1.0/state/memory/k'], ['POST', '/v1.0/state/memory'], ['POST', '/v1.0/state/memory/bulk'], ['POST', '/v1.0/shutdown']]) {
      expect(await sidecar.client.send(method as string, path as string)).toMatchObject({ status: 404, body: NO_TARGET });
    }
    expect(await sidecar.client.post('/v1.0-alpha1/state/memory/query'), 'v1alpha1 is another version').toMatchObject({ status: 500 });
    expect(await sidecar.client.get('/v1.0/metadata')).toMatchObject({ status: 200 });
    await expect(grpc.call('GetState', getState)).rejects.toMatchObject(NOT_IMPLEMENTED);
    await expect(grpc.call('QueryStateAlpha1', { storeName: 'memory', query: '{}', metadata: new Map() })).rejects.toMatchObject({ code: 'Internal' });
    expect(await grpc.call('GetMetadata', {})).toMatchObject({ id: 'app' });
  });

  it('a list of allowed APIs shuts out the rest, except health', async () => {
    await using sidecar = await startSidecar({ components: MEMORY, configuration: configuration({ allowed: [rule('state', 'http'), rule('metadata', 'grpc')] }) });
    using grpc = new GrpcClient(sidecar.grpcAddress);
    expect(await sidecar.client.get('/v1.0/state/memory/k')).toMatchObject({ status: 204 });
    expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 204 });
    expect(await sidecar.client.get('/v1.0/healthz/outbound')).toMatchObject({ status: 204 });
    for (const path of ['/v1.0/metadata', '/v1.0/nothing']) {
      const { status, headers, body } = await sidecar.client.get(path);
      expect([path, status, headers['content-type'], body], 'invocation is shut out too, so there is no fallback').toEqual([path, 404, 'text/plain; charset=utf-8', '404 page not found\n']);
    }
    expect(await grpc.call('GetMetadata', {})).toMatchObject({ id: 'app' });
    await expect(grpc.call('GetState', getState)).rejects.toMatchObject(NOT_IMPLEMENTED);
  });

  it('denied wins over allowed', async () => {
    await using sidecar = await startSidecar({ components: MEMORY, configuration: configuration({ allowed: [rule('state', 'http'), rule('invoke', 'http')], denied: [rule('state', 'http')] }) });
    expect(await sidecar.client.get('/v1.0/state/memory/k')).toMatchObject({ status: 404, body: NO_TARGET });
  });

  it('is refused before the token is looked at over gRPC, after it over HTTP', async () => {
    await using sidecar = await startSidecar({ components: MEMORY, configuration: configuration({ denied: [rule('state', 'http'), rule('state', 'grpc')] }), env: { DAPR_API_TOKEN: 't' } });
    using grpc = new GrpcClient(sidecar.grpcAddress);
    await expect(grpc.call('GetState', getState)).rejects.toMatchObject(NOT_IMPLEMENTED);
    expect(await sidecar.client.get('/v1.0/state/memory/k')).toMatchObject({ status: 401 });
  });
});

describe('the public port', () => {
  let sidecar: Sidecar;
  let open: HttpClient;
  beforeAll(async () => {
    const port = await freePort();
    sidecar = await startSidecar({
      components: MEMORY, env: { DAPR_API_TOKEN: 'secret' },
      flags: [`--dapr-public-port=${port}`, '--dapr-public-listen-address=127.0.0.1', '--allowed-origins=*', '--enable-api-logging=true'],
    });
    open = HttpClient.to(port);
  });
  afterAll(async () => {
    open?.close();
    await sidecar?.stop();
  });

  it('serves health and metadata without a token', async () => {
    expect(await open.get('/v1.0/healthz')).toMatchObject({ status: 204 });
    expect(await open.get('/v1.0/healthz/outbound')).toMatchObject({ status: 204 });
    expect(await open.put('/v1.0/metadata/from-outside', 'v')).toMatchObject({ status: 204 });
    expect(JSON.parse((await open.get('/v1.0/metadata')).body)).toMatchObject({ id: 'app', extended: { 'from-outside': 'v' } });
  });

  it.each([['GET', '/v1.0/state/memory/k'], ['POST', '/v1.0/shutdown'], ['GET', '/'], ['OPTIONS', '/v1.0/metadata'], ['HEAD', '/v1.0/healthz']])('answers %s %s with a plain 404', async (method, path) => {
    const { status, headers, body } = await open.send(method, path, { headers: { Origin: 'https://any.example' } });
    expect({ status, type: headers['content-type'], vary: headers['vary'], body }).toEqual({ status: 404, type: 'text/plain; charset=utf-8', vary: undefined, body: method === 'HEAD' ? '' : '404 page not found\n' });
  });

  it('logs no API call', async () => {
    await open.get('/v1.0/metadata', { 'user-agent': 'the public port' });
    await sidecar.client.get('/v1.0/metadata', { 'dapr-api-token': 'secret', 'user-agent': 'the API itself' });
    await sidecar.logs.waitFor(/HTTP API Called.*the API itself/);
    expect(sidecar.logs.matching(/the public port/)).toEqual([]);
  });
});

