// Resiliency manifests: every format, default and refusal of a policy and a target, how several add up, and which policies a
// component gets.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RetryPolicy } from '../proto/resiliency.ts';
import type { Manifest } from '../kernel/manifests.ts';
import { policiesFor, withResiliency } from '../kernel/resiliency/apply.ts';
import { codeRanges } from '../kernel/resiliency/codes.ts';
import { BUILT_IN } from '../kernel/resiliency/policies.ts';
import { readResiliency, resiliencyFaults, type Resiliency } from '../kernel/resiliency/read.ts';
import type { Resources } from '../kernel/resources.ts';
import type { YamlObject } from '../kernel/shape.ts';
import { yamlParser } from '../kernel/yaml.ts';

const parse = await yamlParser();
const READER = { appId: 'app', namespace: '' };

function manifest(spec: string, more: Partial<Manifest> = {}): Manifest {
  const parsed = parse(spec);
  if ('problem' in parsed) throw new Error(parsed.problem.reason);
  const body: YamlObject = { kind: 'Resiliency', spec: parsed.value };
  return { kind: 'Resiliency', apiVersion: 'dapr.io/v1alpha1', name: 'r', namespace: '', scopes: [], body, path: '/res/r.yaml', document: 1, ...more };
}
const read = (...specs: readonly string[]): Resiliency => readResiliency(specs.map((spec, index) => manifest(spec, { name: `r${index}` })), READER);
const policies = (text: string): Resiliency => read(`policies: ${text}`);
const texts = ({ notices }: Resiliency, level: string): string[] => notices.filter((notice) => notice.level === level).map(({ text }) => text);
const retry = (text: string): RetryPolicy | undefined => policies(`{ retries: { x: ${text} } }`).policies.retries.get('x');
const breaker = (text: string): object | undefined => policies(`{ circuitBreakers: { x: ${text} } }`).policies.circuitBreakers.get('x');
const refusal = (spec: string): string => {
  const resiliency = read(spec);
  expect(resiliency.loaded).toEqual([]);
  expect(resiliency.policies).toEqual(BUILT_IN);
  const [error, ...rest] = texts(resiliency, 'error');
  expect(rest).toEqual([]);
  return error ?? 'no error';
};

const DEFAULT_RETRY: RetryPolicy = {
  policy: 'constant', durationMs: 5_000, maxIntervalMs: 60_000, maxElapsedMs: 900_000, maxRetries: -1, httpStatusCodes: [], grpcStatusCodes: [],
};
const DEFAULT_BREAKER = { name: 'x', maxRequests: 1, intervalMs: 0, timeoutMs: 60_000, trip: 'consecutiveFailures > 5' };

