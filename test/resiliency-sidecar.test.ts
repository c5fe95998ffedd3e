// Resiliency policies as a client and an operator see them: a store that dies, a breaker's words in both protocols, deliveries
// that come again, what is listed, counted and logged.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp, type App } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { GrpcClient, type GrpcFailure } from './harness/grpc.ts';
import { METRICS, scrape } from './harness/metrics.ts';
import { manifestOf, startSidecar, type Sidecar } from './harness/sidecar.ts';
import { getState } from './harness/states.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';

const resiliency = (name: string, spec: object, more: object = {}): string => JSON.stringify({ apiVersion: 'dapr.io/v1alpha1', kind: 'Resiliency', metadata: { name }, spec, ...more });

describeWithRedis('resiliency', () => {
  let server: RedisServer;
  let app: App;
  let sidecar: Sidecar;
  let grpc: GrpcClient;

  beforeAll(async () => {
    server = await startRedis({ durable: true });
    app = await startApp({ subscriptions: [{ pubsubname: 'pubsub', topic: 'work', route: '/work', deadLetterTopic: 'dead' }, { pubsubname: 'pubsub', topic: 'dead', route: '/dead' }] });
    const redis = (name: string): string => manifestOf({ name, type: 'state.redis', metadata: { redisHost: server.address, readTimeout: '300', redisMaxRetries: '0', redisMinRetryInterval: '50', redisMaxRetryInterval: '100' } });
    const policies = {
      timeouts: { short: '150ms' },
      retries: { patient: { policy: 'constant', duration: '100ms', maxRetries: -1 }, twice: { duration: 10, maxRetries: 2, matching: { httpStatusCodes: '500-599' } } },
      circuitBreakers: { touchy: { trip: 'consecutiveFailures >= 2', timeout: '500ms' } },
    };
    const components = {
      patient: { outbound: { retry: 'patient' } }, fragile: { outbound: { circuitBreaker: 'touchy' } }, hurried: { outbound: { timeout: 'short' } },
      pubsub: { inbound: { retry: 'twice' } }, missing: { outbound: { retry: 'often' } },
    };
    const documents = [
      resiliency('policies', { policies, targets: { components } }), redis('patient'), redis('fragile'), redis('hurried'), manifestOf({ name: 'pubsub', type: 'pubsub.in-memory' }),
      resiliency('broken', { policies: { retries: { r: { matching: { httpStatusCodes: '11' } } } } }), resiliency('theirs', {}, { scopes: ['another-app'] }),
    ];
    sidecar = await startSidecar({ components: documents.join('\n---\n'), flags: [...METRICS, `--app-port=${app.port}`] });
    grpc = new GrpcClient(sidecar.grpcAddress);
  }, 60_000);

  afterAll(async () => {
    grpc?.[Symbol.dispose]();
    await sidecar?.stop();
    await app?.stop();
    await server?.stop();
  });

  it('is listed and said at the start, and what is wrong with it, too', async () => {
    expect(((await sidecar.metadata())['resiliencies'] as { name: string }[]).map(({ name }) => name)).toContain('policies');
    const log = sidecar.logs.all.join('\n');
    expect(log).toContain('msg="Loading Resiliency configuration: policies"');
    expect(log).toMatch(/level=error msg="Could not read resiliency policy broken: invalid retry configuration \\"r\\": invalid pattern 11, start code 11 is not valid/);
    expect(log).toMatch(/level=warning? msg="[^"]*0\.yaml: document 1: spec\.targets\.components\.missing\.outbound\.retry has no effect: there is no retry policy \\"often\\"/);
    expect(log).not.toContain('Loading Resiliency configuration: theirs');
  });

  it('has an event delivered again before it becomes a dead letter', async () => {
    app.handler = ({ path }) => (path === '/work' ? { status: 503 } : undefined);
    expect(await sidecar.client.post('/v1.0/publish/pubsub/work', '1', { 'Content-Type': 'application/json' })).toMatchObject({ status: 204 });
    await eventually('it is a dead letter', () => app.deliveries.some(({ path }) => path === '/dead'));
    const dead = app.deliveries.find(({ path }) => path === '/dead')!;
    const tries = app.deliveries.filter(({ path }) => path === '/work');
    expect(tries).toHaveLength(3);
    expect(new Set(tries.map(({ text }) => text)).size).toBe(1);
    expect((dead.json as { topic: string }).topic).toBe('work');
    await sidecar.logs.match(/msg="Error processing operation component\[pubsub\] input\. Retrying in 10ms…"/);
  });

  it('has a write wait for its store to come back, and a breaker refuse meanwhile', async () => {
    const body = '[{"key":"k","value":1}]';
    for (const store of ['patient', 'fragile', 'hurried']) expect(await sidecar.client.post(`/v1.0/state/${store}`, body)).toMatchObject({ status: 204 });
    await server.kill();
    const patient = sidecar.client.post('/v1.0/state/patient', '[{"key":"k","value":2}]');
    patient.catch(() => undefined); // whoever waits for it hears of it
    for (let i = 0; i < 2; i++) expect(await sidecar.client.get('/v1.0/state/fragile/k')).toMatchObject({ status: 500 });
    await sidecar.logs.match(/msg="Circuit breaker \\"touchy-fragile\\" changed state from closed to open"/);
    const refused = { errorCode: 'ERR_STATE_GET', message: 'fail to get k from state store fragile: circuit breaker is open' };
    // It is half-open after half a second, and open again after one call that fails.
    const answer = await eventually('the breaker refuses over HTTP', async () => {
      const { status, body: text } = await sidecar.client.get('/v1.0/state/fragile/k');
      return status === 500 && text.includes('circuit breaker') ? text : '';
    });
    expect(JSON.parse(answer)).toEqual(refused);
    const failure = await eventually('and over gRPC', async () => {
      const cause = await grpc.call('GetState', getState('fragile', 'k')).then(() => undefined, (refusal: unknown) => refusal as GrpcFailure);
      return cause?.text.includes('circuit breaker') === true ? cause : undefined;
    });
    expect(failure).toMatchObject({ code: 'Internal', text: refused.message });
    await sidecar.logs.match(/msg="Error processing operation component\[patient\] output\. Retrying in 100ms…"/);
    await server.restart();
    expect(await patient).toMatchObject({ status: 204 });
    expect(await sidecar.client.get('/v1.0/state/patient/k')).toMatchObject({ status: 200, body: '2' });
    await sidecar.logs.match(/msg="Recovered processing operation component\[patient\] output after \d+ attempts"/);
    await eventually('the breaker has closed', async () => (await sidecar.client.get('/v1.0/state/fragile/k')).status === 200);
    expect((await sidecar.block('state')).restarts).toBe(0);
  }, 40_000);

  it('has a read of a store that says nothing end in time', async () => {
    await eventually('the store answers', async () => (await sidecar.client.get('/v1.0/state/hurried/k')).status === 200);
    server.pause();
    try {
      const { status, body } = await sidecar.client.get('/v1.0/state/hurried/k');
      expect([status, JSON.parse(body)]).toEqual([500, { errorCode: 'ERR_STATE_GET', message: 'fail to get k from state store hurried: context deadline exceeded' }]);
    } finally {
      server.resume();
    }
  });

  it('is counted by resource, policy and target, and a breaker is in one state', async () => {
    const metrics = await scrape(sidecar);
    const of = (target: string, policy: string, status = '', direction = 'outbound') => ({ app_id: 'app', flow_direction: direction, name: 'policies', namespace: '', policy, status, target });
    expect(metrics.value('dapr_resiliency_count', of('Pubsub_pubsub', 'retry', '', 'inbound'))).toBe(2); // the dead letter's own delivery is one, too
    expect(metrics.value('dapr_resiliency_activations_total', of('Pubsub_pubsub', 'retry', '', 'inbound'))).toBe(1);
    expect(metrics.value('dapr_resiliency_activations_total', of('Statestore_patient', 'retry'))).toBe(1);
    expect(metrics.value('dapr_resiliency_activations_total', of('Statestore_hurried', 'timeout'))).toBeGreaterThanOrEqual(1);
    expect(metrics.value('dapr_resiliency_count', of('Statestore_fragile', 'circuitbreaker', 'closed'))).toBeGreaterThanOrEqual(3);
    expect(metrics.value('dapr_resiliency_count', of('Statestore_fragile', 'circuitbreaker', 'open'))).toBeGreaterThanOrEqual(2);
    expect(metrics.value('dapr_resiliency_activations_total', of('Statestore_fragile', 'circuitbreaker', 'open'))).toBeGreaterThanOrEqual(1);
    expect(['closed', 'half-open', 'open', 'unknown'].map((status) => metrics.value('dapr_resiliency_cb_state', of('Statestore_fragile', 'circuitbreaker', status)))).toEqual([1, 0, 0, 0]);
    expect(metrics.value('dapr_resiliency_loaded', { app_id: 'app', name: 'policies', namespace: '' })).toBe(1);
  });
});
