// Whether the application can be called: its port is dialled until it answers, and then, if that is wanted, its health is
// probed for good (contract: messaging §6.3 and §6.4, texts: sidecar §1.5).
import { connect } from 'node:net';
import type { AppState } from '../../proto/control.ts';
import type { Log } from '../../proto/log.ts';
import type { AppConfig } from '../config.ts';

const DIAL_EVERY_MS = 100;
const DIAL_TIMEOUT_MS = 500;
const DIALS_PER_LINE = 100;

/** Asks once; `done` runs once, with what is wrong or undefined. Returns what gives up. */
export type Probe = (timeoutMs: number, done: (complaint: string | undefined) => void) => () => void;
export type WatchLog = Pick<Log, 'info' | 'warn'>;

export class AppWatch {
  state: AppState = 'down';
  /** The port has answered; from then on what is wrong shows in calls and probes. */
  found = false;
  readonly #app: AppConfig;
  readonly #log: WatchLog;
  readonly #probe: Probe;
  readonly #dialEveryMs: number;
  #changed: (state: AppState) => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #stopDialling: (() => void) | undefined;
  #stopProbing: (() => void) | undefined;
  #dials = 0;
  /** In a row. */
  #failures = 0;
  #closed = false;

  constructor(app: AppConfig, probe: Probe, log: WatchLog, dialEveryMs = DIAL_EVERY_MS) {
    this.#app = app;
    this.#probe = probe;
    this.#log = log;
    this.#dialEveryMs = dialEveryMs;
  }

  start(changed: (state: AppState) => void): void {
    if (this.#closed) return;
    const { protocol, port } = this.#app;
    this.#changed = changed;
    this.#log.info({}, `application protocol: ${protocol}. waiting on port ${port}.  This will block until the app is listening on that port.`);
    this.#dial();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#stopDialling?.();
    this.#stopProbing?.();
  }

  #dial(): void {
    const startedAt = performance.now();
    this.#stopDialling = dial(this.#app.address, this.#app.port, (answered) => {
      this.#stopDialling = undefined;
      if (answered) return this.#discovered();
      if (++this.#dials % DIALS_PER_LINE === 0) this.#log.info({}, `waiting for application to listen on port ${this.#app.port}`);
      this.#after(startedAt + this.#dialEveryMs, () => this.#dial());
    });
  }

  #discovered(): void {
    this.found = true;
    this.#log.info({}, `application discovered on port ${this.#app.port}`);
    if (!this.#app.health.enabled) return this.#turn('up');
    this.#changed(this.state);
    this.#check();
  }

  #check(): void {
    const { intervalMs, timeoutMs, threshold } = this.#app.health;
    const startedAt = performance.now();
    this.#stopProbing = this.#probe(timeoutMs, (complaint) => {
      this.#stopProbing = undefined;
      if (this.#closed) return;
      this.#after(startedAt + intervalMs, () => this.#check());
      if (complaint === undefined) this.#healthy();
      else this.#unhealthy(complaint, Math.max(threshold, 1));
    });
  }

  #healthy(): void {
    this.#failures = 0;
    if (this.state === 'up') return;
    this.#log.info({}, 'the application is healthy');
    this.#turn('up');
  }

  #unhealthy(complaint: string, threshold: number): void {
    this.#failures++;
    if (this.state === 'down') {
      if (this.#failures === 1) this.#log.warn({}, `the application is not healthy yet: ${complaint}`);
    } else if (this.#failures >= threshold) {
      this.#log.warn({}, `the application is unhealthy after ${this.#failures} failed probes: ${complaint}`);
      this.#turn('down');
    }
  }

  #turn(state: AppState): void {
    this.state = state;
    this.#changed(state);
  }

  #after(time: number, act: () => void): void {
    this.#timer = setTimeout(act, Math.max(time - performance.now(), 0)).unref();
  }
}

/** Whether something listens. `done` runs once, unless the result is called before. */
function dial(host: string, port: number, done: (answered: boolean) => void): () => void {
  const socket = connect({ host, port, timeout: DIAL_TIMEOUT_MS });
  socket.unref();
  const end = (answered: boolean): void => {
    stop();
    done(answered);
  };
  const stop = (): void => {
    socket.removeAllListeners();
    socket.on('error', () => {}); // of a socket that nobody wants any more
    socket.destroy();
  };
  socket.once('connect', () => end(true));
  socket.once('timeout', () => end(false));
  socket.once('error', () => end(false));
  return stop;
}
