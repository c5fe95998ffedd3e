// What follows from changed files, and how it is brought about: only what has changed is replaced, what would get worse stays what
// it is, and no component is without a compartment at any moment.
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { arrange, type Placement } from '../kernel/arrangement.ts';
import { parseCommandLine, type Config } from '../kernel/config.ts';
import type { Manifest } from '../kernel/manifests.ts';
import { changesOf, eventsOf, placedIn, planOf } from '../kernel/reload/plan.ts';
import { Rollout, type Refusal, type RolloutTarget } from '../kernel/reload/rollout.ts';
import type { Resources } from '../kernel/resources.ts';
import { SwapRefused } from '../kernel/swap.ts';
import type { BlockInit, ComponentSpec, ComponentStatus, SubscriptionSpec } from '../proto/init.ts';

const config = ((): Config => {
  const answer = parseCommandLine(['--app-id=a'], {}, { blocks: ['state', 'pubsub'] });
  if ('exit' in answer) throw new Error(answer.stderr);
  return answer.config;
})();

const spec = (name: string, content = '', type = 'state.x'): ComponentSpec => ({ name, type, version: 'v1', metadata: [{ name: 'content', value: content }], ignoreErrors: false, initTimeoutMs: 5_000 });
const contentOf = ({ metadata }: ComponentSpec): string => metadata[0]?.value ?? '';

interface Wanted {
  readonly components?: readonly ComponentSpec[];
  readonly isolated?: readonly string[];
  readonly subscriptions?: readonly SubscriptionSpec[];
}

function resourcesOf({ components = [], isolated = [], subscriptions = [] }: Wanted): Resources {
  return {
    blocks: new Map([['state', components.filter(({ type }) => type.startsWith('state'))], ['pubsub', components.filter(({ type }) => type.startsWith('pubsub'))]]),
    isolated: new Set(isolated), subscriptions, secretStores: new Map(), components: [], parked: [], unserved: [], manifests: [], resiliencies: [], refused: [], uuids: new Map(), notices: [],
  };
}

const arranged = (wanted: Wanted | Resources, tracing: BlockInit['tracing'] = {}): readonly Placement[] => arrange(config, { tracing } as Parameters<typeof arrange>[1], 'blocks' in wanted ? wanted : resourcesOf(wanted));
const names = (placements: readonly { readonly name: string }[]): string[] => placements.map(({ name }) => name);

describe('the plan', () => {
  const [a, b, c] = [spec('a'), spec('b'), spec('c', '', 'pubsub.x')];
  const before = arranged({ components: [a, b, c] });

  it('is empty for the same components in another order', () => {
    expect(planOf(before, arranged({ components: [c, b, a] }))).toEqual({ add: [], replace: [], remove: [] });
  });

  it('replaces the compartments whose components, subscriptions or tracing have changed, and no others', () => {
    const replaced = (next: readonly Placement[]): string[] => names(planOf(before, next).replace);
    expect(replaced(arranged({ components: [a, spec('b', '2'), c] }))).toEqual(['state']);
    expect(replaced(arranged({ components: [a, b] }))).toEqual(['pubsub']);
    expect(replaced(arranged({ components: [a, b, c], subscriptions: [{ pubsubName: 'c', topic: 't', metadata: {}, rules: [{ match: '', path: '/' }], deadLetterTopic: '', bulk: { enabled: false, maxMessagesCount: 0, maxAwaitDurationMs: 0 } }] }))).toEqual(['pubsub']);
    expect(replaced(arranged({ components: [a, b, c] }, { samplingRate: 1 }))).toEqual(['state', 'pubsub']);
  });

  it('gives a component that wants to be alone a compartment, and takes it from one that does not any more', () => {
    const alone = arranged({ components: [a, b, c], isolated: ['b'] });
    const there = planOf(before, alone);
    expect([names(there.add), names(there.replace), there.remove]).toEqual([['state/b'], ['state'], []]);
    const back = planOf(alone, before);
    expect([back.add, names(back.replace), names(back.remove)]).toEqual([[], ['state'], ['state/b']]);
    expect(changesOf(placedIn(before), placedIn(alone))).toMatchObject([{ kind: 'updated', before: { name: 'b' } }]);
  });

  it('names what goes before what changes before what comes', () => {
    const next = arranged({ components: [spec('b', '2'), c, spec('d')] });
    expect(changesOf(placedIn(before), placedIn(next)).map(({ kind, before: was, after }) => [kind, was?.name, after?.name])).toEqual([['deleted', 'a', undefined], ['updated', 'b', 'b'], ['created', undefined, 'd']]);
  });
});

