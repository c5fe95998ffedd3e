// Publishing many messages one by one, for brokers that know no better way.
import { forEachBounded, whenReady } from '../../awaitable.ts';
import type { Awaitable } from '../../driver.ts';
import type { Broker, EntryFailure, OutgoingEntry } from '../broker.ts';

/** Publishes at a time. */
const MAX_PARALLEL = 100;
const NONE: readonly EntryFailure[] = [];

/** Never rejects. Failures are in the order of the entries. */
export function publishEach(broker: Pick<Broker, 'publish'>, topic: string, entries: readonly OutgoingEntry[]): Awaitable<readonly EntryFailure[]> {
  const failures = new Map<number, EntryFailure>();
  const sent = forEachBounded(entries.length, MAX_PARALLEL, (index) => {
    const { entryId, data, metadata } = entries[index]!;
    const failed = (cause: unknown): void => void failures.set(index, { entryId, cause });
    try {
      const one = broker.publish(topic, { data, metadata });
      return one instanceof Promise ? one.catch(failed) : undefined;
    } catch (cause) {
      return failed(cause);
    }
  });
  return whenReady(sent, () => (failures.size === 0 ? NONE : [...failures.keys()].sort((a, b) => a - b).map((index) => failures.get(index)!)));
}
