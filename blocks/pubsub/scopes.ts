// Which topics of a component an app may publish and subscribe to (contract: messaging §1.6).
import { text, type Fields, type Values } from '../metadata.ts';

/** The component's metadata fields that say so. */
export const SCOPE_FIELDS = {
  /** `app1=topic1,topic2;app2=` */
  publishingScopes: text({ default: '' }),
  subscriptionScopes: text({ default: '' }),
  /** `topic1,topic2` */
  allowedTopics: text({ default: '' }),
  protectedTopics: text({ default: '' }),
} as const satisfies Fields;

/** What one app may do. */
export interface Scopes {
  mayPublish(topic: string): boolean;
  maySubscribe(topic: string): boolean;
}

export function scopesOf(fields: Values<typeof SCOPE_FIELDS>, appId: string): Scopes {
  const allowed = topicsOf(fields.allowedTopics);
  const guarded = topicsOf(fields.protectedTopics);
  const permits = (scope: ReadonlySet<string>, topic: string): boolean => {
    if (allowed.size > 0 && !allowed.has(topic)) return false;
    // Without an entry for the app all is open to it, but for what is protected.
    if (scope.size === 0 && !guarded.has(topic)) return true;
    return scope.has(topic);
  };
  const publishing = scopeOf(fields.publishingScopes, appId);
  const subscribing = scopeOf(fields.subscriptionScopes, appId);
  return { mayPublish: (topic) => permits(publishing, topic), maySubscribe: (topic) => permits(subscribing, topic) };
}

/** The app's topics in a list of entries. `app=` has one that no topic is called: `''`. */
function scopeOf(entries: string, appId: string): ReadonlySet<string> {
  const topics = new Set<string>();
  for (const entry of entries.replaceAll(' ', '').split(';')) {
    const [app, list] = entry.split('=');
    if (app !== appId || list === undefined) continue;
    for (const topic of list.split(',')) topics.add(topic);
  }
  return topics;
}

function topicsOf(list: string): ReadonlySet<string> {
  return new Set(list === '' ? [] : list.replaceAll(' ', '').split(','));
}
