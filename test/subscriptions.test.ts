// Manifests of kind Subscription to what the pubsub block is told (contract: messaging, subscription resources).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCommandLine } from '../kernel/config.ts';
import { loadResources, type Resources } from '../kernel/resources.ts';

let root: string;
beforeAll(() => (root = mkdtempSync(join(tmpdir(), 'bulkhead-subscriptions-'))));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const V1 = 'dapr.io/v1alpha1';
const V2 = 'dapr.io/v2alpha1';

interface Parts {
  readonly version?: string;
  readonly namespace?: string;
  readonly scopes?: readonly string[];
}

/** JSON is YAML. */
const subscription = (spec: object, { version = V2, namespace, scopes }: Parts = {}): string =>
  JSON.stringify({ apiVersion: version, kind: 'Subscription', metadata: { name: 's', namespace }, spec, scopes });

/** Each list is a directory of files. */
const load = async (directories: readonly (readonly string[])[], env: Record<string, string> = {}): Promise<Resources> => {
  const paths = directories.map((files) => {
    const path = mkdtempSync(join(root, 'd-'));
    files.forEach((file, index) => writeFileSync(join(path, `${index}.yaml`), file));
    return path;
  });
  const answer = parseCommandLine(['--app-id=my-app', ...paths.map((path) => `--resources-path=${path}`)], env);
  if ('exit' in answer) throw new Error('refused');
  return loadResources(answer.config, { env: {} });
};
const decoded = async (...files: string[]) => (await load([files])).subscriptions;
const warnings = async (...files: string[]): Promise<string[]> => {
  const { subscriptions, notices } = await load([files]);
  expect(subscriptions).toEqual([]);
  expect(notices.every(({ level }) => level === 'warn')).toBe(true);
  return notices.map(({ text }) => text.replace(/ in \/\S*\//, ' in '));
};
const NO_BULK = { enabled: false, maxMessagesCount: 0, maxAwaitDurationMs: 0 };

describe('a Subscription', () => {
  it('of version 1 has one route', async () => {
    const spec = { pubsubname: 'p', topic: 't', route: '/x', metadata: { rawPayload: 'true', number: 1 }, deadLetterTopic: 'dead', routes: { default: '/ignored' } };
    expect(await decoded(subscription(spec, { version: V1 }))).toEqual([
      { pubsubName: 'p', topic: 't', metadata: { rawPayload: 'true', number: '1' }, rules: [{ match: '', path: '/x' }], deadLetterTopic: 'dead', bulk: NO_BULK },
    ]);
  });

  it('of version 2 has rules, and the default behind them', async () => {
    const routes = { default: '/d', rules: [{ match: 'event.type == "a"', path: '/a' }, { path: '/always' }, { match: 'true' }] };
    expect(await decoded(subscription({ pubsubname: 'p', topic: 't', routes, route: '/ignored', default: '/misplaced', rules: 'misplaced' }))).toEqual([{
      pubsubName: 'p', topic: 't', metadata: {}, deadLetterTopic: '', bulk: NO_BULK,
      rules: [{ match: 'event.type == "a"', path: '/a' }, { match: '', path: '/always' }, { match: 'true', path: '' }, { match: '', path: '/d' }],
    }]);
  });

  it('is read whatever the case of its members, and with what Dapr takes for texts', async () => {
    const file = 'APIVERSION: dapr.io/v1alpha1\nKind: Subscription\nMETADATA: {Name: s}\nSpec:\n  PubSubName: p\n  TOPIC: 7\n  Route: r\n  BulkSubscribe: {Enabled: true, MAXmessagesCOUNT: 3, maxawaitdurationms: 40}\nunknown: 1\n';
    expect(await decoded(file)).toMatchObject([{ pubsubName: 'p', topic: '7', rules: [{ match: '', path: 'r' }], bulk: { enabled: true, maxMessagesCount: 3, maxAwaitDurationMs: 40 } }]);
  });

  it('is kept in the order of directories, files and documents, whatever its version, duplicates too', async () => {
    const one = (topic: string, version = V2): string => subscription({ pubsubname: 'p', topic, route: '/r', routes: { default: '/r' } }, { version });
    const { subscriptions } = await load([[`${one('a')}\n---\n${one('b', V1)}`, one('c')], [one('d', V1), one('a')]]);
    expect(subscriptions.map(({ topic }) => topic)).toEqual(['a', 'b', 'c', 'd', 'a']);
  });

  it('is for the apps of its scopes, whatever its namespace', async () => {
    const one = (topic: string, parts: Parts): string => subscription({ pubsubname: 'p', topic, routes: { default: '/r' } }, parts);
    const files = [one('mine', { scopes: ['other', 'my-app'] }), one('others', { scopes: ['other'] }), one('everyone', { scopes: [] }), one('far', { namespace: 'far' }), one('near', { namespace: 'near' })];
    const topics = async (env: Record<string, string>) => (await load([files], env)).subscriptions.map(({ topic }) => topic);
    expect(await topics({})).toEqual(['mine', 'everyone', 'far', 'near']);
    expect(await topics({ NAMESPACE: 'near' })).toEqual(['mine', 'everyone', 'far', 'near']);
  });

  it.each<[string, object, string]>([
    ['no pubsub', { topic: 't', routes: { default: '/r' } }, 'spec.pubsubname is missing: give it the name of a pubsub component'],
    ['no topic', { pubsubname: 'p', routes: { default: '/r' } }, 'spec.topic is missing: give it the topic to subscribe to'],
    ['no routes', { pubsubname: 'p', topic: 't', route: '/of-version-1' }, "spec.routes is empty: give it a default, the application's path for its events, or rules"],
    ['a topic that is a list', { pubsubname: 'p', topic: ['t'], routes: { default: '/r' } }, 'spec.topic should be a text and is a list'],
    ['rules that are none', { pubsubname: 'p', topic: 't', routes: { rules: { match: 'x' } } }, 'spec.routes.rules should be a list and is an object'],
    ['metadata that is no map', { pubsubname: 'p', topic: 't', routes: { default: '/r' }, metadata: { a: {} } }, 'spec.metadata.a should be a text and is an object'],
    ['a switch that is none', { pubsubname: 'p', topic: 't', routes: { default: '/r' }, bulkSubscribe: { enabled: 'yes' } }, 'spec.bulkSubscribe.enabled should be true or false and is a text'],
    ['a count that is none', { pubsubname: 'p', topic: 't', routes: { default: '/r' }, bulkSubscribe: { maxMessagesCount: -1 } }, 'spec.bulkSubscribe.maxMessagesCount is -1: give a number from 1 to 2147483647, or 0 for the default'],
  ])('with %s costs itself and a warning', async (_, spec, reason) => {
    expect(await warnings(subscription(spec))).toEqual([`daprd load Subscription error when parsing manifests yaml resource in 0.yaml: document 1: ${reason}`]);
  });

  it('of version 1 without a route says so', async () => {
    expect(await warnings(subscription({ pubsubname: 'p', topic: 't' }, { version: V1 }))).toEqual([expect.stringContaining("document 1: spec.route is missing: give it the application's path for its events")]);
  });

  it('of an unknown version is left out', async () => {
    expect(await warnings(subscription({}, { version: 'dapr.io/v3' }))).toEqual([expect.stringContaining('apiVersion should be dapr.io/v1alpha1 or dapr.io/v2alpha1')]);
  });
});
