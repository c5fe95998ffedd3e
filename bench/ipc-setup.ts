// What both processes of bench/ipc.ts must agree on.

export const OPTIONS = { ringBytes: 1 << 20, maxFrameBytes: 64 << 20 } as const;
export const SEGMENT_FD = 3;
export const DOORBELL_FD = 4;

/** Route ids: an echo, and the question how much processor time the other process has used, in microseconds. */
export const ECHO = 1;
export const CPU = 2;

/** What crosses Node's own channel. */
export interface Message {
  readonly call: number;
  readonly code: number;
  readonly body: Uint8Array;
}
