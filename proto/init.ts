// What a block is told when it starts and what it reports back: flat records that cross every channel. They live in the
// vocabulary because the kernel writes them and the blocks read them, and those two never see each other.

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
}

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
  /** Largest request body in bytes; nothing larger arrives and nothing larger may leave. */
  readonly maxBodyBytes: number;
  readonly log: LogSettings;
}
