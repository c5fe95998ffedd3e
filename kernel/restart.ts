// `POST /actuator/blocks/<block>/restart`, by hand what a changed file does: the next life starts beside the present one and
// takes over when it is ready.
import { messageOf } from '../proto/errors.ts';
import { FAIL } from '../proto/failures.ts';
import type { Log } from '../proto/log.ts';
import { rowOf } from './actuator.ts';
import { compartmentName } from './arrangement.ts';
import type { Compartments } from './compartments.ts';
import type { KernelMethod } from './switch.ts';

/**
 * Answers when the next life has taken over, with its row; or says why the present one goes on. Of a block that runs several times all
 * are restarted, one after the other, and the answer is a list; or the one that is named as in the log.
 */
export function restartBlock(compartments: Compartments, log: Log): KernelMethod {
  return async ({ params: [block = '', component] }, answer) => {
    const name = compartmentName(block, component);
    const named = compartments.byName(name);
    if (named === undefined) return answer.onRefusal(FAIL.noSuchBlock(name, compartments.all().map((one) => one.name)).failure);
    const replicas = named.component === undefined && named.replica === 1 ? compartments.all().filter((one) => one.block === named.block && one.component === undefined) : [named];
    const rows: object[] = [];
    for (const compartment of replicas) {
      log.info({ block: compartment.name }, `Restart of the ${compartment.name} block requested via API`);
      try {
        await compartment.child.restart();
      } catch (cause) {
        return answer.onRefusal(FAIL.restartRefused(compartment.name, messageOf(cause)).failure);
      }
      rows.push(await rowOf(compartment));
    }
    answer.onAnswer(200, undefined, Buffer.from(`${JSON.stringify(rows.length === 1 ? rows[0] : rows)}\n`));
  };
}
