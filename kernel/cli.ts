// The life of the program: command line, signals, exit codes, and the sidecar in between (contract: signals, shutdown,
// exit codes).
import { logSettings, parseCommandLine, type Config } from './config.ts';
import { openLog, openLogFile, outputTo, type Log } from '../proto/log.ts';
import { readBuild } from './build.ts';
import { FatalError, logNotices } from './fatal.ts';
import { greeting } from './greeting.ts';
import { KNOWN_BLOCKS } from './known-blocks.ts';
import type { openRemotes } from './remote/remotes.ts';
import { Runtime, type RuntimeOptions } from './runtime.ts';
import type { ShutdownRequest } from './shutdown.ts';

const STDOUT = 1;
/** At Ctrl-C a terminal sends SIGINT to npm and to us, and npm passes its own on: one wish, twice within this time. */
const ECHO_MS = 100;
/** A forced shutdown leaves its caller this long to get the answer. */
const FORCED_MS = 100;
const SIGNAL_NAMES = { SIGINT: 'interrupt', SIGTERM: 'terminated', SIGHUP: 'hangup' } as const;

/** Runs until the process ends. */
export async function run(argv: readonly string[], compileCache: string | undefined): Promise<void> {
  const build = readBuild();
  const parsed = parseCommandLine(argv, process.env, { blocks: KNOWN_BLOCKS, build });
  if ('exit' in parsed) {
    if (parsed.stdout !== undefined) process.stdout.write(parsed.stdout);
    if (parsed.stderr !== undefined) process.stderr.write(parsed.stderr);
    if (parsed.fatal !== undefined) openLog({ level: 'info', json: parsed.fatal.json, appId: '', instance: '', version: build.version }).fatal({}, parsed.fatal.text);
    process.exitCode = parsed.exit;
    return;
  }
  if (parsed.command === 'wait') {
    const { waitForOutbound } = await import('./wait.ts');
    process.exitCode = await waitForOutbound(parsed.config);
    return;
  }
  const { config, openGateways } = await openSeveral(parsed.config);
  const remotes = config.blocks.some(({ address }) => address !== undefined) ? (await import('./remote/remotes.ts')).openRemotes : undefined;
  new Program(config, compileCache, openGateways, remotes).start();
}

/** Where one gateway is wanted it is the kernel's own loop, and nothing of the others is loaded. */
async function openSeveral(config: Config): Promise<{ readonly config: Config; readonly openGateways?: RuntimeOptions['openGateways'] }> {
  if (config.gateways < 2) return { config };
  const [{ Gateways }, { sharedMemoryProblem }] = await Promise.all([import('./gateways/gateways.ts'), import('../ipc/memory.ts')]);
  const problem = config.blocks.some(({ isolation }) => isolation === 'process' || isolation === 'remote') ? (sharedMemoryProblem() ?? unshared(config)) : undefined;
  if (problem === undefined) return { config, openGateways: (options) => new Gateways(options) };
  return { config: { ...config, gateways: 1, warnings: [...config.warnings, `there is one gateway instead of ${config.gateways}, because no memory can be shared with blocks: ${problem}`] } };
}

/** Why no memory is shared with some block, whatever the system can do. */
function unshared({ blocks, remote }: Config): string | undefined {
  const far = blocks.find(({ address }) => address?.kind === 'tcp');
  if (far !== undefined) return `the ${far.name} block is reached over TCP`;
  return !remote.rings && blocks.some(({ address }) => address !== undefined) ? 'remote blocks are to stay on their sockets' : undefined;
}

class Program {
  readonly #config: Config;
  readonly #log: Log;
  readonly #launch: RuntimeOptions['launch'];
  readonly #openGateways: RuntimeOptions['openGateways'];
  #runtime: Runtime;
  /** Set by the first reason to end; a second signal ends at once. */
  #ending = false;
  #interruptedAt = -Infinity;
  #restarting: Promise<void> | undefined;

  constructor(config: Config, compileCache: string | undefined, openGateways: RuntimeOptions['openGateways'], remotes: typeof openRemotes | undefined) {
    this.#config = config;
    this.#openGateways = openGateways;
    const output = config.log.file === '' ? outputTo(STDOUT) : openLogFile(config.log.file);
    this.#log = openLog(logSettings(config), { output, conceal: [config.api.token, config.app.token].filter(({ isSet }) => isSet).map((token) => token.reveal()) });
    try {
      this.#launch = { output, compileCache, remotes: remotes?.(config, this.#log) };
    } catch (cause) {
      this.#die(cause);
    }
    this.#runtime = this.#createRuntime();
  }

