// What a thread of a block is told when it starts, by the kernel, which never sees its code.
import type { MessagePort } from 'node:worker_threads';
import type { LogSettings } from './init.ts';

/** A block's end of a lane in shared memory; which lane it is, counts from 0. */
export interface BlockLane {
  readonly index: number;
  /** Laid out by the kernel. */
  readonly segment: SharedArrayBuffer;
  /** Its doorbell; it changes hands. */
  readonly port: MessagePort;
}

/** The lanes of a block that lives in the kernel's process. */
export interface BlockLanes {
  readonly lanes: readonly BlockLane[];
  /** A BlockLane comes here in place of one whose gateway has died. It changes hands. */
  readonly renewals: MessagePort;
}

export interface ThreadTask {
  readonly block: string;
  /** The compartment's name, for what is said of it. */
  readonly name: string;
  /** The segment of its channel, laid out by the kernel. */
  readonly segment: SharedArrayBuffer;
  /** The doorbell of its channel; it changes hands with the task. */
  readonly port: MessagePort;
  /** Absent: calls come over its channel, too. */
  readonly lanes?: BlockLanes;
  /** Of its channel, and of each lane. */
  readonly ringBytes: number;
  readonly maxFrameBytes: number;
  /** Descriptor that log lines go to. */
  readonly logFd: number;
  readonly logging: LogSettings;
}

/** Name of the function that a thread's entry exports: it takes a ThreadTask and resolves when the block has ended in order. */
export const THREAD_ENTRY = 'serveThread';