it('an event is told of a resource by kind and name, whatever else its metadata says', () => {
  const manifest = (kind: string, name: string, specOf: string, labels = ''): Manifest => ({ kind, apiVersion: 'dapr.io/v1alpha1', name, namespace: '', scopes: [], body: { kind, metadata: { name, labels }, spec: { value: specOf } }, path: 'x.yaml', document: 1 });
  const before = [manifest('HTTPEndpoint', 'h', '1'), manifest('Resiliency', 'r', '1'), manifest('Subscription', 's', '1'), manifest('Component', 'c', '1')];
  expect(eventsOf(before, before.toReversed())).toEqual([]);
  expect(eventsOf(before, [manifest('HTTPEndpoint', 'h', '1', 'red'), manifest('Resiliency', 'r', '2'), manifest('MCPServer', 's', '1')])).toEqual([
    { kind: 'Subscription', event: 'DELETED', name: 's' }, { kind: 'Resiliency', event: 'UPDATED', name: 'r' }, { kind: 'MCPServer', event: 'CREATED', name: 's' },
  ]);
});

/** Compartments that keep their contract without any process. What a component comes to is written in its content. */
class FakeCompartments {
  readonly inits = new Map<string, BlockInit>();
  readonly admitted = new Set<string>();
  readonly replaced: string[] = [];
  /** What was not served by the compartment that its calls go to, after any step. */
  readonly gaps = new Set<string>();
  /** Components that have to be served all the time. */
  needed: ReadonlySet<string> = new Set();

  constructor(placements: readonly Placement[]) {
    for (const { name, component, init } of placements) {
      this.inits.set(name, init);
      if (component !== undefined) this.admitted.add(name);
    }
  }

  get target(): RolloutTarget {
    return {
      compartments: {
        byName: (name) => (this.inits.has(name) ? { child: this.#child(name) } : undefined),
        add: (block, component) => {
          const name = `${block}/${component}`;
          if (this.inits.has(name)) throw new Error('it is there already');
          return { child: this.#child(name) };
        },
        admit: (name) => this.#step(() => this.admitted.add(name)),
        remove: async (name) => this.#step(() => {
          this.admitted.delete(name);
          this.inits.delete(name);
        }),
      },
      app: undefined, appState: () => 'down', arrange: (resources) => arranged(resources),
    };
  }

  serving(component: string): ComponentSpec | undefined {
    const name = [...this.admitted].find((one) => one.endsWith(`/${component}`)) ?? 'state';
    return this.inits.get(name)?.components.find((one) => one.name === component);
  }

  #step(change: () => void): void {
    change();
    for (const name of this.needed) if (this.serving(name) === undefined) this.gaps.add(name);
  }

  #child(name: string) {
    return {
      provide: () => undefined, rest: () => undefined, appChanged: () => undefined,
      info: () => ({ components: this.inits.get(name)?.components.map(statusOf) ?? [], lastExit: undefined }) as unknown as ReturnType<ReturnType<RolloutTarget['compartments']['add']>['child']['info']>,
      replace: async (init: BlockInit): Promise<void> => {
        await Promise.resolve();
        if (init.components.some((one) => contentOf(one).startsWith('dies'))) throw new SwapRefused('the next life ended before it was ready');
        const before = this.inits.get(name);
        const was = new Map((before?.components ?? []).map((one) => [one.name, statusOf(one)]));
        const faults = before === undefined ? [] : init.components.map(statusOf).filter(({ name: one, state }) => state !== 'ready' && (was.get(one)?.state === 'ready' || state === 'failed'));
        if (faults.length > 0) throw new SwapRefused('worse than it was', faults);
        this.replaced.push(name);
        this.#step(() => this.inits.set(name, init));
      },
    };
  }
}

