// The files of --config while the sidecar runs: read again when one of them has changed, and followed only as long as they
// make sense, all of them together.
import { stat } from 'node:fs/promises';
import { lastingMarkOf } from '../../proto/places.ts';
import { loadConfiguration, type Configuration } from '../configuration.ts';
import type { Environment } from '../environment.ts';
import { FatalError, systemReason } from '../fatal.ts';
import type { RefusedFile } from '../manifest-files.ts';

export interface ReadConfiguration {
  /** Undefined: there is none but the one that was there before. */
  readonly configuration: Configuration | undefined;
  readonly refused: readonly RefusedFile[];
  /** A file looks half-written: look again after so many milliseconds. */
  readonly doubtMs: number | undefined;
}

/** A file that is empty now may be one that is just being written: it is believed after so long. Milliseconds. */
const DOUBT_MS = 1_000;

export class ConfigurationFiles {
  readonly #paths: readonly string[];
  readonly #env: Environment;
  #mark = '';
  #refused: readonly RefusedFile[] = [];
  #emptySinceMs: number | undefined;

  constructor(paths: readonly string[], env: Environment) {
    this.#paths = paths;
    this.#env = env;
  }

  /** What they say, if they may say something else than before. */
  async again(): Promise<ReadConfiguration> {
    const states = await Promise.all(this.#paths.map(stateOf));
    const mark = states.map((state) => state.mark).join('\n');
    if (mark === this.#mark) return this.#unchanged(undefined);
    if (states.some(({ size }) => size === 0)) {
      const sinceMs = (this.#emptySinceMs ??= performance.now());
      const leftMs = sinceMs + DOUBT_MS - performance.now();
      if (leftMs > 0) return this.#unchanged(leftMs);
    }
    this.#emptySinceMs = undefined;
    this.#mark = mark;
    try {
      const configuration = await loadConfiguration(this.#paths, this.#env);
      this.#refused = [];
      return { configuration, refused: [], doubtMs: undefined };
    } catch (cause) {
      if (!(cause instanceof FatalError)) throw cause;
      this.#refused = [{ path: this.#paths.join(', '), reason: cause.message }];
      return this.#unchanged(undefined);
    }
  }

  #unchanged(doubtMs: number | undefined): ReadConfiguration {
    return { configuration: undefined, refused: this.#refused, doubtMs };
  }
}

async function stateOf(path: string): Promise<{ readonly mark: string; readonly size: number }> {
  try {
    const state = await stat(path, { bigint: true });
    return { mark: lastingMarkOf(state), size: Number(state.size) };
  } catch (cause) {
    return { mark: `absent: ${systemReason(cause)}`, size: -1 };
  }
}
