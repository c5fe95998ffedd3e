// What a failing driver may cost, as a suite: its own block, for a moment, and nothing else. One sidecar, one failure after the
// other, each in a block of its choice, while calls of all blocks go on.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Control } from '../chaos/control.ts';
import { FAULTY } from '../chaos/cluster.ts';
import type { FailureName } from '../chaos/failures.ts';
import { provoke } from '../chaos/inject.ts';
import type { BlockName } from '../chaos/lanes.ts';
import { GOOD, Witness } from '../chaos/witness.ts';
import { eventually } from '../harness/awaiting.ts';
import { residentBytesOf } from '../harness/processes.ts';
import { startSidecar, type Isolation, type Sidecar } from '../harness/sidecar.ts';

export interface Failing {
  readonly failure: FailureName;
  readonly argument?: string;
  readonly block: BlockName;
  /** As `/actuator/blocks` and the log say it. */
  readonly cause: string;
  readonly reason: RegExp;
  /** What the life itself could still say. */
  readonly lastError?: RegExp;
  readonly signal?: string;
  readonly code?: number;
}

export const BAD = [
  { name: FAULTY.state, type: 'state.fault' }, { name: FAULTY.pubsub, type: 'pubsub.fault' }, { name: FAULTY.config, type: 'configuration.fault', metadata: { items: '{"key":"value"}' } },
  { name: FAULTY.lock, type: 'lock.fault' }, { name: FAULTY.sequencer, type: 'sequencer.fault' },
] as const;

/** Calls that ask for the failure, and whether they are repeated when their block dies under them. */
const ASKING: Readonly<Record<BlockName, { readonly method: string; readonly safe: boolean }>> = {
  state: { method: 'SaveState', safe: false }, pubsub: { method: 'PublishEvent', safe: false }, config: { method: 'GetConfiguration', safe: true },
  lock: { method: 'TryLockAlpha1', safe: false }, sequencer: { method: 'Sequencer.NextId', safe: true },
};
/** More than this and something of each death stays in the kernel. */
const MOST_GROWTH = 96 * 1024 * 1024;

export function containmentConformance(isolation: Isolation, flags: readonly string[], failing: readonly Failing[]): void {
  describe(`a driver that fails, in ${isolation} mode`, () => {
    let control: Control;
    let sidecar: Sidecar;
    let startBytes: number;

    beforeAll(async () => {
      control = new Control();
      sidecar = await startSidecar({ isolation, nodeArgs: control.nodeArgs, components: [...BAD, ...GOOD], flags });
      await using warm = new Witness(sidecar);
      await eventually('every call was made', () => warm.calls > 100);
      await warm.stop();
      expect(warm.faults).toEqual([]);
      startBytes = residentBytesOf(sidecar.pid);
    });
    afterAll(async () => {
      await sidecar?.stop();
      control?.[Symbol.dispose]();
    });

    it.each(failing)('$failure of $block: costs that block, for a moment', async ({ failure, argument = '', block, cause, reason, lastError, signal, code }) => {
      const before = await sidecar.block(block);
      const seen = sidecar.logs.all.length;
      await using witness = new Witness(sidecar);
      await eventually('the witness looks on', () => witness.calls > 20);
      const answer = await provoke(sidecar, block, failure, { argument, word: `${isolation}-${failure}` });
      const after = await eventually('the block is there again', async () => {
        const row = await sidecar.block(block);
        return row.life > before.life && row.state === 'ready' ? row : undefined;
      });
      const { calls } = witness;
      await eventually('everything is called again', () => witness.calls > calls + 20);
      await witness.stop();

      expect(witness.besides(block), 'calls of everything else').toEqual([]);
      expect(witness.safeOf(block), 'safe calls of the block itself').toEqual([]);
      for (const { text } of witness.unsafeOf(block)) expect(text).toMatch(new RegExp(`^503 .*the ${block} block restarted while this call was in flight`));
      if (ASKING[block].safe) expect(answer.status, 'the call was opened again, and its failure happens once').toBeLessThan(300);
      else expect([answer.status, answer.body]).toEqual([503, expect.stringContaining(`the ${block} block restarted while this call was in flight`)]);

      // A heap that fills may be noticed in time for a successor to be started, which takes a number.
      expect(after?.life).toBeLessThanOrEqual(before.life + (failure === 'heap' ? 2 : 1));
      expect(after?.lastDeath).toMatchObject({ life: before.life, cause, reason: expect.stringMatching(reason) as string, ...(signal === undefined ? {} : { signal }), ...(code === undefined ? {} : { code }) });
      if (lastError !== undefined) expect(after?.lastDeath?.lastError).toMatch(lastError);
      if (failure !== 'ring-corrupt') expect(after?.lastDeath?.inFlight, 'the recorder of the life that died').toContain(ASKING[block].method); // its memory is one with the recorder's
      const line = await sidecar.logs.waitFor(new RegExp(`the ${block} block ended in life ${before.life}: `), 5_000, seen);
      expect(line).toMatch(reason);
      expect(line).toContain('level=error');
    }, 30_000);

    it('ends no kernel, and leaves nothing of the dead in it', async () => {
      expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 204 });
      expect(residentBytesOf(sidecar.pid) - startBytes).toBeLessThan(MOST_GROWTH);
      for (const { state, inFlight, held } of (await sidecar.blocks()).filter(({ life }) => life > 0)) expect({ state, inFlight, held }).toEqual({ state: 'ready', inFlight: 0, held: 0 });
    });
  });
}
