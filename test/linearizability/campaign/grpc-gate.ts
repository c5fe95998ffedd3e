// A gate over gRPC.
import { GrpcFailure, type GrpcClient } from '../../harness/grpc.ts';
import { deleteState, getState, saveState, stateItem } from '../../harness/states.ts';
import { StateOptions_StateConcurrency } from '../../../proto/gen/dapr/proto/common/v1/common.ts';
import { NextIdRequest_Increment } from '../../../proto/gen/bulkhead/v1/sequencer.ts';
import { acquisitionOf, failureOf, NotDone, releaseOf, renewalOf, STORES, type Gate } from './gate.ts';

const TOKEN = 'bulkhead-fencing-token';
/** What a fault may make of a call; any other code is a call's own fault. */
const AMBIGUOUS: readonly string[] = ['Unavailable', 'DeadlineExceeded', 'Internal', 'Unknown', 'Canceled', 'ResourceExhausted'];
const INCREMENTS = { weak: NextIdRequest_Increment.INCREMENT_WEAK, strong: NextIdRequest_Increment.INCREMENT_STRONG } as const;

/** @param client, deadlineMs as in http-gate.ts */
export function grpcGate(sidecar: string, client: () => GrpcClient | undefined, deadlineMs: number): Gate {
  const limit = { deadlineMs } as const;
  const send = async <Answer>(call: (client: GrpcClient) => Promise<Answer>): Promise<Answer> => {
    const present = client();
    if (present === undefined) throw new NotDone('the sidecar does not run');
    try {
      return await call(present);
    } catch (cause) {
      if (cause instanceof GrpcFailure && AMBIGUOUS.includes(cause.code)) throw failureOf(`${cause.message} ${JSON.stringify(cause.details)}`);
      throw cause;
    }
  };
  const change = async (call: (client: GrpcClient) => Promise<unknown>): Promise<'done' | 'mismatch'> => {
    try {
      await send(call);
      return 'done';
    } catch (cause) {
      if (cause instanceof GrpcFailure && cause.code === 'Aborted') return 'mismatch';
      throw cause;
    }
  };
  return {
    sidecar,
    protocol: 'gRPC',
    async lock(key, call) {
      const name = { storeName: STORES.locks, resourceId: key, lockOwner: call.owner };
      if (call.kind === 'unlock') return releaseOf((await send((grpc) => grpc.call('UnlockAlpha1', name, limit))).status);
      const lease = { ...name, expiryInSeconds: call.expirySeconds };
      if (call.kind === 'renew') {
        const { status, fencingToken } = await send((grpc) => grpc.call('/bulkhead.v1.Lock/Renew', lease, limit));
        return renewalOf(status, fencingToken);
      }
      let token: string | undefined;
      const { success } = await send((grpc) => grpc.call('TryLockAlpha1', lease, { deadlineMs, onMetadata: (metadata) => { token = metadata[TOKEN]; } }));
      return acquisitionOf(success, token);
    },
    async register(key, call) {
      if (call.kind === 'get') {
        const { data, etag } = await send((grpc) => grpc.call('GetState', getState(STORES.registers, key), limit));
        return { found: etag === '' ? undefined : { value: JSON.parse(Buffer.from(data).toString()) as string, etag } };
      }
      const over = call.over === undefined ? {} : { etag: call.over.etag };
      if (call.kind === 'delete') return change((grpc) => grpc.call('DeleteState', deleteState(STORES.registers, key, over), limit));
      const options = call.firstWrite === true ? { options: { concurrency: StateOptions_StateConcurrency.CONCURRENCY_FIRST_WRITE, consistency: 0 as const } } : {};
      return change((grpc) => grpc.call('SaveState', saveState(STORES.registers, stateItem(key, JSON.stringify(call.value), { ...over, ...options })), limit));
    },
    async ids(key, { increment, count }) {
      return (await send((grpc) => grpc.call('/bulkhead.v1.Sequencer/NextId', { storeName: STORES.ids, key, increment: INCREMENTS[increment], count, metadata: new Map() }, limit))).ids;
    },
  };
}
