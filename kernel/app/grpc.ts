// Calls to a gRPC application, on grpc-js: bytes out and bytes in. A connection is made when there is a call for it, another one
// when those there are have their hands full.
import { Client, credentials, Metadata, type ChannelCredentials, type ChannelOptions, type ServiceError } from '@grpc/grpc-js';
import { isIP } from 'node:net';
import type { PackedAppRequest } from '../../proto/control.ts';
import { Grpc, type GrpcCode } from '../../proto/errors.ts';
import type { AppReply } from './channel.ts';
import { grpcMetadata } from './headers.ts';
import { hostAndPort, noAnswer, USER_AGENT, type SentCall, type Transport, type TransportOptions } from './transport.ts';

/** Calls on a connection before it is worth another one: servers commonly take a hundred streams at a time. */
const BUSY_CALLS = 100;
const MAX_CONNECTIONS = 8;
/** An application that is back is found soon: the next call after this time dials. */
const RECONNECT_MS = [100, 1_000] as const;
const NONE = Buffer.alloc(0);
/** What grpc-js says, among other things, of a call that never left. */
const NOT_CONNECTED = 'No connection established';
/** What grpc-js says when a connection turned out to be broken, or its bytes to be no HTTP/2, while it had calls. */
const BROKEN_CONNECTION = /^Received RST_STREAM with code \d+ (?:triggered by internal client error|\(Internal server error\))/;

export function openTransport(options: TransportOptions): Transport {
  return new GrpcTransport(options);
}

interface Connection {
  readonly client: Client;
  calls: number;
}

class GrpcTransport implements Transport {
  readonly #options: TransportOptions;
  readonly #where: string;
  readonly #connections: Connection[] = [];
  readonly #maxConnections: number;
  readonly #credentials: ChannelCredentials;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#where = hostAndPort(options.address, options.port);
    this.#maxConnections = Math.min(options.maxConnections, MAX_CONNECTIONS);
    // Nobody vouches for an application's certificate; TLS is there because the application insists on it.
    this.#credentials = options.protocol === 'grpcs' ? credentials.createSsl(null, null, null, { rejectUnauthorized: false, checkServerIdentity: () => undefined }) : credentials.createInsecure();
  }

  send([verb, target, asked]: PackedAppRequest, body: Uint8Array, reply: AppReply): SentCall {
    if (verb !== 'RPC') {
      reply.onFailure(Grpc.INTERNAL, `${verb} ${target} is no rpc, but the application's protocol is ${this.#options.protocol}`);
      return { abort: () => {} };
    }
    const metadata = new Metadata();
    grpcMetadata(asked, (name, value) => metadata.add(name, value));
    if (this.#options.token.isSet) metadata.set('dapr-api-token', this.#options.token.reveal());
    const connection = this.#connection();
    connection.calls++;
    const call = connection.client.makeUnaryRequest(target, asBuffer, received, body, metadata, (failure, answer) => {
      connection.calls--;
      if (failure === null) reply.onAnswer(0, answer ?? NONE);
      else this.#fail(failure, reply);
    });
    return { abort: () => call.cancel() };
  }

  async close(): Promise<void> {
    for (const { client } of this.#connections) client.close();
    this.#connections.length = 0;
  }

  /** The least busy one, or a new one if that is busy, too. */
  #connection(): Connection {
    let best: Connection | undefined;
    for (const connection of this.#connections) if (best === undefined || connection.calls < best.calls) best = connection;
    if (best !== undefined && (best.calls < BUSY_CALLS || this.#connections.length >= this.#maxConnections)) return best;
    const made = { client: new Client(this.#where, this.#credentials, channelOptions(this.#options)), calls: 0 };
    this.#connections.push(made);
    return made;
  }

  #fail({ code, details }: ServiceError, reply: AppReply): void {
    if (code === Grpc.INTERNAL && BROKEN_CONNECTION.test(details)) reply.onFailure(Grpc.UNAVAILABLE, noAnswer(this.#where, details));
    else reply.onFailure(code as GrpcCode, details, code === Grpc.UNAVAILABLE && details.startsWith(NOT_CONNECTED));
  }
}

function channelOptions({ address, maxBodyBytes }: TransportOptions): ChannelOptions {
  return {
    // grpc-js puts the host into the TLS greeting, where Node takes no address; which name it is doesn't matter, nobody verifies it.
    ...(isIP(address) === 0 ? {} : { 'grpc.ssl_target_name_override': 'localhost' }),
    'grpc.max_receive_message_length': maxBodyBytes,
    'grpc.max_send_message_length': -1, // what came in must get out, grown by its envelope: the application's limit decides
    'grpc.primary_user_agent': USER_AGENT,
    'grpc.initial_reconnect_backoff_ms': RECONNECT_MS[0],
    'grpc.max_reconnect_backoff_ms': RECONNECT_MS[1],
    'grpc.dns_min_time_between_resolutions_ms': RECONNECT_MS[1],
    'grpc.use_local_subchannel_pool': 1, // each client a connection of its own
    'grpc.enable_http_proxy': 0, // the application is beside us, whatever the environment says about the world outside
    'grpc.enable_channelz': 0,
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function received(bytes: Buffer): Buffer {
  return bytes;
}
