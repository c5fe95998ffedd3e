// What is taken from etcd3: its service clients, made from etcd's .proto files, and the channel they travel over.
//
// Its upper layers are left out, because they decide what has to be decided here:
// - `ConnectionPool.exec` sends any call up to four times, changes too, and picks a host at random each time. On any error that
//   it finds recoverable, one call's deadline among them, it closes the host's channels under all other calls.
// - A login is asked for without a deadline and kept until a call is refused; then the call is repeated outside of all policies.
// - Its watcher goes on, after an interruption, from the revision in the header of whatever it heard last. That is the
//   store's, not the watch's: of an answer to "create", or of the first part of what is caught up with, it may be ahead of
//   events that were still to come, and they are lost. A compaction ends the watcher with an error, an answer to a progress request
//   throws, and a connection that has gone silent is never noticed.
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type {
  IAuthenticateRequest, IAuthenticateResponse, ILeaseGrantRequest, ILeaseGrantResponse, ILeaseRevokeRequest,
  ILeaseRevokeResponse, ILeaseTimeToLiveRequest, ILeaseTimeToLiveResponse, IRangeRequest, IRangeResponse, ITxnRequest, ITxnResponse, IWatchRequest, IWatchResponse,
} from 'etcd3';
import { ConnectionPool, Host } from 'etcd3/lib/connection-pool.js';
import type { Status } from './failures.ts';
import type { EtcdSettings } from './settings.ts';

// grpc-js is at home elsewhere; these are its types as etcd3 shows them.
type Credentials = ConstructorParameters<typeof Host>[1];
type Options = NonNullable<ConstructorParameters<typeof Host>[2]>;
type Channel = ReturnType<ReturnType<Host['getServiceClient']>['getChannel']>;
export type Metadata = Parameters<Parameters<ConnectionPool['withConnection']>[1]>[0]['metadata'];

type Unary<Q, A> = (request: Q, metadata: Metadata, callback: (error: Status | null, answer?: A) => void) => Call;

export interface Call {
  cancel(): void;
}

/** A stream in both directions: `Q` is written, `A` arrives as `data`; ends with `error`, a Status, or with `end`. */
interface Stream<Q, A> extends Call {
  write(request: Q): boolean;
  end(): void;
  on(event: 'data', listener: (answer: A) => void): this;
  on(event: 'error', listener: (cause: Status) => void): this;
  on(event: 'end', listener: () => void): this;
}

export type WatchCall = Stream<IWatchRequest, IWatchResponse>;

/** Of a call: the service it belongs to, what is asked, and what is answered. */
export interface Methods {
  range: ['KV', IRangeRequest, IRangeResponse];
  txn: ['KV', ITxnRequest, ITxnResponse];
  leaseGrant: ['Lease', ILeaseGrantRequest, ILeaseGrantResponse];
  leaseRevoke: ['Lease', ILeaseRevokeRequest, ILeaseRevokeResponse];
  leaseTimeToLive: ['Lease', ILeaseTimeToLiveRequest, ILeaseTimeToLiveResponse];
  authenticate: ['Auth', IAuthenticateRequest, IAuthenticateResponse];
}
export type Method = keyof Methods;
export type Request<M extends Method> = Methods[M][1];
export type Answer<M extends Method> = Methods[M][2];

type Service = 'KV' | 'Lease' | 'Auth' | 'Watch';
const SERVICE: { readonly [M in Method]: Methods[M][0] } = { range: 'KV', txn: 'KV', leaseGrant: 'Lease', leaseRevoke: 'Lease', leaseTimeToLive: 'Lease', authenticate: 'Auth' };

/** The most that one answer may be. etcd itself has no such limit. */
const MAX_ANSWER_BYTES = 256 << 20;
/** 24 days: grpc-js would end a connection that nobody has used for half an hour. */
const NEVER_MS = 2_147_483_647;
const WINDOW_BYTES = 1 << 20;

const OPTIONS: Options = {
  // One connection for each of our links, not one shared by all that go to this address: a silent one can be replaced.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.client_idle_timeout_ms': NEVER_MS,
  // Who sends what again is decided in connection.ts, and by nobody who can write to the DNS or to our environment.
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
  'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
  'grpc-node.flow_control_window': WINDOW_BYTES,
  // No pings by grpc-js: it writes to stderr when a server finds them too many. link.ts asks for an answer instead.
};

