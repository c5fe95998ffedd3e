// A sidecar that the campaign ends and starts again: one name over several lives, with a gate for each protocol.
import { eventually } from '../../harness/awaiting.ts';
import { GrpcClient } from '../../harness/grpc.ts';
import { startSidecar, type Sidecar, type SidecarOptions } from '../../harness/sidecar.ts';
import type { Gate } from './gate.ts';
import { grpcGate } from './grpc-gate.ts';
import { httpGate } from './http-gate.ts';

/** The blocks that the campaign is about. */
export const BLOCKS = ['lock', 'state', 'sequencer'] as const;
export type BlockName = (typeof BLOCKS)[number];

interface Life {
  readonly sidecar: Sidecar;
  readonly grpc: GrpcClient;
}

export class Member {
  readonly name: string;
  readonly gates: readonly Gate[];
  readonly #options: SidecarOptions;
  #life: Life | undefined;

  private constructor(name: string, options: SidecarOptions) {
    this.name = name;
    this.#options = options;
    this.gates = [httpGate(name, () => this.#life?.sidecar.client), grpcGate(name, () => this.#life?.grpc)];
  }

  static async start(name: string, options: SidecarOptions): Promise<Member> {
    const member = new Member(name, options);
    await member.#start('ready');
    return member;
  }

  get sidecar(): Sidecar {
    if (this.#life === undefined) throw new Error(`${this.name} does not run`);
    return this.#life.sidecar;
  }

  /** The kernel's, or that of a block as soon as that runs. */
  async pidOf(what: BlockName | 'kernel'): Promise<number> {
    if (what === 'kernel') return this.sidecar.pid;
    return eventually(`the ${what} block of ${this.name} runs`, async () => {
      const { pid, state } = await this.sidecar.block(what);
      return state === 'ready' ? pid : 0;
    });
  }

  /** The kernel dies, and its blocks with it; a moment later a new sidecar is there, whether or not its stores are. */
  async restart(): Promise<void> {
    const ended = this.#life;
    this.#life = undefined;
    ended?.grpc.close();
    await ended?.sidecar.crash();
    await this.#start('listening');
  }

  async stop(): Promise<void> {
    const ended = this.#life;
    this.#life = undefined;
    ended?.grpc.close();
    await ended?.sidecar.stop();
  }

  async #start(until: 'ready' | 'listening'): Promise<void> {
    const sidecar = await startSidecar({ ...this.#options, until });
    this.#life = { sidecar, grpc: new GrpcClient(sidecar.grpcAddress) };
  }
}