  start(): void {
    const { build, appId, warnings, log } = this.#config;
    this.#log.info({}, `Starting Dapr Runtime -- version ${build.version} -- commit ${build.commit}`);
    this.#log.info({}, `Log level set to: ${log.level}`);
    for (const warning of warnings) this.#log.warn({}, warning);
    this.#log.info({}, 'standalone mode configured');
    this.#log.info({}, `app id: ${appId}`);
    process.on('SIGINT', () => this.#signalled('SIGINT'));
    process.on('SIGTERM', () => this.#signalled('SIGTERM'));
    process.on('SIGHUP', () => this.#hangup());
    void this.#run();
  }

  async #run(): Promise<void> {
    const runtime = this.#runtime;
    try {
      const started = await runtime.start();
      if (this.#config.quickStart) void runtime.initialized.then(() => void (runtime === this.#runtime && process.stdout.write(greeting(started, this.#config))));
    } catch (cause) {
      this.#die(cause);
    }
  }

  #createRuntime(): Runtime {
    return new Runtime({ config: this.#config, log: this.#log, launch: this.#launch, openGateways: this.#openGateways, onShutdown: (request) => this.#requested(request) });
  }

  #signalled(signal: 'SIGINT' | 'SIGTERM'): void {
    const name = SIGNAL_NAMES[signal];
    if (signal === 'SIGINT' && process.env['npm_lifecycle_event'] !== undefined) {
      const isEcho = performance.now() - this.#interruptedAt < ECHO_MS;
      this.#interruptedAt = performance.now();
      if (isEcho) return;
    }
    if (this.#ending) {
      this.#log.fatal({}, `Received signal '${name}' during shutdown; exiting immediately`);
      process.exit(1);
    }
    this.#log.info({}, `Received signal '${name}'; beginning shutdown`);
    void this.#end(0, true);
  }

  #requested(request: ShutdownRequest): void {
    switch (request.kind) {
      case 'graceful':
        this.#log.info({}, 'Shutdown requested via API');
        if (!this.#ending) void this.#end(0, true);
        return;
      case 'forced':
        this.#log.warn({}, 'Force shutdown requested, exiting immediately without graceful shutdown');
        setTimeout(() => process.exit(1), FORCED_MS);
        return;
      case 'failed':
        this.#log.fatal({}, `Fatal error from runtime: ${request.reason}`);
        if (!this.#ending) void this.#end(1, false);
    }
  }

  /** @param block whether `--dapr-block-shutdown-duration` applies: it delays signals, not failures. */
  async #end(exitCode: number, block: boolean): Promise<void> {
    this.#ending = true;
    const { blockShutdownMs, shutdownMs } = this.#config;
    try {
      // A runtime that is being replaced delivers nothing any more, or nothing yet.
      if (block && blockShutdownMs > 0 && this.#restarting === undefined) await this.#runtime.block(blockShutdownMs);
      if (shutdownMs > 0) {
        setTimeout(() => {
          this.#log.fatal({}, 'Graceful shutdown timeout exceeded, forcing shutdown');
          process.exit(1);
        }, shutdownMs).unref();
      }
      await this.#restarting;
      await this.#runtime.stop();
    } catch (cause) {
      this.#die(cause);
    }
    if (exitCode === 0) this.#log.info({}, 'Daprd shutdown gracefully');
    process.exit(exitCode);
  }

  /** The same flags, the files read again, the same ports. */
  #hangup(): void {
    if (this.#ending || this.#restarting !== undefined) return;
    this.#log.info({}, "Received signal 'hangup'; restarting");
    this.#restarting = (async () => {
      await this.#runtime.stop();
      this.#runtime = this.#createRuntime();
      await this.#run();
      this.#restarting = undefined;
    })().catch((cause: unknown) => this.#die(cause));
  }

  #die(cause: unknown): never {
    if (cause instanceof FatalError) logNotices(this.#log, cause.notices);
    this.#log.fatal({}, `Fatal error from runtime: ${cause instanceof FatalError ? cause.message : cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`);
    process.exit(1);
  }
}