/** What all connections of one client have in common. */
export interface Ground {
  readonly credentials: Credentials;
  readonly metadata: Metadata;
}

/** grpc-js' objects for these settings; nothing is connected yet. */
export async function groundOf({ endpoints: [first], tls }: EtcdSettings): Promise<Ground> {
  const pool = new ConnectionPool({ hosts: `${tls === undefined ? 'http' : 'https'}://${first}` });
  try {
    const { metadata, resource } = await pool.withConnection('KV', (connection) => connection);
    const { channelCredentials: credentials } = resource as unknown as { readonly channelCredentials: Credentials };
    // A member without a leader answers at once, and ends watches, instead of showing what may be long out of date.
    metadata.set('hasleader', 'true');
    return { credentials: tls === undefined ? credentials : withContext(credentials, tls.context), metadata };
  } finally {
    pool.close();
  }
}

/** One channel to one endpoint, with a client for each of etcd's services on it. */
export class GrpcChannel {
  readonly #channel: Channel;
  readonly #services: Host;

  /** @param onSocket told of each TCP connection, which grpc-js itself leaves open for ever when nobody answers on it */
  constructor(endpoint: string, { credentials }: Ground, onSocket: (socket: Socket) => void) {
    const own = withSockets(credentials, onSocket);
    this.#channel = new Host(endpoint, own, OPTIONS).getServiceClient('KV').getChannel();
    this.#services = new Host(endpoint, own, { channelOverride: this.#channel });
  }

  call<M extends Method>(method: M, request: Request<M>, metadata: Metadata, callback: (error: Status | null, answer?: Answer<M>) => void): Call {
    const client = this.#client(SERVICE[method]) as Record<M, Unary<Request<M>, Answer<M>>>;
    return client[method](request, metadata, callback);
  }

  watch(metadata: Metadata): WatchCall {
    const client = this.#client('Watch') as { watch(metadata: Metadata): Duplex & Call };
    return client.watch(metadata);
  }

  get ready(): boolean {
    return this.#channel.getConnectivityState(false) === READY;
  }

  /** Calls back once, when a channel that is ready is no more: its connection went away, or the server wants it to. */
  onceGone(callback: () => void): void {
    this.#channel.watchConnectivityState(READY, Number.POSITIVE_INFINITY, callback);
  }

  /** Takes no more calls; those under way go on. */
  close(): void {
    this.#channel.close();
  }

  #client(service: Service): unknown {
    return this.#services.getServiceClient(service);
  }
}

/** grpc-js' number for "connected". */
const READY = 2 satisfies ReturnType<Channel['getConnectivityState']>;

type Connector = ReturnType<Credentials['_createSecureConnector']>;

/**
 * The same credentials with our authorities and certificate, and without a server name where the endpoint is an IP address:
 * grpc-js would send it, and TLS forbids that. Name or address are checked against the certificate all the same.
 */
function withContext(credentials: Credentials, secureContext: NonNullable<EtcdSettings['tls']>['context']): Credentials {
  return derived(credentials, (connector) => {
    const { connectionOptions } = connector as unknown as { readonly connectionOptions: { host: string; servername: string; secureContext: unknown } };
    connectionOptions.secureContext = secureContext;
    if (isIP(connectionOptions.host) !== 0) connectionOptions.servername = '';
  });
}

function withSockets(credentials: Credentials, onSocket: (socket: Socket) => void): Credentials {
  return derived(credentials, (connector) => {
    const connect = connector.connect.bind(connector);
    connector.connect = (socket) => {
      onSocket(socket);
      return connect(socket);
    };
  });
}

function derived(credentials: Credentials, change: (connector: Connector) => void): Credentials {
  return Object.assign(Object.create(credentials) as Credentials, {
    _createSecureConnector: (...args: Parameters<Credentials['_createSecureConnector']>): Connector => {
      const connector = credentials._createSecureConnector(...args);
      change(connector);
      return connector;
    },
  });
}
