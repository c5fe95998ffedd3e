// Flags and environment compiled into a `Config`: every value checked, bounded and in the unit its name says, with the
// errors daprd would give, in the order it would give them (contract: flags).
import { availableParallelism, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogLevel } from '../proto/logline.ts';
import { InvalidQuantity, parseQuantity } from '../proto/quantity.ts';
import { shown, UsageError, type Arguments } from './arguments.ts';
import type { ApiConfig, AppConfig, BlockChoice, Build, Config, RemoteConfig } from './config.ts';
import { isTruthy, variable, type Environment } from './environment.ts';
import { FLAGS, ISOLATION_MODES, type FlagName, type Isolation } from './flags.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';
import { InvalidAddress, parseAddress } from './remote/address.ts';
import { Secret } from './secret.ts';

/** A value that parsed and can't be used; the message is the whole text of the fatal record. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'fatal'];
const INIT_ENDPOINTS: readonly string[] = ['config', 'subscribe'];
const MODES = ['standalone', 'kubernetes'] as const;
/** Buffers and gRPC lengths end there. */
const LARGEST_BODY = 2 ** 31 - 1;
const LARGEST_HEADER = 16 * 1024 * 1024;
/** Longest delay a timer takes. */
const LARGEST_MS = 2 ** 31 - 1;
const SMALLEST_RING = 64 * 1024;
const LARGEST_RING = 256 * 1024 * 1024;
/** Less than this and no block could start: bytes, and descriptors. */
export const SMALLEST_HEAP = 32 * 1024 * 1024;
export const SMALLEST_FILES = 64;
/** Event loops and processes beyond any machine that this runs on. */
const MOST_GATEWAYS = 64;
const MOST_REPLICAS = 64;
const REMOTE = 'remote:';
const LARGEST_UID = 2 ** 32 - 2;

