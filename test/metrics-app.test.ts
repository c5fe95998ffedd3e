// What is counted of an application: deliveries by what came of them, calls and health probes. And the port itself: switched off,
// taken by somebody else, told something else while it is open.
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfiguration } from '../kernel/configuration.ts';
import { Metrics } from '../kernel/metrics/metrics.ts';
import type { Log } from '../proto/log.ts';
import { startApp, type App } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { Exposition } from './harness/exposition.ts';
import { HttpClient } from './harness/http.ts';
import { METRICS, metricsPort, scrape } from './harness/metrics.ts';
import { startSidecar, type Sidecar } from './harness/sidecar.ts';

const COMPONENTS = [{ name: 'pubsub', type: 'pubsub.in-memory' }, { name: 'store', type: 'state.in-memory' }];
const POLICIES = JSON.stringify({ apiVersion: 'dapr.io/v1alpha1', kind: 'Resiliency', metadata: { name: 'careful', namespace: 'here' }, spec: { policies: { timeouts: { soon: '1s' } }, targets: {} } });
const ingress = (topic: string, processStatus: string, status = processStatus) => ({ app_id: 'me', component: 'pubsub', namespace: '', process_status: processStatus, status, topic });
const JSON_TYPE = { 'content-type': 'application/json' };
const configuration = (metrics: string): string => `apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: metrics}\nspec: {metrics: ${metrics}}\n`;

describe('metrics of an HTTP application', () => {
  let app: App;
  let sidecar: Sidecar;

  beforeAll(async () => {
    app = await startApp({
      subscriptions: ['fine', 'dropped', 'missing'].map((topic) => ({ pubsubname: 'pubsub', topic, route: `/${topic}?from=here` })).concat([
        { pubsubname: 'pubsub', topic: 'failing', route: '/failing', deadLetterTopic: 'dead' } as never, { pubsubname: 'pubsub', topic: 'picky', routes: { rules: [{ match: 'event.type == "x"', path: '/picky' }] } } as never,
        { pubsubname: 'pubsub', topic: 'many', route: '/many', bulkSubscribe: { enabled: true, maxMessagesCount: 2, maxAwaitDurationMs: 10_000 } } as never,
      ]),
      handler: ({ path, json }) => {
        if (path.startsWith('/many')) return app.bulkVerdict(Object.fromEntries((json as { entries: { entryId: string }[] }).entries.map(({ entryId }) => [entryId, 'SUCCESS'])));
        if (path.startsWith('/dropped')) return { body: { status: 'DROP' } };
        if (path.startsWith('/missing')) return { status: 404 };
        return path.startsWith('/failing') ? { status: 500 } : undefined;
      },
    });
    sidecar = await startSidecar({
      appId: 'me', components: COMPONENTS,
      flags: [...METRICS, `--app-port=${app.port}`, '--enable-app-health-check=true', '--app-health-probe-interval=1'],
    });
  });

  afterAll(async () => {
    await sidecar?.stop();
    await app?.stop();
  });

  it('tells deliveries apart by what came of them', async () => {
    const { client } = sidecar;
    await eventually('the application has subscribed', async () => (await client.post('/v1.0/publish/pubsub/fine', '{}', JSON_TYPE)).status === 204 && app.deliveries.length > 0);
    for (const topic of ['dropped', 'missing', 'failing', 'picky', 'many', 'many']) expect((await client.post(`/v1.0/publish/pubsub/${topic}`, '{}', JSON_TYPE)).status).toBe(204);
    const metrics = await eventually<Exposition | undefined>('all are counted', async () => {
      const now = await scrape(sidecar);
      const ends = ['dropped', 'missing', 'failing', 'picky'].map((topic) => now.sum('dapr_component_pubsub_ingress_count', { topic }));
      return ends.every((count) => count === 1) && now.sum('dapr_component_pubsub_ingress_bulk_event_count') === 2 ? now : undefined;
    }) as Exposition;
    const count = (topic: string, processStatus: string, status?: string) => metrics.value('dapr_component_pubsub_ingress_count', ingress(topic, processStatus, status));
    expect(count('fine', 'success')).toBeGreaterThanOrEqual(1);
    expect(count('dropped', 'drop', 'success')).toBe(1);
    expect(count('missing', 'drop')).toBe(1);
    expect(count('failing', 'retry')).toBe(1);
    expect(count('picky', 'drop', 'success')).toBe(1);
    expect(metrics.value('dapr_component_pubsub_ingress_latencies_count', ingress('dropped', 'drop', 'success'))).toBe(1);
    expect(metrics.value('dapr_component_pubsub_ingress_latencies_count', ingress('picky', 'drop', 'success'))).toBeUndefined(); // it was asked nothing
    const batch = { app_id: 'me', component: 'pubsubName', namespace: '', topic: 'many' };
    expect(metrics.value('dapr_component_pubsub_ingress_bulk_count', { ...batch, process_status: '' })).toBe(1);
    expect(metrics.value('dapr_component_pubsub_ingress_bulk_event_count', { ...batch, process_status: 'success' })).toBe(2);
  });

  it('counts the calls to it, by path without the query, and its health probes', async () => {
    const metrics = await eventually<Exposition | undefined>('it was probed', async () => {
      const now = await scrape(sidecar);
      return now.sum('dapr_http_healthprobes_completed_count', { status: '200' }) > 0 ? now : undefined;
    }) as Exposition;
    const calls = (method: string, path: string, status: string) => metrics.value('dapr_http_client_completed_count', { app_id: 'me', method, path, status });
    expect(calls('GET', '/dapr/config', '404') ?? calls('GET', '/dapr/config', '200')).toBe(1);
    expect(calls('GET', '/dapr/subscribe', '200')).toBeGreaterThanOrEqual(1);
    expect(calls('POST', '/missing', '404')).toBe(1);
    expect(calls('POST', '/failing', '500')).toBe(1);
    expect(metrics.value('dapr_http_client_sent_bytes_count', { app_id: 'me', method: 'POST', path: '/failing', status: '' })).toBe(1);
    expect(metrics.value('dapr_http_client_received_bytes_count', { app_id: 'me' })).toBe(metrics.sum('dapr_http_client_completed_count'));
    expect(metrics.value('bulkhead_app_up', { app_id: 'me' })).toBe(1);
    expect(metrics.value('bulkhead_app_calls_in_flight', { app_id: 'me' })).toBe(0);
  });
});

