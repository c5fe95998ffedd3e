// The blast radius of a kill: the state block dies under a steady load on all blocks, or, where it has no process of its own, what it
// lives in does. What is dead is started again at once where nothing else would do it.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { nowMs } from '../load/clock.ts';
import { startGenerator, type Generator } from '../load/generator.ts';
import type { SteadyReport, SteadySpec } from '../load/steady.ts';
import { faultNotes } from './faults.ts';
import type { Journal } from './journal.ts';
import { figuresOf } from './kill-figures.ts';
import { launch, processOf, type Running, type Setting } from './launch.ts';
import { OPERATIONS, topicOf, type Block, type Mode } from './names.ts';
import type { Options } from './options.ts';
import { AROUND, orderOf } from './plan.ts';
import { prepare, type App } from './prepare.ts';
import type { Progress } from './progress.ts';
import { killKey, type Victim } from './records.ts';

export interface Kill {
  readonly mode: Mode;
  readonly victim: Victim;
}

/** The block that is killed. */
const KILLED: Block = 'state';
/** Of each operation: what even a busy machine can do in any mode. */
const PER_SECOND = 200;
const BYTES = 100;
/** Until the load has its clients and requests. */
const PREPARE_MS = 400;

/** In monolith and thread a crash of native code is the sidecar's. Of the remote modes one loses a whole block server, too. */
const VICTIMS_OF: Readonly<Record<Mode, readonly Victim[]>> = {
  'monolith': ['sidecar'], 'thread': ['sidecar'], 'process': ['block'], 'remote-rings': ['block', 'server'], 'remote-socket': ['block'], 'remote-tls': ['block'],
};
export const killsOf = (modes: readonly Mode[]): Kill[] => modes.flatMap((mode) => VICTIMS_OF[mode].map((victim) => ({ mode, victim })));

/** SIGKILL; what nobody else starts again is started again. Resolves when the victim is dead. */
const STRIKE: Readonly<Record<Victim, (running: Running) => Promise<{ readonly restarted: Promise<unknown> }>>> = {
  block: async (running) => {
    const pid = await processOf(running, KILLED);
    if (pid === undefined) throw new Error(`the ${KILLED} block has no process of its own`);
    process.kill(pid, 'SIGKILL');
    await dead(pid);
    return { restarted: Promise.resolve() };
  },
  server: async ({ remotes }) => {
    const server = remotes?.servers.get(KILLED);
    if (server === undefined) throw new Error(`there is no server of the ${KILLED} block`);
    for (const pid of server.pids().slice(1)) process.kill(pid, 'SIGKILL'); // with a container's first process all others go
    await server.kill();
    return { restarted: remotes?.start(KILLED) ?? Promise.resolve() };
  },
  sidecar: async (running) => {
    await running.sidecar.kill();
    return { restarted: running.restart() };
  },
};

/** A signal that was sent is not yet a death: a process answers for a moment, and a call in that moment is no recovery. */
async function dead(pid: number): Promise<void> {
  while (isAlive(pid)) await sleep(1);
}

/** What has ended and was not yet fetched by its parent is dead. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !'ZX'.includes(stat.charAt(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

export async function measureKills(options: Options, setting: Setting, app: App, journal: Journal, progress: Progress): Promise<void> {
  const { modes, rounds, times } = options;
  const kills = killsOf(modes);
  const load = startGenerator<SteadySpec, SteadyReport>('steady');
  const fault = faultNotes('kills', journal, progress);
  const failed = new Set<Mode>();
  try {
    for (let round = 0; round < rounds; round++) {
      for (const kill of orderOf(kills, round)) {
        const { mode, victim } = kill;
        progress.step(`round ${round + 1}, kill: ${mode}, the ${victim === 'block' ? `${KILLED} block` : victim === 'server' ? `${KILLED} block's server` : 'sidecar'}`, times.calmMs + times.afterKillMs + AROUND.kill);
        if (failed.has(mode) || journal.find(killKey(mode, victim, round)) !== undefined) continue;
        try {
          journal.add({ kind: 'kill', mode, victim, round, figures: await one(kill, options, setting, app, load, progress) });
        } catch (cause) {
          failed.add(mode);
          fault(mode, `kill of the ${victim}`, cause);
        }
      }
    }
  } finally {
    load.stop();
  }
}

async function one({ mode, victim }: Kill, { protocol, times }: Options, setting: Setting, app: App, load: Generator<SteadySpec, SteadyReport>, progress: Progress): Promise<ReturnType<typeof figuresOf>> {
  const running = await launch(setting, mode);
  try {
    await prepare(running, [BYTES], app);
    const { sidecar } = running;
    const startMs = nowMs() + PREPARE_MS;
    const report = load.run({
      protocol, port: protocol === 'grpc' ? sidecar.grpcPort : sidecar.port, reportPort: app.reportPort, topic: topicOf(mode), operations: OPERATIONS, bytes: BYTES, perSecond: PER_SECOND,
      startMs, runMs: times.calmMs + times.afterKillMs,
    });
    await Promise.race([sleep(startMs + times.calmMs - nowMs()), report]); // if the load can't begin, that is what is wrong
    const killMs = nowMs();
    const { restarted } = await STRIKE[victim](running);
    const deadMs = nowMs();
    const [{ calls, messagesLost, firstErrors }] = await Promise.all([report, restarted]);
    if (victim === 'block' && firstErrors.length > 0) progress.say(`${mode}, errors after the kill, for example: ${firstErrors.join('; ')}`);
    return figuresOf({ operations: OPERATIONS, calls, messagesLost }, KILLED, { killMs, deadMs, endMs: killMs + times.afterKillMs });
  } finally {
    await running.stop();
  }
}