/** @throws UsageError or Refused */
export function compileConfig(args: Arguments, env: Environment, knownBlocks: readonly string[], build: Build): Config {
  const { values, given } = args;
  const blocks = chooseBlocks(args, knownBlocks);
  const milliseconds = (name: 'hold-ms' | 'hang-ms' | 'drain-ms') => inRange(name, values[name], 0, LARGEST_MS);
  const own = {
    holdMs: milliseconds('hold-ms'), hangMs: milliseconds('hang-ms'), drainMs: milliseconds('drain-ms'),
    poisonDeaths: inRange('poison-deaths', values['poison-deaths'], 0, 1_000), ringBytes: ringBytes(values['ring-bytes']),
    isolated: new Set(values.isolate.map((name) => name.trim()).filter((name) => name !== '')),
  };
  // daprd's order: what its flag parsing refuses comes before what its runtime refuses.
  const maxBodyBytes = bytes('max-body-size', args, 'dapr-http-max-request-size', 1024 * 1024, LARGEST_BODY);
  const maxHeaderBytes = bytes('read-buffer-size', args, 'dapr-http-read-buffer-size', 1024, LARGEST_HEADER);
  if (values['actors-disseminate-timeout'] <= 0) throw new Refused('Failed to parse flags: actors-disseminate-timeout must be greater than 0');
  const level = LOG_LEVELS.find((one) => one === values['log-level'].toLowerCase());
  if (level === undefined) throw new Refused(`invalid value for --log-level: ${shown(values['log-level'], '')}`);

  const quickStart = !QUICK_START_FLAGS.some((name) => given.has(name));
  const appId = quickStart ? 'bulkhead' : values['app-id'];
  if (appId === '' && !values.wait) throw refusedByRuntime('parameter app-id cannot be empty');
  if (appId.includes('.')) throw refusedByRuntime('parameter app-id cannot contain dots');
  const mode = MODES.find((one) => one === values.mode);
  if (mode === undefined) throw refusedByRuntime(`invalid value for 'mode': ${shown(values.mode, '')}`);

  const api: ApiConfig = {
    httpPort: port('dapr-http-port', values['dapr-http-port']),
    grpcPort: port('dapr-grpc-port', values['dapr-grpc-port']),
    internalGrpcPort: portOrNone('dapr-internal-grpc-port', values['dapr-internal-grpc-port']),
    internalGrpcAddress: values['dapr-internal-grpc-listen-address'],
    publicPort: portOrNone('dapr-public-port', values['dapr-public-port']),
    publicAddress: values['dapr-public-listen-address'],
    listenAddresses: words(values['dapr-listen-addresses']),
    socketFolder: values['unix-domain-socket'],
    allowedOrigins: words(values['allowed-origins']),
    token: new Secret(variable(env, 'DAPR_API_TOKEN')),
    maxBodyBytes,
    maxHeaderBytes,
    grpcListener: values['grpc-listener'],
    tls: tls(values),
    h2c: !isTruthy(variable(env, 'DAPR_HTTP_DISABLE_H2C')),
  };
  port('profile-port', values['profile-port']); // accepted, but a typing error should still be noticed
  const paths = values['resources-path'].filter((path) => path !== '');
  const usesAlias = paths.length === 0 && values['components-path'] !== '';
  const grace = values['dapr-graceful-shutdown-seconds'];

  return {
    appId,
    quickStart,
    mode,
    namespace: variable(env, 'NAMESPACE'),
    podName: variable(env, 'POD_NAME'),
    hostName: hostname(),
    hostAddress: variable(env, 'DAPR_HOST_IP'),
    envKeys: variable(env, 'DAPR_ENV_KEYS').split(/\s+/).filter((key) => key !== ''),
    componentsSocketsFolder: variable(env, 'DAPR_COMPONENTS_SOCKETS_FOLDER') || join(tmpdir(), 'dapr-components-sockets'),
    initFailure: values['init-failure'],
    build,
    blocks,
    ...own,
    traceIpc: values['trace-ipc'],
    gateways: gateways(values.gateways, api.grpcListener),
    remote: compileRemote(values),
    api,
    app: compileApp(values, env, api),
    resourcesPaths: usesAlias ? [values['components-path']] : paths,
    resourcesFlag: usesAlias ? 'components-path' : 'resources-path',
    configPaths: values.config.filter((path) => path !== ''),
    reconcileMs: Math.min(values['hot-reload-reconcile-interval'] > 0 ? values['hot-reload-reconcile-interval'] : 60_000, LARGEST_MS),
    shutdownMs: Math.min((grace < 0 ? FLAGS['dapr-graceful-shutdown-seconds'].value : grace) * 1_000, LARGEST_MS),
    blockShutdownMs: Math.min(Math.max(values['dapr-block-shutdown-duration'], 0), LARGEST_MS),
    log: { level, json: values['log-as-json'], file: values['log-file'] },
    apiLogging: given.has('enable-api-logging') ? (values['enable-api-logging'] ? 'on' : 'off') : 'configured',
    metrics: {
      enabled: values['enable-metrics'],
      port: port('metrics-port', values['metrics-port']),
      isPortGiven: given.has('metrics-port'),
      address: values['metrics-listen-address'],
    },
    warnings: warnings(args, mode),
  };
}

const QUICK_START_FLAGS: readonly FlagName[] = ['app-id', 'resources-path', 'components-path', 'config'];
/** In daprd's words. */
const PROTOCOLS = ['http', 'https', 'h2c', 'grpc', 'grpcs'] as const;

