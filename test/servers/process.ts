// A server process for tests that ends with the test process, however that ends.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

/** Lines of output kept for the message of a failed start. */
const KEPT_LINES = 20;
/** How long a process may take to stop. */
const STOPPED_MS = 5_000;

/**
 * The shell holds our pipe: when this process is gone, even by SIGKILL, `cat` ends and the server is killed. The server
 * alone keeps stdout open, so its end is the server's end.
 */
const WATCHED = 'exec 3>&2 2>&1; "$@" <&- 3>&- & child=$!; echo "pid $child"; exec >/dev/null 2>&3; cat; kill -9 $child 2>/dev/null; wait';

export interface ServerProcess {
  readonly pid: number;
  /** Sends a signal to the server itself, if it still runs. */
  signal(name: NodeJS.Signals): void;
  /** Stops it in its tracks: when this returns none of its threads runs. `SIGCONT` lets it go on. */
  pause(): void;
  /** Asks it to end, and waits until it has. May be called twice. */
  stop(): Promise<void>;
  /** Kills it, as a crash would. */
  kill(): Promise<void>;
}

/** Starts a server and waits for the line of output that says it is ready. */
export async function startServer(command: string, args: readonly string[], ready: RegExp, timeoutMs = 15_000): Promise<ServerProcess> {
  const child = spawn('sh', ['-c', WATCHED, 'sh', command, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child.stdout, 'close');
  const said: string[] = [];
  let pid = 0;
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(timer);
      child.stdin.end();
      reject(new Error(`${command} ${why}:\n${said.join('\n')}`));
    };
    const timer = setTimeout(() => fail(`is not ready after ${timeoutMs} ms`), timeoutMs);
    createInterface(child.stdout).on('line', (line) => {
      if (pid === 0) pid = Number(/^pid (\d+)$/.exec(line)?.[1] ?? 0);
      said.push(line);
      if (said.length > KEPT_LINES) said.shift();
      if (!ready.test(line)) return;
      clearTimeout(timer);
      resolve();
    });
    child.once('error', (cause) => fail(cause.message));
    void ended.then(() => fail('ended'));
  });
  return handle(child, pid, ended);
}

function handle(child: ChildProcess, pid: number, ended: Promise<unknown>): ServerProcess {
  let running = true;
  void ended.then(() => { running = false; child.stdin?.end(); });
  const end = async (name: NodeJS.Signals) => {
    if (running) process.kill(pid, name);
    await ended;
    if (child.exitCode === null) await once(child, 'exit');
  };
  return {
    pid,
    signal: (name) => { if (running) process.kill(pid, name); },
    pause: () => { if (running) pauseProcess(pid); },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

/** Stops a process: none of its threads runs when this returns. A signal takes its time on a busy machine, and threads that run already go on meanwhile. */
export function pauseProcess(pid: number): void {
  process.kill(pid, 'SIGSTOP');
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  for (const giveUp = performance.now() + STOPPED_MS; performance.now() < giveUp; Atomics.wait(nothing, 0, 0, 1)) {
    if (threadStates(pid).every((state) => state === 'T')) return;
  }
  throw new Error(`process ${pid} still runs ${STOPPED_MS} ms after SIGSTOP`);
}

function threadStates(pid: number): (string | undefined)[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    try {
      return [/\) (\S)/.exec(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1'))?.[1]];
    } catch {
      return []; // ended since it was listed
    }
  });
}

/**
 * Ports that nobody gets by chance: below those that the system gives to connections (`ip_local_port_range`), so that a server
 * which is away for a moment finds its port free when it comes back. Each worker of the test runner has its own part of them.
 */
const PORTS = { first: 12_000, last: 31_999, workers: 8 } as const;
const PORTS_OF_WORKER = (PORTS.last - PORTS.first + 1) / PORTS.workers;
let next = Math.floor(Math.random() * PORTS_OF_WORKER);

/** A port of the loopback interface that was free a moment ago, and that is not given twice before all others were. */
export async function freePort(): Promise<number> {
  const worker = Number(process.env['VITEST_POOL_ID'] ?? 0) % PORTS.workers;
  for (let tried = 0; tried < PORTS_OF_WORKER; tried++) {
    const port = PORTS.first + worker * PORTS_OF_WORKER + next;
    next = (next + 1) % PORTS_OF_WORKER;
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${PORTS.first} to ${PORTS.last} is free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
