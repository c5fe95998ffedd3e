// A lane that was renewed is a channel like any other: the suite of all channels, over one that a gateway has left in mid-flow. Both sides
// are in this process; test/lanes.test.ts has them apart.
import { describe } from 'vitest';
import { mappedLanes } from '../blocks/lanes-mapped.ts';
import type { Channel } from '../ipc/channel.ts';
import { duplicate } from '../ipc/descriptors.ts';
import { Kind } from '../ipc/frame.ts';
import { openLane } from '../ipc/lane.ts';
import { MappedLanes } from '../kernel/lanes/mapped.ts';
import { channelConformance } from './conformance/channel.ts';
import { DEFAULTS, type Near, type PairOptions } from './fixtures/ipc-pairs.ts';
import { frameOf, ROLES, type RoleName } from './fixtures/ipc-roles.ts';

async function openRenewed(role: RoleName, options: Partial<PairOptions> = {}): Promise<Near> {
  const all = { ...DEFAULTS, ...options };
  const lanes = new MappedLanes(1, all);
  const block = mappedLanes(lanes.descriptors.map(duplicate), all);
  lanes.spawned();
  // The first channel plays no role: it is left with frames that nobody took, and with one that it sends itself.
  let far: Channel | undefined;
  block.open((_index, channel) => {
    if (far === undefined) channel.send(frameOf(Kind.DATA, 1, undefined, Buffer.alloc(1_000)));
    else ROLES[role](channel);
    far = channel;
  });
  const left = openLane(lanes.take(0), all);
  for (let call = 1; call < 100; call += 2) left.send(frameOf(Kind.DATA, call, { text: 'from before' }, Buffer.alloc(call * 100)));
  left.close();
  const end = await lanes.renew(0, async () => block.renew?.(0));
  return {
    channel: openLane(end, all),
    async close(): Promise<void> {
      far?.close();
      lanes.close();
    },
  };
}

const NIGHTLY = process.env['CAMPAIGN'] === 'nightly';

// The code of the ring is that of every other channel in shared memory, whose suites run always.
(NIGHTLY ? describe : describe.skip)('in the nightly form (CAMPAIGN=nightly)', () => channelConformance('a renewed lane', openRenewed));
