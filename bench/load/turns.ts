// The requests of the operations that modes are compared by, as bytes that lie ready. A turn is what counts as one call: one
// request, or a lock that is taken and given back.
import { StateOptions_StateConsistency } from '../../proto/gen/dapr/proto/common/v1/common.ts';
import { GetConfigurationRequest } from '../../proto/gen/dapr/proto/runtime/v1/configuration.ts';
import { TryLockRequest, TryLockResponse, UnlockRequest } from '../../proto/gen/dapr/proto/runtime/v1/lock.ts';
import { PublishEventRequest } from '../../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { GetStateRequest, GetStateResponse, SaveStateRequest } from '../../proto/gen/dapr/proto/runtime/v1/state.ts';
import { valueOf } from '../calls.ts';
import { payloadOf, stampPlace } from '../deliveries.ts';
import { CONFIG, keyOf, keysOf, LOCKS, PUBSUB, STATE, type Operation, type Protocol } from '../modes/names.ts';
import { ANYTHING, type Expected, type Request } from './client.ts';
import { END_STREAM, messageFrames, withPrefix } from './http2.ts';

export type Turn = readonly Request[];

export interface TurnSpec {
  readonly protocol: Protocol;
  readonly port: number;
  readonly operation: Operation;
  /** Of a value; absent for locks. */
  readonly bytes: number | undefined;
  readonly topic: string;
  /** So many, that may be under way at a time. */
  readonly count: number;
  /** Whether an answer must be what was stored. Not where stores in memory are killed. */
  readonly strict: boolean;
}

const NONE: Map<string, string> = new Map();
const LOCK_SECONDS = 60;
/** A lock that was taken when an earlier load ended is not given back: each load has locks of its own. */
const ownNames = (): string => `${process.pid}-${++loads}`;
let loads = 0;

export function turnsOf(spec: TurnSpec): Turn[] {
  const names = ownNames();
  const make = spec.protocol === 'grpc' ? GRPC[spec.operation] : HTTP[spec.operation];
  // Requests of one key are the same bytes. Not where each call has bytes of its own: a time in them, or a lock.
  const isOwn = spec.operation === 'lock' || spec.operation === 'deliver';
  const different = Array.from({ length: isOwn ? spec.count : Math.min(keysOf(sizeOf(spec)), spec.count) }, (_, i) => make(spec, i, names));
  return Array.from({ length: spec.count }, (_, i) => different[i % different.length] as Turn);
}

/** @param names what names begin with that only this load uses */
type Make = (spec: TurnSpec, i: number, names: string) => Turn;

const lockOf = (names: string, i: number) => ({ resourceId: `resource-${names}-${i}`, lockOwner: `owner-${i}` });
const sizeOf = ({ bytes }: TurnSpec): number => bytes ?? 0;
const exactly = (holds: Buffer): Expected => ({ holds, from: 0, atLeast: holds.length, atMost: holds.length });
const atLeast = (bytes: number): Expected => ({ ...ANYTHING, atLeast: bytes });

const rpc = (name: string): string => `/dapr.proto.runtime.v1.Dapr/${name}`;
const call = (name: string, message: Uint8Array, expected: Expected, { strict }: TurnSpec): Request => {
  const bytes = messageFrames(Buffer.from(message), END_STREAM);
  return { path: rpc(name), bytes, stampAt: stampPlace(bytes), expected: strict ? expected : ANYTHING };
};
const NO_MESSAGE = exactly(withPrefix(Buffer.alloc(0)));

/** The value comes first, behind the prefix; the etag after it may be any. */
const stateAnswer = (bytes: number): Expected => ({
  ...ANYTHING, holds: Buffer.from(GetStateResponse.encode({ data: Buffer.from(valueOf(bytes)), etag: '', metadata: NONE }).finish()), from: withPrefix(Buffer.alloc(0)).length,
});

const GRPC: Readonly<Record<Operation, Make>> = {
  'state-get': (spec, i) => [call('GetState', GetStateRequest.encode({
    storeName: STATE, key: keyOf(sizeOf(spec), i), consistency: StateOptions_StateConsistency.CONSISTENCY_UNSPECIFIED, metadata: NONE,
  }).finish(), stateAnswer(sizeOf(spec)), spec)],
  'state-set': (spec, i) => [call('SaveState', SaveStateRequest.encode({
    storeName: STATE, states: [{ key: keyOf(sizeOf(spec), i), value: Buffer.from(valueOf(sizeOf(spec))), metadata: NONE }],
  }).finish(), NO_MESSAGE, spec)],
  'deliver': (spec) => [call('PublishEvent', PublishEventRequest.encode({
    pubsubName: PUBSUB, topic: spec.topic, data: Buffer.from(payloadOf(sizeOf(spec))), dataContentType: 'application/json', metadata: NONE,
  }).finish(), NO_MESSAGE, spec)],
  'lock': (spec, i, names) => [
    call('TryLockAlpha1', TryLockRequest.encode({ storeName: LOCKS, ...lockOf(names, i), expiryInSeconds: LOCK_SECONDS }).finish(), exactly(withPrefix(Buffer.from(TryLockResponse.encode({ success: true }).finish()))), spec),
    call('UnlockAlpha1', UnlockRequest.encode({ storeName: LOCKS, ...lockOf(names, i) }).finish(), NO_MESSAGE, spec),
  ],
  'config-get': (spec, i) => [call('GetConfiguration', GetConfigurationRequest.encode({ storeName: CONFIG, keys: [keyOf(sizeOf(spec), i)], metadata: NONE }).finish(), atLeast(sizeOf(spec)), spec)],
};

const http = (verb: string, target: string, { port, strict }: TurnSpec, expected: Expected, body = ''): Request => {
  const bytes = Buffer.from(`${verb} ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: keep-alive\r\n${verb === 'GET' ? '' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`}\r\n${body}`);
  return { path: '', bytes, stampAt: stampPlace(bytes), expected: strict ? expected : ANYTHING };
};

const HTTP: Readonly<Record<Operation, Make>> = {
  'state-get': (spec, i) => [http('GET', `/v1.0/state/${STATE}/${keyOf(sizeOf(spec), i)}`, spec, exactly(Buffer.from(valueOf(sizeOf(spec)))))],
  'state-set': (spec, i) => [http('POST', `/v1.0/state/${STATE}`, spec, ANYTHING, `[{"key":"${keyOf(sizeOf(spec), i)}","value":${valueOf(sizeOf(spec))}}]`)],
  'deliver': (spec) => [http('POST', `/v1.0/publish/${PUBSUB}/${spec.topic}`, spec, ANYTHING, payloadOf(sizeOf(spec)))],
  'lock': (spec, i, names) => [
    http('POST', `/v1.0-alpha1/lock/${LOCKS}`, spec, { ...ANYTHING, holds: Buffer.from('{"success":true') }, JSON.stringify({ ...lockOf(names, i), expiryInSeconds: LOCK_SECONDS })),
    http('POST', `/v1.0-alpha1/unlock/${LOCKS}`, spec, { ...ANYTHING, holds: Buffer.from('{"status":0') }, JSON.stringify(lockOf(names, i))),
  ],
  'config-get': (spec, i) => [http('GET', `/v1.0/configuration/${CONFIG}?key=${keyOf(sizeOf(spec), i)}`, spec, atLeast(sizeOf(spec)))],
};
