// The methods that the kernel answers itself, by route: metadata, health, shutdown, actuator.
import type { Log } from '../proto/log.ts';
import { ROUTE } from '../proto/routes.ts';
import { actuatorBlocks, type ShownGateways } from './actuator.ts';
import type { ChildInfo } from './child-info.ts';
import type { Compartments } from './compartments.ts';
import type { AppChannel } from './app/channel.ts';
import type { Config } from './config.ts';
import { enabledFeatures } from './configuration.ts';
import { healthz, healthzOutbound, type HealthSources } from './health.ts';
import { MetadataApi } from './metadata.ts';
import type { ReloadInfo } from './reload/reload.ts';
import { restartBlock } from './restart.ts';
import { shutdownMethod, type ShutdownRequest } from './shutdown.ts';
import type { KernelMethod } from './switch.ts';
import type { World } from './world.ts';

export interface OwnSources {
  readonly config: Config;
  /** What the files say now. */
  readonly world: () => World;
  /** Undefined: changed files are not followed. */
  readonly reload: () => ReloadInfo | undefined;
  readonly log: Log;
  readonly health: HealthSources;
  readonly compartments: Compartments;
  /** Undefined: no application is configured. */
  readonly app: AppChannel | undefined;
  /** Undefined: the kernel's own loop is the gateway. */
  readonly gateways: ShownGateways | undefined;
  readonly onShutdown: (request: ShutdownRequest) => void;
}

export function ownMethods({ config, world, reload, log, health, compartments, app, gateways, onShutdown }: OwnSources): ReadonlyMap<number, KernelMethod> {
  const metadata = new MetadataApi({
    appId: config.appId, version: config.build.version, features: () => enabledFeatures(world().configuration), app: config.app,
    components: () => [...world().resources.components, ...infos(compartments).flatMap(({ components }) => components)],
    subscriptions: () => infos(compartments).flatMap(({ subscriptions }) => subscriptions),
    named: (kind) => world().resources.manifests.filter((manifest) => manifest.kind === kind).map(({ name }) => name),
  });
  return new Map<number, KernelMethod>([
    [ROUTE.GetMetadata.id, metadata.get],
    [ROUTE.SetMetadata.id, metadata.set],
    [ROUTE.Healthz.id, healthz(health)],
    [ROUTE.HealthzOutbound.id, healthzOutbound(health)],
    [ROUTE.Shutdown.id, shutdownMethod(onShutdown)],
    [ROUTE.ActuatorBlocks.id, actuatorBlocks(compartments, app, reload, gateways)],
    [ROUTE.RestartBlock.id, restartBlock(compartments, log)],
  ]);
}

/** Block by block, as they start; of one block the compartment that serves most comes first. One of those that are alike speaks for all. */
function infos(compartments: Compartments): ChildInfo[] {
  const all = compartments.all().filter(({ replica }) => replica === 1);
  const shared = all.filter(({ component }) => component === undefined);
  return shared.flatMap(({ block }) => all.filter((one) => one.block === block)).map(({ child }) => child.info());
}
