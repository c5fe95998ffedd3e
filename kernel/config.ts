// What the sidecar was asked to be: the `Config` that everything downstream reads and nothing downstream checks, and the way
// from a command line to it, or to the answer that ends the process (contract: flags, environment variables, exit codes).
import type { InitFailure, LogSettings } from '../proto/init.ts';
import type { LogLevel } from '../proto/logline.ts';
import { readArguments, shown, UsageError, type Arguments } from './arguments.ts';
import { compileConfig, Refused } from './compile.ts';
import type { Environment } from './environment.ts';
import type { Isolation } from './flags.ts';
import type { GrpcListenerKind } from './grpc/kinds.ts';
import type { Limits } from './limits.ts';
import type { RemoteAddress } from './remote/address.ts';
import type { Secret } from './secret.ts';
import { nearest } from './suggest.ts';
import { usage } from './usage.ts';

/** What the binary is. */
export interface Build {
  readonly version: string;
  readonly commit: string;
  readonly gitVersion: string;
}

export interface Config {
  readonly appId: string;
  /** Nothing was asked for: embedded components are used. */
  readonly quickStart: boolean;
  readonly mode: 'standalone' | 'kubernetes';
  /** `NAMESPACE`; `''`: no manifest is filtered by namespace. */
  readonly namespace: string;
  readonly podName: string;
  /** The `instance` of log lines. */
  readonly hostName: string;
  /** `DAPR_HOST_IP`, the address others reach this host at; `''`: find it. */
  readonly hostAddress: string;
  /** `DAPR_ENV_KEYS`: the only variables `envRef` may name, unless empty. */
  readonly envKeys: readonly string[];
  /** Sockets of pluggable components. */
  readonly componentsSocketsFolder: string;
  readonly initFailure: InitFailure;
  readonly build: Build;

  /** The blocks to run, each with what it is, in the table's order. */
  readonly blocks: readonly BlockChoice[];
  /** Components that have a block of their own, by flag; a manifest may say so, too. */
  readonly isolated: ReadonlySet<string>;
  /** How long a call waits for its block's next life. */
  readonly holdMs: number;
  /** How long a block may be deaf before it is killed; 0: for ever. */
  readonly hangMs: number;
  /** How long a life that is being replaced may take to finish. */
  readonly drainMs: number;
  /** Deaths in a row after which a call that was in flight at each is refused; 0: never. */
  readonly poisonDeaths: number;
  /** Bytes of one ring; a power of two. */
  readonly ringBytes: number;
  readonly traceIpc: boolean;
  /** Event loops that serve the APIs. 1: the kernel's own does. */
  readonly gateways: number;
  readonly remote: RemoteConfig;

  readonly api: ApiConfig;
  readonly app: AppConfig;

  /** Directories of manifests, in order. */
  readonly resourcesPaths: readonly string[];
  /** The flag they came from, for messages. */
  readonly resourcesFlag: 'resources-path' | 'components-path';
  /** Configuration files, in order. */
  readonly configPaths: readonly string[];
  readonly reconcileMs: number;

  /** 0: no limit. */
  readonly shutdownMs: number;
  /** How long the first signal only stops intake; 0: not at all. */
  readonly blockShutdownMs: number;

  readonly log: { readonly level: LogLevel; readonly json: boolean; /** `''`: standard output. */ readonly file: string };
  /** `configured`: as the Configuration says. */
  readonly apiLogging: 'on' | 'off' | 'configured';
  readonly metrics: { readonly enabled: boolean; readonly port: number; /** False: it is the default. */ readonly isPortGiven: boolean; readonly address: string };

  /** To be logged once there is a log: deprecations and the like. */
  readonly warnings: readonly string[];
}

/** How blocks in other containers are spoken to. */
export interface RemoteConfig {
  /** Share memory where that can be done. */
  readonly rings: boolean;
  /** Users that may serve them behind Unix sockets. */
  readonly uids: readonly number[];
  /** Paths, in PEM. */
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string } | undefined;
  /** TCP without TLS, on loopback. */
  readonly plainTcp: boolean;
}

export interface BlockChoice {
  readonly name: string;
  readonly isolation: Isolation;
  /** Where it is served; only with isolation `remote`. */
  readonly address: RemoteAddress | undefined;
  /** Whether a second life waits to take over. */
  readonly spare: boolean;
  readonly limits: Limits;
  /** How often it runs; 1 unless it was told. */
  readonly replicas: number;
}

