// What an app may publish and subscribe to, by its component's metadata, and the topics of a namespace.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Logger } from '../blocks/block.ts';
import { NO_METER } from '../blocks/meter.ts';
import type { ComponentSpec } from '../blocks/driver.ts';
import { Brokers, COMMON_FIELDS, type OpenBroker } from '../blocks/pubsub/brokers.ts';
import type { Broker } from '../blocks/pubsub/broker.ts';
import { readMetadata } from '../blocks/metadata.ts';
import { memoryCheckpoints } from './support.ts';

const BROKER: Broker = { features: [], publish: () => undefined, subscribe: () => ({ concurrency: 1, pause: () => undefined, close: async () => undefined }), close: () => undefined };
type Metadata = Readonly<Record<string, string>>;

function spec(metadata: Metadata, rest: Partial<ComponentSpec> = {}): ComponentSpec {
  return { name: 'p', type: 'pubsub.fake', version: 'v1', metadata: Object.entries(metadata).map(([name, value]) => ({ name, value })), ignoreErrors: false, initTimeoutMs: 1_000, ...rest };
}

function brokersOf(component: ComponentSpec, owner = { appId: 'app1', namespace: '' }): { brokers: Brokers; warnings: string[] } {
  const warnings: string[] = [];
  const ignore = (): void => undefined;
  const log: Logger = { debug: ignore, info: ignore, warn: (_, text) => void warnings.push(text), error: ignore };
  const open = (own: ComponentSpec): Broker => {
    readMetadata(own, { ...COMMON_FIELDS }, log);
    return BROKER;
  };
  return { brokers: new Brokers({ 'pubsub.fake': async () => open }, [component], owner, { log, changed: ignore, checkpoints: memoryCheckpoints(), meter: NO_METER }), warnings };
}

async function opened(metadata: Metadata, rest: Partial<ComponentSpec> = {}, owner = { appId: 'app1', namespace: '' }): Promise<OpenBroker> {
  return brokersOf(spec(metadata, rest), owner).brokers.driver('p');
}

describe('scopes', () => {
  it.each<[name: string, metadata: Metadata, topic: string, allowed: boolean]>([
    ['nothing said', {}, 'any', true],
    ['in the list of allowed topics', { allowedTopics: 'a,b' }, 'b', true],
    ['not in the list of allowed topics', { allowedTopics: 'a,b' }, 'c', false],
    ['spaces in a list', { allowedTopics: ' a , b ' }, 'b', true],
    ['names of fields in another case', { AllowedTopics: 'a' }, 'c', false],
    ['a scope that names the topic', { publishingScopes: 'app1=a,b;app2=c' }, 'b', true],
    ['a scope that names others', { publishingScopes: 'app1=a,b;app2=c' }, 'c', false],
    ['scopes of other apps alone', { publishingScopes: 'app2=a' }, 'c', true],
    ['an empty scope', { publishingScopes: 'app1=' }, 'a', false],
    ['an entry without an equals sign', { publishingScopes: 'app1;app2=a' }, 'a', true],
    ['spaces in a scope', { publishingScopes: 'app1 = a , b ; app2 = c' }, 'b', true],
    ['several entries of one app', { publishingScopes: 'app1=a;app1=b' }, 'b', true],
    ['a protected topic without a scope', { protectedTopics: 'a' }, 'a', false],
    ['a protected topic with a scope for it', { protectedTopics: 'a', publishingScopes: 'app1=a' }, 'a', true],
    ['another topic than the protected one', { protectedTopics: 'a' }, 'b', true],
    ['allowed, but out of scope', { allowedTopics: 'a,b', publishingScopes: 'app1=a' }, 'b', false],
    ['in scope, but not allowed', { allowedTopics: 'a', publishingScopes: 'app1=b' }, 'b', false],
    ['names of topics in another case', { allowedTopics: 'a' }, 'A', false],
  ])('%s', async (_, metadata, topic, allowed) => {
    expect((await opened(metadata)).mayPublish(topic)).toBe(allowed);
    const subscribing = Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name === 'publishingScopes' ? 'subscriptionScopes' : name, value]));
    expect((await opened(subscribing)).maySubscribe(topic)).toBe(allowed);
  });

  it('keeps publishing and subscribing apart', async () => {
    const broker = await opened({ publishingScopes: 'app1=a', subscriptionScopes: 'app1=b' });
    expect([broker.mayPublish('a'), broker.mayPublish('b'), broker.maySubscribe('a'), broker.maySubscribe('b')]).toEqual([true, false, false, true]);
  });

  it('decides by the three rules, whatever is configured', async () => {
    const topics = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'));
    await fc.assert(fc.asyncProperty(topics, topics, fc.option(topics), fc.constantFrom('a', 'b', 'c', 'd'), async (allowed, guarded, scope, topic) => {
      const broker = await opened({
        ...(allowed.length === 0 ? {} : { allowedTopics: allowed.join(',') }),
        ...(guarded.length === 0 ? {} : { protectedTopics: guarded.join(',') }),
        publishingScopes: `other=a,b,c,d${scope === null ? '' : `;app1=${scope.join(',')}`}`,
      });
      const open = (allowed.length === 0 || allowed.includes(topic)) && ((scope === null && !guarded.includes(topic)) || (scope?.includes(topic) ?? false));
      expect(broker.mayPublish(topic)).toBe(open);
    }), { numRuns: 200 });
  });
});

