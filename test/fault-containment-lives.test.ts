// Lives that never become one: no hello, or an init without an answer. Everything else serves all the while, calls of the block
// wait as long as they may and are told why, and a kill brings the next life.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Control } from './chaos/control.ts';
import { killNow } from './chaos/inject.ts';
import { GOOD, Witness } from './chaos/witness.ts';
import { BAD } from './conformance/containment.ts';
import { eventually } from './harness/awaiting.ts';
import { isRunning } from './harness/processes.ts';
import { startSidecar, type Sidecar } from './harness/sidecar.ts';

/** How long a life may take to answer its init, and a little more. */
const INIT_MS = 25_000;

describe('a life that does not begin', () => {
  let control: Control;
  let sidecar: Sidecar;
  beforeAll(async () => {
    control = new Control();
    sidecar = await startSidecar({ nodeArgs: control.nodeArgs, components: [...BAD, ...GOOD], flags: ['--hold-ms=500'] });
  });
  afterAll(async () => {
    await sidecar?.stop();
    control?.[Symbol.dispose]();
  });

  it('because it never says hello, or never answers its init, is killed and followed by one that does; nobody else notices', async () => {
    control.nextLife('state', 'no-hello');
    control.nextLife('lock', 'init-hang');
    await Promise.all([killNow(sidecar, 'state'), killNow(sidecar, 'lock')]);
    await using witness = new Witness(sidecar);
    const stuck = await eventually('both have begun and are stuck', async () => {
      const rows = await Promise.all([sidecar.block('state'), sidecar.block('lock')]);
      return control.isSpent && rows.every(({ life, pid }) => life === 2 && pid > 0) ? rows : undefined;
    });
    for (const [path, body, block] of [['/v1.0/state/good-state', '[{"key":"k","value":1}]', 'state'], ['/v1.0-alpha1/lock/good-lock', '{"resourceId":"r","lockOwner":"o","expiryInSeconds":1}', 'lock']] as const) {
      const refused = await sidecar.client.post(path, body);
      expect([refused.status, JSON.parse(refused.body)]).toEqual([503, expect.objectContaining({ errorCode: 'ERR_BLOCK_UNAVAILABLE', message: `the ${block} block is not available: it is restarting` })]);
    }
    const healed = await eventually('both are there', async () => {
      const rows = await Promise.all([sidecar.block('state'), sidecar.block('lock')]);
      return rows.every(({ life, state }) => life === 3 && state === 'ready') ? rows : undefined;
    }, INIT_MS);
    await witness.stop();
    expect(witness.faults.filter(({ block }) => block !== 'state' && block !== 'lock')).toEqual([]);
    for (const row of healed ?? []) expect(row.lastDeath).toMatchObject({ life: 2, cause: 'init', reason: expect.stringMatching(/^init failed: /) as string });
    expect((stuck ?? []).filter(({ pid }) => isRunning(pid)), 'nothing is left of them').toEqual([]);
  }, 60_000);
});
