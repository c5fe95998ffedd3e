// The table of failures as clients see it: JSON bodies to the letter, and the details of a gRPC status.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError, errorInfo, Grpc, GO_CODE_NAMES, type Failure } from '../proto/errors.ts';
import { FAIL, type DriverFault } from '../proto/failures.ts';
import { BadRequest, ErrorInfo, Help, ResourceInfo } from '../proto/gen/google/rpc/error_details.ts';
import { Status } from '../proto/gen/google/rpc/status.ts';
import { httpBody, statusDetails } from '../proto/status.ts';

const fault: DriverFault = { text: 'e', grpc: Grpc.INTERNAL, http: 500 };
const mismatch: DriverFault = { text: 'e', grpc: Grpc.ABORTED, http: 409 };
const INFO = '"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io"';
const RESOURCE = '{"@type":"type.googleapis.com/google.rpc.ResourceInfo","description":"","owner":"","resource_name":"S","resource_type":"state"}';

const HTTP: [name: string, error: ApiError, status: number, body: string][] = [
  ['no store', FAIL.stateNotConfigured('S', 'A'), 500,
    `{"errorCode":"ERR_STATE_STORE_NOT_CONFIGURED","message":"state store S is not configured","details":[{${INFO},"metadata":{"appID":"A"},"reason":"DAPR_STATE_NOT_CONFIGURED"}]}`],
  ['unknown store', FAIL.stateNotFound('S', 'A'), 400,
    `{"errorCode":"ERR_STATE_STORE_NOT_FOUND","message":"state store S is not found","details":[{${INFO},"metadata":{"appID":"A"},"reason":"DAPR_STATE_NOT_FOUND"}]}`],
  ['unknown store without app id', FAIL.stateNotFound('S', ''), 400,
    `{"errorCode":"ERR_STATE_STORE_NOT_FOUND","message":"state store S is not found","details":[{${INFO},"metadata":null,"reason":"DAPR_STATE_NOT_FOUND"}]}`],
  ['illegal key', FAIL.illegalKey('S', 'a||b'), 400,
    `{"errorCode":"ERR_MALFORMED_REQUEST","message":"api error: code = InvalidArgument desc = input key/keyPrefix 'a||b' can't contain '||'","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","field_violations":[{"field":"a||b","description":"api error: code = InvalidArgument desc = input key/keyPrefix 'a||b' can't contain '||'"}]},${RESOURCE},{${INFO},"metadata":null,"reason":"DAPR_STATE_ILLEGAL_KEY"}]}`],
  ['illegal key in a transaction', FAIL.illegalKey('S', 'a||b', ''), 400,
    `{"errorCode":"ERR_MALFORMED_REQUEST","message":"api error: code = InvalidArgument desc = input key/keyPrefix 'a||b' can't contain '||'","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","field_violations":[{"field":"","description":"api error: code = InvalidArgument desc = input key/keyPrefix 'a||b' can't contain '||'"}]},${RESOURCE},{${INFO},"metadata":null,"reason":"DAPR_STATE_ILLEGAL_KEY"}]}`],
  ['no transactions', FAIL.transactionsUnsupported('S'), 500,
    `{"errorCode":"ERR_STATE_STORE_NOT_SUPPORTED","message":"state store S doesn't support transactions","details":[{"@type":"type.googleapis.com/google.rpc.Help","links":[{"description":"Check the list of state stores and the features they support","url":"https://docs.dapr.io/reference/components-reference/supported-state-stores/"}]},${RESOURCE},{${INFO},"metadata":null,"reason":"DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED"}]}`],
  ['too many operations', FAIL.tooManyOperations('S', 11, 10), 400,
    `{"errorCode":"ERR_STATE_STORE_TOO_MANY_TRANSACTIONS","message":"the transaction contains 11 operations, which is more than what the state store supports: 10","details":[${RESOURCE},{${INFO},"metadata":{"currentOpsTransaction":"11","maxOpsPerTransaction":"10"},"reason":"DAPR_STATE_TOO_MANY_TRANSACTIONS"}]}`],
  ['no queries', FAIL.queryUnsupported('S'), 500,
    `{"errorCode":"ERR_STATE_STORE_NOT_SUPPORTED","message":"state store does not support querying","details":[${RESOURCE},{${INFO},"metadata":null,"reason":"DAPR_STATE_QUERYING_NOT_SUPPORTED"}]}`],
  ['query failed', FAIL.queryFailed('S', 'cannot query encrypted store'), 500,
    `{"errorCode":"ERR_STATE_QUERY","message":"state store S query failed: cannot query encrypted store","details":[${RESOURCE},{${INFO},"metadata":null,"reason":"DAPR_STATE_QUERY_FAILED"}]}`],
  ['no key', FAIL.keyMissing(), 400, '{"errorCode":"ERR_MALFORMED_REQUEST","message":"\\"key\\" is a required field"}'],
  ['bad save body', FAIL.saveBody('EOF'), 400, '{"errorCode":"ERR_MALFORMED_REQUEST","message":"EOF"}'],
  ['bad body', FAIL.malformedBody('unexpected EOF'), 400, '{"errorCode":"ERR_MALFORMED_REQUEST","message":"failed deserializing HTTP body: unexpected EOF"}'],
  ['unreadable body', FAIL.bodyRead('stream too large'), 400, '{"errorCode":"ERR_BODY_READ","message":"failed to read request body: stream too large"}'],
  ['unknown operation', FAIL.unknownOperation('X'), 400, '{"errorCode":"ERR_NOT_SUPPORTED_STATE_OPERATION","message":"operation type X not supported"}'],
  ['get', FAIL.stateGet('K', 'S', fault), 500, '{"errorCode":"ERR_STATE_GET","message":"fail to get K from state store S: e"}'],
  ['save', FAIL.stateSave('S', fault), 500, '{"errorCode":"ERR_STATE_SAVE","message":"failed saving state in state store S: e"}'],
  ['save with a wrong etag', FAIL.stateSave('S', mismatch), 409, '{"errorCode":"ERR_STATE_SAVE","message":"failed saving state in state store S: e"}'],
  ['delete', FAIL.stateDelete('K', fault), 500, '{"errorCode":"ERR_STATE_DELETE","message":"failed deleting state with key K: e"}'],
  ['bulk get', FAIL.stateBulkGet(fault), 500, '{"errorCode":"ERR_STATE_BULK_GET","message":"e"}'],
  ['transaction', FAIL.transaction(mismatch), 500, '{"errorCode":"ERR_STATE_TRANSACTION","message":"error while executing state transaction: e"}'],
  ['not implemented', FAIL.notImplemented(), 501, '{"errorCode":"ERR_API_UNIMPLEMENTED","message":"this API is currently not implemented"}'],
  ['no target', FAIL.noInvokeTarget(), 404, '{"errorCode":"ERR_DIRECT_INVOKE","message":"failed getting app id either from the URL path or the header dapr-app-id"}'],
  ['bad request', FAIL.badRequest('e'), 400, '{"errorCode":"ERR_BAD_REQUEST","message":"invalid request: e"}'],
  ['bad answer', FAIL.encodeResponse('e'), 500, '{"errorCode":"ERR_INTERNAL","message":"failed to encode response as JSON: e"}'],
  ['anything else', FAIL.internal('e <&>'), 500, '{"errorCode":"ERROR","message":"e \\u003c\\u0026\\u003e"}'],
  ['block restarted', FAIL.blockRestarted('state'), 503,
    `{"errorCode":"ERR_BLOCK_UNAVAILABLE","message":"the state block restarted while this call was in flight","details":[{${INFO},"metadata":{"block":"state"},"reason":"ERR_BLOCK_UNAVAILABLE"}]}`],
  ['block away', FAIL.blockUnavailable('state', 'why'), 503,
    `{"errorCode":"ERR_BLOCK_UNAVAILABLE","message":"the state block is not available: why","details":[{${INFO},"metadata":{"block":"state"},"reason":"ERR_BLOCK_UNAVAILABLE"}]}`],
  ['queue full', FAIL.queueFull('state'), 429,
    `{"errorCode":"ERR_BLOCK_BUSY","message":"too many calls wait for the state block","details":[{${INFO},"metadata":{"block":"state"},"reason":"ERR_BLOCK_BUSY"}]}`],
  ['too many streams', FAIL.tooManyStreams('pubsub', 9), 429,
    `{"errorCode":"ERR_BLOCK_BUSY","message":"the pubsub block has 9 streams open, and takes no more","details":[{${INFO},"metadata":{"block":"pubsub"},"reason":"ERR_BLOCK_BUSY"}]}`],
  ['deadline', FAIL.deadlineExceeded(), 504, '{"errorCode":"ERR_DEADLINE_EXCEEDED","message":"context deadline exceeded"}'],
  ['cancelled', FAIL.cancelled(), 408, '{"errorCode":"ERR_CANCELLED","message":"context canceled"}'],
];

