// What requests and components are called in metrics: path rules, templates, rewriting, error categories.
import { describe, expect, it } from 'vitest';
import { LabelRewriting } from '../kernel/metrics/rules.ts';
import { defaultLabel, PathLabels } from '../kernel/metrics/paths.ts';
import { PathTemplates } from '../kernel/metrics/path-templates.ts';
import { HttpServerCounts, statusLabel, verbLabel } from '../kernel/metrics/server-counts.ts';
import { ALL_MEASURES } from '../kernel/metrics/measures.ts';
import { categoryOf } from '../proto/error-category.ts';
import { FAIL } from '../proto/failures.ts';
import { CountingMeter, METER_LIMITS } from '../proto/meter.ts';

describe('path labels', () => {
  it.each([
    ['/v1.0/state/mystore/key', '/v1.0/state/mystore'], ['/v1.0/state/mystore', '/v1.0/state/mystore'], ['/v1.0/state/mystore/a/b', '/v1.0/state/mystore'], ['/v1.0/state', '/v1.0/state'],
    ['/v1.0-alpha1/state/mystore/query', '/v1.0-alpha1/state/mystore'], ['/v1.0/secrets/vault/name', '/v1.0/secrets/vault'], ['/v1.0/secrets', '/v1.0/secrets'],
    ['/v1.0/actors/mytype/id1/method/foo', '/v1.0/actors/mytype/{id}/method'], ['/v1.0/actors/mytype/id1/state/key', '/v1.0/actors/mytype/{id}/state'], ['/v1.0/actors/mytype/id1', '/v1.0/actors/mytype/id1'],
    ['/actors/mytype/id1/method/foo', '/actors/mytype/{id}/method/foo'], ['/v1.0/publish/p/t', '/v1.0/publish/p/t'], ['/v1.0/healthz', '/v1.0/healthz'], ['/v1.0/statement/a/b', '/v1.0/statement/a/b'],
    ['/v1.0/invoke/app/method/orders/1', '/v1.0/invoke/app/method/orders/1'], ['/', '/'], ['/x', '/x'],
  ])('%s counts as %s by default', (path, label) => {
    expect(defaultLabel(path)).toBe(label);
  });

  const settings = (increasedCardinality: boolean, ...pathMatching: string[]) => new PathLabels({ increasedCardinality, pathMatching, excludeVerbs: false });

  it('are empty where cardinality is to be low, but not of calls to the application', () => {
    expect(settings(false).server('/v1.0/state/mystore/key')).toBe('');
    expect(settings(false).client('/dapr/config?x=1')).toBe('/dapr/config');
    expect(settings(false).client('orders')).toBe('/orders');
  });

  it('are the template where one fits; else the raw path, or nothing', () => {
    for (const shown of [true, false]) {
      const labels = settings(shown, '/v1.0/state/mystore/{key}', '/orders/{id}');
      expect(labels.server('/v1.0/state/mystore/foo')).toBe('/v1.0/state/mystore/{key}');
      expect(labels.server('/v1.0/invoke/other/method/orders/7')).toBe('/v1.0/invoke/{app_id}/method/orders/{id}');
      expect(labels.server('/v1.0/state/other/foo')).toBe(shown ? '/v1.0/state/other/foo' : '');
    }
  });
});

describe('path templates', () => {
  const match = (path: string, ...templates: string[]): string | undefined => new PathTemplates(templates).match(path);

  it.each<[string, string | undefined, ...string[]]>([
    ['/orders/1234', '/orders/1234', '/orders/{id}', '/orders/1234'], ['/orders/1', '/orders/{id}', '/orders/{id}', '/orders/1234'], ['/orders/1/items', undefined, '/orders/{id}'],
    ['/orders/1', '/orders/{a}', '/orders/{a}', '/orders/{b}'], ['/a/b/c', '/a/{rest...}', '/a/{rest...}'], ['/a', '/a/{rest...}', '/a/{rest...}'], ['/a/b/c', '/a/', '/a/'], ['/a/b', '/a/b', '/a/', '/a/b'],
    ['/x/y', '/', '/'], ['/', '/', '/'], ['/', '/{$}', '/{$}'], ['/x', undefined, '/{$}'], ['/orders', '/orders', '//orders'], ['/orders', '/orders', 'orders'],
    ['/a/x/c', '/a/{b}/c', '/a/{b}/c', '/a/x/d'], ['/a/x/d', '/a/x/d', '/a/{b}/c', '/a/x/d'],
  ])('%s fits %s', (path, template, ...templates) => {
    expect(match(path, ...templates)).toBe(template);
  });

  it('that are none are named, and the others count', () => {
    const templates = new PathTemplates(['', '/a/{b', '/{all...}/c', '/good/{x}', `/${'x'.repeat(2_000)}`, 'GET /y']);
    expect(templates.refused).toHaveLength(5);
    expect(templates.match('/good/1')).toBe('/good/{x}');
  });
});

