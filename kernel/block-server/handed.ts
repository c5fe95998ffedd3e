// What a kernel has handed over: checked for being what it is called, and tried out, before a process is started with it.
import { fstatSync } from 'node:fs';
import { closeAll, isSealedMemory, isSocket } from '../../ipc/handing.ts';
import { mapSegment } from '../../ipc/memory.ts';
import { segmentBytes } from '../../ipc/shared.ts';
import { messageOf } from '../../proto/errors.ts';
import type { Hello } from '../../proto/remote.ts';

export interface Handed {
  readonly socket: number;
  /** Undefined: there are no rings. */
  readonly segment: number | undefined;
  /** Segment and socket of each. */
  readonly lanes: readonly number[];
  /** Why there are no rings although they were offered; `''`: there are, or were not. */
  readonly why: string;
}

/**
 * Closes what will not be used. The rest stays the caller's to close.
 * @throws Error for what is not what it should be; all of it is closed then
 */
export function sortHanded({ rings, lanes, ringBytes }: Hello, descriptors: readonly number[]): Handed {
  try {
    const [socket, ...more] = descriptors;
    const expected = 1 + (rings ? 1 : 0) + 2 * lanes;
    if (socket === undefined || descriptors.length !== expected) throw new Error(`${descriptors.length} descriptors came with it instead of ${expected}`);
    const segment = rings ? more[0] : undefined;
    const laned = rings ? more.slice(1) : more;
    mustBeSocket(socket);
    if (segment !== undefined) mustBeSegment(segment, ringBytes);
    for (let lane = 0; lane < laned.length; lane += 2) {
      mustBeSegment(laned[lane] as number, ringBytes);
      mustBeSocket(laned[lane + 1] as number);
    }
    const why = segment === undefined ? '' : mappingProblem(segment, ringBytes);
    if (why === '') return { socket, segment, lanes: laned, why };
    if (lanes > 0) throw new Error(`lanes for ${lanes} gateways need shared memory: ${why}`);
    closeAll([segment as number]);
    return { socket, segment: undefined, lanes: [], why };
  } catch (cause) {
    closeAll(descriptors);
    throw cause;
  }
}

function mustBeSocket(fd: number): void {
  if (!isSocket(fd)) throw new Error('what should be a socket is none');
}

function mustBeSegment(fd: number, ringBytes: number): void {
  const bytes = segmentBytes(ringBytes);
  // Before anything that a file system answers: one that never does would stop all that is served here.
  if (!isSealedMemory(fd)) throw new Error('what should be memory of a fixed size is something else');
  if (fstatSync(fd).size !== bytes) throw new Error(`what should be ${bytes} bytes of memory is something else`);
}

/** Whether the process could map it: the same program, under the same rules of the system. */
function mappingProblem(fd: number, ringBytes: number): string {
  try {
    mapSegment(fd, segmentBytes(ringBytes)).release();
    return '';
  } catch (cause) {
    return messageOf(cause);
  }
}
