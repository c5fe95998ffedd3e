// Any call that a gRPC client may make to a sidecar, for property tests: right, wrong and in between, with requests of few keys so
// that calls meet what others have left.
import fc from 'fast-check';
import { NextIdRequest } from '../../proto/gen/bulkhead/v1/sequencer.ts';
import { HoldLockRequest, RenewLockRequest } from '../../proto/gen/bulkhead/v1/lock.ts';
import { GetConfigurationRequest, SubscribeConfigurationRequest, UnsubscribeConfigurationRequest } from '../../proto/gen/dapr/proto/runtime/v1/configuration.ts';
import { TryLockRequest } from '../../proto/gen/dapr/proto/runtime/v1/lock.ts';
import { SetMetadataRequest } from '../../proto/gen/dapr/proto/runtime/v1/metadata.ts';
import { PublishEventRequest, SubscribeTopicEventsRequestAlpha1 } from '../../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { DeleteStateRequest, ExecuteStateTransactionRequest, GetBulkStateRequest, GetStateRequest, SaveStateRequest } from '../../proto/gen/dapr/proto/runtime/v1/state.ts';
import { ServerReflectionRequest } from '../../proto/gen/grpc/reflection/v1/reflection.ts';
import { ROUTES } from '../../proto/routes.ts';
import type { CallSpec, MetadataPair } from './grpc-calls.ts';
import type { ComponentManifest } from './sidecar.ts';
import { deleteState, getBulkState, getState, saveState, stateItem, transaction } from './states.ts';

/** What the calls are about: a component in memory of each kind, named after it. */
export const SPEC_COMPONENTS: readonly ComponentManifest[] = ['state', 'pubsub', 'configuration', 'lock', 'sequencer'].map((kind) => ({ name: kind, type: `${kind}.in-memory` }));

const DAPR = '/dapr.proto.runtime.v1.Dapr/';
const LOCK = '/bulkhead.v1.Lock/';
/** Longer than any test. Seconds. */
const LONG = 600;
const none = new Map<string, string>();

interface Request {
  readonly path: string;
  readonly request: Buffer;
}
interface Codec<M> {
  encode(message: M): { finish(): Uint8Array };
}
const to = <M>(path: string, codec: Codec<M>, message: M): Request => ({ path: path.startsWith('/') ? path : DAPR + path, request: Buffer.from(codec.encode(message).finish()) });

const key = fc.constantFrom('a', 'b', 'c', 'a||b', '', 'ключ');
const of = (name: string): fc.Arbitrary<string> => fc.oneof({ weight: 8, arbitrary: fc.constant(name) }, { weight: 1, arbitrary: fc.constantFrom('nowhere', '', 'naïve 100 %') });
const value = fc.uint8Array({ maxLength: 40 });

/** Around the limit on messages: below, at and above. */
const large = (limit: number): fc.Arbitrary<Request> => fc.constantFrom(limit - 200, limit - 60, limit - 20, limit, limit + 1, 2 * limit).map((length) => to('SaveState', SaveStateRequest, saveState('state', stateItem('large', Buffer.alloc(length, 0x41)))));