describe('metrics of a gRPC application', () => {
  it('counts its calls by method', async () => {
    const app = await startApp({ protocol: 'grpc', subscriptions: [{ pubsubname: 'pubsub', topic: 'fine', route: '/fine' }] });
    await using sidecar = await startSidecar({ isolation: 'monolith', appId: 'me', components: COMPONENTS, flags: [...METRICS, `--app-port=${app.port}`, '--app-protocol=grpc', '--enable-app-health-check=true', '--app-health-probe-interval=1'] });
    await eventually('a message has come', async () => (await sidecar.client.post('/v1.0/publish/pubsub/fine', '{}', JSON_TYPE)).status === 204 && app.deliveries.length > 0);
    const rpc = { app_id: 'me', grpc_client_method: '/dapr.proto.runtime.v1.AppCallback/OnTopicEvent' };
    const metrics = await eventually<Exposition | undefined>('it is counted', async () => {
      const now = await scrape(sidecar);
      return (now.value('dapr_grpc_io_client_completed_rpcs', { ...rpc, grpc_client_status: 'OK' }) ?? 0) > 0 && now.sum('dapr_grpc_io_healthprobes_completed_count') > 0 ? now : undefined;
    }) as Exposition;
    expect(metrics.value('dapr_grpc_io_client_roundtrip_latency_count', { ...rpc, grpc_client_status: 'OK' })).toBeGreaterThan(0);
    expect(metrics.value('dapr_grpc_io_client_sent_bytes_per_rpc_count', rpc)).toBeGreaterThan(0);
    expect(metrics.value('dapr_component_pubsub_ingress_count', ingress('fine', 'success'))).toBeGreaterThan(0);
    await app.stop();
  });
});