describe('a policy', () => {
  it.each([
    ['5s', 5_000], ['1m30s', 90_000], ['250ms', 250], ['1.5s', 1_500], ['500', 500], ['"500"', 500], ['0', 0], ['+3', 3], ['-1s', -1_000], ['1h', 3_600_000],
  ])('for timeouts may be written %s', (text, expected) => {
    expect(policies(`{ timeouts: { t: ${text} } }`).policies.timeouts.get('t')).toBe(expected);
  });

  it.each<[string, Partial<RetryPolicy>]>([
    ['{}', {}], ['null', {}], ['{ policy: constant }', {}], ['{ policy: Exponential }', { policy: 'exponential' }], ['{ policy: CONSTANT, duration: 100 }', { durationMs: 100 }],
    ['{ Duration: 2s, MAXRETRIES: 3 }', { durationMs: 2_000, maxRetries: 3 }], ['{ maxInterval: "1500" }', { maxIntervalMs: 1_500 }], ['{ maxRetries: 0 }', { maxRetries: 0 }],
    ['{ maxRetries: -1 }', { maxRetries: -1 }], ['{ maxRetries: -7 }', { maxRetries: -1 }], ['{ maxRetries: null, duration: "" }', {}], ['{ matching: {} }', {}],
    ['{ matching: { httpStatusCodes: "", gRPCStatusCodes: "" } }', {}], ['{ matching: { httpStatusCodes: "429,500-599" } }', { httpStatusCodes: [[429, 429], [500, 599]] }],
    ['{ matching: { httpStatusCodes: 500 } }', { httpStatusCodes: [[500, 500]] }], ['{ matching: { grpcstatuscodes: "0-16" } }', { grpcStatusCodes: [[0, 16]] }],
    ['{ matching: { gRPCStatusCodes: ",1-4,,14," } }', { grpcStatusCodes: [[1, 4], [14, 14]] }],
  ])('for retries may be written %s', (text, expected) => {
    expect(retry(text)).toEqual({ ...DEFAULT_RETRY, ...expected });
  });

  it.each([
    ['{}', {}], ['{ maxRequests: 3 }', { maxRequests: 3 }], ['{ maxRequests: 0 }', {}], ['{ interval: 8s, timeout: 45s, trip: "consecutiveFailures > 8" }', { intervalMs: 8_000, timeoutMs: 45_000, trip: 'consecutiveFailures > 8' }],
    ['{ interval: "-3s", timeout: 0 }', {}], ['{ timeout: "-1" }', {}], ['{ trip: " requests > 1 " }', { trip: 'requests > 1' }], ['{ trip: "" }', {}],
  ])('for circuit breakers may be written %s', (text, expected) => {
    expect(breaker(text)).toEqual({ ...DEFAULT_BREAKER, ...expected });
  });

  it.each([
    ['timeouts: { t: 5 bananas }', 'invalid duration "t", 5 bananas: time: unknown unit " bananas" in duration "5 bananas"'], ['timeouts: { t: [] }', 'spec.policies.timeouts.t should be a text and is a list'],
    ['timeouts: { t: "" }', 'invalid duration "t", : time: invalid duration ""'], ['timeouts: 5s', 'spec.policies.timeouts should be an object and is a text'],
    ['retries: { x: { policy: linear } }', 'invalid retry configuration "x": unexpected back off policy type: linear'], ['retries: { x: { duration: soon } }', 'invalid retry configuration "x": duration: invalid duration "soon"'],
    ['retries: { x: { maxInterval: {} } }', 'invalid retry configuration "x": maxInterval should be a text and is an object'], ['retries: { x: { maxRetries: "3" } }', 'invalid retry configuration "x": maxRetries should be a whole number and is a text'],
    ['retries: { x: { maxRetries: 1.5 } }', 'invalid retry configuration "x": maxRetries should be a whole number and is a number'], ['retries: { x: 5 }', 'invalid retry configuration "x": spec.policies.retries.x should be an object and is a number'],
    ['retries: { x: { matching: { httpStatusCodes: "11" } } }', 'invalid pattern 11, start code 11 is not valid'], ['retries: { x: { matching: { gRPCStatusCodes: "400" } } }', 'invalid pattern 400, start code 400 is not valid'],
    ['retries: { x: { matching: { httpStatusCodes: "500-600" } } }', 'invalid pattern 500-600, end code 600 is not valid'], ['retries: { x: { matching: { gRPCStatusCodes: "14-2" } } }', 'invalid pattern 14-2, start value should not bigger than end value'],
    ['retries: { x: { matching: { gRPCStatusCodes: "1-2-3" } } }', "invalid pattern 1-2-3, more than one '-' exists"], ['retries: { x: { matching: { httpStatusCodes: "5xx" } } }', 'failed to parse start code 5xx from pattern 5xx to int'],
    ['retries: { x: { matching: { gRPCStatusCodes: "1-" } } }', 'failed to parse end code  from pattern 1- to int'], ['retries: { x: { matching: { httpStatusCodes: [500] } } }', 'matching.httpStatusCodes should be a text and is a list'],
    ['circuitBreakers: { x: { maxRequests: -1 } }', 'invalid circuit breaker configuration "x": maxRequests is -1'], ['circuitBreakers: { x: { interval: 5x } }', 'invalid circuit breaker configuration "x": interval: invalid duration "5x"'],
    ['circuitBreakers: { x: { timeout: true } }', 'timeout: invalid duration "true"'],
  ])('that makes no sense costs its resource: %s', (text, reason) => {
    const message = refusal(`policies: { ${text} }`);
    expect(message.startsWith('Could not read resiliency policy r0: ')).toBe(true);
    expect(message).toContain(reason);
    expect(message).toContain('/res/r.yaml: document 1');
  });

  it('of any text is ranges within the codes there are, or an error', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.integer({ min: -1, max: 20 }).map(String), fc.constantFrom('-', ',', ' ', '1-3', 'x', '16', '0'))), (parts) => {
      try {
        for (const [first, last] of codeRanges(parts.join(''), [0, 16])) expect(first >= 0 && first <= last && last <= 16).toBe(true);
      } catch (cause) {
        expect(cause).toMatchObject({ name: 'ShapeError' });
      }
    }));
  });

  it('of a built-in name is the one that is used, with three retries at least', () => {
    const given = policies('{ retries: { DaprBuiltInServiceRetries: { maxRetries: 2 }, DaprBuiltInActorRetries: { maxRetries: 9, duration: 5ms }, DaprBuiltInActorNotFoundRetries: { maxRetries: 9 } } }');
    expect(given.policies.retries.get('DaprBuiltInServiceRetries')).toEqual({ ...DEFAULT_RETRY, maxRetries: 3 });
    expect(given.policies.retries.get('DaprBuiltInActorRetries')).toEqual({ ...DEFAULT_RETRY, durationMs: 5, maxRetries: 9 });
    expect(given.policies.retries.get('DaprBuiltInActorNotFoundRetries')).toEqual({ ...DEFAULT_RETRY, durationMs: 1_000, maxRetries: 5 });
    expect(given.policies.retries.get('DaprBuiltInInitializationRetries')).toEqual({ ...DEFAULT_RETRY, policy: 'exponential', maxIntervalMs: 1_000, maxElapsedMs: 10_000, maxRetries: 3 });
    expect(texts(given, 'warn')).toEqual([
      '/res/r.yaml: document 1: Attempted override of DaprBuiltInServiceRetries did not meet minimum retry count, resetting to 3.',
      '/res/r.yaml: document 1: Attempted to override protected policy DaprBuiltInActorNotFoundRetries which is not allowed. Ignoring provided policy and using default.',
    ]);
  });

  it('with a member that means nothing is warned of, and read all the same', () => {
    const given = policies('{ retrys: {}, retries: { x: { maxRetris: 3, multiplier: 2, matching: { httpCodes: "5" } } }, circuitBreakers: { b: { trips: a } } }');
    expect(given.loaded).toHaveLength(1);
    const warnings = texts(given, 'warn');
    expect(warnings).toHaveLength(5);
    expect(warnings.join('\n')).toContain('spec.policies.retries.x.maxRetris means nothing: perhaps maxRetries was meant; known are policy, duration, maxInterval, maxRetries, matching');
  });
});

