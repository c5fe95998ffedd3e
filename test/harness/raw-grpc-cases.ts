// What a gRPC server is asked in ways that no gRPC client has, and where the own listener answers otherwise than the reference: each
// such difference with its reason, and with what it answers instead.
import { deflateSync, gzipSync } from 'node:zlib';
import { GetStateRequest } from '../../proto/gen/dapr/proto/runtime/v1/state.ts';
import { messageOf, type RawRequest } from './raw-grpc.ts';
import { getState } from './states.ts';

/** Largest message of the sidecars that are asked, in bytes. */
export const MAX_BODY = 64 * 1024;

export interface RawCase extends Omit<RawRequest, 'path'> {
  readonly name: string;
  /** Absent: GetState. */
  readonly path?: string;
  /** Absent: both listeners answer the same. */
  readonly differs?: {
    /** The rule that the reference breaks, or goes beyond. */
    readonly because: string;
    /** Of the own listener: `:status`, and `grpc-status` where there is one. */
    readonly own: readonly [status: string, code: string | undefined];
    /** The reference may happen to answer the same. */
    readonly sometimes?: boolean;
  };
}

const DAPR = '/dapr.proto.runtime.v1.Dapr/';
export const GET_STATE = `${DAPR}GetState`;
const NEXT_IDS = '/bulkhead.v1.Sequencer/NextIds';
const SUBSCRIBE = `${DAPR}SubscribeConfiguration`;
const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';

const GET = Buffer.from(GetStateRequest.encode(getState('state', 'absent')).finish());
export const ASK = messageOf(GET);
const EMPTY = messageOf(Buffer.alloc(0));
const GARBAGE = messageOf(Buffer.from('ffffffff', 'hex'));
const LARGE = messageOf(Buffer.alloc(MAX_BODY + 1));
const ZIPPED = gzipSync(GET);

const gzip = (name: string, bytes: Buffer, more: Partial<RawCase> = {}): RawCase => ({ name: `gzip: ${name}`, body: [messageOf(bytes, 1)], headers: { 'grpc-encoding': 'gzip' }, ...more });

const POST_ONLY = { because: 'gRPC over HTTP/2 knows no method but POST; grpc-go answers 405 too', own: ['405', '13'] } as const;
const CONTENT_TYPE = { because: 'gRPC over HTTP/2: "application/grpc", alone or before + or ;', own: ['415', '3'] } as const;
const NOT_GRPC = { because: 'who speaks no gRPC is told in words, and a gRPC client by its status, as by grpc-go; the reference says 415 and no more', own: ['415', '3'] } as const;
const TIMEOUT = { because: 'gRPC over HTTP/2: up to 8 digits and a unit, and nothing else; the reference looks for that anywhere', own: ['200', '13'] } as const;
const PASSED = { because: 'a deadline that has passed has passed; the reference begins the call and then races with its timer', own: ['200', '4'], sometimes: true } as const;
const UNFINISHED = { because: 'a request that ends within a message was never said to its end; grpc-go: INTERNAL', own: ['200', '13'] } as const;
const FLAG = { because: 'gRPC over HTTP/2: the compressed flag is 0 or 1; grpc-go: INTERNAL', own: ['200', '13'] } as const;
const NO_ENCODING = { because: 'gRPC compression: a flag without an encoding is INTERNAL; the reference takes the message as it is', own: ['200', '13'] } as const;

const timeout = (text: string, differs?: RawCase['differs']): RawCase => ({ name: `grpc-timeout ${JSON.stringify(text)}`, headers: { 'grpc-timeout': text }, body: [ASK], ...(differs === undefined ? {} : { differs }) });