function compileApp(values: Arguments['values'], env: Environment, api: ApiConfig): AppConfig {
  const appPort = portOrNone('app-port', values['app-port']);
  if (appPort !== 0 && appPort === api.httpPort) throw refusedByRuntime(`the 'dapr-http-port' argument value ${appPort} conflicts with 'app-port'`);
  if (appPort !== 0 && appPort === api.grpcPort) throw refusedByRuntime(`the 'dapr-grpc-port' argument value ${appPort} conflicts with 'app-port'`);
  const written = values['app-protocol'].toLowerCase();
  const protocol = PROTOCOLS.find((one) => one === (written === '' ? 'http' : written));
  if (protocol === undefined) throw refusedByRuntime(`invalid value for 'app-protocol': ${shown(values['app-protocol'], '')}`);
  const secured = { http: 'https', grpc: 'grpcs', https: 'https', grpcs: 'grpcs', h2c: 'h2c' } as const;

  const intervalMs = positiveOr(5, values['app-health-probe-interval']) * 1_000;
  const timeoutMs = positiveOr(500, values['app-health-probe-timeout']);
  if (timeoutMs > intervalMs) throw refusedByRuntime("value for 'health-probe-timeout' must be smaller than 'health-probe-interval'");
  const endpoints = values['disable-init-endpoints'].map((name) => name.trim());
  for (const name of endpoints) {
    if (!INIT_ENDPOINTS.includes(name)) throw refusedByRuntime(`invalid value for 'disable-init-endpoints': ${shown(name, '')} (allowed: ${INIT_ENDPOINTS.join(', ')})`);
  }
  return {
    port: appPort,
    protocol: values['app-ssl'] ? secured[protocol] : protocol,
    address: values['app-channel-address'],
    maxConcurrency: Math.max(values['app-max-concurrency'], 0),
    token: new Secret(variable(env, 'APP_API_TOKEN')),
    health: {
      enabled: values['enable-app-health-check'],
      path: values['app-health-check-path'],
      intervalMs: Math.min(intervalMs, LARGEST_MS),
      timeoutMs: Math.min(timeoutMs, LARGEST_MS),
      threshold: values['app-health-threshold'] < 1 || values['app-health-threshold'] >= 2 ** 31 - 1 ? 3 : values['app-health-threshold'],
    },
    bindingOptionsTimeoutMs: Math.min(positiveOr(3_000, values['app-binding-options-timeout']), LARGEST_MS),
    askConfig: !endpoints.includes('config'),
    askSubscriptions: !endpoints.includes('subscribe'),
  };
}

function chooseBlocks({ values, given }: Arguments, known: readonly string[]): BlockChoice[] {
  const check = (flag: FlagName, name: string) => {
    if (known.includes(name)) return name;
    throw new UsageError(`invalid argument ${shown(name)} for "--${flag}" flag: there is no block of that name; the blocks are ${known.join(', ')}`);
  };
  const chosen = given.has('blocks') ? values.blocks.map((name) => check('blocks', name.trim())) : known;
  if (chosen.length === 0) throw new UsageError(`invalid argument "" for "--blocks" flag: expected at least one of ${known.join(', ')}`);
  const overrides = new Map<string, Pick<BlockChoice, 'isolation' | 'address'>>();
  for (const entry of values.block) {
    const [, name = '', written = ''] = /^([^=]*)=(.*)$/s.exec(entry.trim()) ?? [];
    const place = placeOf(written, entry);
    overrides.set(check('block', name), place);
  }
  const replicas = replicated(values, check);
  const spares = new Set(values.spare.map((name) => check('spare', name.trim())));
  const limits = {
    heapBytes: limited(values, 'block-heap', check, SMALLEST_HEAP), memoryBytes: limited(values, 'block-memory', check, SMALLEST_HEAP), openFiles: limited(values, 'block-files', check, SMALLEST_FILES),
    openCalls: limited(values, 'block-calls', check, 1), queueBytes: limited(values, 'block-queue', check, 1),
  };
  return known.filter((name) => chosen.includes(name)).map((name) => ({
    name,
    isolation: values.isolation,
    address: undefined,
    ...overrides.get(name),
    spare: spares.has(name),
    replicas: replicas.get(name) ?? 1,
    limits: {
      heapBytes: limits.heapBytes(name) ?? DEFAULT_LIMITS.heapBytes, memoryBytes: limits.memoryBytes(name) ?? DEFAULT_LIMITS.memoryBytes, openFiles: limits.openFiles(name) ?? DEFAULT_LIMITS.openFiles,
      openCalls: limits.openCalls(name) ?? DEFAULT_LIMITS.openCalls, queueBytes: limits.queueBytes(name) ?? DEFAULT_LIMITS.queueBytes,
    } satisfies Limits,
  }));
}