describe('a target', () => {
  it('names policies for applications, actors and components', () => {
    const given = read(`
policies: { timeouts: { t: 1s }, retries: { r: {} }, circuitBreakers: { b: {} } }
targets:
  apps: { a: { timeout: t, retry: r, circuitBreaker: b }, c: { circuitBreakerCacheSize: 7 } }
  actors: { A: { retry: r, circuitBreaker: b, circuitBreakerScope: both }, B: { circuitBreakerScope: nonsense } }
  components: { s: { outbound: { timeout: t }, inbound: { circuitBreaker: b } }, e: {} }`);
    expect(given.apps.get('a')).toEqual({ place: '/res/r.yaml: document 1: spec.targets.apps.a', target: { timeout: 't', retry: 'r', circuitBreaker: 'b', circuitBreakerCacheSize: 100 } });
    expect(given.apps.get('c')?.target.circuitBreakerCacheSize).toBe(7);
    expect(given.actors.get('A')?.target).toEqual({ timeout: '', retry: 'r', circuitBreaker: 'b', circuitBreakerScope: 'both', circuitBreakerCacheSize: 5_000 });
    expect(given.actors.get('B')?.target.circuitBreakerScope).toBeUndefined();
    expect(given.components.get('s')?.target).toEqual({ outbound: { timeout: 't', retry: '', circuitBreaker: '' }, inbound: { timeout: '', retry: '', circuitBreaker: 'b' } });
    expect(texts(given, 'warn')).toEqual([]);
  });

  it.each(['targets: {}', 'targets: null', '{}'])('may be left out: %s', (spec) => {
    expect(read(spec)).toMatchObject({ loaded: [{ name: 'r0', namespace: '' }], notices: [{ level: 'info', text: 'Loading Resiliency configuration: r0' }] });
  });

  it.each([
    ['actors: { A: { circuitBreaker: b } }', 'actor circuit breakers must include scope'], ['actors: { A: { circuitBreaker: b, circuitBreakerScope: ID } }', 'unknown circuit breaker scope "ID"'],
    ['apps: { a: { circuitBreakerCacheSize: -1 } }', 'must provide a positive size'], ['components: { s: { outbound: fast } }', 'spec.targets.components.s.outbound should be an object and is a text'], ['apps: [a]', 'spec.targets.apps should be an object and is a list'],
  ])('that makes no sense costs its resource: %s', (text, reason) => {
    expect(refusal(`policies: { retries: { r: {} } }\ntargets: { ${text} }`)).toContain(reason);
  });

  it('that names no policy there is has no effect, and is warned of with what there is', () => {
    const given = read('policies: { retries: { often: {} } }\ntargets: { components: { s: { outbound: { retry: offen, timeout: quick } } }, apps: { a: { circuitBreaker: b } } }');
    expect(texts(given, 'warn')).toEqual([
      '/res/r.yaml: document 1: spec.targets.apps.a.circuitBreaker has no effect: there is no circuit breaker policy "b"; there are none',
      '/res/r.yaml: document 1: spec.targets.components.s.outbound.timeout has no effect: there is no timeout policy "quick"; there are none',
      expect.stringContaining('/res/r.yaml: document 1: spec.targets.components.s.outbound.retry has no effect: there is no retry policy "offen"; there are DaprBuiltInServiceRetries, '),
    ]);
    expect(policiesFor({ name: 's', type: 'state.redis' }, given)).toBeUndefined();
  });
});