const proper: fc.Arbitrary<Request> = fc.oneof(
  fc.tuple(of('state'), fc.oneof(key, fc.constant('large'))).map(([store, k]) => to('GetState', GetStateRequest, getState(store, k))),
  fc.tuple(of('state'), key, value).map(([store, k, v]) => to('SaveState', SaveStateRequest, saveState(store, stateItem(k, v)))),
  fc.tuple(of('state'), key, fc.boolean()).map(([store, k, tagged]) => to('DeleteState', DeleteStateRequest, deleteState(store, k, tagged ? { etag: 'wrong' } : {}))),
  fc.tuple(of('state'), fc.array(key, { maxLength: 4 })).map(([store, keys]) => to('GetBulkState', GetBulkStateRequest, getBulkState(store, ...keys))),
  fc.tuple(of('state'), fc.constantFrom('upsert', 'delete', 'rename'), key, value).map(([store, operation, k, v]) => to('ExecuteStateTransaction', ExecuteStateTransactionRequest, transaction(store, [operation, stateItem(k, v)]))),
  fc.tuple(of('pubsub'), fc.constantFrom('topic', ''), value).map(([pubsubName, topic, data]) => to('PublishEvent', PublishEventRequest, { pubsubName, topic, data, dataContentType: '', metadata: none })),
  fc.tuple(of('configuration'), fc.array(key, { maxLength: 2 })).map(([storeName, keys]) => to('GetConfiguration', GetConfigurationRequest, { storeName, keys, metadata: none })),
  of('configuration').map((storeName) => to('UnsubscribeConfiguration', UnsubscribeConfigurationRequest, { storeName, id: 'none' })),
  fc.tuple(of('lock'), key, key).map(([storeName, resourceId, lockOwner]) => to('TryLockAlpha1', TryLockRequest, { storeName, resourceId, lockOwner, expiryInSeconds: LONG })),
  fc.tuple(of('lock'), key, key).map(([storeName, resourceId, lockOwner]) => to(`${LOCK}Renew`, RenewLockRequest, { storeName, resourceId, lockOwner, expiryInSeconds: LONG })),
  fc.tuple(of('sequencer'), key, fc.integer({ min: -1, max: 20 })).map(([storeName, k, count]) => to('/bulkhead.v1.Sequencer/NextId', NextIdRequest, { storeName, key: k, increment: 0, count, metadata: none })),
  fc.constant({ path: `${DAPR}GetMetadata`, request: Buffer.alloc(0) }),
  fc.tuple(key, fc.string({ maxLength: 8 })).map(([k, v]) => to('SetMetadata', SetMetadataRequest, { key: k, value: v })),
);

/** Every unary method but the one that ends the sidecar. */
const UNARY = ROUTES.filter(({ kind, rpc, name }) => kind === 'unary' && rpc !== undefined && name !== 'Shutdown').map(({ rpc }) => rpc as string);
const garbage: fc.Arbitrary<Request> = fc.record({ path: fc.constantFrom(...UNARY), request: fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)) });
const damaged: fc.Arbitrary<Request> = fc.tuple(proper, fc.nat(), fc.nat(255)).map(([{ path, request }, at, byte]) => {
  const bytes = Buffer.from(request);
  if (bytes.length > 0) bytes[at % bytes.length] = byte;
  return { path, request: byte % 2 === 0 ? bytes : bytes.subarray(0, at % (bytes.length + 1)) };
});
const unknown: fc.Arbitrary<Request> = fc.record({ path: fc.constantFrom('/x.Y/Z', `${DAPR}Nothing`, '/grpc.health.v1.Health/Check', '/a', `${DAPR}GetState/`), request: value.map((bytes) => Buffer.from(bytes)) });

const name = fc.constantFrom('x-one', 'x-two', 'traceparent', 'tracestate', 'x.y_z-0');
const metadata: fc.Arbitrary<readonly MetadataPair[]> = fc.array(fc.oneof(
  fc.tuple(name, fc.constantFrom('', 'v', 'a, b', ' spaces ', '~!"#$%&')), fc.tuple(fc.constantFrom('grpc-trace-bin', 'x-bin'), fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes))),
) as fc.Arbitrary<MetadataPair>, { maxLength: 4 });

const unary = (limit: number): fc.Arbitrary<CallSpec> => fc.tuple(
  fc.oneof({ weight: 8, arbitrary: proper }, { weight: 2, arbitrary: damaged }, { weight: 2, arbitrary: garbage }, { weight: 1, arbitrary: unknown }, { weight: 1, arbitrary: large(limit) }),
  metadata, fc.boolean(), fc.boolean(),
).map(([request, pairs, gzip, far]) => ({ kind: 'unary', ...request, metadata: pairs, gzip, ...(far ? { deadline: 'far' } : {}) }));

/** Only what changes nothing: whether a call has had its effect when its client leaves, or its deadline passes, is chance. */
const left: fc.Arbitrary<CallSpec> = fc.tuple(key, fc.boolean(), fc.boolean()).map(([k, gzip, late]) => {
  const request = { ...to('GetState', GetStateRequest, getState('state', k)), gzip };
  return late ? { kind: 'unary', ...request, deadline: 'passed' } : { kind: 'left', ...request };
});

