// Publishing many messages in one request: by the broker's own way where it has one, else one by one (contract: messaging
// §1.4).
import type { ApiError } from '../../../proto/errors.ts';
import { FAIL } from '../../../proto/failures.ts';
import { whenReady } from '../../awaitable.ts';
import type { CallScope } from '../../block.ts';
import type { Awaitable } from '../../driver.ts';
import type { EntryFailure, OutgoingEntry, StringMap } from '../broker.ts';
import type { OpenBroker } from '../brokers.ts';
import { checkScope, checkTarget, enveloped, textOf } from './publish.ts';
import { publishEach } from './publish-each.ts';
import type { BulkItem, BulkPublishRequest, FailedItem } from './requests.ts';
import type { Tracer } from '../tracing.ts';

const BAD_ID = 'entryId is duplicated or not present for entry';

export interface BulkOutcome {
  /** In the order of the request. */
  readonly failed: readonly FailedItem[];
  /** What gRPC fails with; undefined when all went well. */
  readonly failure: ApiError | undefined;
}

const DONE: BulkOutcome = { failed: [], failure: undefined };

/** @throws ApiError for what is wrong before the first message is sent */
export function publishBulk(broker: OpenBroker, request: BulkPublishRequest, tracer: Tracer, scope: CallScope): Awaitable<BulkOutcome> {
  const { topic } = request;
  const raw = checkTarget(broker, request);
  if (request.broken !== '') throw FAIL.unmarshalEvents(broker.name, topic, broker.appId, request.broken);
  checkItems(broker, request);
  const entries = outgoing(broker, request, raw, tracer);
  checkScope(broker, topic);
  if (entries.length === 0) return DONE;
  return whenReady(sendAll(broker, broker.toBroker(topic), entries, request.metadata ?? {}, scope), (failures) => outcome(broker, topic, failures));
}

function checkItems(broker: OpenBroker, { topic, items }: BulkPublishRequest): void {
  const seen = new Set<string>();
  for (const { entryId, misfit } of items) {
    if (misfit !== '') throw FAIL.marshalEnvelope(broker.name, topic, broker.appId, misfit);
    if (entryId === '' || seen.has(entryId)) throw FAIL.marshalEvents(broker.name, topic, broker.appId, BAD_ID);
    seen.add(entryId);
  }
}

/** Each entry in an envelope and a span of its own. */
function outgoing(broker: OpenBroker, request: BulkPublishRequest, raw: boolean, tracer: Tracer): OutgoingEntry[] {
  const { pubsub, topic, items } = request;
  const span = tracer.span(request.trace);
  return items.map((item) => {
    const { entryId, contentType } = item;
    const metadata = metadataOf(item, request.metadata);
    const data = raw ? item.data : enveloped(broker, { pubsub, topic, data: item.data, contentType, metadata, trace: tracer.span(span) });
    return { entryId, contentType, metadata, data };
  });
}

/** Its own, which win, and the request's; but only if it has any of its own. */
function metadataOf({ metadata }: BulkItem, request: StringMap | undefined): StringMap | undefined {
  return metadata === undefined || request === undefined ? metadata : { ...request, ...metadata };
}

/** Never rejects. Failures are in the order of the entries. */
function sendAll(broker: OpenBroker, topic: string, entries: readonly OutgoingEntry[], metadata: StringMap, scope: CallScope): Awaitable<readonly EntryFailure[]> {
  const { driver } = broker;
  if (driver.publishBulk === undefined) return publishEach(driver, topic, entries);
  const allFailed = (cause: unknown): EntryFailure[] => entries.map(({ entryId }) => ({ entryId, cause }));
  try {
    const sent = driver.publishBulk(topic, entries, metadata, scope);
    return sent instanceof Promise ? sent.catch(allFailed) : sent;
  } catch (cause) {
    return allFailed(cause);
  }
}

function outcome(broker: OpenBroker, topic: string, failures: readonly EntryFailure[]): BulkOutcome {
  const [first] = failures;
  if (first === undefined) return DONE;
  return {
    failed: failures.map(({ entryId, cause }) => ({ entryId, error: textOf(cause) })),
    failure: FAIL.publishFailed(broker.name, topic, textOf(first.cause)).because(first.cause),
  };
}
