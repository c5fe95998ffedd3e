// The sidecar that a file of attacks shares, and the innocent client beside it.
import { afterAll, beforeAll } from 'vitest';
import { Innocent, type Toll } from './innocent.ts';
import { RawH2, type RawOptions } from './h2-raw.ts';
import { startSidecar, type Sidecar } from './sidecar.ts';

export const STORE = 'memory';
/** So that limits on messages are reached with little. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** Attacks are no reason to fill a disk. */
const MOST_LINES = 100;

/** What the attacks of one file are against. */
export class Attacked {
  #sidecar: Sidecar | undefined;
  #innocent: Innocent | undefined;

  /** For the tests of this file; called where they are described. */
  constructor(flags: readonly string[] = []) {
    beforeAll(async () => {
      this.#sidecar = await startSidecar({ flags: ['--grpc-listener=own', `--max-body-size=${MAX_BODY_BYTES}`, ...flags], components: [{ name: STORE, type: 'state.in-memory' }] });
      this.#innocent = await Innocent.beside({ port: this.port, pid: this.sidecar.pid, store: STORE });
    });
    afterAll(async () => {
      await this.#innocent?.[Symbol.asyncDispose]();
      await this.#sidecar?.stop();
      const { all = [] } = this.#sidecar?.logs ?? {};
      if (all.length > MOST_LINES) throw new Error(`${all.length} lines of log, the last ones: ${all.slice(-5).join('\n')}`);
    });
  }

  get sidecar(): Sidecar {
    if (this.#sidecar === undefined) throw new Error('the sidecar has not been started');
    return this.#sidecar;
  }
  get port(): number {
    return this.sidecar.grpcPort;
  }

  connect(options?: RawOptions): Promise<RawH2> {
    return RawH2.to(this.port, options);
  }

  /** Runs an attack, and tells what it gave and what it cost. */
  async during<T>(attack: () => Promise<T>): Promise<{ readonly toll: Toll; readonly result: T }> {
    if (this.#innocent === undefined) throw new Error('there is no innocent');
    let result: { readonly value: T } | undefined;
    const toll = await this.#innocent.during(async () => {
      result = { value: await attack() };
    });
    return { toll, result: (result as { readonly value: T }).value };
  }
}
