// One gateway for as long as the sidecar runs: a run of its thread is kept present, the next one begins when it ends.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../proto/errors.ts';
import type { Log } from '../../proto/log.ts';
import { CHILD_DEFAULTS } from '../child-info.ts';
import { Deaths } from '../deaths.ts';
import type { Run, RunEnd, RunOptions } from './run.ts';

export type MemberState = 'starting' | 'ready' | 'backing-off' | 'failed' | 'stopped';

/** What `/actuator/blocks` shows of a gateway. */
export interface MemberInfo {
  /** From 0. */
  readonly index: number;
  readonly state: MemberState;
  readonly restarts: number;
  /** How the last run that ended by itself did. */
  readonly lastExit: string | undefined;
}

export interface MemberOptions {
  readonly index: number;
  readonly log: Log;
  readonly launch: (onNews: RunOptions['onNews']) => Run;
  /** The run is there and is to be told everything; resolves when it serves. Runs for each run but the first. @throws Error; then it is ended */
  readonly introduce: (run: Run) => Promise<void>;
  readonly onNews: (run: Run, news: Parameters<RunOptions['onNews']>[0]) => void;
  /** Nothing is left of a run. */
  readonly onEnded: () => void;
}

export class Member {
  readonly #options: MemberOptions;
  readonly #deaths = new Deaths(CHILD_DEFAULTS);
  readonly #stopping = new AbortController();
  #state: MemberState = 'starting';
  #restarts = 0;
  #lastExit: string | undefined;
  #run: Run;
  #readySinceMs = Infinity;

  /** Begins the first run. */
  constructor(options: MemberOptions) {
    this.#options = options;
    this.#run = this.#launch();
  }

  /** The present one, or the last one. */
  get run(): Run {
    return this.#run;
  }
  get info(): MemberInfo {
    return { index: this.#options.index, state: this.#state, restarts: this.#restarts, lastExit: this.#lastExit };
  }

  /** The run serves. */
  ready(): void {
    this.#state = 'ready';
    this.#readySinceMs = performance.now();
  }

  /** No run follows this one. May be called twice. */
  leave(): void {
    this.#stopping.abort();
  }

  /** Resolves when nothing is left. May be called twice. */
  async stop(): Promise<void> {
    this.leave();
    this.#run.terminate('closed', 'it was closed');
    await this.#run.ended;
    this.#state = 'stopped';
  }

  #launch(): Run {
    const run: Run = this.#options.launch((news) => this.#options.onNews(run, news));
    void run.ended.then((end) => this.#ended(end));
    return run;
  }

  #ended({ cause, reason, error }: RunEnd): void {
    const { index, log, onEnded } = this.#options;
    onEnded();
    if (cause === 'closed') return;
    this.#lastExit = reason;
    if (this.#stopping.signal.aborted) return log.error({}, `gateway ${index} ended: ${error === '' ? reason : error}`);
    this.#deaths.count(cause);
    this.#deaths.record(this.#restarts + 1, { cause, reason, lastError: error, inFlight: [], working: [] });
    const { pauseMs, failed } = this.#deaths.pause(this.#readySinceMs);
    this.#readySinceMs = Infinity;
    this.#state = failed === undefined ? 'backing-off' : 'failed';
    log.error({}, `gateway ${index} ended: ${error === '' ? reason : error}; starting again in ${Math.round(pauseMs)}ms`);
    void this.#again(pauseMs);
  }

  async #again(pauseMs: number): Promise<void> {
    await sleep(pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => {}); // stopping: nothing follows
    if (this.#stopping.signal.aborted) return;
    this.#restarts++;
    this.#state = 'starting';
    try {
      this.#run = this.#launch();
    } catch (cause) {
      this.#options.log.error({}, `gateway ${this.#options.index} could not be started: ${messageOf(cause)}`);
      return this.#again(CHILD_DEFAULTS.backoffMs[1]);
    }
    const run = this.#run;
    try {
      await this.#options.introduce(run);
      if (this.#run === run && !run.over) this.ready();
    } catch (cause) {
      run.terminate('exit', `it could not be put to work: ${messageOf(cause)}`);
    }
  }
}
