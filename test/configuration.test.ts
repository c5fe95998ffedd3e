// The Configuration: its files, their order, its members and defaults, and that no file crashes the start.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { enabledFeatures, isSecretAllowed, loadConfiguration, type Configuration } from '../kernel/configuration.ts';
import { expandEnvironment } from '../kernel/expand.ts';
import { FatalError } from '../kernel/fatal.ts';

const root = mkdtempSync(join(tmpdir(), 'bulkhead-configuration-'));
afterAll(() => rmSync(root, { recursive: true }));

let files = 0;
function file(contents: string | Uint8Array): string {
  const path = join(root, `${files++}.yaml`);
  writeFileSync(path, contents);
  return path;
}

const load = (specs: readonly string[], env: Record<string, string> = {}): Promise<Configuration> => loadConfiguration(specs.map((spec) => file(`kind: Configuration\nspec: ${spec}`)), env);
const refusal = (promise: Promise<unknown>) => promise.then(() => 'no error', (cause: unknown) => (cause instanceof FatalError ? cause.message : cause));

describe('the Configuration', () => {
  it('has defaults', async () => {
    const configuration = await loadConfiguration([], {});
    expect(configuration).toMatchObject({
      api: { http: { allowed: [], denied: [] }, grpc: { allowed: [], denied: [] } },
      apiLogging: { enabled: false, obfuscateUrls: false, omitHealthChecks: false },
      deniedComponents: [],
      metrics: { enabled: true, recordErrorCodes: false, latencyBuckets: [], http: { increasedCardinality: true, pathMatching: [], excludeVerbs: false }, rules: [], json: '{"enabled":true}' },
      spec: {},
    });
    expect(configuration.secretScopes.size).toBe(0);
    expect(enabledFeatures(configuration)).toEqual(['HotReload', 'WorkflowsRemoteActivityReminder']);
  });

  it('is the first document with contents, whatever the case of its members, with the environment filled in', async () => {
    const path = file('# a note\n---\nKIND: Configuration\nSpec:\n  LOGGING: {apiLogging: {Enabled: $ON, obfuscateurls: ${ON}}}\n  tracing: {samplingRate: "$RATE"}\n---\nspec: {logging: {apiLogging: {enabled: false}}}\n');
    const configuration = await loadConfiguration([path], { ON: 'true' });
    expect(configuration.apiLogging).toEqual({ enabled: true, obfuscateUrls: true, omitHealthChecks: false });
    expect(configuration.spec).toMatchObject({ tracing: { samplingRate: '' } });
  });

  it('is laid over earlier ones: objects merge, lists are replaced', async () => {
    const configuration = await load([
      '{logging: {apiLogging: {enabled: true}}, features: [{name: A, enabled: true}, {name: HotReload, enabled: false}], tracing: {stdout: true, zipkin: {endpointAddress: x}}}',
      '{Logging: {ApiLogging: {omitHealthChecks: true}}, features: [{name: B, enabled: true}], tracing: {zipkin: null}}',
    ]);
    expect(configuration.apiLogging).toEqual({ enabled: true, obfuscateUrls: false, omitHealthChecks: true });
    expect(enabledFeatures(configuration)).toEqual(['HotReload', 'WorkflowsRemoteActivityReminder', 'B']);
    expect(configuration.spec).toMatchObject({ tracing: { stdout: true, zipkin: null } });
  });

  it.each<[string, Record<string, string>, number | undefined]>([
    ['{}', {}, undefined],
    ['{tracing: {samplingRate: "", stdout: false, zipkin: {endpointAddress: ""}, otel: {isSecure: false}}}', {}, undefined],
    ['{tracing: {samplingRate: "0"}}', {}, undefined],
    ['{tracing: {samplingRate: 0.0, zipkin: {endpointAddress: x}}}', {}, undefined],
    ['{tracing: {samplingRate: "0.5"}}', {}, 0.5],
    ['{Tracing: {SAMPLINGRATE: 1}}', {}, 1],
    ['{tracing: {samplingRate: "7"}}', {}, 1],
    ['{tracing: {samplingRate: "-1"}}', {}, 0],
    ['{tracing: {samplingRate: "all"}}', {}, 0.0001],
    ['{tracing: {stdout: true}}', {}, 0.0001],
    ['{tracing: {zipkin: {endpointAddress: x}}}', {}, 0.0001],
    ['{tracing: {otel: {endpointAddress: x}}}', {}, 0.0001],
    ['{}', { OTEL_EXPORTER_OTLP_ENDPOINT: 'x' }, 1],
    ['{tracing: {zipkin: {endpointAddress: x}}}', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'x' }, 1],
    ['{tracing: {samplingRate: "0"}}', { OTEL_EXPORTER_OTLP_ENDPOINT: 'x' }, undefined],
  ])('%s with the environment %j samples traces at the rate %s', async (spec, env, samplingRate) => {
    const { tracing } = await loadConfiguration([file(`{"kind": "Configuration", "spec": ${spec}}`)], env);
    expect(tracing).toEqual(samplingRate === undefined ? {} : { samplingRate });
  });

  it('turns features off', async () => {
    expect(enabledFeatures(await load(['{features: [{name: HotReload, enabled: false}, {name: X}]}']))).toEqual(['WorkflowsRemoteActivityReminder']);
  });

  it('has API rules by protocol', async () => {
    const { api } = await load(['{api: {allowed: [{name: state, version: v1, protocol: GRPC}, {name: publish, version: v1.0}], denied: [{name: lock, version: v1alpha1, protocol: http}]}}']);
    expect(api).toEqual({
      http: { allowed: [{ name: 'publish', version: 'v1.0' }], denied: [{ name: 'lock', version: 'v1alpha1' }] },
      grpc: { allowed: [{ name: 'state', version: 'v1' }], denied: [] },
    });
    expect(await refusal(load(['{api: {denied: [{name: state, protocol: htp}]}}']))).toContain('spec.api.denied[0].protocol can be either http or grpc');
  });

  it('scopes secrets', async () => {
    const { secretScopes } = await load(['{secrets: {scopes: [{storeName: a, allowedSecrets: [x], deniedSecrets: [x]}, {storeName: b, defaultAccess: Deny, deniedSecrets: [x]}, {storeName: c, deniedSecrets: [x]}]}}']);
    const allowed = (store: string, key: string) => isSecretAllowed(secretScopes.get(store), key);
    expect(['a', 'b', 'c', 'd'].map((store) => [allowed(store, 'x'), allowed(store, 'y')])).toEqual([[true, false], [false, false], [false, true], [true, true]]);
    expect(await refusal(load(['{secrets: {scopes: [{storeName: a}, {storeName: a}]}}']))).toBe('a storeName is repeated in secrets configuration');
    expect(await refusal(load(['{secrets: {scopes: [{storeName: a, defaultAccess: maybe}]}}']))).toBe('defaultAccess maybe can be either allow or deny');
  });

  it('lets metrics win over metric, member by member', async () => {
    const { metrics } = await load(['{metric: {enabled: false, recordErrorCodes: true, http: {excludeVerbs: true}}, metrics: {enabled: true, http: {increasedCardinality: false, pathMatching: [/a]}, latencyDistributionBuckets: [1, 5], rules: [{name: r, labels: [{name: l, regex: {x: "y.*"}}]}]}}']);
    expect(metrics).toMatchObject({ enabled: true, recordErrorCodes: true, latencyBuckets: [1, 5], http: { increasedCardinality: false, pathMatching: ['/a'], excludeVerbs: false } });
    expect(metrics.rules[0]?.labels[0]?.regex.get('x')).toBe('y.*');
    expect(metrics.json).toBe('{"enabled":true,"recordErrorCodes":true,"http":{"increasedCardinality":false,"pathMatching":["/a"]},"latencyDistributionBuckets":[1,5],"rules":[{"name":"r","labels":[{"name":"l","regex":{"x":"y.*"}}]}]}');
  });

  it('names file, line and member of a fault', async () => {
    expect(await refusal(loadConfiguration(['/does/not/exist'], {}))).toBe('error loading configuration from --config=/does/not/exist: no such file or directory');
    expect(await refusal(loadConfiguration([root], {}))).toContain('not a regular file');
    const broken = file('a: 1\nb: [\n');
    expect(await refusal(loadConfiguration([broken], {}))).toMatch(/--config=.*: line \d+, column \d+: Flow sequence/);
    expect(await refusal(load(['{features: {}}']))).toContain('spec.features should be a list and is an object');
    expect(await refusal(load(['{metrics: {enabled: "true"}}']))).toContain('spec.metrics.enabled should be true or false and is a text');
    expect(await refusal(load(['$BIG'], { BIG: 'x'.repeat(2 ** 20) }))).toContain('environment variables make it larger');
    expect(await refusal(loadConfiguration([file('spec: {a: &a {b: *a}}'), file('spec: {a: &a {b: *a}}')], {}))).toContain('nested too deeply');
  });

  it('answers any file', async () => {
    const json = fc.dictionary(fc.constantFrom('api', 'features', 'logging', 'components', 'secrets', 'metric', 'metrics', 'Metrics', '__proto__'),
      fc.oneof(fc.jsonValue({ maxDepth: 4 }), fc.dictionary(fc.constantFrom('allowed', 'denied', 'apiLogging', 'deny', 'scopes', 'http', 'rules', 'enabled'), fc.jsonValue({ maxDepth: 3 }))))
      .map((spec) => JSON.stringify({ spec }));
    await fc.assert(fc.asyncProperty(fc.array(fc.oneof(json, fc.string(), fc.uint8Array({ maxLength: 100 })), { maxLength: 3 }), async (contents) => {
      try {
        expect(await loadConfiguration(contents.map(file), { A: 'a' })).toHaveProperty('api');
      } catch (cause) {
        expect(cause).toBeInstanceOf(FatalError);
      }
    }), { numRuns: 400 });
  });
});

describe('expansion', () => {
  it("follows Go's", () => {
    const env = { A: '1', A_B: '2', 'x.y': '3' };
    const cases: [string, string][] = [['$A', '1'], ['${A}', '1'], ['$A_B', '2'], ['${A}_B', '1_B'], ['$A-$none!', '1-!'], ['${x.y}', '3'], ['$$A', 'A'], ['$', '$'], ['a$ b', 'a$ b'], ['$1x', 'x'], ['${}', ''], ['${open', 'open'], ['$%', '$%'], ['$é', '$é'], ['$constructor', '']];
    for (const [text, expanded] of cases) expect(expandEnvironment(text, env)).toBe(expanded);
  });

  it('leaves a text without dollars alone', () => {
    fc.assert(fc.property(fc.string().filter((text) => !text.includes('$')), (text) => expandEnvironment(text, { A: '1' }) === text));
  });
});
