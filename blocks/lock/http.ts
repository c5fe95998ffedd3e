// The HTTP form of the lock API: URL, headers and JSON bodies to typed requests, and answers back.
import { FAIL } from '../../proto/failures.ts';
import type { LockLostEvent } from '../../proto/gen/bulkhead/v1/lock.ts';
import type { HttpHead, Method } from '../block.ts';
import { INT32, protoJson, ProtoJsonError, TEXT } from '../protojson.ts';
import { RENEW_HEADER, statusOf, TOKEN_HEADER, type LockName, type RenewRequest, type TryLockRequest, type TryLockResult, type UnlockRequest } from './requests.ts';
import type { Release, Renewal } from './store.ts';

type Form<Request, Response> = Pick<Method<Request, Response>, 'decodeHttp' | 'encodeHttp'>;

// The store is a member too: a wrong one in the body is an error, a right one gives way to the path's.
const NAME = { storeName: TEXT, resourceId: TEXT, lockOwner: TEXT } as const;
const unlockBody = protoJson(NAME);
const leaseBody = protoJson({ ...NAME, expiryInSeconds: INT32 });

export const tryLockForm: Form<TryLockRequest, TryLockResult> = {
  decodeHttp: (head, body) => ({ ...leaseOf(head, body), renew: head.headers[RENEW_HEADER] }),
  encodeHttp: (token) => (token === undefined ? { status: 200, body: '{"success":false}' } : { status: 200, headers: [TOKEN_HEADER, String(token)], body: '{"success":true}' }),
};

export const unlockForm: Form<UnlockRequest, Release> = {
  decodeHttp: (head, body) => nameOf(head, read(unlockBody, body)),
  encodeHttp: (release) => ({ status: 200, body: `{"status":${statusOf(release)}}` }),
};

export const renewForm: Form<RenewRequest, Renewal> = {
  decodeHttp: (head, body) => leaseOf(head, body),
  encodeHttp: (renewal) => {
    if (renewal.status !== 'renewed') return { status: 200, body: `{"status":${statusOf(renewal.status)}}` };
    const token = String(renewal.token);
    return { status: 200, headers: [TOKEN_HEADER, token], body: `{"status":${statusOf(renewal.status)},"fencingToken":"${token}"}` };
  },
};

/** As protojson writes it: 64 bits are text, and what is empty is left out. */
export function lostJson({ storeName, resourceId, lockOwner, fencingToken, reason }: LockLostEvent): string {
  return JSON.stringify({ storeName, resourceId, lockOwner, fencingToken: String(fencingToken), reason });
}

function leaseOf(head: HttpHead, body: Uint8Array): RenewRequest {
  const message = read(leaseBody, body);
  return { ...nameOf(head, message), expirySeconds: message.expiryInSeconds };
}

function nameOf(head: HttpHead, { resourceId, lockOwner }: { readonly resourceId: string; readonly lockOwner: string }): LockName {
  return { store: head.params[0] ?? '', resource: resourceId, owner: lockOwner };
}

function read<M>(decode: (body: Uint8Array) => M, body: Uint8Array): M {
  try {
    return decode(body);
  } catch (cause) {
    throw cause instanceof ProtoJsonError ? FAIL.malformedBody(cause.message).because(cause) : cause;
  }
}