describe('the metrics port', () => {
  let busy: Server;
  let port: number;
  let refused: Promise<Sidecar>;
  const warnings: string[] = [];

  beforeAll(async () => {
    busy = createServer();
    await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve));
    port = (busy.address() as AddressInfo).port;
    const metrics = new Metrics({
      appId: 'me', namespace: '', config: { enabled: true, address: '127.0.0.1', port, isPortGiven: false }, compartments: () => [], app: () => undefined,
      log: { info: () => {}, warn: (_fields: object, text: string) => warnings.push(text) } as unknown as Log,
    });
    await metrics.apply((await loadConfiguration([], {})).metrics);
    await metrics.listen(); // nobody waits for a port that nobody asked for
    refused = startSidecar({ isolation: 'monolith', flags: ['--enable-metrics=true', `--metrics-port=${port}`, '--metrics-listen-address=127.0.0.1'], until: 'nothing' });
  });

  afterAll(() => void busy.close());

  it('is not there where flag or Configuration say so, and nothing is counted', async () => {
    for (const options of [{}, { flags: METRICS, configuration: configuration('{enabled: false}') }]) {
      await using sidecar = await startSidecar({ isolation: 'monolith', components: COMPONENTS, ...options });
      expect((await sidecar.client.post('/v1.0/state/store', '[{"key":"a","value":1}]')).status).toBe(204);
      expect(sidecar.logs.matching(/metrics server started/)).toHaveLength(0);
    }
  });

  it('follows the Configuration while it is open, and goes and comes with it', async () => {
    await using sidecar = await startSidecar({ appId: 'me', components: COMPONENTS, flags: METRICS, configuration: configuration('{}') });
    const { client } = sidecar;
    const count = async (labels: Readonly<Record<string, string>>): Promise<number> => {
      await client.get('/v1.0/state/store/a');
      return (await scrape(sidecar)).sum('dapr_http_server_request_count', labels);
    };
    expect(await count({ path: '/v1.0/state/store' })).toBe(1);
    await sidecar.logs.waitFor(/Hot reloading enabled/);
    writeFileSync(join(sidecar.resources, 'policies.yaml'), POLICIES);
    await eventually('the policies are counted', async () => (await scrape(sidecar)).value('dapr_resiliency_loaded', { app_id: 'me', name: 'careful', namespace: 'here' }) === 1);
    writeFileSync(sidecar.configurationFile, configuration('{http: {increasedCardinality: false, excludeVerbs: true}}'));
    await eventually('paths and verbs are gone', async () => await count({ path: '', method: '' }) > 0);
    const before = await scrape(sidecar);
    expect(before.sum('dapr_http_server_request_count', { path: '/v1.0/state/store' })).toBeGreaterThan(0); // what was counted stays
    expect(before.families.has('dapr_http_server_response_count')).toBe(false);
    writeFileSync(sidecar.configurationFile, configuration('{latencyDistributionBuckets: [5, 50]}'));
    await eventually('other buckets count', async () => {
      await client.get('/v1.0/state/store/a');
      const { families } = await scrape(sidecar);
      const bounds = (name: string) => [...new Set(families.get(name)?.samples.flatMap(({ labels: { le } }) => le ?? []))].join();
      return bounds('dapr_http_server_latency') === '5,50,+Inf' && bounds('dapr_component_state_latencies') === '5,50,+Inf';
    });
    const open = await metricsPort(sidecar);
    writeFileSync(sidecar.configurationFile, configuration('{enabled: false}'));
    await eventually('the port is closed', async () => HttpClient.to(open).get('/').then(() => false, () => true));
    const lines = sidecar.logs.all.length;
    writeFileSync(sidecar.configurationFile, configuration('{enabled: true}'));
    const again = HttpClient.to(await sidecar.logs.match(/metrics server started on 127\.0\.0\.1:(\d+)\//, 10_000, lines));
    expect(new Exposition((await again.get('/metrics')).body).families.has('bulkhead_block_life')).toBe(true);
    again.close();
  });

  it('is only missed where nobody asked for it and it is taken', async () => {
    await eventually('that is said', () => warnings.length > 0);
    expect(warnings).toEqual([expect.stringMatching(/^metrics are not served: .*EADDRINUSE.*; choose another --metrics-port, or --enable-metrics=false; everything else works$/)]);
  });

  it('ends the sidecar where it was asked for and is taken', async () => {
    const sidecar = await refused;
    expect(await sidecar.end()).toMatchObject({ code: 1 });
    expect(sidecar.logs.matching(/level=fatal msg="Fatal error from runtime: metrics are not served: could not listen on any endpoint: 127\.0\.0\.1:\d+: .*EADDRINUSE/)).toHaveLength(1);
  });
});