describe('several resources', () => {
  it('add up: a later name replaces an earlier one, also in what was named before, and a bad one takes nothing away', () => {
    const given = read(
      'policies: { timeouts: { t: 1s, u: 2s } }\ntargets: { components: { s: { outbound: { timeout: t } }, o: { outbound: { timeout: u } } } }',
      'policies: { timeouts: { t: soon, u: 9s } }',
      'policies: { timeouts: { t: 3s } }\ntargets: { components: { o: { inbound: { timeout: t } } } }',
    );
    expect(given.loaded.map(({ name }) => name)).toEqual(['r0', 'r2']);
    expect(policiesFor({ name: 's', type: 'state.x' }, given)).toEqual({ target: 'Statestore_s', outbound: { resource: { name: 'r2', namespace: '' }, timeoutMs: 3_000 } });
    expect(policiesFor({ name: 'o', type: 'pubsub.x' }, given)).toEqual({ target: 'Pubsub_o', inbound: { resource: { name: 'r2', namespace: '' }, timeoutMs: 3_000 } });
    expect(texts(given, 'info')).toEqual(['Loading Resiliency configuration: r0', 'Loading Resiliency configuration: r1', 'Loading Resiliency configuration: r2']);
  });

  it('count if they are for this application and this namespace', () => {
    const named = [
      manifest('{}', { name: 'all' }), manifest('{}', { name: 'scoped', scopes: ['other', 'app'] }), manifest('{ policies: 1 }', { name: 'theirs', scopes: ['other'] }),
      manifest('{}', { name: 'here', namespace: 'ns' }), manifest('{ policies: 1 }', { name: 'elsewhere', namespace: 'there' }), manifest('{}', { name: 'component', kind: 'Component' }),
    ];
    const names = (namespace: string): string[] => readResiliency(named, { appId: 'app', namespace }).loaded.map(({ name }) => name);
    expect(names('ns')).toEqual(['all', 'scoped', 'here']);
    expect(resiliencyFaults(named, { appId: 'app', namespace: 'ns' })).toEqual([]);
    expect(resiliencyFaults(named, { appId: 'other', namespace: '' }).map(({ text }) => text)).toEqual([expect.stringContaining('policy theirs'), expect.stringContaining('policy elsewhere')]);
  });
});

