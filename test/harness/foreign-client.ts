// A gRPC client in another language, driven line by line: what it is told to do, and what it tells of it.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { ForeignClientProgram } from '../servers/grpc-clients.ts';
import { Lines } from './lines.ts';
import { watch } from './watchdog.ts';

interface Common {
  readonly path: string;
  /** Values of names that end in -bin in base64. */
  readonly metadata?: readonly (readonly [name: string, value: string])[];
  readonly timeoutMs?: number;
  readonly gzip?: boolean;
}
/** Messages are in base64. */
export type ForeignCommand = Common & (
  | { readonly do: 'unary'; readonly request: string }
  /** The same call so many times at once. */
  | { readonly do: 'many'; readonly request: string; readonly count: number }
  /** A stream from the server; the client cancels after so many messages. */
  | { readonly do: 'down'; readonly requests: readonly [string]; readonly leaveAfter?: number }
  /** A stream both ways: each request waits for the answer to the one before, then the client half-closes. */
  | { readonly do: 'bidi'; readonly requests: readonly string[]; readonly leaveAfter?: number }
  /** The same call again and again by each worker, until each has failed once. */
  | { readonly do: 'hammer'; readonly request: string; readonly workers: number }
);

export interface ForeignAnswer {
  readonly code: number;
  readonly message: string;
  /** In base64; beyond 64 KiB `sha256:` and their digest. */
  readonly responses: readonly string[];
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly trailers: Readonly<Record<string, readonly string[]>>;
  /** Of `many`: how many calls ended with which code, and how many responses differ. */
  readonly codes?: Readonly<Record<string, number>>;
  readonly distinct?: number;
  /** Of `hammer`: calls that went well, and those that didn't, with the time in ms since 1970 at which each began. */
  readonly calls?: number;
  readonly failures?: readonly { readonly code: number; readonly message: string; readonly beganMs: number }[];
}

const ANSWER_MS = 60_000;

export class ForeignClient implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines = new Lines();
  readonly #exited: Promise<unknown>;
  #read = 0;

  /** @param address of the server, with its port. */
  constructor({ command: [command = '', ...args], env }: ForeignClientProgram & { readonly available: true }, address: string) {
    this.#child = spawn(command, [...args, address], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    const release = watch(this.#child.pid ?? 0);
    const { stdin, stdout, stderr } = this.#child;
    stdin?.on('error', () => {}); // the end of its output says so
    let told = '';
    stderr?.on('data', (chunk: Buffer) => (told = `${told}${chunk.toString()}`.slice(-2_000)));
    if (stdout !== null) this.#lines.follow(stdout);
    this.#exited = once(this.#child, 'close').catch((cause: unknown) => (told = String(cause))).then(() => {
      release();
      this.#lines.end(`the client ended: ${told}`);
    });
  }

  async ask(command: ForeignCommand): Promise<ForeignAnswer> {
    this.tell(command);
    return this.answer();
  }

  tell(command: ForeignCommand): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  /** The next thing it says. */
  async answer(): Promise<ForeignAnswer> {
    return JSON.parse(await this.#lines.waitFor(/^\{/, ANSWER_MS, this.#read++)) as ForeignAnswer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
