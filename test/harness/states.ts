// Messages of the state API, with what a test does not care about filled in.
import type { StateItem, StateOptions } from '../../proto/gen/dapr/proto/common/v1/common.ts';
import type { DeleteStateRequest, ExecuteStateTransactionRequest, GetBulkStateRequest, GetStateRequest, SaveStateRequest } from '../../proto/gen/dapr/proto/runtime/v1/state.ts';

export interface ItemExtras {
  readonly etag?: string;
  readonly options?: StateOptions;
  readonly metadata?: Readonly<Record<string, string>>;
}

const entries = (texts: Readonly<Record<string, string>> = {}): Map<string, string> => new Map(Object.entries(texts));

export function stateItem(key: string, value: string | Uint8Array = '', { etag, options, metadata }: ItemExtras = {}): StateItem {
  return { key, value: Buffer.from(value), etag: etag === undefined ? undefined : { value: etag }, options, metadata: entries(metadata) };
}

export function getState(storeName: string, key: string): GetStateRequest {
  return { storeName, key, consistency: 0, metadata: new Map() };
}

export function getBulkState(storeName: string, ...keys: string[]): GetBulkStateRequest {
  return { storeName, keys, parallelism: 0, metadata: new Map() };
}

export function saveState(storeName: string, ...states: StateItem[]): SaveStateRequest {
  return { storeName, states };
}

export function deleteState(storeName: string, key: string, { etag, options, metadata }: ItemExtras = {}): DeleteStateRequest {
  return { storeName, key, etag: etag === undefined ? undefined : { value: etag }, options, metadata: entries(metadata) };
}

export function transaction(storeName: string, ...operations: [operationType: string, request: StateItem][]): ExecuteStateTransactionRequest {
  return { storeName, operations: operations.map(([operationType, request]) => ({ operationType, request })), metadata: new Map() };
}
