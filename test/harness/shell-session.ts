// A shell as a reader of our documents has it before them: one session for all commands, with a machine of its own around it, as far as ports,
// processes and mounts go. Whatever a command leaves behind ends with it.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from './awaiting.ts';
import { watch } from './watchdog.ts';

/** With namespaces of its own for the network, mounts and processes; all of these end with the first. */
const ALONE = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

export interface Answer {
  /** Of the last command. */
  readonly code: number;
  /** Standard output and error of all that runs in the session meanwhile, also behind. */
  readonly output: string;
}

/** Why there can be none here; undefined: there can. */
export function sessionProblem(): string | undefined {
  try {
    execFileSync('unshare', [...ALONE, 'sh', '-c', 'ip link set lo up'], { stdio: ['ignore', 'ignore', 'pipe'] });
    return undefined;
  } catch (cause) {
    return `a shell with a network of its own needs root, unshare and ip: ${(cause as Error).message.trim().replaceAll('\n', '; ')}`;
  }
}

export class ShellSession implements AsyncDisposable {
  readonly #shell: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #release: () => void;
  #heard = '';
  #count = 0;

  /** @param cwd where it begins. @param env all there is of an environment */
  constructor(cwd: string, env: Readonly<Record<string, string>>) {
    this.#shell = spawn('unshare', [...ALONE, 'bash', '--noprofile', '--norc'], { cwd, env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    this.#release = watch(-(this.#shell.pid ?? 0));
    this.#closed = once(this.#shell, 'close');
    for (const stream of [this.#shell.stdout, this.#shell.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => void (this.#heard += text));
    this.#shell.stdin?.on('error', () => {}); // it has ended, which whoever waits for its answer is told
    this.#shell.stdin?.write('ip link set lo up\n');
  }

  /** Types the lines, and waits until the last one has come back. @throws Error when the session ends, or they take longer */
  async run(lines: string, withinMs: number): Promise<Answer> {
    this.#count += 1;
    const from = this.#heard.length;
    const end = new RegExp(`^<<${this.#count}:(\\d+)>>$`, 'm');
    // After a new line, for commands whose output has none at its end.
    this.#shell.stdin?.write(`${lines}\nprintf '\\n<<${this.#count}:%d>>\\n' $?\n`);
    let answer: Answer | undefined;
    try {
      await eventually(`the shell comes back from ${lines.split('\n', 1)[0]}`, () => {
        const match = end.exec(this.#heard.slice(from));
        if (match !== null) answer = { output: this.#heard.slice(from, from + match.index), code: Number(match[1]) };
        else if (this.#shell.exitCode !== null) throw new Error(`the shell has ended with ${this.#shell.exitCode}`);
        return answer !== undefined;
      }, withinMs);
    } catch (cause) {
      throw new Error(`${(cause as Error).message}; it has said: ${this.#heard.slice(from)}`, { cause });
    }
    return answer as Answer; // which `eventually` has waited for
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#shell.kill('SIGKILL');
    await this.#closed;
    this.#release();
  }
}
