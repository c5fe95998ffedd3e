// The typed requests of publishing: what both protocols decode to. Topics are the app's own.
import type { StringMap } from '../broker.ts';
import type { TraceContext } from '../tracing.ts';

interface ToTopic {
  readonly pubsub: string;
  readonly topic: string;
  /** Undefined: a gRPC request without any. An HTTP request always has it, and so does its message. */
  readonly metadata: StringMap | undefined;
  /** As the caller brought it. */
  readonly trace: TraceContext;
}

export interface PublishRequest extends ToTopic {
  /** Owned. */
  readonly data: Uint8Array;
  /** `''` for none. */
  readonly contentType: string;
  /** True: a payload without an envelope carries the trace in its metadata. gRPC alone does that. */
  readonly traceInMetadata: boolean;
}

export interface BulkItem {
  readonly entryId: string;
  /** Owned. */
  readonly data: Uint8Array;
  readonly contentType: string;
  /** Undefined: the entry has none, and then doesn't get the request's either. */
  readonly metadata: StringMap | undefined;
  /** Why the event doesn't go with its content type; `''` when it does. */
  readonly misfit: string;
}

export interface BulkPublishRequest extends ToTopic {
  readonly items: readonly BulkItem[];
  /** What is wrong with the body, which is told only after what comes before it; then there are no items. `''`: nothing. */
  readonly broken: string;
}

/** One that the broker did not take. */
export interface FailedItem {
  readonly entryId: string;
  readonly error: string;
}
