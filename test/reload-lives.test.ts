// What changing files cost a sidecar at work: no call under load, no wait at a shutdown, and nothing where it is switched off.
import { expect, it } from 'vitest';
import { startImpostor } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { Load } from './harness/load.ts';
import { actuator, configurationOf, logged, MEMORY, remove, write } from './harness/reload.ts';
import { startSidecar, type BlockRow } from './harness/sidecar.ts';

it('nothing is followed where the Configuration says so, and a restart by hand needs the token', async () => {
  const token = { 'dapr-api-token': 'secret' };
  await using sidecar = await startSidecar({ components: [MEMORY], configuration: configurationOf({ features: [{ name: 'HotReload', enabled: false }] }), env: { DAPR_API_TOKEN: 'secret' } });
  expect(await sidecar.client.post('/actuator/blocks/state/restart', '')).toMatchObject({ status: 401 });
  write(sidecar, 'second.yaml', { name: 'second', type: 'state.in-memory' });
  const answer = await sidecar.client.post('/actuator/blocks/state/restart', '', token);
  expect([answer.status, (JSON.parse(answer.body) as BlockRow).components.map(({ name }) => name)]).toEqual([200, ['memory']]);
  expect(sidecar.logs.matching(/Hot reloading|Adding Component/)).toEqual([]);
  expect(JSON.parse((await sidecar.client.get('/actuator/blocks', token)).body)).not.toHaveProperty('reload');
});

it('a shutdown does not wait for a change that is under way', async () => {
  await using mute = await startImpostor('mute'); // whoever connects to it waits
  await using sidecar = await startSidecar({ components: [MEMORY] });
  await logged(sidecar, 'Hot reloading enabled');
  write(sidecar, 'slow.yaml', { name: 'slow', type: 'state.redis', metadata: { redisHost: `127.0.0.1:${mute.port}` }, initTimeout: '30s' });
  await logged(sidecar, 'Adding Component for processing: slow');
  expect(await sidecar.stop()).toEqual({ code: 0, signal: null });
  expect(sidecar.logs.matching(/refused|could not|level=(?:error|fatal)/)).toEqual([]);
});

it.each([['monolith', 'state.sqlite', 4], ['thread', 'state.in-memory', 4], ['process', 'state.in-memory', 10]] as const)('in %s isolation, on %s, %i changes under load cost no call and no write', async (isolation, type, changes) => {
  await using sidecar = await startSidecar({ isolation, components: [{ name: 'store', type, metadata: { connectionString: 'load.db' } }] });
  const load = new Load(sidecar, { store: 'store', clients: 4 });
  try {
    for (let turn = 0; turn < changes; turn++) {
      if (turn % 2 === 0) write(sidecar, 'other.yaml', { name: 'other', type: 'state.in-memory' });
      else remove(sidecar, 'other.yaml');
      await eventually('it is applied', async () => ((await actuator(sidecar)).reload?.applied ?? 0) > turn);
      await load.acknowledges(20);
    }
  } finally {
    await load.stop();
  }
  expect([load.failures, load.wrong]).toEqual([[], []]);
  expect(await load.missing()).toEqual([]);
  expect(await sidecar.block('state')).toMatchObject({ restarts: 0, replaced: changes, lost: 0 });
}, 60_000);