function statusOf(one: ComponentSpec): ComponentStatus {
  const { name, type, version } = one;
  const state = contentOf(one).startsWith('bad') ? 'failed' : contentOf(one).startsWith('away') ? 'starting' : 'ready';
  return { name, type, version, state, ...(state === 'ready' ? {} : { reason: `it is ${contentOf(one)}` }), required: true, capabilities: [] };
}

function started(wanted: Wanted): { readonly rollout: Rollout; readonly fake: FakeCompartments; readonly told: Refusal[]; readonly apply: (next: Wanted) => Promise<string[]> } {
  const placements = arranged(wanted);
  const told: Refusal[] = [];
  const fake = new FakeCompartments(placements);
  const rollout = new Rollout(placements, (refusal) => told.push(refusal));
  const apply = async (next: Wanted): Promise<string[]> => (await rollout.apply(resourcesOf(next), fake.target, () => {})).map(({ kind, before, after }) => `${kind} ${(after ?? before)?.name}`);
  return { rollout, fake, told, apply };
}

describe('a rollout', () => {
  it('applies what is good and refuses what is bad, once for each content', async () => {
    const { rollout, fake, told, apply } = started({ components: [spec('a'), spec('b')] });
    expect(await apply({ components: [spec('a', '2'), spec('b', 'bad'), spec('c', 'bad'), spec('d')] })).toEqual(['updated a', 'created d']);
    expect(told).toEqual([{ what: 'b (state.x/v1)', reason: 'it is bad', isNew: false }, { what: 'c (state.x/v1)', reason: 'it is bad', isNew: true }]);
    expect([...rollout.present].map(([name, { spec: one }]) => `${name}${contentOf(one)}`)).toEqual(['a2', 'd', 'b']);
    const swaps = fake.replaced.length;
    expect(await apply({ components: [spec('a', '2'), spec('b', 'bad'), spec('c', 'bad'), spec('d')] })).toEqual([]);
    expect([fake.replaced.length, told.length, rollout.againAtMs]).toEqual([swaps, 2, Infinity]);
    expect(await apply({ components: [spec('a', '2'), spec('b', 'bad again'), spec('d')] })).toEqual([]);
    expect([told.length, rollout.refused.length]).toEqual([3, 1]);
    expect(await apply({ components: [spec('a', '2'), spec('b', '3'), spec('d')] })).toEqual(['updated b']);
    expect(rollout.refused).toEqual([]);
  });

  it('lets a new component in whose backend is away, and keeps one that worked', async () => {
    const { rollout, fake, apply } = started({ components: [spec('a')] });
    expect(await apply({ components: [spec('a', 'away'), spec('b', 'away')] })).toEqual(['created b']);
    expect([contentOf(fake.serving('a') as ComponentSpec), rollout.refused.length]).toEqual(['', 1]);
  });

  it('tries again what may work later, less and less often, and says so once', async () => {
    const { rollout, told, apply } = started({ components: [spec('a')] });
    const now = vi.spyOn(performance, 'now').mockReturnValue(1_000);
    try {
      for (const againAtMs of [6_000, 16_000, 36_000, 76_000, 156_000, 316_000, 616_000, 916_000]) {
        expect(await apply({ components: [spec('a', 'away')] })).toEqual([]);
        expect([rollout.againAtMs, told.length]).toEqual([againAtMs, 1]);
        now.mockReturnValue(againAtMs - 1);
        expect(await apply({ components: [spec('a', 'away')] })).toEqual([]);
        expect(rollout.againAtMs, 'not before its time').toBe(againAtMs);
        now.mockReturnValue(againAtMs);
      }
      expect(await apply({ components: [spec('a', '2')] })).toEqual(['updated a']);
      expect(rollout.againAtMs).toBe(Infinity);
    } finally {
      now.mockRestore();
    }
  });

  it('refuses a whole compartment when no component is to blame', async () => {
    const { rollout, told, apply } = started({ components: [spec('a'), spec('p', '', 'pubsub.x')] });
    expect(await apply({ components: [spec('a', 'dies'), spec('p', '2', 'pubsub.x')] })).toEqual(['updated p']);
    expect(told).toMatchObject([{ what: 'state', reason: 'the next life ended before it was ready' }]);
    expect(await apply({ components: [spec('a', '3'), spec('p', '2', 'pubsub.x')] })).toEqual(['updated a']);
    expect(rollout.refused).toEqual([]);
  });

  it('leaves a component where it is when its new compartment is worse', async () => {
    const { rollout, fake, apply } = started({ components: [spec('a'), spec('b')] });
    expect(await apply({ components: [spec('a', 'bad'), spec('b')], isolated: ['a', 'b'] })).toEqual(['updated b']);
    expect([[...fake.admitted], contentOf(fake.serving('a') as ComponentSpec)]).toEqual([['state/b'], '']);
    expect(await apply({ components: [spec('a', '2'), spec('b', 'bad')], isolated: ['a'] })).toEqual(['updated a']);
    expect([...fake.admitted].sort()).toEqual(['state/a', 'state/b']);
    expect(rollout.refused).toMatchObject([{ what: 'b (state.x/v1)' }]);
    expect(await apply({ components: [spec('a', '2'), spec('b', '2')] })).toEqual(['updated a', 'updated b']);
    expect([...fake.admitted]).toEqual([]);
  });

  it('begins nothing once it is closed', async () => {
    const { rollout, fake, apply } = started({ components: [spec('a')] });
    rollout.close();
    expect([await apply({ components: [spec('a', '2')] }), fake.replaced]).toEqual([[], []]);
  });

  it('comes to what is wanted or to what was, over any changes, and never leaves a component without a place', async () => {
    const component = fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), content: fc.constantFrom('', '1', '2', 'bad', 'away', 'dies'), isolated: fc.boolean() });
    const world = fc.uniqueArray(component, { selector: ({ name }) => name, maxLength: 4 });
    const good = fc.uniqueArray(fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), content: fc.constantFrom('', '1'), isolated: fc.boolean() }), { selector: ({ name }) => name, maxLength: 4 });
    const wantedOf = (items: readonly { readonly name: string; readonly content: string; readonly isolated: boolean }[]): Wanted => ({
      components: items.map(({ name, content }) => spec(name, content)), isolated: items.filter(({ isolated }) => isolated).map(({ name }) => name),
    });
    await fc.assert(fc.asyncProperty(good, fc.array(world, { minLength: 1, maxLength: 5 }), good, async (first, between, last) => {
      const { rollout, fake, apply } = started(wantedOf(first));
      for (const items of [...between, last]) {
        const before = rollout.present;
        fake.needed = new Set([...before.keys()].filter((name) => items.some((item) => item.name === name)));
        await apply(wantedOf(items));
        expect([...fake.gaps]).toEqual([]);
        for (const { name, content } of items) {
          const serving = fake.serving(name);
          const was = before.get(name)?.spec;
          const isWanted = serving !== undefined && contentOf(serving) === content;
          if (!isWanted) expect([name, serving], 'what was').toEqual([name, was]);
        }
        for (const name of before.keys()) if (!items.some((item) => item.name === name) && !items.some(({ content }) => content === 'dies')) expect([name, fake.serving(name)]).toEqual([name, undefined]);
      }
      for (const { name, content, isolated } of last) expect([name, contentOf(fake.serving(name) as ComponentSpec), fake.admitted.has(`state/${name}`)]).toEqual([name, content, isolated]);
      expect([rollout.refused, fake.admitted.size]).toEqual([[], last.filter(({ isolated }) => isolated).length]);
    }), { numRuns: 300 });
  });
});
