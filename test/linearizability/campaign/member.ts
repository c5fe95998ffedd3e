// A sidecar that the campaign ends and starts again: one name over several lives, with a gate for each protocol.
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../harness/awaiting.ts';
import { GrpcClient } from '../../harness/grpc.ts';
import { startSidecar, type Sidecar, type SidecarOptions } from '../../harness/sidecar.ts';
import type { Gate } from './gate.ts';
import { grpcGate } from './grpc-gate.ts';
import { httpGate } from './http-gate.ts';

/** How long somebody waits for an answer. Milliseconds. */
export interface Patience {
  /** A client, for its sidecar. */
  readonly callMs: number;
  /** A sidecar, for its store. */
  readonly storeMs: number;
}

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
  /** Processes of blocks that were killed; the system may not have told everybody yet. */
  readonly #killed = new Set<number>();
  #life: Life | undefined;

  private constructor(name: string, options: SidecarOptions, { callMs }: Patience) {
    this.name = name;
    this.#options = options;
    this.gates = [httpGate(name, () => this.#life?.sidecar.client, callMs), grpcGate(name, () => this.#life?.grpc, callMs)];
  }

  static async start(name: string, options: SidecarOptions, patience: Patience): Promise<Member> {
    const member = new Member(name, options, patience);
    await member.#start('ready');
    return member;
  }

  get sidecar(): Sidecar {
    if (this.#life === undefined) throw new Error(`${this.name} does not run`);
    return this.#life.sidecar;
  }

  /** As soon as the block runs. */
  async killBlock(block: BlockName): Promise<void> {
    await eventually(`the ${block} block of ${this.name} runs and is killed`, async () => {
      const pid = await this.#pidOf(block);
      if (pid === 0 || this.#killed.has(pid) || !signal(pid, 'SIGKILL')) return false;
      this.#killed.add(pid);
      return true;
    });
  }

  /** Keeps a process from running for a while. */
  async pause(what: BlockName | 'kernel', forMs: number): Promise<void> {
    const pid = await eventually(`the ${what} of ${this.name} runs and is stopped`, async () => {
      const found = what === 'kernel' ? this.sidecar.pid : await this.#pidOf(what);
      return found !== 0 && signal(found, 'SIGSTOP') ? found : 0;
    });
    await sleep(forMs);
    signal(pid, 'SIGCONT');
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

  /** 0 while the block doesn't run. */
  async #pidOf(block: BlockName): Promise<number> {
    const { pid, state } = await this.sidecar.block(block);
    return state === 'ready' ? pid : 0;
  }

  async #start(until: 'ready' | 'listening'): Promise<void> {
    const sidecar = await startSidecar({ ...this.#options, until });
    this.#life = { sidecar, grpc: new GrpcClient(sidecar.grpcAddress) };
  }
}

/** False: there is no such process any more. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
