// Metrics of the real program in every mode: what is counted of calls over HTTP and gRPC, what of blocks that die, and that
// neither clients nor blocks can make it grow.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness/awaiting.ts';
import type { Exposition } from './harness/exposition.ts';
import { GrpcClient } from './harness/grpc.ts';
import { HttpClient, RawConnection } from './harness/http.ts';
import { METRICS, metricsPort, scrape, scrapeText } from './harness/metrics.ts';
import { STAGES, startSidecar, type Sidecar, type Stage } from './harness/sidecar.ts';

const COMPONENTS = [{ name: 'mystore', type: 'state.in-memory' }, { name: 'mypubsub', type: 'pubsub.in-memory' }, { name: 'mylock', type: 'lock.in-memory' }, { name: 'myconfig', type: 'configuration.in-memory' }];
const CONFIGURATION = 'apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: metrics}\nspec: {metrics: {recordErrorCodes: true}}\n';

const start = (stage: Partial<Stage>, flags: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Sidecar> =>
  startSidecar({ ...stage, appId: 'myapp', components: COMPONENTS, configuration: CONFIGURATION, flags: [...METRICS, ...flags], env });

const OPERATION = { app_id: 'myapp', component: 'mystore', namespace: 'here' } as const;

for (const stage of STAGES) {
  describe(`metrics of a sidecar in ${stage.isolation} mode on ${stage.listener}`, () => {
    let sidecar: Sidecar;
    let metrics: Exposition;

    beforeAll(async () => {
      sidecar = await start(stage, [], { NAMESPACE: 'here' });
      const { client } = sidecar;
      await client.post('/v1.0/state/mystore', '[{"key":"a","value":1},{"key":"b","value":2}]');
      for (const key of ['a', 'b', 'missing']) await client.get(`/v1.0/state/mystore/${key}`);
      await client.get('//v1.0/state/mystore/a/');
      expect((await client.send('DELETE', '/v1.0/state/mystore/a', { headers: { 'If-Match': '77' } })).status).toBe(409);
      expect((await client.get('/v1.0/state/nowhere/a')).status).toBe(400);
      expect((await client.get('/v1.0/state/mystore/a%7C%7Cb')).status).toBe(400);
      await client.post('/v1.0/publish/mypubsub/greetings', '{}', { 'content-type': 'application/json' });
      await client.post('/v1.0/publish/mypubsub/od%22d%5C%0Atopic', '{}', { 'content-type': 'application/json' });
      await client.post('/v1.0/publish/nowhere/greetings', '{}', { 'content-type': 'application/json' });
      await client.post('/v1.0/publish/bulk/mypubsub/greetings', '[{"entryId":"1","event":"a","contentType":"text/plain"},{"entryId":"2","event":"b","contentType":"text/plain"}]', { 'content-type': 'application/json' });
      await client.post('/v1.0-alpha1/lock/mylock', '{"resourceId":"r","lockOwner":"me","expiryInSeconds":60}');
      await client.get('/v1.0/configuration/myconfig');
      expect((await client.get('/no/such/path')).status).toBe(404);
      await client.send('BREW', '/v1.0/healthz');
      const grpc = new GrpcClient(sidecar.grpcAddress);
      await grpc.call('GetState', { storeName: 'mystore', key: 'b', consistency: 0, metadata: new Map() });
      await expect(grpc.call('GetState', { storeName: 'nowhere', key: 'b', consistency: 0, metadata: new Map() })).rejects.toThrow('is not found');
      grpc.close();
      metrics = await scrape(sidecar);
    });

    afterAll(async () => {
      await sidecar?.stop();
    });

    it('counts operations on components; a missing key is none that failed, a store that there isn\'t is none at all', () => {
      expect(metrics.value('dapr_component_state_count', { ...OPERATION, operation: 'set', success: 'true' })).toBe(1);
      expect(metrics.value('dapr_component_state_count', { ...OPERATION, operation: 'get', success: 'true' })).toBe(5);
      expect(metrics.value('dapr_component_state_count', { ...OPERATION, operation: 'delete', success: 'false' })).toBe(1);
      expect(metrics.value('dapr_component_state_count', { ...OPERATION, operation: 'get', success: 'false' })).toBeUndefined();
      expect(metrics.value('dapr_component_state_latencies_count', { ...OPERATION, operation: 'get', success: 'true' })).toBe(5);
      expect(metrics.sum('dapr_component_state_count')).toBe(7);
      expect(metrics.value('dapr_component_configuration_count', { ...OPERATION, component: 'myconfig', operation: 'get', success: 'true' })).toBe(1);
      expect(metrics.value('bulkhead_component_lock_count', { ...OPERATION, component: 'mylock', operation: 'try_lock', success: 'true' })).toBe(1);
    });

    it('counts messages by topic', () => {
      const labels = { app_id: 'myapp', component: 'mypubsub', namespace: 'here', success: 'true', topic: 'greetings' };
      expect(metrics.value('dapr_component_pubsub_egress_count', labels)).toBe(1);
      expect(metrics.value('dapr_component_pubsub_egress_bulk_count', labels)).toBe(1);
      expect(metrics.value('dapr_component_pubsub_egress_bulk_event_count', labels)).toBe(2);
      expect(metrics.value('dapr_component_pubsub_egress_count', { ...labels, topic: 'od"d\\\ufffdtopic' })).toBe(1);
      expect(metrics.sum('dapr_component_pubsub_egress_count')).toBe(2);
    });

    it('counts requests over HTTP under their cut path, and over gRPC by method', () => {
      const request = (method: string, path: string, status: string): number | undefined => metrics.value('dapr_http_server_request_count', { app_id: 'myapp', method, path, status });
      expect(request('POST', '/v1.0/state/mystore', '204')).toBe(1);
      expect(request('GET', '/v1.0/state/mystore', '200')).toBe(3);
      expect(request('GET', '/v1.0/state/mystore', '204')).toBe(1);
      expect(request('GET', '/v1.0/state/mystore', '400')).toBe(1);
      expect(request('DELETE', '/v1.0/state/mystore', '409')).toBe(1);
      expect(request('GET', '/v1.0/healthz', '204')).toBeGreaterThanOrEqual(1);
      expect(request('GET', '/no/such/path', '404')).toBe(1);
      expect(metrics.value('dapr_http_server_response_count', { app_id: 'myapp', method: 'POST', path: '/v1.0/state/mystore', status: '204' })).toBe(1);
      expect(metrics.value('dapr_http_server_latency_count', { app_id: 'myapp', method: 'POST', path: '/v1.0/state/mystore', status: '204' })).toBe(1);
      expect(metrics.value('dapr_http_server_request_bytes_count', { app_id: 'myapp' })).toBe(metrics.sum('dapr_http_server_request_count'));
      const rpc = { app_id: 'myapp', grpc_server_method: '/dapr.proto.runtime.v1.Dapr/GetState' };
      expect(metrics.value('dapr_grpc_io_server_completed_rpcs', { ...rpc, grpc_server_status: 'OK' })).toBe(1);
      expect(metrics.value('dapr_grpc_io_server_completed_rpcs', { ...rpc, grpc_server_status: 'InvalidArgument' })).toBe(1);
      expect(metrics.value('dapr_grpc_io_server_sent_bytes_per_rpc_count', rpc)).toBe(2);
    });

    it('counts errors by code, each where it is answered', () => {
      const errors = (category: string, code: string): number | undefined => metrics.value('dapr_error_code_total', { app_id: 'myapp', category, error_code: code });
      expect(errors('state', 'ERR_STATE_STORE_NOT_FOUND')).toBe(2);
      expect(errors('state', 'ERR_STATE_DELETE')).toBe(1);
      expect(errors('state', 'ERR_MALFORMED_REQUEST')).toBe(1);
      expect(errors('pubsub', 'ERR_PUBSUB_NOT_FOUND')).toBe(1);
      expect(errors('service-invocation', 'ERR_DIRECT_INVOKE')).toBeGreaterThanOrEqual(1);
    });

    it('shows the components, the blocks and the process', () => {
      expect(metrics.value('dapr_runtime_component_loaded', { app_id: 'myapp' })).toBe(4);
      expect(metrics.value('dapr_runtime_component_init_total', { app_id: 'myapp', component: 'state.in-memory' })).toBe(1);
      const state = { app_id: 'myapp', block: 'state', component: '' };
      expect(metrics.value('bulkhead_block_life', state)).toBe(1);
      expect(metrics.value('bulkhead_block_state', { ...state, state: 'ready' })).toBe(1);
      expect(metrics.value('bulkhead_block_calls_in_flight', state)).toBe(0);
      expect(metrics.value('bulkhead_block_heap_bytes', state)).toBeGreaterThan(1_000_000);
      expect(metrics.value('bulkhead_block_loop_lag_ms', state)).toBeGreaterThanOrEqual(0);
      expect(metrics.value('bulkhead_block_resident_memory_bytes', state) !== undefined).toBe(stage.isolation === 'process');
      for (const direction of ['out', 'in']) expect(metrics.value('bulkhead_block_ring_bytes', { ...state, direction }) !== undefined).toBe(stage.isolation !== 'monolith');
      expect(metrics.value('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
    });

    it('answers any path, to GET and HEAD alone, and as many at a time as ask', async () => {
      const client = HttpClient.to(await metricsPort(sidecar));
      const replies = await Promise.all(Array.from({ length: 10 }, (_, i) => client.get(`/path/${i}`)));
      expect(replies.map(({ status }) => status)).toEqual(new Array(10).fill(200));
      expect(replies[0]?.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
      const head = await client.send('HEAD', '/');
      expect([head.status, head.body, Number(head.headers['content-length']) > 1_000]).toEqual([200, '', true]);
      const post = await client.post('/metrics', 'x');
      expect([post.status, post.headers['allow']]).toEqual([405, 'GET, HEAD']);
      client.close();
    });
  });
}

describe('metrics over the lives of a block', () => {
  it('never go back when a block is killed or replaced, and say why it ended', async () => {
    await using sidecar = await start({ isolation: 'process' });
    const { client } = sidecar;
    const state = { app_id: 'myapp', block: 'state', component: '' };
    const read = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) await client.get('/v1.0/state/mystore/a');
    };
    const gets = (metrics: Exposition): number | undefined => metrics.value('dapr_component_state_count', { app_id: 'myapp', component: 'mystore', namespace: '', operation: 'get', success: 'true' });
    let before = await scrape(sidecar);
    const rises = async (): Promise<Exposition> => {
      const now = await scrape(sidecar);
      for (const [series, value] of before.counters()) expect(now.counters().get(series) ?? -1, series).toBeGreaterThanOrEqual(value);
      before = now;
      return now;
    };
    await read(3);
    expect(gets(await rises())).toBe(3);
    // One that does not answer is shown as it was.
    await sidecar.kill('state', 'SIGSTOP');
    const stopped = await rises();
    await sidecar.kill('state', 'SIGCONT');
    expect([gets(stopped), stopped.value('bulkhead_block_scrape_missed_total', state), stopped.value('bulkhead_block_life', state)]).toEqual([3, 1, 1]);
    await sidecar.kill('state');
    await eventually('the next life serves', async () => (await sidecar.block('state')).life === 2 && (await sidecar.block('state')).state === 'ready');
    await read(2);
    const killed = await rises();
    expect(gets(killed)).toBe(5);
    expect(killed.value('bulkhead_block_life', state)).toBe(2);
    expect(killed.value('bulkhead_block_restarts_total', { ...state, reason: 'signal' })).toBe(1);
    expect(killed.value('bulkhead_block_restarts_total', { ...state, reason: 'hang' })).toBe(0);
    // In order, nothing is lost: the life is asked once more before it is closed.
    await read(4);
    expect((await client.post('/actuator/blocks/state/restart')).status).toBeLessThan(300);
    await eventually('the former life is gone', async () => (await sidecar.block('state')).life === 3);
    await eventually('its counts have come', async () => gets(await rises()) === 9);
    expect(before.value('bulkhead_block_restarts_total', { ...state, reason: 'replaced' })).toBe(1);
    expect(before.value('dapr_runtime_component_init_total', { app_id: 'myapp', component: 'state.in-memory' })).toBe(3);
  });
});

describe('metrics under many names', () => {
  it('stay as large as they may be, whatever paths, topics and keys clients think of', async () => {
    await using sidecar = await start({ isolation: 'process' });
    const count = 4_000;
    const requests = (from: number): string => Array.from({ length: count }, (_, i) => {
      const body = `[{"key":"key-${from + i}","value":1}]`;
      return `GET /no/such/path/${from + i} HTTP/1.1\r\nHost: x\r\n\r\nPOST /v1.0/publish/mypubsub/topic-${from + i} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}`
        + `POST /v1.0/state/mystore HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    }).join('');
    const flood = async (from: number): Promise<void> => {
      await using connection = await RawConnection.to(sidecar.httpPort);
      connection.send(`${requests(from)}GET /v1.0/metadata/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      await connection.closed;
    };
    await flood(0);
    const first = await scrapeText(sidecar);
    await flood(count);
    const metrics = await scrape(sidecar);
    const second = await scrapeText(sidecar);
    expect(metrics.sum('dapr_http_server_request_count')).toBeGreaterThanOrEqual(6 * count);
    expect(metrics.sum('dapr_http_server_request_count', { path: 'other' })).toBeGreaterThan(count);
    expect(metrics.families.get('dapr_http_server_request_count')?.samples.length).toBeLessThanOrEqual(510);
    expect(metrics.families.get('dapr_component_pubsub_egress_count')?.samples.length).toBeLessThanOrEqual(501);
    expect(metrics.sum('dapr_component_pubsub_egress_count', { success: 'true' })).toBe(2 * count);
    expect(metrics.value('dapr_component_state_count', { app_id: 'myapp', component: 'mystore', namespace: '', operation: 'set', success: 'true' })).toBe(2 * count);
    expect(Math.abs(second.body.length - first.body.length)).toBeLessThan(50_000);
    expect(sidecar.logs.matching(/the further ones of http_server_request_count count as/)).toHaveLength(1);
  });
});
