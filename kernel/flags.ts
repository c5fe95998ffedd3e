// The command line's vocabulary: every flag of daprd and of our own, as data (contract: flags). One row is a flag's name,
// how its text becomes a value, its default and its line in the usage. What values mean together is config.ts' business.
import { GRPC_LISTENERS } from './grpc/kinds.ts';
import { InvalidDuration, parseDurationMs } from '../proto/duration.ts';

/** Groups of the usage, in order. */
export type Group =
  | 'Sidecar' | 'Isolation' | 'Listeners' | 'Application' | 'Resources' | 'Lifecycle' | 'Logs' | 'Metrics and profiling'
  | 'Control plane (accepted, without effect)' | 'Information';

export interface Flag<Value> {
  readonly group: Group;
  /** The value's noun in the usage; `''` for a switch, which needs no value. */
  readonly noun: string;
  readonly value: Value;
  readonly help: string;
  /** Hidden flags parse, and the usage is silent about them. */
  readonly hidden: boolean;
  /** What to use instead; `''` when the flag is not deprecated. */
  readonly deprecated: string;
  /** The value after one more occurrence on the command line. @throws FlagError */
  readonly parse: (text: string, before: Value, first: boolean) => Value;
}

/** A value that can't be read. The message says what was expected. */
export class FlagError extends Error {
  override readonly name = 'FlagError';
}

type Extra = Partial<Pick<Flag<unknown>, 'hidden' | 'deprecated' | 'noun'>>;

function flag<Value>(group: Group, noun: string, value: Value, help: string, parse: Flag<Value>['parse'], extra: Extra = {}): Flag<Value> {
  return { group, noun, value, help, parse, hidden: false, deprecated: '', ...extra };
}

function text(group: Group, value: string, help: string, extra?: Extra): Flag<string> {
  return flag(group, 'text', value, help, (given) => given, extra);
}

/** Go's strconv.ParseBool. */
const BOOLEANS: Readonly<Record<string, boolean>> = {
  1: true, t: true, T: true, true: true, TRUE: true, True: true, 0: false, f: false, F: false, false: false, FALSE: false, False: false,
};

function toggle(group: Group, value: boolean, help: string, extra?: Extra): Flag<boolean> {
  return flag(group, '', value, help, (given) => {
    const parsed = Object.hasOwn(BOOLEANS, given) ? BOOLEANS[given] : undefined;
    if (parsed === undefined) throw new FlagError('expected true or false');
    return parsed;
  }, extra);
}

function whole(group: Group, value: number, help: string, extra?: Extra): Flag<number> {
  return flag(group, 'number', value, help, (given) => {
    const parsed = /^[+-]?\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
    if (Number.isNaN(parsed)) throw new FlagError('expected a whole number');
    return parsed;
  }, extra);
}

/** CSV, and every occurrence adds to those before it. */
function list(group: Group, help: string, extra?: Extra): Flag<readonly string[]> {
  return flag<readonly string[]>(group, 'list', [], help, (given, before, first) => {
    const items = parseCsv(given);
    if (!first && before.length + items.length > LONGEST_LIST) throw new FlagError(`expected at most ${LONGEST_LIST} items`);
    return first ? items : [...before, ...items];
  }, extra);
}

const LONGEST_LIST = 10_000;

/** In milliseconds. */
function duration(group: Group, value: number, help: string, extra?: Extra): Flag<number> {
  return flag(group, 'duration', value, help, (given) => {
    try {
      return parseDurationMs(given);
    } catch (cause) {
      if (cause instanceof InvalidDuration) throw new FlagError(`expected a duration such as 5s or 1m30s: ${cause.message}`);
      throw cause;
    }
  }, extra);
}

function choice<const Word extends string>(group: Group, words: readonly Word[], value: Word, help: string, extra?: Extra): Flag<Word> {
  return flag<Word>(group, words.join('|'), value, help, (given) => {
    const word = words.find((one) => one === given);
    if (word === undefined) throw new FlagError(`expected one of ${words.join(', ')}`);
    return word;
  }, extra);
}

/** One line of CSV as Go reads it: fields may be quoted, a quote inside is doubled. */
export function parseCsv(line: string): string[] {
  if (line === '') return [];
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (let more = true; more;) {
    const match = field.exec(line);
    if (match === null) throw new FlagError('expected comma-separated values, a quoted one closed by its quote');
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    more = match[3] === ',';
  }
  return fields;
}

export const ISOLATION_MODES = ['monolith', 'thread', 'process'] as const;
export type Isolation = (typeof ISOLATION_MODES)[number];
export const INIT_FAILURES = ['degrade', 'exit'] as const;

const CONTROL_PLANE = 'Control plane (accepted, without effect)';

/** In the order of the usage. Ports and sizes are texts, because daprd checks them after parsing, with errors of its own. */
export const FLAGS = {
  'app-id': text('Sidecar', '', 'unique id of the application'),
  mode: text('Sidecar', 'standalone', 'where the sidecar runs: standalone or kubernetes'),
  'init-failure': choice('Sidecar', INIT_FAILURES, 'degrade', 'what a component that can\'t start does: degrade serves everything else and keeps trying, exit ends the sidecar as daprd does'),
  'disable-builtin-k8s-secret-store': toggle('Sidecar', false, 'accepted, without effect', { hidden: true }),

  isolation: choice('Isolation', ISOLATION_MODES, 'process', 'what a block is: monolith runs all in one process, thread gives each block a thread of its own, process a process'),
  block: list('Isolation', 'isolation of one block; repeatable', { noun: 'name=mode' }),
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
export type FlagValues = { readonly [Name in FlagName]: (typeof FLAGS)[Name]['value'] };
