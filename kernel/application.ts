// The application beside this sidecar: looks for it, tells the blocks when it comes and goes, and says what readiness still
// waits for (contract: app channel, health, startup order).
import { EMPTY } from '../ipc/frame.ts';
import type { AppState, PackedAppRequest } from '../proto/control.ts';
import type { Log } from '../proto/log.ts';
import type { AppChannel } from './app/channel.ts';
import type { Child } from './child.ts';
import type { AppConfig } from './config.ts';

export interface ApplicationOptions {
  readonly config: AppConfig;
  readonly channel: AppChannel;
  readonly children: () => readonly Child[];
  readonly log: Log;
  /** What `waitingFor` says may have changed. */
  readonly changed: () => void;
}

/** How long the application may think about its configuration. Nothing waits for it. */
const CONFIGURATION_MS = 10_000;
const CONFIGURATION: PackedAppRequest = ['GET', '/dapr/config', ['content-type', 'application/json']];
const SEE = "(see 'disable-init-endpoints' flag/annotation)";

export class Application {
  readonly channel: AppChannel;
  readonly #options: ApplicationOptions;
  /** It has been there once. */
  #seen = false;
  readonly #whenDown = new Set<() => void>();

  constructor(options: ApplicationOptions) {
    this.#options = options;
    this.channel = options.channel;
  }

  start(): void {
    const { config, log } = this.#options;
    if (!config.askConfig) log.info({}, `Skipping programmatic dapr configuration loading ${SEE}`);
    if (!config.askSubscriptions) log.info({}, `Skipping programmatic subscription loading ${SEE}`);
    this.channel.start((state) => this.#changed(state));
  }

  /**
   * What readiness waits for, or undefined. The port has to answer; without health checks also the application's
   * subscriptions have to be tried, with them nothing waits for it to be healthy.
   */
  get waitingFor(): string | undefined {
    const { config, children } = this.#options;
    if (!this.channel.found) return `application on port ${config.port}: not reachable yet`;
    if (config.health.enabled) return undefined;
    const late = children().map((child) => child.info()).find(({ appMet }) => !appMet);
    return late === undefined ? undefined : `application on port ${config.port}: the ${late.name} block has not subscribed it yet`;
  }

  /** Resolves with true when the application goes, with false when it is still there after that time. */
  async goesWithin(milliseconds: number): Promise<boolean> {
    if (this.channel.state === 'down') return true;
    return new Promise((resolve) => {
      const gone = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.#whenDown.delete(gone);
        resolve(false);
      }, milliseconds);
      this.#whenDown.add(gone);
    });
  }

  /** May be called twice. */
  close(): Promise<void> {
    return this.channel.close();
  }

  #changed(state: AppState): void {
    if (state === 'up') {
      if (!this.#seen) this.#greet();
    } else {
      for (const gone of this.#whenDown) gone();
      this.#whenDown.clear();
    }
    for (const child of this.#options.children()) child.appChanged(state);
    this.#options.changed();
  }

  /** The first time: asks for the configuration, as Dapr does. No block of this version has a use for it. */
  #greet(): void {
    this.#seen = true;
    const { config, log } = this.#options;
    if (!config.askConfig || config.protocol === 'grpc' || config.protocol === 'grpcs') return;
    this.channel.call(CONFIGURATION, EMPTY, CONFIGURATION_MS, {
      onAnswer: (status) => {
        if (status >= 200 && status < 300) log.info({}, 'Application configuration loaded');
        else log.debug({}, `the application has no configuration: it answered ${status}`);
      },
      onFailure: (_code, message) => log.debug({}, `the application was not asked for its configuration: ${message}`),
    });
  }
}
