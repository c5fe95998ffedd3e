// Changed files over a block that runs several times: its lives change one after the other, and the first decides what a component may become.
import { describe, expect, it, vi } from 'vitest';
import { arrange, type Placement } from '../kernel/arrangement.ts';
import { parseCommandLine, type Config } from '../kernel/config.ts';
import { Rollout, type RolloutTarget } from '../kernel/reload/rollout.ts';
import type { Resources } from '../kernel/resources.ts';
import { SwapRefused } from '../kernel/swap.ts';
import type { BlockInit, ComponentStatus } from '../proto/init.ts';
import { componentSpec } from './support.ts';

const config = ((): Config => {
  const answer = parseCommandLine(['--app-id=a', '--replicas=state=3'], {}, { blocks: ['state', 'pubsub'] });
  if ('exit' in answer) throw new Error(answer.stderr);
  return answer.config;
})();

function resourcesOf(host: string): Resources {
  return {
    blocks: new Map([['state', [componentSpec('state.redis', { redisHost: host }, 'orders'), componentSpec('state.in-memory', {}, 'own')]], ['pubsub', []]]), isolated: new Set(['own']),
    subscriptions: [], secretStores: new Map(), components: [], parked: [], unserved: [], manifests: [], resiliencies: [], refused: [], uuids: new Map(), notices: [],
  };
}

const arranged = (resources: Resources): readonly Placement[] => arrange(config, { tracing: {} } as Parameters<typeof arrange>[1], resources);
const hostIn = ({ components }: BlockInit): string => components.find(({ name }) => name === 'orders')?.metadata[0]?.value ?? '';

/** Compartments that take what they are told, unless `refusing` says of whom not. */
function started(refusing: (name: string, host: string) => boolean) {
  const placements = arranged(resourcesOf('one'));
  const told = new Map(placements.map(({ name, init }) => [name, init]));
  const tried: string[] = [];
  let underWay = 0;
  let most = 0;
  const status: ComponentStatus = { name: 'orders', type: 'state.redis', version: 'v1', state: 'starting', reason: 'no such host', required: true, capabilities: [] };
  const target: RolloutTarget = {
    compartments: {
      byName: (name) => ({ child: {
        info: () => ({ components: [] }) as unknown as ReturnType<NonNullable<ReturnType<RolloutTarget['compartments']['byName']>>['child']['info']>,
        replace: async (init) => {
          tried.push(`${name} ${hostIn(init)}`);
          most = Math.max(most, ++underWay);
          await new Promise(setImmediate);
          underWay--;
          if (refusing(name, hostIn(init))) throw new SwapRefused('component orders: no such host', [status]);
          told.set(name, init);
        },
      } }),
      add: () => { throw new Error('nothing is added'); }, admit: () => {}, remove: async () => {},
    },
    app: undefined, appState: () => 'down', arrange: arranged,
  };
  const rollout = new Rollout(placements, () => {});
  const apply = (host: string): Promise<unknown> => rollout.apply(resourcesOf(host), target, () => {});
  const hosts = (): string[] => ['state', 'state#2', 'state#3'].map((name) => hostIn(told.get(name) as BlockInit));
  return { rollout, apply, tried, hosts, most: () => most };
}

describe('a block that runs three times', () => {
  it('is three compartments that are told the same, but what they are called', () => {
    const [first, second, third, own] = arranged(resourcesOf('one')).filter(({ block }) => block === 'state') as [Placement, Placement, Placement, Placement];
    expect([first, second, third, own].map(({ name, replica, component }) => [name, replica, component])).toEqual([['state', 1, undefined], ['state#2', 2, undefined], ['state#3', 3, undefined], ['state/own', 1, 'own']]);
    expect([first, second, own].map(({ init }) => [init.replicas, init.compartment])).toEqual([[3, undefined], [3, 'state#2'], [undefined, 'state/own']]);
    expect({ ...second.init, compartment: undefined }).toEqual({ ...first.init, compartment: undefined });
  });

  it('changes one after the other', async () => {
    const { apply, tried, hosts, most, rollout } = started(() => false);
    await apply('two');
    expect([tried, hosts(), most(), rollout.refused]).toEqual([['state two', 'state#2 two', 'state#3 two'], ['two', 'two', 'two'], 1, []]);
  });

  it('stays as it is, as a whole, when the first refuses a component', async () => {
    const { apply, tried, hosts, rollout } = started((_name, host) => host === 'two');
    await apply('two');
    expect([tried, hosts()]).toEqual([['state two'], ['one', 'one', 'one']]);
    expect(rollout.refused).toMatchObject([{ what: 'orders (state.redis/v1)', reason: 'no such host' }]);
    await apply('three');
    expect([hosts(), rollout.refused]).toEqual([['three', 'three', 'three'], []]);
  });

  it('goes on with another one that refuses what the first has taken, and tries it again', async () => {
    let refuses = true;
    const { apply, tried, hosts, rollout } = started((name) => refuses && name === 'state#2');
    const now = vi.spyOn(performance, 'now').mockReturnValue(1_000);
    try {
      await apply('two');
      expect([tried, hosts()]).toEqual([['state two', 'state#2 two', 'state#3 two'], ['two', 'one', 'two']]);
      expect(rollout.refused).toMatchObject([{ what: 'state#2', reason: 'component orders: no such host' }]);
      await apply('two');
      expect(tried, 'not before its time').toHaveLength(3);
      refuses = false;
      now.mockReturnValue(rollout.againAtMs);
      await apply('two');
      expect([tried.slice(3), hosts(), rollout.refused]).toEqual([['state#2 two'], ['two', 'two', 'two'], []]);
    } finally {
      now.mockRestore();
    }
  });
});
