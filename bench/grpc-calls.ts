// GetState as bytes. Apart from calls.ts, because the generated codecs would weigh on the servers that need none.
import { StateOptions_StateConsistency } from '../proto/gen/dapr/proto/common/v1/common.ts';
import { GetStateRequest, GetStateResponse } from '../proto/gen/dapr/proto/runtime/v1/state.ts';
import { KEYS, STORE, valueOf } from './calls.ts';

export const GET_STATE = '/dapr.proto.runtime.v1.Dapr/GetState';

/** One message a key, in base64. */
export const getMessages = (): string[] =>
  KEYS.map((key) => Buffer.from(GetStateRequest.encode({ storeName: STORE, key, consistency: StateOptions_StateConsistency.CONSISTENCY_UNSPECIFIED, metadata: new Map() }).finish()).toString('base64'));

export const getAnswer = (bytes: number): Buffer =>
  Buffer.from(GetStateResponse.encode({ data: Buffer.from(valueOf(bytes)), etag: '03d30766-11b9-43a5-b222-c17a52e69d42', metadata: new Map() }).finish());
