// `--trace-ipc`: a line for each frame between the kernel and its blocks, on standard error.
import type { Channel } from '../ipc/channel.ts';
import { traceChannel } from '../ipc/trace.ts';

/** @param block names the lines. */
export function wrapTrace(block: string): (channel: Channel) => Channel {
  return (channel) => traceChannel(channel, block, (line) => process.stderr.write(`${line}\n`));
}
