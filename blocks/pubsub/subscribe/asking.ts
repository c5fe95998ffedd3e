// Asking the application what it subscribes to, once (contract: messaging §2.2).
import { GO_CODE_NAMES, Grpc, messageOf } from '../../../proto/errors.ts';
import { ListTopicSubscriptionsResponse, type TopicSubscription } from '../../../proto/gen/dapr/proto/runtime/v1/appcallback.ts';
import type { BulkSettings, SubscriptionRule, SubscriptionSpec } from '../../../proto/init.ts';
import { CopyingReader } from '../../../proto/wire.ts';
import { parseFirst } from '../../gojson.ts';
import { skipSpace } from '../../goscan.ts';
import { fieldOf, fields, GoDecoding } from '../../gostruct.ts';
import type { AppAnswer, AppRequest, Kernel } from '../../kernel.ts';
import { compileRules } from '../deliver/routing.ts';

const DEADLINE_MS = 5_000;
const MAX_SUBSCRIPTIONS = 10_000;
const NOT_FOUND = 404;
const NOTHING = new Uint8Array(0);

/** `failed`: the application could not be asked, or said what can't be understood; then nothing of it counts. */
export type Asked =
  | { readonly kind: 'answered'; readonly subscriptions: SubscriptionSpec[]; readonly warnings: string[] }
  | { readonly kind: 'failed'; readonly reason: string };

type Protocol = 'http' | 'grpc';

const REQUESTS: Readonly<Record<Protocol, AppRequest>> = {
  http: { verb: 'GET', target: '/dapr/subscribe', headers: ['content-type', 'application/json'], body: NOTHING, deadlineMs: DEADLINE_MS },
  grpc: { verb: 'RPC', target: '/dapr.proto.runtime.v1.AppCallback/ListTopicSubscriptions', headers: [], body: NOTHING, deadlineMs: DEADLINE_MS },
};
const READERS: Readonly<Record<Protocol, (answer: AppAnswer) => SubscriptionSpec[]>> = { http: readHttp, grpc: readGrpc };

/**
 * Asks once and never rejects. A bad rule in one subscription spoils them all.
 * @param isOurs which component's subscriptions count; the others might as well not be there
 */
export async function askSubscriptions(kernel: Kernel, protocol: Protocol, isOurs: (pubsubName: string) => boolean): Promise<Asked> {
  try {
    const asked = await new Promise<SubscriptionSpec[]>((resolve, reject) => {
      kernel.callApp(REQUESTS[protocol], (answer) => {
        try {
          resolve(READERS[protocol](answer).filter(({ pubsubName }) => isOurs(pubsubName))); // at once: the answer's body is only borrowed
        } catch (cause) {
          reject(cause as Error);
        }
      });
    });
    for (const { pubsubName, topic, rules } of asked) {
      await Promise.resolve(compileRules(rules)).catch((cause: unknown) => {
        throw new Error(`the subscription to topic ${topic} of pubsub ${pubsubName}: ${messageOf(cause)}`, { cause });
      });
    }
    const warnings = asked.filter(isPathless).map(({ pubsubName, topic }) => `the application's subscription to topic ${topic} of pubsub ${pubsubName} has no route and is left out`);
    return { kind: 'answered', subscriptions: asked.filter((spec) => !isPathless(spec)), warnings };
  } catch (cause) {
    return { kind: 'failed', reason: messageOf(cause) };
  }
}

function isPathless({ rules }: SubscriptionSpec): boolean {
  return rules.length === 0;
}

/** @throws Error; what it returns may have no rules. */
function readHttp({ status, body, failure }: AppAnswer): SubscriptionSpec[] {
  if (failure !== undefined) throw new Error(`GET /dapr/subscribe failed: ${failure.message}`);
  if (status === NOT_FOUND) return [];
  if (status < 200 || status > 299) throw new Error(`the application answered GET /dapr/subscribe with status ${status}`);
  if (skipSpace(body, 0) === body.length) return [];
  const go = new GoDecoding(body);
  const items = go.list(parseFirst(body), '[]pubsub.SubscriptionJSON') ?? [];
  checkNumber(items.length);
  const specs = items.map((item) => readItem(go, item));
  go.finish();
  return specs;
}

/** @throws Error */
function readGrpc({ body, failure }: AppAnswer): SubscriptionSpec[] {
  if (failure?.code === Grpc.UNIMPLEMENTED) return [];
  if (failure !== undefined) throw new Error(`ListTopicSubscriptions failed with ${GO_CODE_NAMES[failure.code]}: ${failure.message}`);
  const { subscriptions } = ListTopicSubscriptionsResponse.decode(new CopyingReader(body));
  checkNumber(subscriptions.length);
  return subscriptions.map(fromMessage);
}

function checkNumber(count: number): void {
  if (count > MAX_SUBSCRIPTIONS) throw new Error(`the application asks for ${count} subscriptions, at most ${MAX_SUBSCRIPTIONS} are allowed`);
}

