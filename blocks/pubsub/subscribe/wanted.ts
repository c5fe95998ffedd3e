// Which subscriptions of the application count where several ask for one topic (contract: messaging §2.1).
import type { SubscriptionSpec } from '../../../proto/init.ts';

export interface Wanted {
  readonly key: string;
  readonly type: 'DECLARATIVE' | 'PROGRAMMATIC';
  readonly spec: SubscriptionSpec;
}

/** One for each component and topic: the first declared one, or instead of it the last one that the application named. */
export function wantedSubscriptions(declared: readonly SubscriptionSpec[], programmatic: readonly SubscriptionSpec[]): Wanted[] {
  const named = new Map<string, Wanted>();
  for (const spec of programmatic) named.set(topicKey(spec), { key: topicKey(spec), type: 'PROGRAMMATIC', spec });
  const first = new Map<string, Wanted>();
  for (const spec of declared) {
    const key = topicKey(spec);
    if (!named.has(key) && !first.has(key)) first.set(key, { key, type: 'DECLARATIVE', spec });
  }
  return [...first.values(), ...named.values()];
}

/** One text for a component and a topic; no other pair has the same. */
export function topicKey({ pubsubName, topic }: Pick<SubscriptionSpec, 'pubsubName' | 'topic'>): string {
  return JSON.stringify([pubsubName, topic]);
}
