// A supervised block in a process of its own: hangs are noticed, a life is replaced without a gap or not at all, a spare takes
// over, and what ended a life is known afterwards.
import { expect, it } from 'vitest';
import { eventually } from './harness/awaiting.ts';
import { initOf, MEMORY, Supervised } from './harness/supervised.ts';
import { componentSpec } from './support.ts';

const ready = (block: Supervised, life = 1): Promise<unknown> => eventually(`life ${life} is ready`, () => block.child.info().state === 'ready' && block.child.info().life >= life);

/** Reads and writes until stopped, one after the other; resolves with what was no success. */
function caller(block: Supervised, name: string): { stop(): Promise<{ calls: number; failures: string[] }> } {
  let stopped = false;
  const done = (async () => {
    const failures: string[] = [];
    let calls = 0;
    for (; !stopped; calls += 2) {
      const written = await block.set(name, String(calls));
      if (written.status !== 204) failures.push(`set: ${written.status} ${written.text}`);
      const read = await block.get(name);
      if (read.text !== JSON.stringify(String(calls))) failures.push(`get: ${read.status} ${read.text}`);
    }
    return { calls, failures };
  })();
  return {
    stop: () => {
      stopped = true;
      return done;
    },
  };
}

it('a life that does nothing any more is killed when it is asked for something, and its reads are answered by the next one', async () => {
  await using block = new Supervised({ spec: { hangMs: 300 } });
  await ready(block);
  const { pid = 0 } = block.child.info();
  process.kill(pid, 'SIGSTOP');
  const [read, write] = await Promise.all([block.get('key'), block.set('key', 'x')]);
  expect(read.status).toBe(204);
  expect([write.status, write.text]).toEqual([503, 'the state block restarted while this call was in flight']);
  expect(block.child.info()).toMatchObject({ restarts: 1, endsBy: { hang: 1 }, lastDeath: { life: 1, cause: 'hang', signal: 'SIGKILL' } });
  expect(block.child.info().lastExit).toMatch(/^it has hung for \d+ ms \(signal SIGKILL/);
});

it('a life that waits for its backend, or has nothing to do, does not hang', async () => {
  await using block = new Supervised({ spec: { hangMs: 100 } });
  await ready(block);
  const { stop } = caller(block, 'key');
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect((await stop()).failures).toEqual([]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(block.child.info()).toMatchObject({ life: 1, restarts: 0 });
});

it('lives replace one another under load, and no call fails; data in memory goes along', { timeout: 60_000 }, async () => {
  await using block = new Supervised();
  await ready(block);
  await block.set('kept', 'from the first life', 'other');
  const callers = Array.from({ length: 4 }, (_, index) => caller(block, `key${index}`));
  for (let round = 0; round < 5; round++) await block.child.restart();
  for (const { stop } of callers) {
    const { calls, failures } = await stop();
    expect(failures).toEqual([]);
    expect(calls).toBeGreaterThan(10);
  }
  expect((await block.get('kept', 'other')).text).toBe('"from the first life"');
  expect(block.child.info()).toMatchObject({ life: 6, replaced: 5, restarts: 0, lastDeath: undefined });
  expect(block.child.info().reload).toEqual({ at: expect.any(String) });
  expect(block.texts('error')).toEqual([]);
});

it('a next life that would have less is refused, and the present one goes on with all it had', async () => {
  await using block = new Supervised();
  await ready(block);
  await block.set('key', 'value');
  const worse = [...MEMORY.slice(1), { ...componentSpec('state.sqlite', { connectionString: '/nowhere/at/all.db' }, 'store') }];
  await expect(block.child.replace(initOf(worse))).rejects.toThrow(/component store \(state\.sqlite\/v1\): /);
  const unknown = [...MEMORY, componentSpec('state.no-such-driver', {}, 'new')];
  await expect(block.child.replace(initOf(unknown))).rejects.toThrow(/couldn't find state store state\.no-such-driver\/v1/);
  expect((await block.get('key')).text).toBe('"value"');
  expect(block.child.info()).toMatchObject({ life: 1, replaced: 0, state: 'ready' });
  expect(block.child.info().reload?.refused).toMatch(/no-such-driver/);
  await block.child.replace(initOf([...MEMORY, componentSpec('state.in-memory', {}, 'third')]));
  expect([(await block.get('key')).text, (await block.set('key', 'x', 'third')).status, block.child.info().replaced]).toEqual(['"value"', 204, 1]);
});

it('a swap that ends in the death of the present life goes through all the same', async () => {
  await using block = new Supervised();
  await ready(block);
  const swap = block.child.replace(initOf([...MEMORY, componentSpec('state.in-memory', {}, 'third')]));
  process.kill(block.child.info().pid ?? 0, 'SIGKILL');
  await swap;
  expect((await block.set('key', 'x', 'third')).status).toBe(204);
});

it('a spare takes over, and another one is kept', { timeout: 60_000 }, async () => {
  await using block = new Supervised({ spec: { spare: true } });
  for (let kill = 0; kill < 3; kill++) {
    await eventually('there is a spare', () => block.child.info().spare === 'ready' && block.child.info().state === 'ready');
    process.kill(block.child.info().pid ?? 0, 'SIGKILL');
    expect((await block.get('key')).status).toBe(204);
  }
  await eventually('all ends are known', () => block.child.info().endsBy.signal === 3);
  expect(block.child.info().restarts).toBe(3);
  // The spare knows no component that came later: it is replaced with the rest.
  await eventually('there is a spare', () => block.child.info().spare === 'ready');
  await block.child.replace(initOf([...MEMORY, componentSpec('state.in-memory', {}, 'third')]));
  await eventually('there is a spare', () => block.child.info().spare === 'ready');
  process.kill(block.child.info().pid ?? 0, 'SIGKILL');
  expect((await block.get('key', 'third')).status).toBe(204);
});

it('a life that is too large is replaced while it works', async () => {
  await using block = new Supervised({ spec: { hangMs: 300 }, limits: { memoryBytes: 88 * 2 ** 20 } }); // a little less than it has
  await ready(block);
  const { stop } = caller(block, 'key');
  await eventually('it was replaced', () => block.child.info().replaced === 1);
  expect((await stop()).failures).toEqual([]);
  expect(block.child.info().endsBy).toMatchObject({ memory: 1 });
  expect(block.texts('warn')).toContainEqual(expect.stringMatching(/^the state block uses \d+ MiB of memory, more than 88 MiB: its next life takes over$/));
});

it('a restart by hand ends the pause after a death', async () => {
  await using block = new Supervised({ spec: { backoffMs: [600_000, 600_000], calmMs: 600_000 } });
  await ready(block);
  for (const life of [1, 2]) { // the first pause is none
    await ready(block, life);
    process.kill(block.child.info().pid ?? 0, 'SIGKILL');
    await eventually(`life ${life} has ended`, () => block.child.info().endsBy.signal === life);
  }
  await eventually('it waits', () => block.child.info().state === 'backing-off');
  await block.child.restart();
  expect(block.child.info()).toMatchObject({ state: 'ready', life: 3 });
});

it('no more calls are open at once than its limit allows', async () => {
  await using block = new Supervised({ limits: { openCalls: 2 } });
  await ready(block);
  process.kill(block.child.info().pid ?? 0, 'SIGSTOP');
  const waiting = [block.get('a'), block.get('b')];
  expect(await block.get('c')).toEqual({ status: 429, text: 'too many calls wait for the state block' });
  process.kill(block.child.info().pid ?? 0, 'SIGCONT');
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([204, 204]);
});

it('a shutdown in the middle of a swap leaves nothing behind', async () => {
  const block = new Supervised({ spec: { spare: true } });
  await ready(block);
  const swap = block.child.restart().catch((cause: unknown) => String(cause));
  await block.child.stop();
  await swap;
  expect(block.child.info().state).toBe('stopped');
  await expect(block.child.restart()).rejects.toThrow('the sidecar is shutting down');
});
