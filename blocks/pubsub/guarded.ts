// A broker under the policies of its component: its publishing (contract: messaging §1.4 and §1.5). Subscriptions are kept up by
// others.
import type { Guard } from '../resiliency/guard.ts';
import { ALONE, guarded } from '../resiliency/guarded.ts';
import type { Broker, EntryFailure } from './broker.ts';
import { publishEach } from './publish/publish-each.ts';

/** Entries of a bulk that a broker did not take; the others are not sent again. */
class BulkFailure extends Error {
  readonly failures: readonly EntryFailure[];

  constructor(failures: readonly EntryFailure[]) {
    super(`${failures.length} entries were not published`);
    this.failures = failures;
  }
}

export function guardedBroker(broker: Broker, guard: Guard): Broker {
  const { publishBulk = (topic, entries) => publishEach(broker, topic, entries), bulkDefaults } = broker;
  return {
    ...guarded(broker, guard),
    publish: (topic, message, scope = ALONE) => guard.run(scope, () => broker.publish(topic, message)),
    publishBulk: async (topic, entries, metadata, scope = ALONE) => {
      let left = entries;
      const attempt = async (): Promise<void> => {
        const failures = await publishBulk.call(broker, topic, left, metadata);
        if (failures.length === 0) return;
        const failed = new Set(failures.map(({ entryId }) => entryId));
        left = left.filter(({ entryId }) => failed.has(entryId));
        throw new BulkFailure(failures);
      };
      try {
        await guard.run(scope, attempt);
        return [];
      } catch (cause) {
        return cause instanceof BulkFailure ? cause.failures : left.map(({ entryId }) => ({ entryId, cause }));
      }
    },
    subscribe: (request, sink) => broker.subscribe(request, sink),
    ...(bulkDefaults && { bulkDefaults }),
    ...(broker.keepForSuccessor && { keepForSuccessor: (on: boolean) => broker.keepForSuccessor?.(on) }),
  };
}
