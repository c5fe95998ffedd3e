// Components that can't start: what becomes of the sidecar, by flag and by component, and what health says of it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChildInfo } from '../kernel/child-info.ts';
import type { Child } from '../kernel/child.ts';
import { unready, type Unready } from '../kernel/health.ts';
import type { ComponentStatus } from '../proto/init.ts';
import { eventually } from './harness/awaiting.ts';
import { startSidecar, type ComponentManifest, type Sidecar } from './harness/sidecar.ts';

const MEMORY: ComponentManifest = { name: 'memory', type: 'state.in-memory' };
const BROKEN: ComponentManifest = { name: 'broken', type: 'state.nothing' };
const EXIT = { 'init-failure': 'exit' };
const DEGRADE = { 'init-failure': 'degrade' };
const APART = { isolation: 'component' };
const REASON = "[CREATE_COMPONENT_FAILURE]: initialization error occurred for broken (state.nothing/v1): couldn't find state store state.nothing/v1";

describe.each([
  { title: 'in the compartment of all', annotations: {}, where: '' },
  { title: 'in a compartment of its own', annotations: APART, where: ' (in compartment state/broken)' },
])('a component that can\'t start, $title', ({ annotations, where }) => {
  it('ends the sidecar where it asks for that, though the flag does not', async () => {
    await using sidecar = await startSidecar({ components: [MEMORY, { ...BROKEN, annotations: { ...annotations, ...EXIT } }], until: 'nothing' });
    expect(await sidecar.end()).toEqual({ code: 1, signal: null });
    const text = `component broken (state.nothing/v1): ${REASON}${where}`;
    expect(sidecar.logs.all.filter((line) => line.includes(`level=warning msg="Error processing component, daprd will exit gracefully: ${text}"`))).toHaveLength(1);
    expect(sidecar.logs.all.filter((line) => line.includes(`level=fatal msg="Fatal error from runtime: ${text}"`))).toHaveLength(1);
  });

  it('does not where it asks for the opposite, though the flag does, and health names it', async () => {
    await using sidecar = await startSidecar({ components: [MEMORY, { ...BROKEN, annotations: { ...annotations, ...DEGRADE } }], flags: ['--init-failure=exit'], until: 'listening' });
    await eventually('it is initialized', () => sidecar.logs.matching(/dapr initialized/).length > 0);
    const health = await sidecar.client.get('/v1.0/healthz');
    expect([health.status, JSON.parse(health.body).message]).toEqual([500, `dapr is not ready: [component broken (state.nothing/v1): ${REASON}${where}]`]);
    expect(await sidecar.client.get('/v1.0/healthz/outbound')).toMatchObject({ status: 204 });
    expect(await sidecar.client.get('/v1.0/state/memory/k')).toMatchObject({ status: 204 });
    expect(await sidecar.client.get('/v1.0/state/broken/k')).toMatchObject({ status: 503, body: expect.stringContaining('ERR_COMPONENT_NOT_READY') });
  });
});

describe('a compartment of its own', () => {
  let sidecar: Sidecar;
  beforeAll(async () => {
    sidecar = await startSidecar({ components: [{ ...MEMORY, annotations: APART }, { ...BROKEN, ignoreErrors: true, annotations: { ...APART, ...EXIT } }] });
  });
  afterAll(() => sidecar?.stop());

  it('whose component\'s errors are ignored makes nobody unready, and ends nothing', async () => {
    expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 204 });
    expect(((await sidecar.metadata())['components'] as { readonly name: string }[]).map(({ name }) => name)).toEqual(['memory']);
  });

  it('does not need the compartment of all, which rests', async () => {
    expect((await sidecar.blocks()).filter(({ state }) => state !== 'absent').map(({ name }) => name)).toEqual(['state/memory', 'state/broken']);
  });

});

describe('what is not ready', () => {
  const status = (name: string, more: Partial<ComponentStatus> = {}): ComponentStatus => ({ name, type: 'state.x', version: 'v1', state: 'ready', required: true, capabilities: [], ...more });
  /** Compartments by name, as health sees them. */
  const reported = (compartments: Readonly<Record<string, Partial<ChildInfo>>>): readonly Unready[] => unready({
    appId: 'me', components: () => [status('secrets', { type: 'secretstores.x', state: 'failed', reason: 'no file', initFailure: 'degrade' })], application: () => undefined, listening: () => true,
    compartments: () => Object.entries(compartments).map(([name, info]) => ({ name, component: name.split('/')[1], replica: Number(name.split('#')[1] ?? 1), child: { info: () => ({ state: 'ready', settled: true, components: [], ...info }) } as unknown as Child })),
  }).slice(0, -1);

  it('is named with its compartment, and with why', () => {
    expect(reported({
      state: { components: [status('a', { state: 'starting', reason: 'no server' }), status('b'), status('c', { state: 'starting' }), status('d', { state: 'failed', reason: 'x', required: false })] },
      lock: { settled: false }, 'state/orders': { settled: false, components: [status('orders', { state: 'failed', reason: 'bad field', initFailure: 'exit' })] },
    })).toEqual([
      { reason: 'block lock: starting' }, { reason: 'block state/orders: starting' }, { reason: 'component a (state.x/v1): no server' },
      { reason: 'component orders (state.x/v1): bad field (in compartment state/orders)', initFailure: 'exit' },
    ]);
    expect(reported({ state: { state: 'backing-off', lastExit: 'signal SIGKILL' } }), 'a restart is no reason').toEqual([]);
  });

  it('of what can\'t be kept alive wants what its components want', () => {
    const failed = (...components: readonly ComponentStatus[]): readonly Unready[] => reported({ 'state/orders': { state: 'failed', lastExit: 'signal SIGKILL', components } });
    const reason = 'block state/orders: signal SIGKILL';
    expect(failed()).toEqual([{ reason }]);
    expect(failed(status('a'), status('b', { initFailure: 'degrade' }))).toEqual([{ reason }]);
    expect(failed(status('a', { initFailure: 'degrade' }))).toEqual([{ reason, initFailure: 'degrade' }]);
    expect(failed(status('a', { initFailure: 'degrade' }), status('b', { initFailure: 'exit' }))).toEqual([{ reason, initFailure: 'exit' }]);
    expect(failed(status('b', { initFailure: 'exit', required: false }))).toEqual([{ reason }]);
  });
});
