// A sidecar's files as tests change them, and what can be seen of it.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './awaiting.ts';
import { manifestOf, type BlockRow, type ComponentManifest, type Sidecar } from './sidecar.ts';

export interface Actuator {
  readonly blocks: readonly (BlockRow & { readonly name: string })[];
  readonly reload?: { readonly applied: number; readonly refused: readonly { readonly what: string; readonly reason: string }[] };
}

export const MEMORY: ComponentManifest = { name: 'memory', type: 'state.in-memory' };
export const declared = (topic: string, path: string): string => JSON.stringify({ apiVersion: 'dapr.io/v2alpha1', kind: 'Subscription', metadata: { name: 's' }, spec: { pubsubname: 'pubsub', topic, routes: { default: path } } });
export const configurationOf = (spec: object): string => JSON.stringify({ apiVersion: 'dapr.io/v1alpha1', kind: 'Configuration', metadata: { name: 'settings' }, spec });
export const write = (sidecar: Sidecar, name: string, content: ComponentManifest | string): void => writeFileSync(join(sidecar.resources, name), typeof content === 'string' ? content : manifestOf(content));
export const remove = (sidecar: Sidecar, name: string): void => rmSync(join(sidecar.resources, name));
export const actuator = async (sidecar: Sidecar): Promise<Actuator> => JSON.parse((await sidecar.client.get('/actuator/blocks')).body) as Actuator;
export const refused = async (sidecar: Sidecar): Promise<string[]> => ((await actuator(sidecar)).reload?.refused ?? []).map(({ what, reason }) => `${what}: ${reason}`);
export const listed = async (sidecar: Sidecar): Promise<string[]> => (((await sidecar.metadata())['components'] ?? []) as { name: string; type: string }[]).map(({ name, type }) => `${name} ${type}`).sort();
export const lists = (sidecar: Sidecar, ...components: string[]): Promise<unknown> => eventually(`the components are ${components.join(', ')}`, async () => JSON.stringify(await listed(sidecar)) === JSON.stringify(components.sort()));
export const logged = (sidecar: Sidecar, text: string, from = 0): Promise<string> => sidecar.logs.waitFor(new RegExp(`msg="?.*${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`), 10_000, from);