/** `thread`, or `remote:unix:/run/bulkhead/sockets/state.sock`. */
function placeOf(written: string, entry: string): Pick<BlockChoice, 'isolation' | 'address'> {
  const refuse = (reason: string): UsageError => new UsageError(`invalid argument ${shown(entry)} for "--block" flag: ${reason}`);
  const isolation: Isolation | undefined = ISOLATION_MODES.find((mode) => mode === written);
  if (isolation !== undefined) return { isolation, address: undefined };
  if (!written.startsWith(REMOTE)) throw refuse(`expected <name>=<mode>, where mode is one of ${ISOLATION_MODES.join(', ')}, or remote:<address>`);
  try {
    return { isolation: 'remote', address: parseAddress(written.slice(REMOTE.length)) };
  } catch (cause) {
    if (cause instanceof InvalidAddress) throw refuse(cause.message);
    throw cause;
  }
}

function compileRemote(values: Arguments['values']): RemoteConfig {
  const files = { cert: values['remote-tls-cert'], key: values['remote-tls-key'], ca: values['remote-tls-ca'] };
  const missing = (['cert', 'key', 'ca'] as const).filter((part) => files[part] === '');
  if (missing.length === 1 || missing.length === 2) throw new Refused(`Failed to parse flags: TLS to remote blocks needs ${missing.map((part) => `--remote-tls-${part}`).join(' and ')}, too`);
  return { rings: values['remote-rings'], uids: compileUids('remote-uids', values['remote-uids']), tls: missing.length === 0 ? files : undefined, plainTcp: values['remote-plain-tcp'] };
}

/** Users by number; none given: this one and root. @throws UsageError */
export function compileUids(flag: string, written: readonly string[]): readonly number[] {
  if (written.length === 0) return [...new Set([process.getuid?.() ?? 0, 0])];
  return written.map((text) => {
    if (!/^\d{1,10}$/.test(text.trim()) || Number(text) > LARGEST_UID) throw new UsageError(`invalid argument ${shown(text)} for "--${flag}" flag: expected the number of a user`);
    return Number(text);
  });
}

type LimitFlag = 'block-heap' | 'block-memory' | 'block-files' | 'block-calls' | 'block-queue';

/** `quantity` for every block, `block=quantity` for one; 0 is no limit where there may be none. */
function limited(values: Arguments['values'], flag: LimitFlag, check: (flag: FlagName, name: string) => string, least: number): (block: string) => number | undefined {
  let common: number | undefined;
  const own = new Map<string, number>();
  for (const entry of values[flag]) {
    const refuse = (reason: string): UsageError => new UsageError(`invalid argument ${shown(entry)} for "--${flag}" flag: ${reason}`);
    const [, name, written = ''] = /^(?:([^=]*)=)?(.*)$/s.exec(entry.trim()) ?? [];
    const size = quantity(written, refuse);
    if (size !== 0 && size < least) throw refuse(`expected 0 for no limit, or at least ${least}`);
    if (size === 0 && least === 1) throw refuse('expected at least 1');
    if (name === undefined) common = size;
    else own.set(check(flag, name), size);
  }
  return (block) => own.get(block) ?? common;
}

/** `block=number`. */
function replicated(values: Arguments['values'], check: (flag: FlagName, name: string) => string): Map<string, number> {
  const replicas = new Map<string, number>();
  for (const entry of values.replicas) {
    const [, name = '', written = ''] = /^([^=]*)=(\d{1,4})$/.exec(entry.trim()) ?? [];
    const count = Number(written);
    if (count < 1 || count > MOST_REPLICAS) throw new UsageError(`invalid argument ${shown(entry)} for "--replicas" flag: expected <block>=<number> with a number from 1 to ${MOST_REPLICAS}`);
    replicas.set(check('replicas', name), count);
  }
  return replicas;
}

/** grpc-js can't share its ports: next to it one event loop is all there can be. */
function gateways(written: string, listener: ApiConfig['grpcListener']): number {
  const isAlone = listener === 'grpc-js';
  if (written === 'auto') return isAlone ? 1 : Math.min(Math.max(1, availableParallelism() - 1), MOST_GATEWAYS);
  const count = /^\d{1,4}$/.test(written) ? Number(written) : 0;
  if (count > 1 && isAlone) throw new Refused(`Failed to parse flags: --gateways=${count} needs --grpc-listener=own, because grpc-js can't share its port`);
  if (count >= 1 && count <= MOST_GATEWAYS) return count;
  throw new UsageError(`invalid argument ${shown(written)} for "--gateways" flag: expected auto, or a number from 1 to ${MOST_GATEWAYS}`);
}

