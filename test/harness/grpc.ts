// A gRPC client of the Dapr API on grpc-js and the generated codecs; failures come with their details decoded.
import { Client, credentials, Metadata, type ClientDuplexStream, type ClientReadableStream, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { GO_CODE_NAMES } from '../../proto/errors.ts';
import { BadRequest, ErrorInfo, Help, ResourceInfo } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import { Empty } from '../../proto/gen/google/protobuf/empty.ts';
import { GetMetadataResponse, SetMetadataRequest } from '../../proto/gen/dapr/proto/runtime/v1/metadata.ts';
import {
  DeleteBulkStateRequest, DeleteStateRequest, ExecuteStateTransactionRequest, GetBulkStateRequest, GetBulkStateResponse, GetStateRequest, GetStateResponse,
  QueryStateRequest, QueryStateResponse, SaveStateRequest,
} from '../../proto/gen/dapr/proto/runtime/v1/state.ts';
import { GetConfigurationRequest, GetConfigurationResponse, UnsubscribeConfigurationRequest, UnsubscribeConfigurationResponse } from '../../proto/gen/dapr/proto/runtime/v1/configuration.ts';
import { TryLockRequest, TryLockResponse, UnlockRequest, UnlockResponse } from '../../proto/gen/dapr/proto/runtime/v1/lock.ts';
import { RenewLockRequest, RenewLockResponse } from '../../proto/gen/bulkhead/v1/lock.ts';
import { NextIdRequest, NextIdResponse } from '../../proto/gen/bulkhead/v1/sequencer.ts';
import { BulkPublishRequest, BulkPublishResponse, PublishEventRequest } from '../../proto/gen/dapr/proto/runtime/v1/pubsub.ts';

interface Codec<M> {
  encode(message: M): { finish(): Uint8Array };
  decode(bytes: Uint8Array): M;
}
interface Rpc<Request, Response> {
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
}
const rpc = <Request, Response>(request: Codec<Request>, response: Codec<Response>): Rpc<Request, Response> => ({ request, response });

const RPCS = {
  GetState: rpc(GetStateRequest, GetStateResponse),
  GetBulkState: rpc(GetBulkStateRequest, GetBulkStateResponse),
  SaveState: rpc(SaveStateRequest, Empty),
  DeleteState: rpc(DeleteStateRequest, Empty),
  DeleteBulkState: rpc(DeleteBulkStateRequest, Empty),
  ExecuteStateTransaction: rpc(ExecuteStateTransactionRequest, Empty),
  PublishEvent: rpc(PublishEventRequest, Empty),
  BulkPublishEvent: rpc(BulkPublishRequest, BulkPublishResponse),
  BulkPublishEventAlpha1: rpc(BulkPublishRequest, BulkPublishResponse),
  QueryStateAlpha1: rpc(QueryStateRequest, QueryStateResponse),
  GetConfiguration: rpc(GetConfigurationRequest, GetConfigurationResponse),
  GetConfigurationAlpha1: rpc(GetConfigurationRequest, GetConfigurationResponse),
  UnsubscribeConfiguration: rpc(UnsubscribeConfigurationRequest, UnsubscribeConfigurationResponse),
  UnsubscribeConfigurationAlpha1: rpc(UnsubscribeConfigurationRequest, UnsubscribeConfigurationResponse),
  TryLockAlpha1: rpc(TryLockRequest, TryLockResponse),
  UnlockAlpha1: rpc(UnlockRequest, UnlockResponse),
  '/bulkhead.v1.Lock/Renew': rpc(RenewLockRequest, RenewLockResponse),
  '/bulkhead.v1.Sequencer/NextId': rpc(NextIdRequest, NextIdResponse),
  GetMetadata: rpc(Empty, GetMetadataResponse),
  SetMetadata: rpc(SetMetadataRequest, Empty),
  Shutdown: rpc(Empty, Empty),
} as const;
type Rpcs = typeof RPCS;
export type RpcName = keyof Rpcs;
type RequestOf<Name extends RpcName> = Rpcs[Name]['request'] extends Codec<infer M> ? M : never;
type ResponseOf<Name extends RpcName> = Rpcs[Name]['response'] extends Codec<infer M> ? M : never;

const SERVICE = '/dapr.proto.runtime.v1.Dapr/';
const pathOf = (name: string): string => (name.startsWith('/') ? name : SERVICE + name);
const DEADLINE_MS = 30_000;
const DETAILS: Readonly<Record<string, Codec<never>>> = { ErrorInfo, ResourceInfo, BadRequest, Help } as unknown as Record<string, Codec<never>>;

/** A call that did not end with OK. */
export class GrpcFailure extends Error {
  override readonly name = 'GrpcFailure';
  /** As Go prints it: `InvalidArgument`. */
  readonly code: string;
  /** The text of the status. */
  readonly text: string;
  /** From `grpc-status-details-bin`, each with the name of its type. */
  readonly details: readonly object[];

  constructor(cause: ServiceError | StatusObject) {
    super(`${GO_CODE_NAMES[cause.code]}: ${cause.details}`);
    this.code = GO_CODE_NAMES[cause.code] as string;
    this.text = cause.details;
    const [encoded] = cause.metadata.get('grpc-status-details-bin');
    this.details = encoded === undefined ? [] : decodeDetails(encoded as Buffer, cause);
  }
}

export interface CallOptions {
  /** Told of the metadata that comes before the answer. */
  readonly onMetadata?: (metadata: Readonly<Record<string, string>>) => void;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

export class GrpcClient implements Disposable {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1,
      // clients of one test file must not share connections behind its back
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 200,
    });
  }

  /** @throws GrpcFailure */
  async call<Name extends RpcName>(name: Name, request: RequestOf<Name>, options?: CallOptions): Promise<ResponseOf<Name>> {
    const { request: encoder, response } = RPCS[name] as unknown as Rpc<RequestOf<Name>, ResponseOf<Name>>;
    return response.decode(await this.bytes(pathOf(name), encoder.encode(request).finish(), options));
  }

  /** A unary call of any method, as bytes. @throws GrpcFailure */
  bytes(path: string, body: Uint8Array, { metadata = {}, deadlineMs = DEADLINE_MS, onMetadata }: CallOptions = {}): Promise<Buffer> {
    const sent = new Metadata();
    for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
    const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(pathOf(path), asBuffer, asBuffer, body, sent, { deadline: Date.now() + deadlineMs }, (failure, answer) => {
        if (failure !== null) reject(new GrpcFailure(failure));
        else resolve(answer ?? Buffer.alloc(0));
      });
      if (onMetadata !== undefined) call.on('metadata', (received: Metadata) => onMetadata(received.getMap() as Record<string, string>));
    });
  }

  /** A streaming call that sends one message; the status it ends with. */
  stream(path: string, body: Uint8Array): Promise<GrpcFailure | 'OK'> {
    const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
    return new Promise((resolve) => {
      const call = this.#client.makeBidiStreamRequest(path, asBuffer, asBuffer, new Metadata(), { deadline: Date.now() + DEADLINE_MS });
      call.on('data', () => {});
      call.on('error', () => {}); // the status says the same
      call.on('status', (status: StatusObject) => resolve(status.code === 0 ? 'OK' : new GrpcFailure(status)));
      call.end(body);
    });
  }

  /** A stream from the server of any method, as bytes. An error listener is the caller's business. */
  serverStream(path: string, body: Uint8Array, { metadata = {}, deadlineMs = DEADLINE_MS }: CallOptions = {}): ClientReadableStream<Buffer> {
    const sent = new Metadata();
    for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
    return this.#client.makeServerStreamRequest(pathOf(path), (bytes: Uint8Array) => Buffer.from(bytes), (bytes: Buffer) => bytes, body, sent, { deadline: Date.now() + deadlineMs });
  }

  /** A bidirectional stream of any method, as bytes. */
  duplex(path: string, { metadata = {}, deadlineMs = DEADLINE_MS }: CallOptions = {}): ClientDuplexStream<Uint8Array, Buffer> {
    const sent = new Metadata();
    for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
    return this.#client.makeBidiStreamRequest(pathOf(path), (bytes: Uint8Array) => Buffer.from(bytes), (bytes: Buffer) => bytes, sent, { deadline: Date.now() + deadlineMs });
  }

  close(): void {
    this.#client.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

function decodeDetails(encoded: Buffer, { code, details: text }: StatusObject | ServiceError): object[] {
  const status = Status.decode(encoded);
  if (status.code !== code || status.message !== text) throw new Error(`the details say ${status.code} ${status.message}, the status ${code} ${text}`);
  return status.details.map(({ typeUrl, value }) => {
    const type = /^type\.googleapis\.com\/google\.rpc\.(\w+)$/.exec(typeUrl)?.[1] ?? typeUrl;
    const message = DETAILS[type]?.decode(value) as Record<string, unknown> | undefined;
    if (message === undefined) throw new Error(`a detail of unknown type ${typeUrl}`);
    if (message['metadata'] instanceof Map) message['metadata'] = Object.fromEntries(message['metadata'] as Map<string, string>);
    return { type, ...message };
  });
}
