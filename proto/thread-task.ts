// What a thread of a block is told when it starts, by the kernel, which never sees its code.
import type { MessagePort } from 'node:worker_threads';
import type { LogSettings } from './init.ts';

export interface ThreadTask {
  readonly block: string;
  /** The compartment's name, for what is said of it. */
  readonly name: string;
  /** The segment of its channel, laid out by the kernel. */
  readonly segment: SharedArrayBuffer;
  /** The doorbell of its channel; it changes hands with the task. */
  readonly port: MessagePort;
  readonly ringBytes: number;
  readonly maxFrameBytes: number;
  /** Descriptor that log lines go to. */
  readonly logFd: number;
  readonly logging: LogSettings;
}

/** Name of the function that a thread's entry exports: it takes a ThreadTask and resolves when the block has ended in order. */
export const THREAD_ENTRY = 'serveThread';