function tls(values: Arguments['values']): ApiConfig['tls'] {
  const { 'api-tls-cert': cert, 'api-tls-key': key } = values;
  if ((cert === '') !== (key === '')) throw new Refused(`Failed to parse flags: --api-tls-${cert === '' ? 'key' : 'cert'} needs --api-tls-${cert === '' ? 'cert' : 'key'}`);
  return cert === '' ? undefined : { cert, key };
}

function ringBytes(written: string): number {
  const size = quantity(written, (reason) => new UsageError(`invalid argument ${shown(written)} for "--ring-bytes" flag: ${reason}`));
  const fits = size >= SMALLEST_RING && size <= LARGEST_RING && Number.isInteger(Math.log2(size));
  if (!fits) throw new UsageError(`invalid argument ${shown(written)} for "--ring-bytes" flag: expected a power of two from 64Ki to 256Mi`);
  return size;
}

/** A size in bytes; the deprecated flag counts in `unit` and is used when only it was given. */
function bytes(name: 'max-body-size' | 'read-buffer-size', { values, given }: Arguments, old: 'dapr-http-max-request-size' | 'dapr-http-read-buffer-size', unit: number, largest: number): number {
  const useOld = !given.has(name) && given.has(old) && values[old] !== -1; // -1 is daprd's "default"
  const size = useOld ? values[old] * unit : quantity(values[name], (reason) => new Refused(`Failed to parse flags: ${name}: ${reason}`));
  if (size < 1 || size > largest) throw new Refused(`Failed to parse flags: ${useOld ? old : name} must be between 1 and ${largest} bytes, not ${size}`);
  return size;
}

function quantity(written: string, refuse: (reason: string) => Error): number {
  try {
    return parseQuantity(written);
  } catch (cause) {
    if (cause instanceof InvalidQuantity) throw refuse(cause.message);
    throw cause;
  }
}

/** The texts of Go's strconv, behind daprd's, whose internal, public and application ports lack the word `flag`. */
const PORT_FLAGS: ReadonlySet<string> = new Set(['dapr-http-port', 'dapr-grpc-port', 'profile-port', 'metrics-port']);

function port(name: FlagName, written: string): number {
  const prefix = `error parsing ${name}${PORT_FLAGS.has(name) ? ' flag' : ''}: `;
  if (!/^[+-]?\d{1,18}$/.test(written)) throw refusedByRuntime(`${prefix}strconv.Atoi: parsing ${shown(written)}: invalid syntax`);
  const number = Number(written);
  if (number < 0 || number > 65_535) throw refusedByRuntime(`${prefix}${written} is not a port: expected 0 to 65535`);
  return number;
}

function portOrNone(name: FlagName, written: string): number {
  return written === '' ? 0 : port(name, written);
}

function positiveOr(fallback: number, value: number): number {
  return value > 0 ? value : fallback;
}

function inRange(name: FlagName, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  throw new UsageError(`invalid argument "${value}" for "--${name}" flag: expected ${least} to ${most}`);
}

function words(csv: string): string[] {
  return csv.split(',').map((word) => word.trim()).filter((word) => word !== '');
}

function refusedByRuntime(reason: string): Refused {
  return new Refused(`Fatal error from runtime: ${reason}`);
}

function warnings({ values, given }: Arguments, mode: Config['mode']): string[] {
  const lines = [...given].filter((name) => FLAGS[name].deprecated !== '').map((name) => `Flag --${name} has been deprecated, use ${FLAGS[name].deprecated}`);
  if (values['dapr-graceful-shutdown-seconds'] === 0) lines.push('dapr-graceful-shutdown-seconds is 0: a graceful shutdown may take forever');
  if (mode === 'kubernetes') lines.push('mode kubernetes: there is no operator to ask, so manifests and Configurations are read from the given paths');
  return lines;
}
