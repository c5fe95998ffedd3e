// The application as pushes see it: whether it is there to take them, and how many are on their way. Those that found it away
// are tried again together.
import type { AppState } from '../../proto/control.ts';
import type { AppSettings } from '../../proto/init.ts';
import type { AppAnswer, AppRequest, Kernel } from '../kernel.ts';

/** Between tries while nobody says that the application is back: doubles from the first to the second. */
const PAUSE_MS = { min: 100, max: 2_000 } as const;

export class App {
  readonly protocol: AppSettings['protocol'];
  readonly #kernel: Kernel;
  /** Who has something to push when it is there. */
  readonly #waiting = new Set<() => void>();
  /** The kernel says so in each life of the block. */
  #up = false;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs: number = PAUSE_MS.min;
  #inFlight = 0;
  #paused = false;
  #settled: (() => void) | undefined;

  constructor({ protocol }: AppSettings, kernel: Kernel) {
    this.protocol = protocol;
    this.#kernel = kernel;
  }

  /** A request would not be in vain, as far as is known. */
  get isThere(): boolean {
    return this.#up && this.#timer === undefined && !this.#paused;
  }

  /** `again` runs once, when it is there or worth another try. */
  wait(again: () => void): void {
    this.#waiting.add(again);
  }

  /** `again` need not run. */
  forget(again: () => void): void {
    this.#waiting.delete(again);
  }

  /** Returns what gives the request up: then `answered` never runs. It may say by `unasked` that the application was away. */
  ask(request: AppRequest, answered: (answer: AppAnswer) => void): () => void {
    this.#inFlight++;
    const giveUp = this.#kernel.callApp(request, (answer) => {
      if (answer.failure?.unasked === true) this.#away();
      else this.#pauseMs = PAUSE_MS.min;
      answered(answer);
      this.#ended();
    });
    return () => {
      giveUp();
      this.#ended();
    };
  }

  changed(state: AppState): void {
    this.#up = state === 'up';
    if (!this.#up) return;
    this.#pauseMs = PAUSE_MS.min;
    this.#again();
  }

  /** Nothing more is asked, unless `resume` follows. Resolves when nothing is on its way any more. */
  pause(): Promise<void> {
    this.close();
    return new Promise((resolve) => {
      this.#settled = resolve;
      if (this.#inFlight === 0) resolve();
    });
  }

  /** Who waited before the pause is forgotten, and has to ask again. */
  resume(): void {
    this.#paused = false;
    this.#again();
  }

  /** Nothing more is asked. */
  close(): void {
    this.#paused = true;
    this.#waiting.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #away(): void {
    if (this.#timer !== undefined || this.#paused) return;
    this.#timer = setTimeout(() => this.#again(), this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MS.max);
  }

  #again(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const again of waiting) again();
  }

  #ended(): void {
    if (--this.#inFlight === 0) this.#settled?.();
  }
}
