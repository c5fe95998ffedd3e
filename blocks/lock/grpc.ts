// The gRPC form of the lock API: protobuf messages to typed requests, and answers back.
import { HoldLockRequest, HoldLockResponse, LockLostEvent, RenewLockRequest, RenewLockResponse, type RenewLockResponse_Status } from '../../proto/gen/bulkhead/v1/lock.ts';
import { TryLockRequest as TryLockMessage, TryLockResponse, UnlockRequest as UnlockMessage, UnlockResponse, type UnlockResponse_Status } from '../../proto/gen/dapr/proto/runtime/v1/lock.ts';
import { messageOf } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import { CopyingReader } from '../../proto/wire.ts';
import type { Method } from '../block.ts';
import { RENEW_HEADER, statusOf, TOKEN_HEADER, type HoldRequest, type RenewRequest, type TryLockRequest, type TryLockResult, type UnlockRequest } from './requests.ts';
import type { Release, Renewal } from './store.ts';

type Form<Request, Response> = Pick<Method<Request, Response>, 'decodeGrpc' | 'encodeGrpc' | 'grpcMetadata'>;

export const tryLockForm: Form<TryLockRequest, TryLockResult> = {
  decodeGrpc: (body, headers) => {
    const { storeName, resourceId, lockOwner, expiryInSeconds } = read(TryLockMessage, body);
    return { store: storeName, resource: resourceId, owner: lockOwner, expirySeconds: expiryInSeconds, renew: headers[RENEW_HEADER] };
  },
  encodeGrpc: (token) => TryLockResponse.encode({ success: token !== undefined }).finish(),
  grpcMetadata: (token) => (token === undefined ? undefined : [TOKEN_HEADER, String(token)]),
};

export const unlockForm: Form<UnlockRequest, Release> = {
  decodeGrpc: (body) => {
    const { storeName, resourceId, lockOwner } = read(UnlockMessage, body);
    return { store: storeName, resource: resourceId, owner: lockOwner };
  },
  encodeGrpc: (release) => UnlockResponse.encode({ status: statusOf(release) as UnlockResponse_Status }).finish(),
};

export const renewForm: Form<RenewRequest, Renewal> = {
  decodeGrpc: (body) => {
    const { storeName, resourceId, lockOwner, expiryInSeconds } = read(RenewLockRequest, body);
    return { store: storeName, resource: resourceId, owner: lockOwner, expirySeconds: expiryInSeconds };
  },
  encodeGrpc: (renewal) => RenewLockResponse.encode({ status: statusOf(renewal.status) as RenewLockResponse_Status, fencingToken: renewal.status === 'renewed' ? renewal.token : 0n }).finish(),
  grpcMetadata: (renewal) => (renewal.status === 'renewed' ? [TOKEN_HEADER, String(renewal.token)] : undefined),
};

/** @throws ApiError for bytes that are no such message */
export function readHold(body: Uint8Array): HoldRequest {
  const { storeName, resourceId, lockOwner, expiryInSeconds, releaseOnClose } = read(HoldLockRequest, body);
  return { store: storeName, resource: resourceId, owner: lockOwner, expirySeconds: expiryInSeconds, releaseOnClose };
}

export const holdMessage = {
  acquired: (token: bigint): Uint8Array => HoldLockResponse.encode({ event: { $case: 'acquired', value: { fencingToken: token } } }).finish(),
  notAcquired: (): Uint8Array => HoldLockResponse.encode({ event: { $case: 'notAcquired', value: {} } }).finish(),
  lost: (reason: string): Uint8Array => HoldLockResponse.encode({ event: { $case: 'lost', value: { reason } } }).finish(),
};

export function lostMessage(event: LockLostEvent): Uint8Array {
  return LockLostEvent.encode(event).finish();
}

/** The bytes are borrowed, so the reader copies. */
function read<M>(codec: { decode(reader: CopyingReader): M }, body: Uint8Array): M {
  try {
    return codec.decode(new CopyingReader(body));
  } catch (cause) {
    throw FAIL.malformedMessage(messageOf(cause)).because(cause);
  }
}
