// The sidecar's vocabulary on the command line: every flag of daprd and of our own, as data (contract: flags). One row is a flag's name,
// how its text becomes a value, its default and its line in the usage. What values mean together is config.ts' business.
import { choice, duration, list, text, toggle, whole, type FlagValuesOf } from './flag.ts';
import { GRPC_LISTENERS } from './grpc/kinds.ts';

export const ISOLATION_MODES = ['monolith', 'thread', 'process'] as const;
/** `remote`: where a block server is; a block is told by its address. */
export type Isolation = (typeof ISOLATION_MODES)[number] | 'remote';
export const INIT_FAILURES = ['degrade', 'exit'] as const;

const CONTROL_PLANE = 'Control plane (accepted, without effect)';

/** In the order of the usage. Ports and sizes are texts, because daprd checks them after parsing, with errors of its own. */
export const FLAGS = {
  'app-id': text('Sidecar', '', 'unique id of the application'),
  mode: text('Sidecar', 'standalone', 'where the sidecar runs: standalone or kubernetes'),
  'init-failure': choice('Sidecar', INIT_FAILURES, 'degrade', 'what a component that can\'t start does: degrade serves everything else and keeps trying, exit ends the sidecar as daprd does'),
  'disable-builtin-k8s-secret-store': toggle('Sidecar', false, 'accepted, without effect', { hidden: true }),

  isolation: choice('Isolation', ISOLATION_MODES, 'process', 'what a block is: monolith runs all in one process, thread gives each block a thread of its own, process a process'),
  block: list('Isolation', 'isolation of one block, or where another container serves it: state=thread, state=remote:unix:/run/bulkhead/sockets/state.sock, state=remote:tcp:host:port; repeatable', { noun: 'name=mode' }),
  blocks: list('Isolation', 'run these blocks only; default: all', { noun: 'names' }),
  isolate: list('Isolation', 'give this component a block of its own, as its annotation `isolation: component` does; repeatable', { noun: 'components' }),
  spare: list('Isolation', 'keep a second life of this block started and connected, to take over when the first one ends; repeatable', { noun: 'blocks' }),
  replicas: list('Isolation', 'run this block so many times, and spread calls over them; only where its components keep nothing in their process; repeatable', { noun: 'block=number' }),
  'hang-ms': whole('Isolation', 3_000, 'a block that does nothing for so many milliseconds although it is asked to is killed; 0: never'),
  'drain-ms': whole('Isolation', 10_000, 'how long a life that is being replaced may take to finish what it has, in milliseconds'),
  'poison-deaths': whole('Isolation', 3, 'a call that was in flight at so many deaths of its block in a row is refused from then on; 0: never'),
  'block-heap': list('Isolation', 'largest JavaScript heap of a block (thread and process); repeatable', { noun: '[block=]quantity' }),
  'block-memory': list('Isolation', 'resident memory at which a block is replaced by its next life (process); repeatable', { noun: '[block=]quantity' }),
  'block-files': list('Isolation', 'file descriptors that a block may open (process); repeatable', { noun: '[block=]number' }),
  'block-calls': list('Isolation', 'calls that a block may have open at once, beyond which new ones are refused; repeatable', { noun: '[block=]number' }),
  'block-queue': list('Isolation', 'bytes that may wait for a block, beyond which new calls are refused; repeatable', { noun: '[block=]quantity' }),
  'hold-ms': whole('Isolation', 5_000, 'how long a call waits for the next life of its block, in milliseconds'),
  'ring-bytes': text('Isolation', '1Mi', 'size of a shared-memory ring, a power of two from 64Ki to 256Mi', { noun: 'quantity' }),
  'remote-rings': toggle('Isolation', true, 'share memory with remote blocks behind Unix sockets; false: frames stay on the socket'),
  'remote-uids': list('Isolation', 'users that may serve remote blocks behind Unix sockets; default: this one and root', { noun: 'uids' }),
  'remote-tls-cert': text('Isolation', '', 'certificate that remote blocks over TCP are shown, in PEM', { noun: 'file' }),
  'remote-tls-key': text('Isolation', '', 'its private key in PEM', { noun: 'file' }),
  'remote-tls-ca': text('Isolation', '', 'who vouches for the certificates of remote blocks over TCP, in PEM', { noun: 'file' }),
  'remote-plain-tcp': toggle('Isolation', false, 'remote blocks over TCP without TLS, on loopback addresses only'),
  'trace-ipc': toggle('Isolation', false, 'log every frame between kernel and blocks'),

  'dapr-http-port': text('Listeners', '3500', 'port of the HTTP API', { noun: 'port' }),
  'dapr-grpc-port': text('Listeners', '50001', 'port of the gRPC API', { noun: 'port' }),
  'dapr-internal-grpc-port': text('Listeners', '', 'port of the gRPC API between sidecars, which there is none of yet; default: chosen from the app id', { noun: 'port' }),
  'dapr-internal-grpc-listen-address': text('Listeners', '', 'address for the above', { noun: 'address' }),
  'dapr-listen-addresses': text('Listeners', '', 'addresses for both APIs, comma-separated; default: all interfaces', { noun: 'addresses' }),
  'dapr-public-port': text('Listeners', '', 'port of the public health and metadata server; default: none', { noun: 'port' }),
  'dapr-public-listen-address': text('Listeners', '', 'address for the above', { noun: 'address' }),
  'grpc-listener': choice('Listeners', GRPC_LISTENERS, 'own', 'who speaks HTTP/2 on the gRPC port: own is bulkhead\'s, grpc-js the library it is tested against'),
  'api-tls-cert': text('Listeners', '', 'certificate of both APIs in PEM, with those that vouch for it; default: no TLS', { noun: 'file' }),
  'api-tls-key': text('Listeners', '', 'its private key in PEM', { noun: 'file' }),
  gateways: text('Listeners', '1', 'event loops that serve both APIs, each on the same ports; auto: one for each core but one', { noun: 'number|auto' }),
  'unix-domain-socket': text('Listeners', '', 'directory for Unix sockets that replace the ports of both APIs', { noun: 'directory' }),
  'allowed-origins': text('Listeners', '', 'CORS origins, comma-separated, or *; default: no CORS', { noun: 'origins' }),
  'max-body-size': text('Listeners', '4Mi', 'largest request body', { noun: 'quantity' }),
  'read-buffer-size': text('Listeners', '4Ki', 'largest HTTP header', { noun: 'quantity' }),
  'dapr-http-max-request-size': whole('Listeners', 4, 'largest request body in MB', { deprecated: '--max-body-size' }),
  'dapr-http-read-buffer-size': whole('Listeners', 4, 'largest HTTP header in KB', { deprecated: '--read-buffer-size' }),

  'app-port': text('Application', '', 'port the application listens on; default: no application', { noun: 'port' }),
  'app-protocol': text('Application', 'http', 'http, https, h2c, grpc or grpcs', { noun: 'protocol' }),
  'app-channel-address': text('Application', '127.0.0.1', 'address the application listens on', { noun: 'address' }),
  'app-max-concurrency': whole('Application', -1, 'calls to the application at a time; 0 or less: no limit'),
  'app-ssl': toggle('Application', false, 'call the application with TLS', { deprecated: '--app-protocol=https or grpcs' }),
  'enable-app-health-check': toggle('Application', false, 'probe the application\'s health'),
  'app-health-check-path': text('Application', '/healthz', 'path of the probe', { noun: 'path' }),
  'app-health-probe-interval': whole('Application', 5, 'seconds between probes'),
  'app-health-probe-timeout': whole('Application', 500, 'milliseconds a probe may take'),
  'app-health-threshold': whole('Application', 3, 'failed probes in a row that make the application unhealthy'),
  'app-binding-options-timeout': duration('Application', 3_000, 'accepted, without effect: there are no input bindings yet'),
  'disable-init-endpoints': list('Application', 'calls to skip at start: config, subscribe', { noun: 'names' }),

  'resources-path': list('Resources', 'directory of manifests; repeatable', { noun: 'directory' }),
  'components-path': text('Resources', '', 'directory of manifests', { noun: 'directory', deprecated: '--resources-path' }),
  config: list('Resources', 'Configuration file; repeatable, later files are applied over earlier ones', { noun: 'file' }),
  'hot-reload-reconcile-interval': duration('Resources', 0, 'how often all manifests are read again; 0: every 60s'),

  'dapr-graceful-shutdown-seconds': whole('Lifecycle', 5, 'longest shutdown in seconds; 0: no limit'),
  'dapr-block-shutdown-duration': duration('Lifecycle', 0, 'how long a signal to stop only stops subscriptions; default: not at all'),

  'log-level': text('Logs', 'info', 'debug, info, warn, error or fatal', { noun: 'level' }),
  'log-as-json': toggle('Logs', false, 'log in JSON'),
  'log-file': text('Logs', '', 'log to this file instead of standard output', { noun: 'file' }),
  'enable-api-logging': toggle('Logs', false, 'log every API call; default: as the Configuration says'),

  'enable-metrics': toggle('Metrics and profiling', true, 'count, and serve what was counted to Prometheus; false: neither, whatever the Configuration says'),
  'metrics-port': text('Metrics and profiling', '9090', 'port of the metrics; 0 for any free one. One that was asked for and is taken ends the sidecar, the default one does not', { noun: 'port' }),
  'metrics-listen-address': text('Metrics and profiling', '0.0.0.0', 'address of the metrics; by default every interface', { noun: 'address' }),
  'enable-profiling': toggle('Metrics and profiling', false, 'accepted, without effect: there is no profiling server'),
  'profile-port': text('Metrics and profiling', '7777', 'accepted, without effect', { noun: 'port' }),

  'enable-mtls': toggle(CONTROL_PLANE, false, 'mutual TLS between sidecars'),
  'sentry-address': text(CONTROL_PLANE, '', 'certificate authority', { noun: 'address' }),
  'sentry-request-jwt-audiences': list(CONTROL_PLANE, 'audiences of requested tokens', { hidden: true }),
  'control-plane-address': text(CONTROL_PLANE, '', 'control plane', { noun: 'address' }),
  'control-plane-trust-domain': text(CONTROL_PLANE, 'localhost', 'trust domain of the control plane', { noun: 'domain' }),
  'control-plane-namespace': text(CONTROL_PLANE, 'default', 'namespace of the control plane', { noun: 'namespace' }),
  'placement-host-address': text(CONTROL_PLANE, '', 'placement service', { noun: 'addresses' }),
  'scheduler-host-address': list(CONTROL_PLANE, 'scheduler service', { noun: 'addresses' }),
  'scheduler-job-streams': whole(CONTROL_PLANE, 3, 'streams to the scheduler', { hidden: true }),
  'actors-disseminate-timeout': duration(CONTROL_PLANE, 30_000, 'how long dissemination of actors may take', { hidden: true }),
  'reminders-service': text(CONTROL_PLANE, '', 'reminders service', { hidden: true }),
  'actors-service': text(CONTROL_PLANE, '', 'actors service', { hidden: true }),

  help: toggle('Information', false, 'print this usage'),
  version: toggle('Information', false, 'print the version'),
  'build-info': toggle('Information', false, 'print version and commit'),
  wait: toggle('Information', false, 'wait until a running sidecar is ready for outbound calls'),
};

export type FlagName = keyof typeof FLAGS;
export type FlagValues = FlagValuesOf<typeof FLAGS>;
