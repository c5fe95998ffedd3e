// What a block is told when it starts and what it reports back: flat records that cross every channel. They live in the
// vocabulary because the kernel writes them and the blocks read them, and those two never see each other.
import type { ComponentResiliency } from './resiliency.ts';

/** One entry of a component's `spec.metadata`, secrets and templates already resolved by the kernel. */
export interface MetadataItem {
  readonly name: string;
  readonly value: string;
  /** Set when the value came from a secret: the `secretKeyRef.name`. Encryption at rest stores it beside the data. */
  readonly secretName?: string;
}

/** A configured, named instance of a driver (contract: resources, component manifest). Flat data: it crosses the channel. */
export interface ComponentSpec {
  readonly name: string;
  /** `<category>.<implementation>`, e.g. `state.redis`. */
  readonly type: string;
  /** As written in the manifest; `''`, `v0` and `v1` mean the same. */
  readonly version: string;
  readonly metadata: readonly MetadataItem[];
  /** True: a failure of this component does not count for readiness. */
  readonly ignoreErrors: boolean;
  readonly initTimeoutMs: number;
  /** True: a value was written with `{namespace}`, which gives a broker's topics the namespace as a prefix. */
  readonly namespaceScoped?: boolean;
  /** What happens to the sidecar when it can't start, where its manifest says so; else the flag does. */
  readonly initFailure?: InitFailure;
  /** The policies for calls of its driver; absent: none applies. */
  readonly resiliency?: ComponentResiliency;
}

/** `degrade`: everything else serves. `exit`: the sidecar ends. */
export type InitFailure = 'degrade' | 'exit';

/** `name (type/version)`, or `name (type)` without a version: how logs and errors name a component. */
export function logName(spec: Pick<ComponentSpec, 'name' | 'type' | 'version'>): string {
  return spec.version === '' ? `${spec.name} (${spec.type})` : `${spec.name} (${spec.type}/${spec.version})`;
}

/** A component as the kernel reports it in metadata, health and `/actuator/blocks`. Flat data. */
export interface ComponentStatus {
  readonly name: string;
  readonly type: string;
  readonly version: string;
  readonly state: 'starting' | 'ready' | 'failed';
  /** Why it is not ready; absent when it is. */
  readonly reason?: string;
  /** False: counts not for readiness. */
  readonly required: boolean;
  /** As in its ComponentSpec. */
  readonly initFailure?: InitFailure;
  readonly capabilities: readonly string[];
}

/** How a process of the sidecar logs; the kernel's own settings travel to its blocks. */
export interface LogSettings {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  readonly json: boolean;
  readonly appId: string;
  readonly instance: string;
  readonly version: string;
}

/** What `init` brings: everything a block needs. A block reads no file and no environment of the kernel's. */
export interface BlockInit {
  readonly block: string;
  readonly appId: string;
  /** The sidecar's own namespace; `''` when none is set. */
  readonly namespace: string;
  readonly components: readonly ComponentSpec[];
  /** Names of components of this block's kind that have compartments of their own: they exist, and this life does not serve them. */
  readonly elsewhere: readonly string[];
  /** True: this life is the compartment of the one component it has, and what is said of any other name is for another life to judge. */
  readonly isolated?: true;
  /** Lives that serve the same components at once, this one among them; absent: it is the only one, and what it keeps is all there is. */
  readonly replicas?: number;
  /** What its log lines call it; absent: by its block's name. */
  readonly compartment?: string;
  /** Largest request body in bytes; nothing larger arrives and nothing larger may leave. */
  readonly maxBodyBytes: number;
  readonly log: LogSettings;
  /** Absent: there is no application to call. */
  readonly app?: AppSettings;
  readonly tracing: TracingSettings;
  /** Declared in manifests, for this application, in load order. Only the pubsub block has any. */
  readonly subscriptions: readonly SubscriptionSpec[];
  /** Absent: nothing is counted. */
  readonly metrics?: MetricsInit;
}

/** How the application is spoken to. Where it is and what it is sent as a token is the kernel's business. */
export interface AppSettings {
  readonly protocol: 'http' | 'grpc';
  /** Whether it is asked for its subscriptions. */
  readonly askSubscriptions: boolean;
  /** True: its health is probed. Absent: it counts as up for good once it has been seen. */
  readonly probed?: true;
}

/** Contract: observability, trace context. */
export interface TracingSettings {
  /** Share of new traces that are sampled, 0 to 1. Absent: no span is ever made, and a trace context passes unchanged. */
  readonly samplingRate?: number;
}

/** Contract: metrics configuration. What the labels are called and who shows them is the kernel's business. */
export interface MetricsInit {
  /** Upper bounds in milliseconds; empty: the default ones. */
  readonly latencyBuckets: readonly number[];
  readonly recordErrorCodes: boolean;
}

/** A subscription somebody asked for (contract: subscriptions, sources and precedence). Flat data. */
export interface SubscriptionSpec {
  readonly pubsubName: string;
  readonly topic: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order they are tried; the default route is the last one. Never empty. */
  readonly rules: readonly SubscriptionRule[];
  /** `''`: none. */
  readonly deadLetterTopic: string;
  readonly bulk: BulkSettings;
}

export interface SubscriptionRule {
  /** A CEL expression; `''` is always true. */
  readonly match: string;
  readonly path: string;
}

export interface BulkSettings {
  readonly enabled: boolean;
  /** 0: the component's default. */
  readonly maxMessagesCount: number;
  /** 0: the component's default. */
  readonly maxAwaitDurationMs: number;
}

/** A subscription as the metadata API lists it, whether or not it runs. Flat data. */
export interface SubscriptionStatus {
  readonly pubsubName: string;
  readonly topic: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly rules: readonly SubscriptionRule[];
  readonly deadLetterTopic: string;
  readonly type: 'DECLARATIVE' | 'PROGRAMMATIC' | 'STREAMING';
}