const held = { next: 0 };
const down: fc.Arbitrary<CallSpec> = fc.oneof(
  of('configuration').map((storeName) => to('SubscribeConfiguration', SubscribeConfigurationRequest, { storeName, keys: [], metadata: none })),
  // Each lock is new: when the block hears that a client has left is chance.
  fc.tuple(of('lock'), fc.constantFrom('me', '')).map(([storeName, lockOwner]) => to(`${LOCK}Hold`, HoldLockRequest, { storeName, resourceId: `held-${held.next++}`, lockOwner, expiryInSeconds: LONG, releaseOnClose: false })),
  fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => ({ path: `${DAPR}SubscribeConfiguration`, request: Buffer.from(bytes) })),
).map((request) => ({ kind: 'down', ...request, leaveAfter: 1 }));

const ids = fc.tuple(of('sequencer'), key, fc.integer({ min: -1, max: 50 })).map(([storeName, k, count]) => to('/bulkhead.v1.Sequencer/NextIds', NextIdRequest, { storeName, key: k, increment: 0, count, metadata: none }).request);
const QUESTIONS: readonly ServerReflectionRequest['messageRequest'][] = [{ $case: 'listServices', value: '' }, { $case: 'fileContainingSymbol', value: 'bulkhead.v1.Lock' }, { $case: 'fileByFilename', value: 'nothing.proto' }, undefined];
const question = fc.constantFrom(...QUESTIONS).map((messageRequest) => Buffer.from(ServerReflectionRequest.encode({ host: 'h', messageRequest }).finish()));
/** Nothing is published there: what comes when is chance. */
const initial = fc.tuple(of('pubsub'), fc.constantFrom('silent', '')).map(([pubsubName, topic]) => Buffer.from(SubscribeTopicEventsRequestAlpha1.encode({ subscribeTopicEventsRequestType: { $case: 'initialRequest', value: { pubsubName, topic, metadata: none, deadLetterTopic: undefined } } }).finish()));
const close = fc.constantFrom('at once', 'after answers', 'leave after answers') as fc.Arbitrary<'at once' | 'after answers' | 'leave after answers'>;

const bidi: fc.Arbitrary<CallSpec> = fc.tuple(fc.oneof(
  fc.record({ path: fc.constant('/bulkhead.v1.Sequencer/NextIds'), requests: fc.array(ids, { maxLength: 5 }) }),
  fc.record({ path: fc.constantFrom('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo'), requests: fc.array(question, { maxLength: 3 }) }),
  // More than one message would be about events that there are not.
  fc.record({ path: fc.constant(`${DAPR}SubscribeTopicEventsAlpha1`), requests: fc.array(initial, { maxLength: 1 }) }),
), close, metadata, fc.boolean()).map(([{ path, requests }, how, pairs, gzip]) => {
  // Whether a subscription stands when its client has ended already is chance.
  const end = path.endsWith('/SubscribeTopicEventsAlpha1') && how === 'at once' && requests.length > 0 ? 'after answers' : how;
  return { kind: 'bidi', path, requests, close: end, answers: requests.length, metadata: pairs, gzip };
});

/** @param limit of messages, in bytes. */
export function callSpecs(limit: number): fc.Arbitrary<CallSpec> {
  return fc.oneof({ weight: 10, arbitrary: unary(limit) }, { weight: 1, arbitrary: left }, { weight: 2, arbitrary: down }, { weight: 3, arbitrary: bidi });
}

/** Calls that change nothing, so that many may be under way at once. */
export const readingSpecs: fc.Arbitrary<CallSpec> = fc.tuple(fc.oneof(
  key.map((k) => to('GetState', GetStateRequest, getState('state', k))), fc.array(key, { maxLength: 4 }).map((keys) => to('GetBulkState', GetBulkStateRequest, getBulkState('state', ...keys))),
  fc.constant({ path: `${DAPR}GetMetadata`, request: Buffer.alloc(0) }), unknown,
), metadata, fc.boolean()).map(([request, pairs, gzip]) => ({ kind: 'unary', ...request, metadata: pairs, gzip }));
