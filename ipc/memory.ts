// Memory that two processes map: an anonymous file made by the kernel, handed to the child as an inherited descriptor.
// It has no name in any directory, so nobody else can open it and a crash leaves nothing behind.
import { closeSync } from 'node:fs';
import { messageOf } from '../proto/errors.ts';
import { loadLibc } from './libc.ts';

export interface Segment {
  readonly buffer: ArrayBuffer;
  /** Where it lies in this process, for other threads of it: see `viewSegment`. */
  readonly address: bigint;
  /** Unmaps the memory. Views of it become empty first, so a late reader gets nothing instead of a fault. */
  release(): void;
}

export interface OwnedSegment extends Segment {
  /** The descriptor to hand to the child. Close it once the child has it. */
  readonly fd: number;
  closeFd(): void;
}

// linux/memfd.h, sys/mman.h, linux/fcntl.h
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
const F_ADD_SEALS = 1033;
const F_SEAL_SEAL = 1;
const F_SEAL_SHRINK = 2;
const F_SEAL_GROW = 4;

/** Undefined when this machine can map memory; else why not. */
export function sharedMemoryProblem(): string | undefined {
  try {
    loadLibc();
    return undefined;
  } catch (cause) {
    return messageOf(cause);
  }
}

/** Makes a zeroed segment. Its size is sealed: a child can't shrink it under the kernel, which would fault there. */
export function createSegment(bytes: number): OwnedSegment {
  const c = loadLibc();
  const fd = c.memfd_create('bulkhead', MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) throw new Error(`memfd_create failed, errno ${c.errno()}`);
  try {
    if (c.ftruncate(fd, bytes) !== 0) throw new Error(`ftruncate to ${bytes} bytes failed, errno ${c.errno()}`);
    if (c.fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) !== 0) throw new Error(`sealing failed, errno ${c.errno()}`);
    const segment = mapSegment(fd, bytes);
    let open = true;
    const closeFd = (): void => {
      if (open) closeSync(fd);
      open = false;
    };
    return { ...segment, fd, closeFd };
  } catch (cause) {
    closeSync(fd);
    throw cause;
  }
}

/** Maps a segment that somebody else made. The descriptor may be closed afterwards. */
export function mapSegment(fd: number, bytes: number): Segment {
  const c = loadLibc();
  const address = c.mmap(null, bytes, PROT_READ_WRITE, MAP_SHARED, fd, 0);
  if (BigInt.asUintN(64, address) === MAP_FAILED) throw new Error(`mmap of ${bytes} bytes failed, errno ${c.errno()}`);
  const buffer = c.view(address, bytes);
  let mapped = true;
  const release = (): void => {
    if (!mapped) return;
    mapped = false;
    buffer.transfer(0);
    c.munmap(address, bytes);
  };
  return { buffer, address, release };
}

/**
 * A segment that another thread of this process has mapped. That thread unmaps it, after this one has let go: whoever looks at the
 * memory then takes the whole process down.
 */
export function viewSegment(address: bigint, bytes: number): ArrayBuffer {
  return loadLibc().view(address, bytes);
}
