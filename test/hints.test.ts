// Blocks that nothing is configured for: they are not started before a call wants them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hintedBlocks } from '../kernel/hints.ts';
import { ISOLATIONS, startSidecar } from './harness/sidecar.ts';

describe('hints', () => {
  const hintsOf = (files: Record<string, string>, isolated: readonly string[] = []): string[] => {
    const folder = mkdtempSync(join(tmpdir(), 'bulkhead-hints-'));
    try {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
      return [...hintedBlocks([join(folder, 'missing'), folder], new Set(isolated))].sort();
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  it('are taken from component types, however they are written', () => {
    expect(hintsOf({ 'a.yaml': 'spec:\n  type: state.redis', 'b.yml': '{"spec":{"type":"pubsub.kafka"}}', 'c.YAML': "type : 'lock.redis'" })).toEqual(['lock', 'pubsub', 'state']);
  });

  it('are not taken from components that have a block of their own', () => {
    const apart = 'metadata:\n  name: orders\n  annotations:\n    isolation: component\nspec:\n  type: state.redis\n';
    expect(hintsOf({ 'a.yaml': apart })).toEqual([]);
    expect(hintsOf({ 'a.yaml': `${apart}---\nspec:\n  type: pubsub.redis\n`, 'b.yaml': '{"metadata":{"name":"ids","annotations":{"isolation":"component"}},"spec":{"type":"sequencer.redis"}}' })).toEqual(['pubsub']);
    const byFlag = 'metadata:\n  name: orders\nspec:\n  type: state.redis\n';
    expect(hintsOf({ 'a.yaml': byFlag }, ['orders'])).toEqual([]);
    expect(hintsOf({ 'a.yaml': byFlag }, ['order'])).toEqual(['state']);
  });

  it('are taken from nothing else', () => {
    expect(hintsOf({ 'a.yaml': 'kind: Subscription', 'b.txt': 'type: state.redis', 'c.yaml': '\xff\x00', 'd.yaml': `type: state.redis\n${' '.repeat(2 ** 20)}` })).toEqual([]);
  });
});

describe.each(ISOLATIONS)('a block without components, in %s isolation', (isolation) => {
  it('rests until a call wants it, which is answered as ever', async () => {
    await using sidecar = await startSidecar({ isolation, components: [{ name: 'memory', type: 'state.in-memory' }] });
    const resting = await sidecar.block('pubsub');
    expect(resting).toMatchObject({ state: 'absent', life: 0, restarts: 0 });
    expect(resting.pid).toBeUndefined();
    expect(await sidecar.client.post('/v1.0/publish/nowhere/orders', '{}')).toMatchObject({ status: 400, body: expect.stringContaining('"message":"pubsub nowhere is not configured"') });
    expect(await sidecar.block('pubsub')).toMatchObject({ state: 'ready', life: 1 });
    expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 204 });
    expect(await sidecar.stop()).toEqual({ code: 0, signal: null });
  });

  it('ends with the sidecar also when nobody ever wanted it', async () => {
    await using sidecar = await startSidecar({ isolation, components: [] });
    expect(new Set((await sidecar.blocks()).map(({ state }) => state))).toEqual(new Set(['absent']));
    expect(await sidecar.stop()).toEqual({ code: 0, signal: null });
  });
});