describe('HTTP', () => {
  it.each(HTTP)('%s', (_, error, status, body) => {
    expect([error.failure.http, httpBody(error.failure)]).toEqual([status, body]);
  });
  it('leaves an empty code out, unless an ErrorInfo has a reason', () => {
    const failure: Failure = { grpc: Grpc.INTERNAL, http: 500, code: '', message: 'm' };
    expect(httpBody(failure)).toBe('{"message":"m"}');
    expect(httpBody({ ...failure, httpDetails: [errorInfo('R')] })).toBe(`{"errorCode":"R","message":"m","details":[{${INFO},"metadata":null,"reason":"R"}]}`);
  });
  it('is JSON whatever the texts', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (store, key) => {
      const body = JSON.parse(httpBody(FAIL.illegalKey(store, key).failure)) as { details: { field_violations?: { field: string }[] }[] };
      expect(body.details[0]?.field_violations?.[0]?.field).toBe(key);
    }));
  });
});

interface Seen { code: string; message: string; details: string[] }

function grpc({ failure }: ApiError): Seen {
  const bytes = statusDetails(failure);
  const seen: Seen = { code: GO_CODE_NAMES[failure.grpc], message: failure.message, details: [] };
  if (bytes === undefined) return seen;
  const status = Status.decode(bytes);
  expect([status.code, status.message]).toEqual([failure.grpc, failure.message]);
  seen.details = status.details.map(({ typeUrl, value }) => {
    const type = typeUrl.replace('type.googleapis.com/google.rpc.', '');
    switch (type) {
      case 'ErrorInfo': { const { reason, domain, metadata } = ErrorInfo.decode(value); return `ErrorInfo ${domain} ${reason} ${JSON.stringify([...metadata])}`; }
      case 'ResourceInfo': { const { resourceType, resourceName, owner, description } = ResourceInfo.decode(value); return `ResourceInfo ${resourceType} ${resourceName} ${JSON.stringify([owner, description])}`; }
      case 'BadRequest': return `BadRequest ${BadRequest.decode(value).fieldViolations.map(({ field, description }) => `${field}: ${description}`).join()}`;
      case 'Help': return `Help ${Help.decode(value).links.map(({ url }) => url).join()}`;
      default: return typeUrl;
    }
  });
  return seen;
}

