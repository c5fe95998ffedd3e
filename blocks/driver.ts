// What a component is to a block: its spec as it arrives in `init`, the base contract of every driver, and the few
// typed conditions a driver may raise beside its backend's own errors.

export { logName, type ComponentSpec, type MetadataItem } from '../proto/init.ts';

/** What every driver offers, whatever its block. */
export interface Driver {
  /** Capability strings as the metadata API lists them, in the contract's order. */
  readonly features: readonly string[];
  /**
   * Present where data lives in this driver alone: hands it (blocks/checkpoints.ts) to the same component of the next life,
   * which takes over in a moment; and changes nothing, because that may come to nothing. No call is under way. May throw
   * where there is too much of it.
   */
  handOver?(): void;
  /** Releases connections and timers. May be called twice. */
  close(): Promise<void> | void;
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
