// One line for each frame of a channel; for `--trace-ipc`.
import type { Channel } from './channel.ts';

export function traceChannel(channel: Channel, _label: string, _print: (line: string) => void): Channel {
  return channel;
}