const info = (reason: string, ...metadata: [string, string][]): string => `ErrorInfo dapr.io ${reason} ${JSON.stringify(metadata)}`;
const resource = 'ResourceInfo state S ["",""]';

describe('gRPC', () => {
  it.each<[name: string, error: ApiError, seen: Seen]>([
    ['no store', FAIL.stateNotConfigured('S', 'A'), { code: 'FailedPrecondition', message: 'state store S is not configured', details: [info('DAPR_STATE_NOT_CONFIGURED')] }],
    ['unknown store', FAIL.stateNotFound('S', 'A'), { code: 'InvalidArgument', message: 'state store S is not found', details: [info('DAPR_STATE_NOT_FOUND')] }],
    ['illegal key', FAIL.illegalKey('S', 'a||b', ''), {
      code: 'InvalidArgument', message: "input key/keyPrefix 'a||b' can't contain '||'",
      details: ["BadRequest a||b: input key/keyPrefix 'a||b' can't contain '||'", resource, info('DAPR_STATE_ILLEGAL_KEY')],
    }],
    ['no transactions', FAIL.transactionsUnsupported('S'), {
      code: 'Unimplemented', message: "state store S doesn't support transactions",
      details: ['Help https://docs.dapr.io/reference/components-reference/supported-state-stores/', resource, info('DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED')],
    }],
    ['too many operations', FAIL.tooManyOperations('S', 11, 10), {
      code: 'InvalidArgument', message: 'the transaction contains 11 operations, which is more than what the state store supports: 10',
      details: [resource, info('DAPR_STATE_TOO_MANY_TRANSACTIONS', ['currentOpsTransaction', '11'], ['maxOpsPerTransaction', '10'])],
    }],
    ['no queries', FAIL.queryUnsupported('S'), { code: 'Internal', message: 'state store does not support querying', details: [resource, info('DAPR_STATE_QUERYING_NOT_SUPPORTED')] }],
    ['query failed', FAIL.queryFailed('S', 'e'), { code: 'Internal', message: 'state store S query failed: e', details: [resource, info('DAPR_STATE_QUERY_FAILED')] }],
    ['no key', FAIL.keyMissing(), { code: 'InvalidArgument', message: 'state key cannot be empty', details: [info('ERR_STATE_SAVE')] }],
    ['get', FAIL.stateGet('K', 'S', fault), { code: 'Internal', message: 'fail to get K from state store S: e', details: [info('ERR_STATE_GET')] }],
    ['save', FAIL.stateSave('S', mismatch), { code: 'Aborted', message: 'failed saving state in state store S: e', details: [info('ERR_STATE_SAVE')] }],
    ['delete', FAIL.stateDelete('K', { ...fault, grpc: Grpc.INVALID_ARGUMENT }), { code: 'InvalidArgument', message: 'failed deleting state with key K: e', details: [info('ERR_STATE_DELETE')] }],
    ['bulk delete', FAIL.stateBulkDelete('S', fault), { code: 'Internal', message: 'failed deleting state in state store S: e', details: [info('ERR_STATE_BULK_DELETE')] }],
    ['unknown operation', FAIL.unknownOperation('X'), { code: 'Unimplemented', message: 'operation type X not supported', details: [info('ERR_NOT_SUPPORTED_STATE_OPERATION')] }],
    ['transaction', FAIL.transaction(mismatch), { code: 'Internal', message: 'error while executing state transaction: e', details: [info('ERR_STATE_TRANSACTION')] }],
    ['bulk get', FAIL.stateBulkGet(fault), { code: 'Unknown', message: 'e', details: [] }],
    ['a value that is not JSON', FAIL.valueNotJson('e'), { code: 'Unknown', message: 'e', details: [] }],
    ['block restarted', FAIL.blockRestarted('state'), { code: 'Unavailable', message: 'the state block restarted while this call was in flight', details: [info('ERR_BLOCK_UNAVAILABLE', ['block', 'state'])] }],
    ['queue full', FAIL.queueFull('state'), { code: 'ResourceExhausted', message: 'too many calls wait for the state block', details: [info('ERR_BLOCK_BUSY', ['block', 'state'])] }],
    ['deadline', FAIL.deadlineExceeded(), { code: 'DeadlineExceeded', message: 'context deadline exceeded', details: [] }],
    ['cancelled', FAIL.cancelled(), { code: 'Canceled', message: 'context canceled', details: [] }],
    ['not implemented', FAIL.notImplemented(), { code: 'Unimplemented', message: 'this API is currently not implemented', details: [] }],
  ])('%s', (_, error, seen) => {
    expect(grpc(error)).toEqual(seen);
  });
});

describe('an error that a driver made for the client', () => {
  const own: Failure = { grpc: Grpc.DATA_LOSS, http: 506, code: 'ERR_OWN', message: 'desc', details: [errorInfo('OWN', { kit_error: 'true' })] };
  const kit: DriverFault = { text: String(new ApiError(own)), grpc: own.grpc, http: own.http, own };
  it('passes through gRPC as it is', () => {
    expect(grpc(FAIL.stateGet('K', 'S', kit))).toEqual({ code: 'DataLoss', message: 'desc', details: [info('OWN', ['kit_error', 'true'])] });
  });
  it('lends HTTP its status, and its words to the usual text', () => {
    const { failure } = FAIL.stateGet('K', 'S', kit);
    expect([failure.http, httpBody(failure)]).toEqual([506, '{"errorCode":"ERR_STATE_GET","message":"fail to get K from state store S: api error: code = DataLoss desc = desc"}']);
  });
});
