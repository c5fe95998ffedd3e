// The metadata API: what this sidecar is and runs (contract: metadata response).
import { formatDurationMs } from '../proto/duration.ts';
import { escapeHtml } from '../proto/gojson.ts';
import type { ComponentStatus, SubscriptionRule, SubscriptionStatus } from '../proto/init.ts';
import type { AppConfig } from './config.ts';
import type { KernelMethod } from './switch.ts';

export interface MetadataSources {
  readonly appId: string;
  readonly version: string;
  readonly features: () => readonly string[];
  readonly app: AppConfig;
  /** All components, in load order; only those that run are listed. */
  readonly components: () => readonly ComponentStatus[];
  /** All subscriptions, also those that can't run. */
  readonly subscriptions: () => readonly SubscriptionStatus[];
  /** Names of the other resources of a kind. */
  readonly named: (kind: 'HTTPEndpoint' | 'Resiliency' | 'MCPServer') => readonly string[];
}

/** Keys that PUT may add; upstream has no limit, but nothing a caller controls grows without one here. */
const MAX_EXTENDED = 10_000;
/** Of all keys and values. UTF-16 units. */
const MAX_EXTENDED_LENGTH = 4 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);

export class MetadataApi {
  readonly #sources: MetadataSources;
  readonly #extended = new Map<string, string>();
  #extendedLength = 0;

  constructor(sources: MetadataSources) {
    this.#sources = sources;
    this.#extended.set('daprRuntimeVersion', sources.version);
  }

  readonly get: KernelMethod = async ({ http }, answer) => {
    if (http) answer.onAnswer(200, undefined, Buffer.from(escapeHtml(JSON.stringify(this.#document()))));
    else answer.onAnswer(0, undefined, await this.#message());
  };

  readonly set: KernelMethod = async ({ http, params, body }, answer) => {
    const [key, value] = http ? [params[0] ?? '', Buffer.from(body).toString()] : await decodeSet(body);
    if (key !== '') {
      if (this.#extended.size >= MAX_EXTENDED && !this.#extended.has(key)) throw new Error(`metadata holds ${MAX_EXTENDED} keys already`);
      const length = this.#extendedLength + value.length - (this.#extended.get(key)?.length ?? -key.length);
      if (length > MAX_EXTENDED_LENGTH) throw new Error(`metadata has no room for ${key.slice(0, 100)}: all keys and values may have ${MAX_EXTENDED_LENGTH} characters together`);
      this.#extendedLength = length;
      this.#extended.set(key, value);
    }
    answer.onAnswer(http ? 204 : 0, undefined, NOTHING);
  };

  #listed(): ComponentStatus[] {
    return this.#sources.components().filter(({ state }) => state === 'ready');
  }

  #document(): object {
    const { appId, version, features, app, named } = this.#sources;
    const components = this.#listed().map(({ name, type, version: componentVersion, capabilities }) => ({
      name, type, ...(componentVersion === '' ? {} : { version: componentVersion }), ...(capabilities.length === 0 ? {} : { capabilities }),
    }));
    return {
      id: appId,
      runtimeVersion: version,
      ...listed('enabledFeatures', features()),
      ...listed('components', components),
      extended: Object.fromEntries([...this.#extended].sort(([a], [b]) => (a < b ? -1 : 1))),
      ...listed('subscriptions', this.#sources.subscriptions().map(subscribed)),
      ...listed('httpEndpoints', named('HTTPEndpoint').map(withName)),
      appConnectionProperties: appProperties(app),
      actorRuntime: { runtimeStatus: 'DISABLED', hostReady: false, placement: 'placement: disconnected' },
      ...listed('mcpServers', named('MCPServer').map(withName)),
      ...listed('resiliencies', named('Resiliency').map(withName)),
    };
  }

  async #message(): Promise<Uint8Array> {
    const { appId, version, features, app, named } = this.#sources;
    // Loaded when it is first asked for: the kernel decodes nothing on its way to being ready.
    const { GetMetadataResponse, ActorRuntime_ActorRuntimeStatus, PubsubSubscriptionType } = await import('../proto/gen/dapr/proto/runtime/v1/metadata.ts');
    const { port, protocol, channelAddress, maxConcurrency, health } = appProperties(app);
    return GetMetadataResponse.encode({
      id: appId,
      activeActorsCount: [],
      registeredComponents: this.#listed().map((component) => ({ name: component.name, type: component.type, version: component.version, capabilities: [...component.capabilities] })),
      extendedMetadata: new Map(this.#extended),
      subscriptions: this.#sources.subscriptions().map(({ pubsubName, topic, metadata, rules, deadLetterTopic, type }) => ({
        pubsubName, topic, metadata: new Map(Object.entries(metadata)), rules: { rules: rules.map(({ match, path }) => ({ match, path })) }, deadLetterTopic, type: PubsubSubscriptionType[type],
      })),
      httpEndpoints: named('HTTPEndpoint').map(withName),
      appConnectionProperties: {
        port: port ?? 0, protocol: protocol ?? '', channelAddress: channelAddress ?? '', maxConcurrency: maxConcurrency ?? 0,
        health: health === undefined ? undefined : { healthCheckPath: '', ...health },
      },
      runtimeVersion: version,
      enabledFeatures: [...features()],
      actorRuntime: { runtimeStatus: ActorRuntime_ActorRuntimeStatus.DISABLED, activeActors: [], hostReady: false, placement: 'placement: disconnected' },
      scheduler: undefined,
      mcpServers: named('MCPServer').map(withName),
      resiliencies: named('Resiliency').map(withName),
      workflows: { connectedWorkers: 0 }, // always there over gRPC, left out over HTTP
      workflowAccessPolicies: [],
    }).finish();
  }
}

async function decodeSet(body: Uint8Array): Promise<[key: string, value: string]> {
  const { SetMetadataRequest } = await import('../proto/gen/dapr/proto/runtime/v1/metadata.ts');
  const { key, value } = SetMetadataRequest.decode(body);
  return [key, value];
}

function appProperties({ port, protocol, address, maxConcurrency, health }: AppConfig) {
  const isHttp = protocol === 'http' || protocol === 'https' || protocol === 'h2c';
  return {
    ...(port === 0 ? {} : { port }),
    protocol,
    channelAddress: address,
    ...(maxConcurrency === 0 ? {} : { maxConcurrency }),
    ...(health.enabled
      ? { health: { ...(isHttp ? { healthCheckPath: health.path } : {}), healthProbeInterval: formatDurationMs(health.intervalMs), healthProbeTimeout: formatDurationMs(health.timeoutMs), healthThreshold: health.threshold } }
      : {}),
  };
}

/** A subscription in JSON: empty members are left out, but for the last two. */
function subscribed({ pubsubName, topic, metadata, rules, deadLetterTopic, type }: SubscriptionStatus): object {
  return {
    ...filled('pubsubname', pubsubName), ...filled('topic', topic), ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...listed('rules', rules.map(({ match, path }: SubscriptionRule) => ({ ...filled('match', match), ...filled('path', path) }))), deadLetterTopic, type,
  };
}

const filled = (name: string, text: string): Record<string, string> => (text === '' ? {} : { [name]: text });

const withName = (name: string): { name: string } => ({ name });

/** A member that is left out when it is empty. */
function listed(name: string, values: readonly unknown[]): Record<string, readonly unknown[]> {
  return values.length === 0 ? {} : { [name]: values };
}