describe('a component of a namespace', () => {
  const owner = { appId: 'app1', namespace: 'prod' };

  it('has the namespace in front of its topics', async () => {
    const broker = await opened({}, { namespaceScoped: true }, owner);
    expect(broker.toBroker('orders')).toBe('prodorders');
    expect(broker.fromBroker('prodorders')).toBe('orders');
    expect(broker.fromBroker('orders-prod-prod')).toBe('orders--prod');
  });

  it('leaves topics alone where nothing asks for a namespace, or there is none', async () => {
    for (const broker of [await opened({}, {}, owner), await opened({}, { namespaceScoped: true })]) {
      expect([broker.toBroker('prodorders'), broker.fromBroker('prodorders')]).toEqual(['prodorders', 'prodorders']);
    }
  });

  it('takes the namespace off literally, dollar signs and all', async () => {
    const broker = await opened({}, { namespaceScoped: true }, { appId: 'app1', namespace: '$&' });
    expect(broker.fromBroker(broker.toBroker('$1'))).toBe('$1');
  });
});

describe('fields of every broker', () => {
  it('reads thresholds, with their defaults', async () => {
    expect(await opened({})).toMatchObject({ poisonThreshold: 3, maxRetries: undefined, hasTtl: false });
    expect(await opened({ POISONTHRESHOLD: '0', deliveryMaxRetries: '7' })).toMatchObject({ poisonThreshold: 0, maxRetries: 7 });
  });

  it('knows which brokers expire messages by themselves', async () => {
    const open = (): Broker => ({ ...BROKER, features: ['MESSAGE_TTL'] });
    const ignore = (): void => undefined;
    const brokers = new Brokers({ 'pubsub.fake': async () => open }, [spec({})], { appId: 'a', namespace: '' }, { log: { debug: ignore, info: ignore, warn: ignore, error: ignore }, changed: ignore, checkpoints: memoryCheckpoints(), meter: NO_METER });
    expect(await brokers.driver('p')).toMatchObject({ hasTtl: true, features: ['MESSAGE_TTL'] });
  });

  it('refuses a threshold that is none, for good', async () => {
    const { brokers } = brokersOf(spec({ poisonThreshold: 'many' }));
    await expect(async () => brokers.driver('p')).rejects.toThrow('metadata field "poisonThreshold" has an invalid value "many"');
    expect(brokers.status()).toMatchObject([{ name: 'p', state: 'failed' }]);
  });

  it('are known to drivers, and what is unknown is told once', async () => {
    const { brokers, warnings } = brokersOf(spec({ allowedTopics: 'a', protectedTopics: 'a', publishingScopes: 'x=a', subscriptionScopes: 'x=a', poisonThreshold: '1', deliveryMaxRetries: '1', alowedTopics: 'a' }));
    await brokers.driver('p');
    expect(warnings).toEqual(['metadata field "alowedTopics" is not known to pubsub.fake and has no effect; did you mean "allowedTopics"?']);
  });
});
