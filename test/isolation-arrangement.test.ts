// Who has a compartment of its own, what each compartment is told, and compartments that come and go while others run.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EMPTY, Flag } from '../ipc/frame.ts';
import { arrange, type Placement } from '../kernel/arrangement.ts';
import { Compartments } from '../kernel/compartments.ts';
import { parseCommandLine, type Config } from '../kernel/config.ts';
import { FatalError } from '../kernel/fatal.ts';
import { loadResources, type Resources } from '../kernel/resources.ts';
import { Switch } from '../kernel/switch.ts';
import type { Log } from '../proto/log.ts';
import { ROUTE } from '../proto/routes.ts';
import { eventually } from './harness/awaiting.ts';
import { manifestOf, type ComponentManifest } from './harness/sidecar.ts';

const folder = mkdtempSync(join(tmpdir(), 'bulkhead-arrangement-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

const APART = { isolation: 'component' };
const subscription = (pubsubname: string, topic = 't'): string => JSON.stringify({ apiVersion: 'dapr.io/v2alpha1', kind: 'Subscription', metadata: { name: 's' }, spec: { pubsubname, topic, routes: { default: '/x' } } });

function configOf(flags: readonly string[] = [], directory = folder): Config {
  const answer = parseCommandLine(['--app-id=me', `--resources-path=${directory}`, ...flags], {});
  if ('exit' in answer) throw new Error(answer.fatal?.text ?? answer.stderr);
  return answer.config;
}

async function load(documents: readonly (string | ComponentManifest)[], flags: readonly string[] = []): Promise<{ readonly config: Config; readonly resources: Resources; readonly warnings: string[]; readonly path: string }> {
  const directory = mkdtempSync(join(folder, 'd-'));
  const path = join(directory, `${files++}.yaml`);
  writeFileSync(path, documents.map((document) => (typeof document === 'string' ? document : manifestOf(document))).join('\n---\n'));
  const config = configOf(flags, directory);
  const resources = await loadResources(config, { env: {} });
  return { config, resources, path, warnings: resources.notices.filter(({ level }) => level === 'warn').map(({ text }) => text) };
}

const shape = ({ name, wanted, init }: Placement): unknown[] => [name, wanted, init.components.map((one) => one.name), init.elsewhere, init.subscriptions.map(({ pubsubName }) => pubsubName), init.isolated === true];

describe('a component', () => {
  it('has a compartment of its own by annotation or by flag, and else none', async () => {
    const { resources, warnings } = await load([
      { name: 'a', type: 'state.in-memory', annotations: APART }, { name: 'b', type: 'state.in-memory' }, { name: 'c', type: 'lock.in-memory' },
      { name: 'd', type: 'state.in-memory', annotations: { Isolation: 'component', 'dapr.io/isolation': 'component' } },
    ], ['--isolate=c', '--isolate', 'a']);
    expect([...resources.isolated].sort()).toEqual(['a', 'c']);
    expect(resources.blocks.get('state')?.map(({ name }) => name), 'which changes nothing about whose it is').toEqual(['a', 'b', 'd']);
    expect(warnings).toEqual([]);
  });

  it('is warned of annotations that mean nothing, with the file, the value and what is allowed, and has none of it', async () => {
    const { resources, warnings, path } = await load([
      { name: 'a', type: 'state.in-memory', annotations: { isolation: 'Component', 'init-failure': 'die' } }, { name: 'b', type: 'bindings.cron', annotations: APART },
      { name: 'c', type: 'secretstores.local.env', annotations: APART }, { name: 'd', type: 'nothing', annotations: APART, ignoreErrors: true },
    ]);
    const served = 'only state, pubsub, configuration, lock, sequencer components run in blocks';
    expect(warnings.filter((text) => text.includes('annotation'))).toEqual([
      `Component a (state.in-memory/v1) of ${path}, document 1: the annotation isolation: "Component" is ignored: the only value allowed is component`,
      `Component a (state.in-memory/v1) of ${path}, document 1: the annotation init-failure: "die" is ignored: the values allowed are exit and degrade`,
      `Component b (bindings.cron/v1) of ${path}, document 2: the annotation isolation: "component" is ignored: ${served}`,
      `Component c (secretstores.local.env/v1) of ${path}, document 3: the annotation isolation: "component" is ignored: ${served}`,
      `Component d (nothing/v1) of ${path}, document 4: the annotation isolation: "component" is ignored: ${served}`,
    ]);
    expect([resources.isolated.size, resources.blocks.get('state')?.[0]?.initFailure]).toEqual([0, undefined]);
  });

  it('that is not for this application is warned of nothing', async () => {
    expect((await load([manifestOf({ name: 'a', type: 'state.in-memory', annotations: { isolation: 'x' } }).replace('"spec"', '"scopes":["other"],"spec"')])).warnings).toEqual([]);
  });

  it.each([['[]', 'metadata.annotations should be an object and is a list'], ['{"isolation":{}}', 'metadata.annotations.isolation should be a text and is an object'], ['{"init-failure":["exit"]}', 'metadata.annotations.init-failure should be a text and is a list']])('with annotations %s is left out', async (annotations, reason) => {
    const { resources, warnings, path } = await load([`{"apiVersion":"dapr.io/v1alpha1","kind":"Component","metadata":{"name":"a","annotations":${annotations}},"spec":{"type":"state.in-memory"}}`, { name: 'b', type: 'state.in-memory' }]);
    expect(resources.blocks.get('state')?.map(({ name }) => name)).toEqual(['b']);
    expect(warnings).toEqual([`daprd load Component error when parsing manifests yaml resource in ${path}: document 1: ${reason}`]);
  });

  it('may have annotations of others, or null', async () => {
    const { resources, warnings } = await load(['{"apiVersion":"dapr.io/v1alpha1","kind":"Component","metadata":{"name":"a","annotations":null},"spec":{"type":"state.in-memory"}}', '{"apiVersion":"dapr.io/v1alpha1","kind":"Component","metadata":{"name":"b","annotations":{"x":{"y":1},"isolation":null}},"spec":{"type":"state.in-memory"}}']);
    expect([warnings, [...resources.isolated], resources.blocks.get('state')?.length]).toEqual([[], [], 2]);
  });

  it('that --isolate names and that is not there, or in no block, is warned of', async () => {
    const { warnings } = await load([{ name: 'a', type: 'state.in-memory' }, { name: 's', type: 'secretstores.local.env' }], ['--isolate=b', '--isolate=s']);
    expect(warnings).toEqual([
      '--isolate=b is ignored: no component has that name; there is a',
      '--isolate=s is ignored: it is a secretstores.local.env component, and only state, pubsub, configuration, lock, sequencer components run in blocks',
    ]);
    expect((await load([], ['--isolate=b'])).warnings).toEqual(['--isolate=b is ignored: no component has that name; there are no components that could be isolated']);
  });

  it('of a quick start can be isolated by flag', async () => {
    const answer = parseCommandLine(['--isolate=ids', '--isolate=none'], {});
    if ('exit' in answer) throw new Error(answer.stderr);
    const resources = await loadResources(answer.config, { env: {}, workingDirectory: mkdtempSync(join(folder, 'q-')) });
    expect([[...resources.isolated], resources.notices.map(({ text }) => text)]).toEqual([['ids'], [expect.stringMatching(/^--isolate=none is ignored: no component has that name; there are statestore, /)]]);
  });

  it('has what becomes of the sidecar in its spec, and in the status of what failed before a block had it', async () => {
    const broken = { name: 'a', type: 'state.in-memory', metadata: { x: '{podName}' } };
    const { resources } = await load([{ name: 'b', type: 'state.in-memory', annotations: { 'init-failure': 'exit' } }, { ...broken, annotations: { 'init-failure': 'degrade' } }], ['--init-failure=exit']);
    expect(resources.blocks.get('state')).toMatchObject([{ name: 'b', initFailure: 'exit' }]);
    expect(resources.components).toMatchObject([{ name: 'a', state: 'failed', initFailure: 'degrade' }]);
    await expect(load([broken], ['--init-failure=exit'])).rejects.toThrow(FatalError);
    await expect(load([{ ...broken, annotations: { 'init-failure': 'exit' } }])).rejects.toThrow(FatalError);
    expect((await load([{ ...broken, ignoreErrors: true, annotations: { 'init-failure': 'exit' } }])).resources.components).toMatchObject([{ name: 'a', required: false }]);
  });
});

describe('the arrangement', () => {
  const arranged = async (documents: readonly (string | ComponentManifest)[], flags: readonly string[] = []): Promise<unknown[]> => {
    const { config, resources } = await load(documents, ['--blocks=state,pubsub', ...flags]);
    return arrange(config, { tracing: {} }, resources).map(shape);
  };
  const broker = (name: string, annotations = {}): ComponentManifest => ({ name, type: 'pubsub.in-memory', annotations });

  it('is a compartment for each block, and one for each component that is apart', async () => {
    expect(await arranged([{ name: 'a', type: 'state.in-memory', annotations: APART }, { name: 'b', type: 'state.in-memory' }, { name: 'c', type: 'state.in-memory' }, { name: 'locks', type: 'lock.in-memory' }], ['--isolate=c'])).toEqual([
      ['state', true, ['b'], ['a', 'c'], [], false], ['pubsub', false, [], [], [], false], ['state/a', true, ['a'], [], [], true], ['state/c', true, ['c'], [], [], true],
    ]);
  });

  it('gives each broker its own subscriptions, and those that nobody has to the compartment of all others', async () => {
    expect(await arranged([broker('a', APART), broker('b'), subscription('a'), subscription('b'), subscription('nobody')])).toEqual([
      ['state', false, [], [], [], false], ['pubsub', true, ['b'], ['a'], ['b', 'nobody'], false], ['pubsub/a', true, ['a'], [], ['a'], true],
    ]);
  });

  it('has one broker speak for those that nobody has, where all brokers are apart', async () => {
    expect(await arranged([broker('a', APART), broker('b', APART), subscription('nobody'), subscription('b'), subscription('a')])).toEqual([
      ['state', false, [], [], [], false], ['pubsub', false, [], ['a', 'b'], [], false], ['pubsub/a', true, ['a'], ['b'], ['a', 'nobody'], false], ['pubsub/b', true, ['b'], [], ['b'], true],
    ]);
    expect(await arranged([subscription('nobody')])).toEqual([['state', false, [], [], [], false], ['pubsub', true, [], [], ['nobody'], false]]);
  });
});

describe('a compartment of a component\'s own', () => {
  const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, fatal: () => {}, enabled: () => false, with: () => silent };

  it('comes and goes while the others run', async () => {
    const { config, resources } = await load([{ name: 'a', type: 'state.in-memory', annotations: APART }, { name: 'b', type: 'state.in-memory' }], ['--isolation=monolith', '--blocks=state', '--drain-ms=5000']);
    let changes = 0;
    const compartments = new Compartments({ config, log: silent, launch: { compileCache: undefined, output: { fd: 1, write: () => true } }, changed: () => void changes++ });
    const dispatch = new Switch(compartments.seats, new Map());
    const call = (store: string, body?: string): Promise<string> => new Promise((resolve) => {
      const request = body === undefined ? { route: ROUTE.GetState, head: [[store, 'k'], ''], body: EMPTY } : { route: ROUTE.SaveState, head: [[store], ''], body: Buffer.from(body) };
      dispatch.open({ ...request, flags: Flag.HTTP, deadlineMs: 0 }, {
        onAnswer: (status, _headers, answer) => resolve(`${status} ${Buffer.from(answer).toString().slice(0, 46)}`), onFailure: (_code, message) => resolve(message), onRefusal: ({ message }) => resolve(message),
      });
    });
    const [shared, own] = arrange(config, { tracing: {} }, resources) as [Placement, Placement];
    const { child } = compartments.byName('state')!;
    child.provide(shared.init);
    child.start();
    expect(await call('b')).toBe('204 ');
    const notFound = '400 {"errorCode":"ERR_STATE_STORE_NOT_FOUND","mess';
    expect([await call('a'), await call('other')], 'before it is there').toEqual([notFound, notFound]);

    const added = compartments.add('state', 'a', false);
    expect([compartments.all().map(({ name }) => name), await call('a')], 'it takes no calls yet').toEqual([['state', 'state/a'], notFound]);
    added.child.provide(own.init);
    await compartments.admit('state/a');
    const waiting = call('a', '[{"key":"k","value":1}]');
    await eventually('the call waits for it', () => added.seating.held === 1);
    expect(await call('b')).toBe('204 ');
    added.child.start();
    expect([await waiting, await call('a')]).toEqual(['204 ', '200 1']);
    expect(() => compartments.add('state', 'a')).toThrow('there is a compartment state/a already');
    expect(() => compartments.add('lock', 'a')).toThrow('the lock block does not run here');
    expect(() => compartments.admit('state')).toThrow('no component has a compartment state of its own');
    await expect(compartments.remove('state')).rejects.toThrow('no component has a compartment state of its own');
    await expect(compartments.remove('state/x')).rejects.toThrow('no component has a compartment state/x of its own');

    const last = call('a');
    const before = changes;
    const removed = compartments.remove('state/a');
    expect([compartments.byName('state/a'), compartments.all().length, changes > before]).toEqual([undefined, 1, true]);
    expect([await last, await call('a')], 'what it had is answered, what comes goes elsewhere').toEqual(['200 1', notFound]);
    await removed;
    await compartments.removed();
    expect(added.child.info().state).toBe('stopped');
    const again = compartments.add('state', 'a');
    again.child.provide(own.init);
    again.child.start();
    expect(await call('a'), 'another one of the same name').toBe('204 ');
    await Promise.all([...compartments.all()].map((one) => one.child.stop()));
    expect(dispatch.inFlight).toBe(0);
  });
});
