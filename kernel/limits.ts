// What one compartment may use, whatever it does (--block-heap and its like).

export interface Limits {
  /** JavaScript heap in bytes; what is above ends the life. 0: V8's own limit. */
  readonly heapBytes: number;
  /** Resident memory in bytes; above it the life is replaced while it still works. 0: none. */
  readonly memoryBytes: number;
  /** File descriptors. 0: the system's limit. */
  readonly openFiles: number;
  /** Calls without an answer at once, without the streams. */
  readonly openCalls: number;
  /** Bytes that may wait for it. */
  readonly queueBytes: number;
}

const MI = 1024 * 1024;

export const DEFAULT_LIMITS: Limits = { heapBytes: 512 * MI, memoryBytes: 1024 * MI, openFiles: 4_096, openCalls: 32_768, queueBytes: 64 * MI };
