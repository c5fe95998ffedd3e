// A life of a block without a supervisor: launched as the kernel does it, with code of a test's inside that makes trouble.
import { closeSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Isolation } from '../../kernel/flags.ts';
import { LAUNCH, type Exit, type LaunchOptions, type Life } from '../../kernel/launch.ts';
import { DEFAULT_LIMITS, type Limits } from '../../kernel/limits.ts';
import type { LogSettings } from '../../proto/init.ts';
import { openLog, openLogFile, type LogDescriptor } from '../../proto/log.ts';
import { within } from './awaiting.ts';

export interface LaunchedOptions {
  readonly block?: string;
  readonly name?: string;
  /** JavaScript that runs in the block as soon as its entry does. */
  readonly code?: string;
  /** JavaScript that runs before anything of the block's is loaded. */
  readonly early?: string;
  /** More of Node's flags. */
  readonly flags?: readonly string[];
  readonly limits?: Partial<Limits>;
  readonly json?: boolean;
  readonly lanes?: number;
}

const END_MS = 15_000;
/** As sidecars in tests have it: see harness/sidecar.ts. */
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/bulkhead/compiled', import.meta.url));

export class Launched {
  readonly life: Life;
  readonly #folder = mkdtempSync(join(tmpdir(), 'bulkhead-launch-'));
  readonly #file: string;
  readonly #output: LogDescriptor;

  constructor(mode: Isolation, { block = 'state', name = block, code, early, flags = [], limits = {}, json = false, lanes = 0 }: LaunchedOptions = {}) {
    this.#file = join(this.#folder, 'log');
    this.#output = openLogFile(this.#file);
    const logging: LogSettings = { level: 'debug', json, appId: 'app', instance: 'i', version: 'v' };
    const options: LaunchOptions = {
      name, ringBytes: 64 * 1024, maxFrameBytes: 1 << 20, limits: { ...DEFAULT_LIMITS, ...limits }, output: this.#output, logging,
      log: openLog(logging, { output: this.#output, fields: { block: name } }), compileCache: CACHE, lanes,
      execArgv: [...flags, ...(early === undefined ? [] : importing(early)), ...(code === undefined ? [] : importing(onceServing(code)))],
    };
    this.life = LAUNCH[mode](block, options);
  }

  /** Its own lines and what was said of it, so far. */
  get lines(): string[] {
    return readFileSync(this.#file, 'utf8').split('\n').filter((line) => line !== '');
  }

  /** How it ended by itself; its channel and its file are gone then, the lines are not. */
  async end(): Promise<Exit & { readonly lines: readonly string[] }> {
    const exit = await within(END_MS, 'the life ends', this.life.ended);
    this.life.channel.close();
    const { lines } = this;
    closeSync(this.#output.fd);
    rmSync(this.#folder, { recursive: true });
    return { ...exit, lines };
  }

  kill(): Promise<Exit & { readonly lines: readonly string[] }> {
    this.life.kill();
    return this.end();
  }
}

function importing(code: string): string[] {
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
}

/** The block's entry is there when it listens for errors that nobody catches. */
function onceServing(code: string): string {
  return `const timer = setInterval(async () => { if (process.listenerCount('uncaughtException') === 0) return; clearInterval(timer); ${code} }, 1);`;
}