describe('label rules', () => {
  const rewriting = (name: string, label: string, regex: Record<string, string>, warnings: string[] = []) => new LabelRewriting([{ name, labels: [{ name: label, regex: new Map(Object.entries(regex)) }] }], (text) => warnings.push(text));

  it('replace what they match, in any form of the metric\'s name', () => {
    for (const name of ['dapr_http_server_request_count', 'http_server_request_count', 'http/server/request_count']) {
      const { rewrite } = rewriting(name, 'path', { '/orders/TEST': '/orders/.+' });
      expect(rewrite('http_server_request_count', 'path', '/orders/123')).toBe('/orders/TEST');
      expect(rewrite('http_server_request_count', 'path', '/items/123')).toBe('/items/123');
      expect(rewrite('http_server_request_count', 'method', '/orders/123')).toBe('/orders/123');
      expect(rewrite('http_server_latency', 'path', '/orders/123')).toBe('/orders/123');
    }
  });

  it('know groups the way Go writes them', () => {
    expect(rewriting('m', 'l', { '${2}-$1-$$': '(\\w+)/(\\w+)' }).rewrite('m', 'l', 'a/b')).toBe('b-a-$');
    expect(rewriting('m', 'l', { '<${what}>': '(?i)(?P<what>ORDER)s?' }).rewrite('m', 'l', 'orders')).toBe('<order>');
    expect(rewriting('m', 'l', { '': '\\d+' }).rewrite('m', 'l', 'a1b22')).toBe('ab');
  });

  it('that are broken, too long or too slow do not apply, and are named', () => {
    const warnings: string[] = [];
    expect(rewriting('m', 'l', { x: '(' }, warnings).rewrite('m', 'l', '(')).toBe('(');
    expect(rewriting('m', 'l', { x: 'a'.repeat(2_000) }, warnings).rewrite('m', 'l', 'a')).toBe('a');
    const slow = rewriting('m', 'l', { x: '^(a+)+$' }, warnings);
    const began = performance.now();
    for (let i = 0; i < 100; i++) expect(slow.rewrite('m', 'l', `${'a'.repeat(100)}${i}!`)).toMatch(/^a+\d+!$/);
    expect(performance.now() - began).toBeLessThan(2_000); // the first took its time, and then never again
    expect(warnings).toHaveLength(3);
    expect(warnings[2]).toContain('applies no more');
  });
});

describe('counts of the HTTP API', () => {
  it('are bounded for 100,000 paths, whatever verbs and statuses come with them', () => {
    const meter = new CountingMeter({ table: ALL_MEASURES });
    const counts = new HttpServerCounts(meter, new PathLabels({ increasedCardinality: true, pathMatching: [], excludeVerbs: false }), false);
    for (let i = 0; i < 100_000; i++) counts.answered(i % 7 === 0 ? `V${i}` : 'GET', `/v1.0/publish/p/topic-${i}`, '10', 200 + (i % 5), 2, 1);
    for (const name of ['http_server_request_count', 'http_server_latency']) {
      const rows = meter.pack().filter(([row]) => row === name);
      expect(rows.length).toBeLessThanOrEqual(METER_LIMITS.maxValues + 20);
      expect(rows.some(([, [, path]]) => path === 'other')).toBe(true);
    }
    expect(meter.pack().filter(([name]) => name === 'http_server_request_count').reduce((sum, [, , value]) => sum + (value as number), 0)).toBe(100_000);
  });

  it('show verbs that nobody knows, and statuses that are none, as what they are', () => {
    expect([verbLabel('GET'), verbLabel('get'), verbLabel('BREW')]).toEqual(['GET', 'UNKNOWN', 'UNKNOWN']);
    expect([statusLabel(204), statusLabel(7), statusLabel(70_000), statusLabel(Number.NaN)]).toEqual(['204', '0', '0', '0']);
    const meter = new CountingMeter({ table: ALL_MEASURES });
    new HttpServerCounts(meter, new PathLabels({ increasedCardinality: true, pathMatching: [], excludeVerbs: true }), true).answered('GET', '/x', undefined, 200, 0, 1);
    expect(meter.pack().find(([name]) => name === 'http_server_request_count')?.[1]).toEqual(['', '/x', '200']);
  });
});

describe('error categories', () => {
  it.each<[string, string | undefined, { readonly failure: Parameters<typeof categoryOf>[0] }]>([
    ['ERR_STATE_GET', 'state', FAIL.stateGet('k', 's', { text: '', grpc: 13, http: 500 })], ['ERR_STATE_STORE_NOT_CONFIGURED', 'state', FAIL.stateNotConfigured('s', 'a')],
    ['ERR_MALFORMED_REQUEST', 'state', FAIL.illegalKey('s', 'a||b')], ['ERR_MALFORMED_REQUEST', 'common', FAIL.saveBody('x')], ['ERR_PUBSUB_NOT_FOUND', 'pubsub', FAIL.pubsubNotFound('p', null)],
    ['ERR_TOPIC_NAME_EMPTY', 'pubsub', FAIL.topicEmpty('p', null)], ['ERR_CONFIGURATION_GET', 'configuration', FAIL.configurationGet([], 's', 'x')], ['ERR_LOCK_STORE_NOT_FOUND', 'lock', FAIL.lockNotFound('s')],
    ['ERR_TRY_LOCK', 'lock', FAIL.tryLock('x')], ['ERR_DIRECT_INVOKE', 'service-invocation', FAIL.noInvokeTarget()], ['ERR_API_UNIMPLEMENTED', 'common', FAIL.notImplemented()],
    ['ERR_HEALTH_NOT_READY', 'health', { failure: { code: 'ERR_HEALTH_NOT_READY' } }], ['ERROR', undefined, { failure: { code: 'ERROR' } }],
  ])('%s is of %s', (code, category, { failure }) => {
    expect(failure.code).toBe(code);
    expect(categoryOf(failure)).toBe(category);
  });
});
