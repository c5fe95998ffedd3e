// The table of failures: one row each with gRPC code, HTTP status, Dapr's error code, text and details (contract: errors
// of the sidecar document). A row makes the error; `.because(cause)` keeps what lay beneath it for the log.
import { ApiError, errorInfo, Grpc, resourceInfo, type ErrorDetail, type Failure, type GrpcCode } from './errors.ts';

/** What a driver's error comes to. */
export interface DriverFault {
  readonly text: string;
  readonly grpc: GrpcCode;
  readonly http: number;
  /** Set when the driver chose the client's answer itself: gRPC passes it on as it is, HTTP takes its status. */
  readonly own?: Failure;
}

type Texts = Readonly<Record<string, string>>;

const STATE_STORES_PAGE: ErrorDetail = {
  type: 'Help',
  links: [{ url: 'https://docs.dapr.io/reference/components-reference/supported-state-stores/', description: 'Check the list of state stores and the features they support' }],
};

/** Rows by name. */
export const FAIL = {
  // State: the store
  stateNotConfigured: (store: string, appId: string) =>
    storeFailure(Grpc.FAILED_PRECONDITION, 500, 'ERR_STATE_STORE_NOT_CONFIGURED', `state store ${store} is not configured`, 'DAPR_STATE_NOT_CONFIGURED', appId),
  stateNotFound: (store: string, appId: string) =>
    storeFailure(Grpc.INVALID_ARGUMENT, 400, 'ERR_STATE_STORE_NOT_FOUND', `state store ${store} is not found`, 'DAPR_STATE_NOT_FOUND', appId),
  transactionsUnsupported: (store: string) =>
    rich(Grpc.UNIMPLEMENTED, 500, 'ERR_STATE_STORE_NOT_SUPPORTED', `state store ${store} doesn't support transactions`,
      [STATE_STORES_PAGE, resourceInfo('state', store), errorInfo('DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED')]),
  tooManyOperations: (store: string, count: number, max: number) =>
    rich(Grpc.INVALID_ARGUMENT, 400, 'ERR_STATE_STORE_TOO_MANY_TRANSACTIONS', `the transaction contains ${count} operations, which is more than what the state store supports: ${max}`,
      [resourceInfo('state', store), errorInfo('DAPR_STATE_TOO_MANY_TRANSACTIONS', { currentOpsTransaction: `${count}`, maxOpsPerTransaction: `${max}` })]),
  queryUnsupported: (store: string) =>
    rich(Grpc.INTERNAL, 500, 'ERR_STATE_STORE_NOT_SUPPORTED', 'state store does not support querying', [resourceInfo('state', store), errorInfo('DAPR_STATE_QUERYING_NOT_SUPPORTED')]),
  queryFailed: (store: string, reason: string) =>
    rich(Grpc.INTERNAL, 500, 'ERR_STATE_QUERY', `state store ${store} query failed: ${reason}`, [resourceInfo('state', store), errorInfo('DAPR_STATE_QUERY_FAILED')]),

  // State: the request
  /** @param httpField what the HTTP answer names as the field: nothing within a transaction. */
  illegalKey: (store: string, key: string, httpField = key) => {
    const text = `input key/keyPrefix '${key}' can't contain '||'`;
    const httpText = `api error: code = InvalidArgument desc = ${text}`; // upstream wraps its own error once more
    const details = (field: string, description: string): ErrorDetail[] =>
      [{ type: 'BadRequest', field_violations: [{ field, description }] }, resourceInfo('state', store), errorInfo('DAPR_STATE_ILLEGAL_KEY')];
    return new ApiError({
      grpc: Grpc.INVALID_ARGUMENT, http: 400, code: 'ERR_MALFORMED_REQUEST', message: text, httpMessage: httpText,
      details: details(key, text), httpDetails: details(httpField, httpText),
    });
  },
  /** An item to save has no key. */
  keyMissing: () => new ApiError({
    grpc: Grpc.INVALID_ARGUMENT, http: 400, code: 'ERR_MALFORMED_REQUEST', message: 'state key cannot be empty', httpMessage: '"key" is a required field',
    details: [errorInfo('ERR_STATE_SAVE')],
  }),
  /** The body of a save over HTTP; the text is the decoder's alone. */
  saveBody: (text: string) => legacy(Grpc.INVALID_ARGUMENT, 400, 'ERR_MALFORMED_REQUEST', text),
  /** A value that a gRPC client called JSON. */
  valueNotJson: (text: string) => legacy(Grpc.UNKNOWN, 400, 'ERR_MALFORMED_REQUEST', text),
  unknownOperation: (operation: string) => basic(Grpc.UNIMPLEMENTED, 400, 'ERR_NOT_SUPPORTED_STATE_OPERATION', `operation type ${operation} not supported`),

  // State: the operation
  stateGet: (key: string, store: string, fault: DriverFault) => operation('ERR_STATE_GET', `fail to get ${key} from state store ${store}: ${fault.text}`, fault),
  stateSave: (store: string, fault: DriverFault) => operation('ERR_STATE_SAVE', `failed saving state in state store ${store}: ${fault.text}`, fault),
  stateDelete: (key: string, fault: DriverFault) => operation('ERR_STATE_DELETE', `failed deleting state with key ${key}: ${fault.text}`, fault),
  stateBulkDelete: (store: string, fault: DriverFault) => operation('ERR_STATE_BULK_DELETE', `failed deleting state in state store ${store}: ${fault.text}`, fault),
  /** A bulk get that failed as a whole: gRPC shows the driver's error as it is, and a plain one has no code. */
  stateBulkGet: (fault: DriverFault) => (fault.own === undefined ? legacy(Grpc.UNKNOWN, 500, 'ERR_STATE_BULK_GET', fault.text) : operation('ERR_STATE_BULK_GET', fault.text, fault)),
  /** Always 500, for an etag that doesn't match as well. */
  transaction: (fault: DriverFault) => basic(Grpc.INTERNAL, 500, 'ERR_STATE_TRANSACTION', `error while executing state transaction: ${fault.text}`),

  // Pub/sub: the component and the request. `metadata` is the request's; an HTTP answer shows it.
  pubsubNotConfigured: (pubsub: string, metadata: Texts | null) =>
    rich(Grpc.FAILED_PRECONDITION, 400, 'ERR_PUBSUB_NOT_CONFIGURED', `pubsub ${pubsub} is not configured`, [errorInfo('DAPR_PUBSUB_NOT_CONFIGURED', metadata)]),
  pubsubNameEmpty: () => pubsubFailure(Grpc.INVALID_ARGUMENT, 404, 'ERR_PUBSUB_EMPTY', 'pubsub name is empty', '', 'NAME_EMPTY', null),
  pubsubNotFound: (pubsub: string, metadata: Texts | null) =>
    rich(Grpc.INVALID_ARGUMENT, 404, 'ERR_PUBSUB_NOT_FOUND', `pubsub ${pubsub} is not found`, [errorInfo('DAPR_PUBSUB_NOT_FOUND', metadata)]),
  topicEmpty: (pubsub: string, metadata: Texts | null) =>
    pubsubFailure(Grpc.INVALID_ARGUMENT, 404, 'ERR_TOPIC_NAME_EMPTY', `topic is empty in pubsub ${pubsub}`, pubsub, 'TOPIC_NAME_EMPTY', metadata),
  /** @param text what is wrong with which value */
  pubsubMetadata: (pubsub: string, metadata: Texts | null, text: string) =>
    pubsubFailure(Grpc.INVALID_ARGUMENT, 400, 'ERR_PUBSUB_REQUEST_METADATA', `failed deserializing metadata. Error: ${text}`, pubsub, 'METADATA_DESERIALIZATION', metadata),
  /** The event is called a CloudEvent and can't be read as one. */
  cloudEventCreation: (pubsub: string, appID: string, error: string) =>
    pubsubFailure(Grpc.INVALID_ARGUMENT, 500, 'ERR_PUBSUB_CLOUD_EVENTS_SER', 'cannot create cloudevent', pubsub, 'CLOUD_EVENT_CREATION', { appID, error }),
  /** An event of a bulk doesn't fit its content type. */
  marshalEnvelope: (pubsub: string, topic: string, appID: string, error: string) =>
    pubsubFailure(Grpc.INVALID_ARGUMENT, 400, 'ERR_PUBSUB_EVENTS_SER', `error when marshalling cloud event envelope for topic ${topic} pubsub ${pubsub}: ${error}`, pubsub, 'MARSHAL_ENVELOPE', { appID, error }),
  marshalEvents: (pubsub: string, topic: string, appID: string, error: string) =>
    pubsubFailure(Grpc.INVALID_ARGUMENT, 400, 'ERR_PUBSUB_EVENTS_SER', `error marshaling events to bytes for topic ${topic} pubsub ${pubsub}. error: ${error}`, pubsub, 'MARSHAL_EVENTS', { appID, error }),
  /** The body of a bulk; the text is the decoder's. */
  unmarshalEvents: (pubsub: string, topic: string, appID: string, text: string) =>
    pubsubFailure(Grpc.INVALID_ARGUMENT, 400, 'ERR_PUBSUB_EVENTS_SER', `error when unmarshaling the request for topic ${topic} pubsub ${pubsub}: ${text}`, pubsub, 'UNMARSHAL_EVENTS', { appID }),

  // Pub/sub: the operation
  publishForbidden: (pubsub: string, topic: string, appId: string) => {
    const text = `topic ${topic} is not allowed for app id ${appId}`;
    return pubsubFailure(Grpc.PERMISSION_DENIED, 403, 'ERR_PUBSUB_FORBIDDEN', text, pubsub, 'FORBIDDEN', { topic, error: text });
  },
  publishFailed: (pubsub: string, topic: string, error: string) =>
    pubsubFailure(Grpc.INTERNAL, 500, 'ERR_PUBSUB_PUBLISH_MESSAGE', `error when publishing to topic ${topic} in pubsub ${pubsub}: ${error}`, pubsub, 'PUBLISH_MESSAGE', { topic, error }),

  // Pub/sub: a subscription over a stream. Upstream ends it with plain errors, which have no code in gRPC.
  streamNotInitial: () => legacy(Grpc.UNKNOWN, 500, 'ERR_PUBSUB_STREAM', 'initial request is required'),
  streamPubsubMissing: () => legacy(Grpc.UNKNOWN, 500, 'ERR_PUBSUB_STREAM', 'pubsubName is required'),
  streamTopicMissing: () => legacy(Grpc.UNKNOWN, 500, 'ERR_PUBSUB_STREAM', 'topic is required'),
  streamDuplicateInitial: () => legacy(Grpc.UNKNOWN, 500, 'ERR_PUBSUB_STREAM', 'duplicate initial request received'),
  streamForbidden: (pubsub: string, topic: string) => legacy(Grpc.UNKNOWN, 500, 'ERR_PUBSUB_STREAM', `subscription to topic '${topic}' on pubsub '${pubsub}' is not allowed`),

  // Configuration. The list of keys is printed as Go prints a slice.
  configurationNotConfigured: () => basic(Grpc.FAILED_PRECONDITION, 500, 'ERR_CONFIGURATION_STORE_NOT_CONFIGURED', 'configuration stores not configured'),
  configurationNotFound: (store: string) => basic(Grpc.INVALID_ARGUMENT, 400, 'ERR_CONFIGURATION_STORE_NOT_FOUND', `configuration store ${store} not found`),
  configurationGet: (keys: readonly string[], store: string, error: string) =>
    basic(Grpc.INTERNAL, 500, 'ERR_CONFIGURATION_GET', `failed to get ${slice(keys)} from Configuration store ${store}: ${error}`),
  configurationSubscribe: (keys: readonly string[], store: string, error: string) =>
    basic(Grpc.INVALID_ARGUMENT, 500, 'ERR_CONFIGURATION_SUBSCRIBE', `failed to subscribe ${slice(keys)} from Configuration store ${store}: ${error}`),
  /** Over HTTP alone. */
  configurationNoApp: () => legacy(Grpc.FAILED_PRECONDITION, 500, 'ERR_APP_CHANNEL_NIL', 'app channel is not initialized. cannot subscribe to configuration updates'),
  /** A stream that somebody else's call ended is no failure; one whose component is gone is. */
  configurationClosed: (store: string) => legacy(Grpc.UNAVAILABLE, 503, 'ERR_CONFIGURATION_SUBSCRIBE', `configuration store ${store} is closing: subscribe again`),
  /** Of what a stream would have to say. */
  configurationTooLarge: (store: string, bytes: number, max: number) =>
    legacy(Grpc.RESOURCE_EXHAUSTED, 500, 'ERR_CONFIGURATION_SUBSCRIBE', `a key of configuration store ${store} has changed to ${bytes} bytes, which is more than a message may have: ${max}`),

  // Lock
  lockNotConfigured: () => legacy(Grpc.FAILED_PRECONDITION, 500, 'ERR_LOCK_STORE_NOT_CONFIGURED', 'lock store is not configured'),
  lockNotFound: (store: string) => legacy(Grpc.INVALID_ARGUMENT, 400, 'ERR_LOCK_STORE_NOT_FOUND', `lock store ${store} not found`),
  lockExpiry: (store: string) => legacy(Grpc.INVALID_ARGUMENT, 400, 'ERR_MALFORMED_REQUEST', `ExpiryInSeconds is not positive in lock store ${store}`),
  lockEmpty: (what: 'ResourceId' | 'LockOwner', store: string) => legacy(Grpc.INVALID_ARGUMENT, 400, 'ERR_MALFORMED_REQUEST', `${what} is empty in lock store ${store}`),
  tryLock: (error: string) => legacy(Grpc.INTERNAL, 500, 'ERR_TRY_LOCK', `failed to try acquiring lock: ${error}`),
  unlock: (error: string) => legacy(Grpc.INTERNAL, 500, 'ERR_UNLOCK', `failed to release lock: ${error}`),
  renewLock: (error: string) => legacy(Grpc.INTERNAL, 500, 'ERR_RENEW_LOCK', `failed to renew lock: ${error}`),
  tooManyRenewed: (max: number) => legacy(Grpc.RESOURCE_EXHAUSTED, 429, 'ERR_TOO_MANY_LOCKS', `${max} locks are renewed already, and no more are taken on`),
  /** @param given the value of "bulkhead-renew" */
  lockRenewal: (given: string, why: string) => legacy(Grpc.INVALID_ARGUMENT, 400, 'ERR_MALFORMED_REQUEST', `invalid bulkhead-renew ${JSON.stringify(given)}: ${why}`),

  // Sequencer
  sequencerNotConfigured: () => legacy(Grpc.FAILED_PRECONDITION, 500, 'ERR_SEQUENCER_STORE_NOT_CONFIGURED', 'sequencer store is not configured'),
  sequencerNotFound: (store: string) => legacy(Grpc.INVALID_ARGUMENT, 400, 'ERR_SEQUENCER_STORE_NOT_FOUND', `sequencer store ${store} not found`),
  /** On a stream that began with another store. @param apart the one of the two that has a compartment of its own */
  sequencerElsewhere: (store: string, apart: string) =>
    legacy(Grpc.INVALID_ARGUMENT, 400, 'ERR_SEQUENCER_STORE_ELSEWHERE', `sequencer store ${store} can't be asked on this stream, because ${apart} has a compartment of its own: open another stream for ${store}`),
  /** @param text what is wrong with which value */
  sequencerRequest: (text: string) => legacy(Grpc.INVALID_ARGUMENT, 400, 'ERR_MALFORMED_REQUEST', text),
  nextId: (key: string, store: string, error: string) => legacy(Grpc.INTERNAL, 500, 'ERR_NEXT_ID', `failed to get the next id of ${key} from sequencer store ${store}: ${error}`),

  // Any API
  malformedBody: (text: string) => legacy(Grpc.INVALID_ARGUMENT, 400, 'ERR_MALFORMED_REQUEST', `failed deserializing HTTP body: ${text}`),
  bodyRead: (text: string) => legacy(Grpc.INVALID_ARGUMENT, 400, 'ERR_BODY_READ', `failed to read request body: ${text}`),
  badRequest: (text: string) => legacy(Grpc.INVALID_ARGUMENT, 400, 'ERR_BAD_REQUEST', `invalid request: ${text}`),
  /** A protobuf message that can't be read. */
  malformedMessage: (text: string) => legacy(Grpc.INTERNAL, 400, 'ERR_MALFORMED_REQUEST', `grpc: error unmarshalling request: ${text}`),
  encodeResponse: (text: string) => legacy(Grpc.INTERNAL, 500, 'ERR_INTERNAL', `failed to encode response as JSON: ${text}`),
  notImplemented: () => legacy(Grpc.UNIMPLEMENTED, 501, 'ERR_API_UNIMPLEMENTED', 'this API is currently not implemented'),
  noInvokeTarget: () => legacy(Grpc.NOT_FOUND, 404, 'ERR_DIRECT_INVOKE', 'failed getting app id either from the URL path or the header dapr-app-id'),
  /** What nobody made a row for. */
  internal: (text: string) => legacy(Grpc.INTERNAL, 500, 'ERROR', text),

  // The sidecar itself
  blockRestarted: (block: string) => unavailable(block, `the ${block} block restarted while this call was in flight`),
  blockUnavailable: (block: string, why: string) => unavailable(block, `the ${block} block is not available: ${why}`),
  poisonCall: (block: string, deaths: number) => {
    const details = [errorInfo('ERR_CALL_POISONOUS', { block })];
    const message = `this call is refused: it was in flight at each of the last ${deaths} deaths of the ${block} block`;
    return new ApiError({ grpc: Grpc.FAILED_PRECONDITION, http: 422, code: 'ERR_CALL_POISONOUS', message, details, httpDetails: details });
  },
  noSuchBlock: (name: string, names: readonly string[]) => legacy(Grpc.NOT_FOUND, 404, 'ERR_BLOCK_NOT_FOUND', `there is no block ${name}; the blocks are ${names.join(', ')}`),
  restartRefused: (name: string, why: string) => legacy(Grpc.FAILED_PRECONDITION, 409, 'ERR_RESTART_REFUSED', `the ${name} block was not restarted, and its present life goes on: ${why}`),
  queueFull: (block: string) => {
    const details = [errorInfo('ERR_BLOCK_BUSY', { block })];
    return new ApiError({ grpc: Grpc.RESOURCE_EXHAUSTED, http: 429, code: 'ERR_BLOCK_BUSY', message: `too many calls wait for the ${block} block`, details, httpDetails: details });
  },
  tooManyStreams: (block: string, max: number) => {
    const details = [errorInfo('ERR_BLOCK_BUSY', { block })];
    return new ApiError({ grpc: Grpc.RESOURCE_EXHAUSTED, http: 429, code: 'ERR_BLOCK_BUSY', message: `the ${block} block has ${max} streams open, and takes no more`, details, httpDetails: details });
  },
  bodiesFull: () => legacy(Grpc.RESOURCE_EXHAUSTED, 429, 'ERR_SIDECAR_BUSY', 'the sidecar holds as many unfinished requests as it may'),
  answersFull: () => legacy(Grpc.RESOURCE_EXHAUSTED, 429, 'ERR_SIDECAR_BUSY', 'the sidecar holds as many answers as it may that clients have not taken'),
  unsendable: () => legacy(Grpc.INTERNAL, 500, 'ERROR', 'the block answered with headers that HTTP/2 does not carry'),
  deadlineExceeded: () => legacy(Grpc.DEADLINE_EXCEEDED, 504, 'ERR_DEADLINE_EXCEEDED', 'context deadline exceeded'),
  cancelled: () => legacy(Grpc.CANCELLED, 408, 'ERR_CANCELLED', 'context canceled'),
} as const satisfies Readonly<Record<string, (...facts: never[]) => ApiError>>;

