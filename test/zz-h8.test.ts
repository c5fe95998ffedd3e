import { it } from 'vitest';
import { startSidecar } from './harness/sidecar.ts';
import { Load } from './harness/load.ts';
it.each([[1, 1024], [16, 1024], [16, 100], [100, 4096]])('%d MiB of %d bytes', async (mib, size) => {
  await using sidecar = await startSidecar({ components: [{ name: 'store', type: 'state.in-memory' }] });
  const value = 'x'.repeat(size);
  const per = Math.floor(512 * 1024 / size);
  const total = mib * 1024 * 1024 / size;
  for (let at = 0; at < total; at += per) {
    const { status, body } = await sidecar.client.post('/v1.0/state/store', JSON.stringify(Array.from({ length: per }, (_, i) => ({ key: `k${at + i}`, value }))));
    if (status !== 204) throw new Error(body);
  }
  const load = new Load(sidecar, { store: 'store', clients: 4 });
  await load.acknowledges(200);
  for (let i = 0; i < 3; i++) {
    load.slowestMs = 0;
    const began = performance.now();
    const { status, body } = await sidecar.client.post('/actuator/blocks/state/restart', '');
    console.log(mib, size, status, `${Math.round(performance.now() - began)} ms, slowest call ${Math.round(load.slowestMs)} ms`, load.failures.length, status === 200 ? '' : body);
    await load.acknowledges(200);
  }
  await load.stop();
  console.log('missing', (await load.missing()).length);
}, 60_000);