export interface ApiConfig {
  /** 0: any free port. */
  readonly httpPort: number;
  readonly grpcPort: number;
  /** 0: chosen from the app id. */
  readonly internalGrpcPort: number;
  readonly internalGrpcAddress: string;
  /** 0: no public server. */
  readonly publicPort: number;
  readonly publicAddress: string;
  /** Empty: all interfaces. */
  readonly listenAddresses: readonly string[];
  /** Directory of Unix sockets instead of both ports; `''`: none. */
  readonly socketFolder: string;
  /** CORS origins; empty: no CORS. */
  readonly allowedOrigins: readonly string[];
  /** `DAPR_API_TOKEN`: what callers must send. */
  readonly token: Secret;
  readonly maxBodyBytes: number;
  readonly maxHeaderBytes: number;
  readonly grpcListener: GrpcListenerKind;
  /** Paths of the certificate and its key; undefined: no TLS. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** False by `DAPR_HTTP_DISABLE_H2C`. */
  readonly h2c: boolean;
}

export interface AppConfig {
  /** 0: there is no application to call. */
  readonly port: number;
  readonly protocol: 'http' | 'https' | 'h2c' | 'grpc' | 'grpcs';
  readonly address: string;
  /** 0: no limit. */
  readonly maxConcurrency: number;
  /** `APP_API_TOKEN`: what the application is sent. */
  readonly token: Secret;
  readonly health: {
    readonly enabled: boolean;
    readonly path: string;
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly threshold: number;
  };
  readonly bindingOptionsTimeoutMs: number;
  /** Whether the application is asked for its configuration and subscriptions at start. */
  readonly askConfig: boolean;
  readonly askSubscriptions: boolean;
}

export type CommandLine =
  | { readonly command: 'serve' | 'wait'; readonly config: Config }
  | { readonly exit: number; readonly stdout?: string; readonly stderr?: string; readonly fatal?: FatalRecord };

/** For the log, at level fatal, in the form that was asked for. */
export interface FatalRecord {
  readonly text: string;
  readonly json: boolean;
}

export interface CommandLineOptions {
  /** Names of all blocks there are. */
  readonly blocks: readonly string[];
  readonly build: Build;
}

const DEFAULTS: CommandLineOptions = { blocks: ['state', 'pubsub', 'config', 'lock', 'sequencer'], build: { version: 'edge', commit: 'unknown', gitVersion: 'unknown' } };

/** Pure: reads nothing but its arguments, and the host's name and temporary directory. */
export function parseCommandLine(argv: readonly string[], env: Environment, options: Partial<CommandLineOptions> = {}): CommandLine {
  const { blocks, build } = { ...DEFAULTS, ...options };
  let json = false;
  try {
    const args = readArguments(argv);
    json = args.values['log-as-json'];
    const answer = informed(args, build);
    if (answer !== undefined) return answer;
    return { command: args.values.wait ? 'wait' : 'serve', config: compileConfig(args, env, blocks, build) };
  } catch (cause) {
    if (cause instanceof UsageError) return { exit: 2, stderr: `${usage()}\nError: ${cause.message}\n` };
    if (cause instanceof Refused) return { exit: 1, fatal: { text: cause.message, json } };
    throw cause;
  }
}

/** What every process of the sidecar needs to log alike. */
export function logSettings(config: Config): LogSettings {
  return { level: config.log.level, json: config.log.json, appId: config.appId, instance: config.hostName, version: config.build.version };
}

/** daprd's images are started with the program's name as the first word; it means what it says. */
const SERVE_WORDS: readonly string[] = ['', 'serve', 'daprd', './daprd', '/daprd'];
const COMMANDS = ['serve', 'version', 'help'] as const;

/** The answer to a command line that only asks for information. */
function informed({ command, values }: Arguments, build: Build): CommandLine | undefined {
  if (values.help || command === 'help') return { exit: 0, stdout: usage() };
  if (values.version || command === 'version') return { exit: 0, stdout: `${build.version}\n` };
  if (values['build-info']) return { exit: 0, stdout: `Version: ${build.version}\nGit Commit: ${build.commit}\nGit Version: ${build.gitVersion}\n` };
  if (SERVE_WORDS.includes(command)) return undefined;
  const near = nearest(command, COMMANDS);
  throw new UsageError(`unknown command ${shown(command)}${near === undefined ? `; the commands are ${COMMANDS.join(', ')}` : `; did you mean ${near}?`}`);
}
