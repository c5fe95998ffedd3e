// Every transport is a channel.
import { channelConformance } from './conformance/channel.ts';
import { PAIRS } from './fixtures/ipc-pairs.ts';

for (const [name, open] of PAIRS) channelConformance(name, open);