describe('a component without a target', () => {
  const LEVELS = ['StatestoreComponentOutbound', 'ComponentOutbound', 'StatestoreComponent', 'Component', ''] as const;
  const timeoutOf = (levels: readonly string[], type: string): number | undefined => {
    const given = policies(`{ timeouts: { ${levels.map((level, index) => `Default${level}TimeoutPolicy: ${index + 1}s`).join(', ')} } }`);
    return policiesFor({ name: 's', type }, given)?.outbound?.timeoutMs;
  };

  it('gets the default with the most specific name, each kind of policy by itself', () => {
    for (let from = 0; from < LEVELS.length; from++) {
      expect(timeoutOf(LEVELS.toReversed().slice(0, LEVELS.length - from), 'state.x')).toBe((LEVELS.length - from) * 1_000);
    }
    const mixed = policies('{ timeouts: { DefaultTimeoutPolicy: 9s }, retries: { DefaultComponentOutboundRetryPolicy: { maxRetries: 1 } }, circuitBreakers: { DefaultStatestoreComponentOutboundCircuitBreakerPolicy: {}, DefaultCircuitBreakerPolicy: { maxRequests: 9 } } }');
    expect(policiesFor({ name: 's', type: 'state.x' }, mixed)?.outbound).toMatchObject({ timeoutMs: 9_000, retry: { maxRetries: 1 }, breaker: { name: 'DefaultStatestoreComponentOutboundCircuitBreakerPolicy' } });
  });

  it.each([
    ['state.x', 'Statestore', false], ['pubsub.x', 'Pubsub', true], ['configuration.x', 'Configuration', true], ['lock.x', 'Lock', false], ['sequencer.x', 'Sequencer', false],
  ])('of type %s is a %s, whose inbound calls have policies: %s', (type, name, inbound) => {
    const given = policies(`{ timeouts: { Default${name}ComponentOutboundTimeoutPolicy: 1s, Default${name}ComponentInboundTimeoutPolicy: 2s } }`);
    const found = policiesFor({ name: 'c', type }, given);
    expect([found?.target, found?.outbound?.timeoutMs, found?.inbound?.timeoutMs]).toEqual([`${name}_c`, 1_000, inbound ? 2_000 : undefined]);
  });

  it.each(['App', 'Actor', 'PubsubComponentOutbound', 'StatestoreComponentInbound', 'ComponentInbound'])('has nothing of the defaults for %s', (level) => expect(timeoutOf([level], 'state.x')).toBeUndefined());

  it('has none where it has a target, even one that says nothing', () => {
    const given = read('policies: { timeouts: { DefaultTimeoutPolicy: 1s } }\ntargets: { components: { s: {} } }');
    expect(policiesFor({ name: 's', type: 'state.x' }, given)).toBeUndefined();
    expect(policiesFor({ name: 'other', type: 'bindings.x' }, given)).toBeUndefined();
  });
});

it('policies get into the components of all blocks, and targets that nothing is called by are warned of', () => {
  const spec = (name: string, type: string) => ({ name, type, version: 'v1', metadata: [], ignoreErrors: false, initTimeoutMs: 1 });
  const resources = { blocks: new Map([['state', [spec('s', 'state.x'), spec('u', 'state.x')]], ['lock', [spec('l', 'lock.x')]]]), notices: [], resiliencies: [] } as unknown as Resources;
  const components = ['s', 'u', 'l', 'theirs'].map((name) => manifest('{}', { kind: 'Component', name }));
  expect(withResiliency(resources, components, READER)).toBe(resources);
  const text = 'policies: { timeouts: { t: 1s } }\ntargets: { components: { s: { outbound: { timeout: t } }, l: { outbound: { timeout: t } }, theirs: {}, gone: {} }, apps: { a: { timeout: t } } }';
  const { blocks, resiliencies, notices } = withResiliency(resources, [...components, manifest(text, { namespace: 'ns' })], READER);
  const resource = { name: 'r', namespace: 'ns' };
  expect([...blocks.values()].flat().map(({ name, resiliency }) => [name, resiliency])).toEqual([
    ['s', { target: 'Statestore_s', outbound: { resource, timeoutMs: 1_000 } }], ['u', undefined], ['l', { target: 'Lock_l', outbound: { resource, timeoutMs: 1_000 } }],
  ]);
  expect(resiliencies).toEqual([resource]);
  expect(notices.filter(({ level }) => level === 'warn').map(({ text: warning }) => warning)).toEqual([
    '/res/r.yaml: document 1: spec.targets.components.gone has no effect: there is no component of that name; there are s, u, l, theirs',
    'policies for applications and actors have no effect: neither is called through this sidecar (/res/r.yaml: document 1: spec.targets.apps.a)',
  ]);
});
