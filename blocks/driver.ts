// What a component is to a block: its spec as it arrives in `init`, the base contract of every driver, and the few
// typed conditions a driver may raise beside its backend's own errors.

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

/** What every driver offers, whatever its block. */
export interface Driver {
  /** Capability strings as the metadata API lists them, in the contract's order. */
  readonly features: readonly string[];
  /** Releases connections and timers. May be called twice. */
  close(): Promise<void> | void;
}

/** `name (type/version)`, or `name (type)` without a version: how logs and errors name a component. */
export function logName(spec: Pick<ComponentSpec, 'name' | 'type' | 'version'>): string {
  return spec.version === '' ? `${spec.name} (${spec.type})` : `${spec.name} (${spec.type}/${spec.version})`;
}

/**
 * The component's metadata is wrong in a way that no retry mends. The message names the field, the value and what is
 * allowed; the host adds the component's name.
 */
export class InvalidMetadata extends Error {
  override readonly name = 'InvalidMetadata';
}

/** A value that may be ready at once: in-memory drivers answer without a promise, and the host doesn't make one. */
export type Awaitable<T> = T | Promise<T>;
