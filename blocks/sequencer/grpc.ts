// The gRPC form of the sequencer API: protobuf messages to typed requests, and answers back.
import { messageOf } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import { NextIdRequest as Message } from '../../proto/gen/bulkhead/v1/sequencer.ts';
import { CopyingReader } from '../../proto/wire.ts';
import type { Method } from '../block.ts';
import type { Run } from './ids.ts';
import { packIds } from './packed.ts';
import type { NextIdRequest } from './requests.ts';

export const nextIdForm: Pick<Method<NextIdRequest, readonly Run[]>, 'decodeGrpc' | 'encodeGrpc'> = {
  decodeGrpc: readRequest,
  encodeGrpc: packIds,
};

/** @throws ApiError for bytes that are no such message */
export function readRequest(body: Uint8Array): NextIdRequest {
  try {
    const { storeName, key, increment, count } = Message.decode(new CopyingReader(body));
    return { store: storeName, key, increment, count };
  } catch (cause) {
    throw FAIL.malformedMessage(messageOf(cause)).because(cause);
  }
}
