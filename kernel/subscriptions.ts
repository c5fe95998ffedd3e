// Which subscriptions this sidecar's application declared: manifests of kind Subscription, in both of their versions, decoded
// and filtered (contract: messaging, subscription resources). Which of two for one topic counts is the block's decision.
import type { BulkSettings, SubscriptionRule, SubscriptionSpec } from '../proto/init.ts';
import type { Notice } from './fatal.ts';
import { unreadable, type Manifest } from './manifests.ts';
import { booleanAt, integerAt, listAt, member, objectAt, ShapeError, textAt, type YamlObject } from './shape.ts';
import type { Yaml } from './yaml.ts';

const V2 = 'dapr.io/v2alpha1';
/** Counts and durations are Go's int32. */
const LARGEST = 2 ** 31 - 1;

/**
 * The subscriptions among the manifests that are in the app's scope, in order, those for a topic that has one already too.
 * Their namespace does not matter (contract: sidecar §7.3). One that doesn't decode, or could never deliver, is left out with
 * a warning.
 */
export function decodeSubscriptions(manifests: readonly Manifest[], appId: string): { subscriptions: SubscriptionSpec[]; notices: Notice[] } {
  const subscriptions: SubscriptionSpec[] = [];
  const notices: Notice[] = [];
  for (const manifest of manifests) {
    if (manifest.kind !== 'Subscription') continue;
    if (manifest.scopes.length > 0 && !manifest.scopes.includes(appId)) continue;
    try {
      subscriptions.push(decode(manifest));
    } catch (cause) {
      const reason = cause instanceof ShapeError ? cause.message : cause instanceof RangeError ? 'nested too deeply' : undefined;
      if (reason === undefined) throw cause;
      notices.push(unreadable('Subscription', manifest.path, manifest.document, '', reason));
    }
  }
  return { subscriptions, notices };
}

function decode({ apiVersion, body }: Manifest): SubscriptionSpec {
  const spec = objectAt(member(body, 'spec'), 'spec');
  return {
    pubsubName: required(spec, 'pubsubname', 'the name of a pubsub component'),
    topic: required(spec, 'topic', 'the topic to subscribe to'),
    metadata: textMap(member(spec, 'metadata'), 'spec.metadata'),
    rules: apiVersion === V2 ? routesOf(objectAt(member(spec, 'routes'), 'spec.routes')) : [routeOf(spec)],
    deadLetterTopic: textAt(member(spec, 'deadLetterTopic'), 'spec.deadLetterTopic'),
    bulk: bulkOf(objectAt(member(spec, 'bulkSubscribe'), 'spec.bulkSubscribe')),
  };
}

/** Version 1 knows one route. */
function routeOf(spec: YamlObject): SubscriptionRule {
  return { match: '', path: required(spec, 'route', "the application's path for its events") };
}

/** The default is tried last. */
function routesOf(routes: YamlObject): SubscriptionRule[] {
  const rules = listAt(member(routes, 'rules'), 'spec.routes.rules').map((item, index) => {
    const place = `spec.routes.rules[${index}]`;
    const rule = objectAt(item, place);
    return { match: textAt(member(rule, 'match'), `${place}.match`), path: textAt(member(rule, 'path'), `${place}.path`) };
  });
  const fallback = textAt(member(routes, 'default'), 'spec.routes.default');
  if (fallback !== '') rules.push({ match: '', path: fallback });
  if (rules.length === 0) throw new ShapeError("spec.routes is empty: give it a default, the application's path for its events, or rules");
  return rules;
}

function bulkOf(bulk: YamlObject): BulkSettings {
  return {
    enabled: booleanAt(member(bulk, 'enabled'), 'spec.bulkSubscribe.enabled', false),
    maxMessagesCount: countAt(bulk, 'maxMessagesCount'),
    maxAwaitDurationMs: countAt(bulk, 'maxAwaitDurationMs'),
  };
}

function countAt(bulk: YamlObject, name: string): number {
  const place = `spec.bulkSubscribe.${name}`;
  const value = integerAt(member(bulk, name), place, 0);
  if (value < 0 || value > LARGEST) throw new ShapeError(`${place} is ${value}: give a number from 1 to ${LARGEST}, or 0 for the default`);
  return value;
}

function required(spec: YamlObject, name: string, what: string): string {
  const text = textAt(member(spec, name), `spec.${name}`);
  if (text === '') throw new ShapeError(`spec.${name} is missing: give it ${what}`);
  return text;
}

function textMap(value: Yaml | undefined, place: string): Record<string, string> {
  return Object.fromEntries(Object.entries(objectAt(value, place)).map(([key, item]) => [key, textAt(item, `${place}.${key}`)]));
}
