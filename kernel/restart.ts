// `POST /actuator/blocks/<block>/restart`, by hand what a changed file does: the next life starts beside the present one and
// takes over when it is ready.
import { messageOf } from '../proto/errors.ts';
import { FAIL } from '../proto/failures.ts';
import type { Log } from '../proto/log.ts';
import { rowOf } from './actuator.ts';
import { compartmentName } from './arrangement.ts';
import type { Compartments } from './compartments.ts';
import type { KernelMethod } from './switch.ts';

/** Answers when the next life has taken over, with its row; or says why the present one goes on. */
export function restartBlock(compartments: Compartments, log: Log): KernelMethod {
  return async ({ params: [block = '', component] }, answer) => {
    const name = compartmentName(block, component);
    const compartment = compartments.byName(name);
    if (compartment === undefined) return answer.onRefusal(FAIL.noSuchBlock(name, compartments.all().map((one) => one.name)).failure);
    log.info({ block: name }, `Restart of the ${name} block requested via API`);
    try {
      await compartment.child.restart();
    } catch (cause) {
      return answer.onRefusal(FAIL.restartRefused(name, messageOf(cause)).failure);
    }
    answer.onAnswer(200, undefined, Buffer.from(`${JSON.stringify(await rowOf(compartment))}\n`));
  };
}