export const RAW_CASES: readonly RawCase[] = [
  { name: 'a proper call', body: [ASK] },
  { name: 'a proper call, byte by byte', body: [...ASK].map((byte) => Buffer.of(byte)) },
  { name: 'a proper call, without te', body: [ASK], headers: { te: undefined } },
  { name: 'a proper call to another authority', body: [ASK], headers: { ':authority': 'elsewhere.example' } },
  { name: 'content type with +proto', body: [ASK], headers: { 'content-type': 'application/grpc+proto' } },
  { name: 'content type with a parameter', body: [ASK], headers: { 'content-type': 'application/grpc;charset=utf-8' } },
  { name: 'content type that begins like it', body: [ASK], headers: { 'content-type': 'application/grpcish' }, differs: CONTENT_TYPE },
  { name: 'content type of gRPC-Web', body: [ASK], headers: { 'content-type': 'application/grpc-web' }, differs: CONTENT_TYPE },
  ...['Application/GRPC', 'application/json', '', undefined].map((type) => ({ name: `content type ${JSON.stringify(type)}`, body: [ASK], headers: { 'content-type': type }, differs: NOT_GRPC })),
  { name: 'content type of JSON, unknown method', path: '/x.Y/Z', body: [ASK], headers: { 'content-type': 'application/json' }, differs: NOT_GRPC },
  ...['GET', 'OPTIONS'].map((method) => ({ name: `method ${method}`, headers: { ':method': method }, differs: POST_ONLY })),
  { name: 'method HEAD', headers: { ':method': 'HEAD' }, differs: { ...POST_ONLY, own: ['405', undefined] } },
  { name: 'method PUT with a message', body: [ASK], headers: { ':method': 'PUT' }, differs: POST_ONLY },

  ...['abc', '100', '', '10s'].map((text) => timeout(text)),
  timeout('1H'), timeout('99999999H'), timeout('10000000u'),
  ...['-1S', '1 S', '10Sx', '123456789S'].map((text) => timeout(text, TIMEOUT)),
  ...['0S', '0m', '1n'].map((text) => timeout(text, PASSED)),
  { name: 'grpc-timeout that is none, unknown method', path: '/x.Y/Z', headers: { 'grpc-timeout': 'abc' }, body: [ASK], differs: { because: 'the head is read before the method is looked for, as in grpc-go', own: ['200', '13'] } },
  { name: 'a deadline that passes while the client is silent', path: NEXT_IDS, headers: { 'grpc-timeout': '60m' }, end: false },
  { name: 'a deadline that passes within a message', headers: { 'grpc-timeout': '60m' }, body: [ASK.subarray(0, 7)], end: false },

  { name: 'unknown encoding, message not compressed', body: [ASK], headers: { 'grpc-encoding': 'snappy' } },
  { name: 'unknown encoding, message compressed', body: [messageOf(GET, 1)], headers: { 'grpc-encoding': 'snappy' } },
  { name: 'an encoding is written in small letters', body: [messageOf(ZIPPED, 1)], headers: { 'grpc-encoding': 'GZIP' } },
  { name: 'compressed with identity', body: [messageOf(GET, 1)], headers: { 'grpc-encoding': 'identity' }, differs: NO_ENCODING },
  { name: 'compressed without an encoding', body: [messageOf(GET, 1)], differs: NO_ENCODING },
  { name: 'flag 2', body: [messageOf(GET, 2)], differs: FLAG },
  { name: 'flag 255', body: [messageOf(ZIPPED, 255)], headers: { 'grpc-encoding': 'gzip' }, differs: FLAG },
  { name: 'deflate', body: [messageOf(deflateSync(GET), 1)], headers: { 'grpc-encoding': 'deflate' } },
  gzip('proper', ZIPPED), gzip('in two members', Buffer.concat([ZIPPED, gzipSync(Buffer.alloc(0))])), gzip('of nothing', gzipSync(Buffer.alloc(0))),
  gzip('nothing', Buffer.alloc(0)), gzip('garbage', Buffer.from('garbage')), gzip('cut off', ZIPPED.subarray(0, -4)), gzip('with more behind it', Buffer.concat([ZIPPED, Buffer.from('xx')])),
  gzip('that unpacks to too much', gzipSync(Buffer.alloc(MAX_BODY + 1))), gzip('a bomb', gzipSync(Buffer.alloc(8 << 20))),
  gzip('garbage on a stream', Buffer.from('garbage'), { path: NEXT_IDS }),

  { name: 'no message' }, { name: 'no message, an empty DATA frame', body: [Buffer.alloc(0)] },
  { name: 'an empty message', body: [EMPTY] }, { name: 'a message that is none', body: [GARBAGE] },
  { name: 'half a prefix', body: [ASK.subarray(0, 3)], differs: UNFINISHED }, { name: 'half a message', body: [ASK.subarray(0, -1)], differs: UNFINISHED },
  { name: 'a message and half a prefix', body: [ASK, ASK.subarray(0, 4)], differs: UNFINISHED },
  { name: 'two messages', body: [ASK, ASK] }, { name: 'two messages in one frame', body: [Buffer.concat([ASK, ASK])] }, { name: 'an empty message and another', body: [EMPTY, ASK] },
  { name: 'too large', body: [LARGE] }, { name: 'too large by its prefix, and still open', body: [LARGE.subarray(0, 5)], end: false }, { name: 'four gigabytes by its prefix', body: [Buffer.from('00ffffffff', 'hex')], end: false },
  { name: 'as large as may be', body: [messageOf(Buffer.alloc(MAX_BODY))] },

  ...['/x.Y/Z', `${DAPR}Nothing`, '/nothing', '/', `/${GET_STATE}`, `${GET_STATE}/`, `${GET_STATE}?a=b`].map((path) => ({ name: `path ${path}`, path, body: [ASK] })),
  { name: 'an unknown method, still open', path: '/x.Y/Z', body: [ASK.subarray(0, 3)], end: false },
  { name: 'too large for an unknown method', path: '/x.Y/Z', body: [LARGE] },
  { name: 'a method that no block serves', path: `${DAPR}InvokeService`, body: [ASK] },
  { name: 'a method that is denied', path: `${DAPR}UnlockAlpha1`, body: [EMPTY] }, { name: 'a method that is denied, no message', path: `${DAPR}UnlockAlpha1` },

  { name: 'a stream from the server, refused', path: SUBSCRIBE, body: [EMPTY] }, { name: 'a stream from the server, no message', path: SUBSCRIBE },
  { name: 'a stream from the server, two messages', path: SUBSCRIBE, body: [EMPTY, EMPTY] }, { name: 'a stream from the server, half a message', path: SUBSCRIBE, body: [ASK.subarray(0, 7)], differs: UNFINISHED },
  { name: 'a stream both ways, no message', path: NEXT_IDS }, { name: 'a stream both ways, garbage', path: NEXT_IDS, body: [GARBAGE] },
  { name: 'a stream both ways, too large', path: NEXT_IDS, body: [LARGE] }, { name: 'a stream both ways, half a message', path: NEXT_IDS, body: [ASK.subarray(0, 7)], differs: UNFINISHED },
  { name: 'a topic\'s stream, no message', path: `${DAPR}SubscribeTopicEventsAlpha1` },
  { name: 'reflection, no message', path: REFLECTION }, { name: 'reflection, garbage', path: REFLECTION, body: [GARBAGE] }, { name: 'reflection, a question that asks nothing', path: REFLECTION, body: [EMPTY] },

  { name: 'binary metadata that is no base64', body: [ASK], headers: { 'x-bin': '!!!' } }, { name: 'metadata beyond ASCII', body: [ASK], headers: { 'x-y': 'ä' } },
  { name: 'metadata with a name that gRPC has not', body: [ASK], headers: { 'x!y': 'a' } }, { name: 'metadata of many kilobytes', body: [ASK], headers: { 'x-y': 'a'.repeat(20_000) } },
  { name: 'metadata with spaces around it', body: [ASK], headers: { 'x-y': ' a ' } }, { name: 'metadata that is repeated', body: [ASK], headers: { 'x-y': ['1', '2'] } },
];

/** For sidecars with a token. */
export const RAW_TOKEN_CASES: readonly RawCase[] = [
  { name: 'no token', body: [ASK] }, { name: 'a wrong token', body: [ASK], headers: { 'dapr-api-token': 'wrong' } }, { name: 'the token', body: [ASK], headers: { 'dapr-api-token': 'right' } },
  { name: 'the token and a wrong one', body: [ASK], headers: { 'dapr-api-token': ['right', 'wrong'] } }, { name: 'an empty token', body: [ASK], headers: { 'dapr-api-token': '' } },
  { name: 'no token, unknown method', path: '/x.Y/Z', body: [ASK] }, { name: 'no token and no message' }, { name: 'no token, two messages', body: [ASK, ASK] }, { name: 'no token, too large', body: [LARGE] },
  { name: 'no token, a stream from the server', path: SUBSCRIBE, body: [EMPTY] }, { name: 'no token, a stream both ways that stays open', path: NEXT_IDS, end: false },
  { name: 'no token, reflection', path: REFLECTION, body: [EMPTY], differs: { because: 'a refusal has its details whatever the service', own: ['200', '16'] } },
];
