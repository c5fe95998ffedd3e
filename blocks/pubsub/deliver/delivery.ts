// The vocabulary between a subscription, which knows when to deliver and what follows from it, and the forms of a delivery,
// which know what an application is told and what its answer means.
import type { AppAnswer, AppRequest } from '../../kernel.ts';
import type { IncomingMessage } from '../broker.ts';

/** A message as the application sees it (contract: messaging §2.5). */
export interface TopicEvent {
  readonly message: IncomingMessage;
  /** The envelope's id; `''` when it has none. */
  readonly id: string;
  /** The envelope in JSON: as it was stored, or as it was rebuilt. */
  readonly body: Uint8Array;
  /** The envelope's members, decoded. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** As the message brought it, `''` for none. */
  readonly traceparent: string;
  readonly tracestate: string;
  /** Its `expiration` has passed: nobody wants it any more. */
  readonly expired: boolean;
}

/** What a subscription is to the forms of its deliveries. */
export interface DeliveryTarget {
  readonly pubsubName: string;
  /** The logical topic: without the namespace that a component may put in front. */
  readonly topic: string;
  readonly rawPayload: boolean;
}

/** What the application's answer means for a message. */
export type Verdict =
  /** Handled, or not its business (an unimplemented rpc): done. */
  | { readonly kind: 'ack' }
  /** Never to come again; a copy goes to the dead letter topic. */
  | { readonly kind: 'drop'; readonly reason: string }
  /**
   * To be tried again. `code`: the HTTP status or gRPC code, for the matching of retry policies. `unasked`: the application
   * never got it, because it was not there.
   */
  | { readonly kind: 'retry'; readonly reason: string; readonly code?: number; readonly unasked?: boolean };

/** One protocol's way to deliver. Pure: calls nobody. */
export interface DeliveryForm {
  single(event: TopicEvent, target: DeliveryTarget, path: string): AppRequest;
  verdict(answer: AppAnswer): Verdict;
  bulk(entries: readonly BulkEntry[], target: DeliveryTarget, path: string): AppRequest;
  /** One verdict for each entry, in order; undefined: ask again by `bulkFallback`. */
  bulkVerdicts(answer: AppAnswer, entries: readonly BulkEntry[]): readonly Verdict[] | undefined;
  /** The same request under its former name, where there is one. */
  bulkFallback?(request: AppRequest): AppRequest;
  /** The verdicts where also the fallback's answer was undefined. */
  readonly bulkUnimplemented: Verdict;
}

/** A message in a batch. */
export interface BulkEntry {
  /** Unique within the batch. */
  readonly entryId: string;
  readonly event: TopicEvent;
}