/** An error without details in either protocol. */
function legacy(grpc: GrpcCode, http: number, code: string, message: string): ApiError {
  return new ApiError({ grpc, http, code, message });
}

/** An error whose gRPC status carries its code as an ErrorInfo, and whose HTTP body is the legacy one. */
function basic(grpc: GrpcCode, http: number, code: string, message: string): ApiError {
  return new ApiError({ grpc, http, code, message, details: [errorInfo(code)] });
}

/** How Go prints a list of texts. */
function slice(texts: readonly string[]): string {
  return `[${texts.join(' ')}]`;
}

/** An error with the same details in both protocols. */
function rich(grpc: GrpcCode, http: number, code: string, message: string, details: readonly ErrorDetail[]): ApiError {
  return new ApiError({ grpc, http, code, message, details, httpDetails: details });
}

/** The store isn't there: HTTP says for which app, gRPC does not. */
function storeFailure(grpc: GrpcCode, http: number, code: string, message: string, reason: string, appId: string): ApiError {
  return new ApiError({ grpc, http, code, message, details: [errorInfo(reason)], httpDetails: [errorInfo(reason, appId === '' ? null : { appID: appId })] });
}

/** A failure of pub/sub that names its component, with the message once more as the resource's description. */
function pubsubFailure(grpc: GrpcCode, http: number, code: string, message: string, pubsub: string, reason: string, metadata: Texts | null): ApiError {
  const resource: ErrorDetail = { type: 'ResourceInfo', resource_type: 'pubsub', resource_name: pubsub, owner: '', description: message };
  return rich(grpc, http, code, message, [resource, errorInfo(`DAPR_PUBSUB_${reason}`, metadata)]);
}

function operation(code: string, message: string, { grpc, http, own }: DriverFault): ApiError {
  if (own === undefined) return basic(grpc, http, code, message);
  return new ApiError({ grpc: own.grpc, http: own.http, code, message: own.message, details: own.details, httpMessage: message });
}

function unavailable(block: string, message: string): ApiError {
  return rich(Grpc.UNAVAILABLE, 503, 'ERR_BLOCK_UNAVAILABLE', message, [errorInfo('ERR_BLOCK_UNAVAILABLE', { block })]);
}
