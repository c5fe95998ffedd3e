// The methods that the kernel answers itself, by route: metadata, health, shutdown, actuator.
import { ROUTE } from '../proto/routes.ts';
import { actuatorBlocks } from './actuator.ts';
import type { Compartments } from './compartments.ts';
import type { AppChannel } from './app/channel.ts';
import type { Config } from './config.ts';
import { enabledFeatures, type Configuration } from './configuration.ts';
import { healthz, healthzOutbound, type HealthSources } from './health.ts';
import { MetadataApi } from './metadata.ts';
import type { Resources } from './resources.ts';
import { shutdownMethod, type ShutdownRequest } from './shutdown.ts';
import type { KernelMethod } from './switch.ts';

export interface OwnSources {
  readonly config: Config;
  readonly configuration: Configuration;
  readonly resources: Resources;
  readonly health: HealthSources;
  readonly compartments: Compartments;
  /** Undefined: no application is configured. */
  readonly app: AppChannel | undefined;
  readonly onShutdown: (request: ShutdownRequest) => void;
}

export function ownMethods({ config, configuration, resources, health, compartments, app, onShutdown }: OwnSources): ReadonlyMap<number, KernelMethod> {
  const metadata = new MetadataApi({
    appId: config.appId, version: config.build.version, features: enabledFeatures(configuration), app: config.app,
    components: () => [...resources.components, ...health.children().flatMap(({ components }) => components)],
    subscriptions: () => health.children().flatMap(({ subscriptions }) => subscriptions),
    httpEndpoints: namesOf(resources, 'HTTPEndpoint'), resiliencies: namesOf(resources, 'Resiliency'), mcpServers: namesOf(resources, 'MCPServer'),
  });
  return new Map<number, KernelMethod>([
    [ROUTE.GetMetadata.id, metadata.get],
    [ROUTE.SetMetadata.id, metadata.set],
    [ROUTE.Healthz.id, healthz(health)],
    [ROUTE.HealthzOutbound.id, healthzOutbound(health)],
    [ROUTE.Shutdown.id, shutdownMethod(onShutdown)],
    [ROUTE.ActuatorBlocks.id, actuatorBlocks(compartments, app)],
  ]);
}

function namesOf({ manifests }: Resources, kind: string): string[] {
  return manifests.filter((manifest) => manifest.kind === kind).map(({ name }) => name);
}
