// Memory that two processes map: an anonymous file made by the kernel, handed to the child as an inherited descriptor.
// It has no name in any directory, so nobody else can open it and a crash leaves nothing behind.
import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { messageOf } from '../proto/errors.ts';

export interface Segment {
  readonly buffer: ArrayBuffer;
  /** Unmaps the memory. Views of it become empty first, so a late reader gets nothing instead of a fault. */
  release(): void;
}

export interface OwnedSegment extends Segment {
  /** The descriptor to hand to the child. Close it once the child has it. */
  readonly fd: number;
  closeFd(): void;
}

interface Libc {
  memfd_create(name: string, flags: number): number;
  ftruncate(fd: number, bytes: number): number;
  mmap(address: null, bytes: number, protection: number, flags: number, fd: number, offset: number): bigint;
  munmap(address: bigint, bytes: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  errno(): number;
  view(address: bigint, bytes: number): ArrayBuffer;
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

let libc: Libc | undefined;

/** Loads libc on first use: a monolith never pays for it. @throws Error where shared memory can't be had */
function loadLibc(): Libc {
  if (libc !== undefined) return libc;
  if (process.platform !== 'linux') throw new Error(`shared memory needs Linux, this is ${process.platform}`);
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const library = koffi.load(null); // the C library that Node itself runs on, glibc or musl
  libc = {
    memfd_create: library.func('int memfd_create(const char *name, unsigned int flags)'),
    ftruncate: library.func('int ftruncate(int fd, int64_t length)'),
    mmap: library.func('void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)'),
    munmap: library.func('int munmap(void *address, size_t length)'),
    fcntl: library.func('int fcntl(int fd, int command, int argument)'),
    errno: () => koffi.errno(),
    view: (address, bytes) => koffi.view(address, bytes),
  };
  return libc;
}

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
  return { buffer, release };
}