function fromMessage({ pubsubName, topic, metadata, routes, deadLetterTopic, bulkSubscribe }: TopicSubscription): SubscriptionSpec {
  const rules = ordered(routes?.rules ?? [], routes?.default ?? '');
  return {
    pubsubName, topic, metadata: Object.fromEntries(metadata), deadLetterTopic,
    // A gRPC application has one method for all events and needs no path to tell them apart.
    rules: rules.length === 0 ? [{ match: '', path: '' }] : rules,
    bulk: bulkSettings(bulkSubscribe?.enabled, bulkSubscribe?.maxMessagesCount, bulkSubscribe?.maxAwaitDurationMs),
  };
}

function ordered(rules: readonly SubscriptionRule[], defaultPath: string): SubscriptionRule[] {
  const all = rules.map(({ match, path }) => ({ match, path }));
  if (defaultPath !== '') all.push({ match: '', path: defaultPath });
  return all;
}

/** Less than nothing is nothing: the component's default. */
function bulkSettings(enabled = false, maxMessagesCount = 0, maxAwaitDurationMs = 0): BulkSettings {
  return { enabled, maxMessagesCount: Math.max(0, maxMessagesCount), maxAwaitDurationMs: Math.max(0, maxAwaitDurationMs) };
}

const ITEM = fields('pubsubname', 'topic', 'deadLetterTopic', 'metadata', 'route', 'routes', 'bulkSubscribe');
const ROUTES = fields('rules', 'default');
const RULE = fields('match', 'path');
const BULK = fields('enabled', 'maxMessagesCount', 'maxAwaitDurationMs');

function readItem(go: GoDecoding, item: unknown): SubscriptionSpec {
  let pubsubName = '', topic = '', deadLetterTopic = '', route = '';
  let metadata: SubscriptionSpec['metadata'] = {};
  let routes: Routes = { rules: [], default: '' };
  let bulk = bulkSettings();
  const object = go.object(item, 'pubsub.SubscriptionJSON') ?? {};
  for (const name of Object.keys(object)) {
    const value = object[name];
    switch (fieldOf(ITEM, name)) {
      case 'pubsubname': pubsubName = go.text(value, 'SubscriptionJSON.pubsubname') ?? pubsubName; break;
      case 'topic': topic = go.text(value, 'SubscriptionJSON.topic') ?? topic; break;
      case 'deadLetterTopic': deadLetterTopic = go.text(value, 'SubscriptionJSON.deadLetterTopic') ?? deadLetterTopic; break;
      case 'metadata': metadata = go.texts(value, 'SubscriptionJSON.metadata') ?? metadata; break;
      case 'route': route = go.text(value, 'SubscriptionJSON.route') ?? route; break;
      case 'routes': routes = readRoutes(go, value, routes); break;
      case 'bulkSubscribe': bulk = readBulk(go, value, bulk); break;
      case undefined: break;
    }
  }
  return { pubsubName, topic, metadata, rules: ordered(routes.rules, routes.default || route), deadLetterTopic, bulk };
}

interface Routes {
  readonly rules: readonly SubscriptionRule[];
  readonly default: string;
}

function readRoutes(go: GoDecoding, value: unknown, before: Routes): Routes {
  let { rules, default: defaultPath } = before;
  const object = go.object(value, 'pubsub.RoutesJSON', 'SubscriptionJSON.routes') ?? {};
  for (const name of Object.keys(object)) {
    switch (fieldOf(ROUTES, name)) {
      case 'rules': rules = (go.list(object[name], '[]*pubsub.RuleJSON', 'SubscriptionJSON.routes.rules') ?? []).map((rule) => readRule(go, rule)); break;
      case 'default': defaultPath = go.text(object[name], 'SubscriptionJSON.routes.default') ?? defaultPath; break;
      case undefined: break;
    }
  }
  return { rules, default: defaultPath };
}

function readRule(go: GoDecoding, value: unknown): SubscriptionRule {
  let match = '', path = '';
  const object = go.object(value, 'pubsub.RuleJSON', 'SubscriptionJSON.routes.rules') ?? {};
  for (const name of Object.keys(object)) {
    switch (fieldOf(RULE, name)) {
      case 'match': match = go.text(object[name], 'SubscriptionJSON.routes.rules.match') ?? match; break;
      case 'path': path = go.text(object[name], 'SubscriptionJSON.routes.rules.path') ?? path; break;
      case undefined: break;
    }
  }
  return { match, path };
}

function readBulk(go: GoDecoding, value: unknown, before: BulkSettings): BulkSettings {
  let { enabled, maxMessagesCount, maxAwaitDurationMs } = before;
  const object = go.object(value, 'pubsub.BulkSubscribeJSON', 'SubscriptionJSON.bulkSubscribe') ?? {};
  for (const name of Object.keys(object)) {
    switch (fieldOf(BULK, name)) {
      case 'enabled': enabled = go.boolean(object[name], 'SubscriptionJSON.bulkSubscribe.enabled') ?? enabled; break;
      case 'maxMessagesCount': maxMessagesCount = go.integer(object[name], 'SubscriptionJSON.bulkSubscribe.maxMessagesCount') ?? maxMessagesCount; break;
      case 'maxAwaitDurationMs': maxAwaitDurationMs = go.integer(object[name], 'SubscriptionJSON.bulkSubscribe.maxAwaitDurationMs') ?? maxAwaitDurationMs; break;
      case undefined: break;
    }
  }
  return bulkSettings(enabled, maxMessagesCount, maxAwaitDurationMs);
}
