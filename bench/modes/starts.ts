// How soon a sidecar is ready in each mode, and what memory it needs when nobody calls.
import { setTimeout as sleep } from 'node:timers/promises';
import { pssMib } from '../processes.ts';
import { faultNotes } from './faults.ts';
import type { Journal } from './journal.ts';
import { launch, type Setting, type StartKind } from './launch.ts';
import type { Mode } from './names.ts';
import type { Options } from './options.ts';
import { AROUND, orderOf, WARM_STARTS } from './plan.ts';
import type { Progress } from './progress.ts';
import { isRemote } from './remote.ts';
import { startKey } from './records.ts';

export interface Start {
  readonly mode: Mode;
  readonly how: StartKind;
}

/** Block servers are there before their kernels, or come with them. */
export const startsOf = (modes: readonly Mode[]): Start[] => modes.flatMap((mode): Start[] => (isRemote(mode) ? [{ mode, how: 'warm' }, { mode, how: 'cold' }] : [{ mode, how: 'warm' }]));

export async function measureStarts({ modes, rounds, times }: Options, setting: Setting, journal: Journal, progress: Progress): Promise<void> {
  const starts = startsOf(modes);
  const fault = faultNotes('starts', journal, progress);
  const failed = new Set<Mode>();
  for (let round = -WARM_STARTS; round < rounds; round++) {
    for (const { mode, how } of orderOf(starts, Math.max(0, round))) {
      progress.step(`${round < 0 ? 'warming up' : `round ${round + 1}`}, start: ${mode}${how === 'cold' ? ', cold' : ''}`, times.restMs + AROUND.start);
      if (failed.has(mode) || (round >= 0 && journal.find(startKey(mode, how, round)) !== undefined)) continue;
      try {
        const running = await launch(setting, mode, how);
        const { sidecar: { readyMs } } = running;
        await sleep(times.restMs);
        const pids = running.pids();
        if (round >= 0) journal.add({ kind: 'start', mode, how, round, readyMs, pssMib: pssMib(pids), processes: pids.length });
        await running.stop();
      } catch (cause) {
        failed.add(mode);
        fault(mode, 'start', cause);
      }
    }
  }
}
