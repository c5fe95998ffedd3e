// The C library, as far as it is called from here. Calls into C can end the process: each is named in this file, with its types.
import { createRequire } from 'node:module';

export interface Libc {
  memfd_create(name: string, flags: number): number;
  ftruncate(fd: number, bytes: number): number;
  mmap(address: null, bytes: number, protection: number, flags: number, fd: number, offset: number): bigint;
  munmap(address: bigint, bytes: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  /** Writes two descriptors, and no more. @param ends room for both */
  socketpair(domain: number, type: number, protocol: number, ends: Int32Array): number;
  prctl(option: number, argument: number, _3: number, _4: number, _5: number): number;
  /** @param limits the soft and the hard one. */
  setrlimit(resource: number, limits: BigUint64Array): number;
  errno(): number;
  view(address: bigint, bytes: number): ArrayBuffer;
}

let libc: Libc | undefined;

/** Loads libc on first use: a monolith never pays for it. @throws Error where shared memory can't be had */
export function loadLibc(): Libc {
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
    socketpair: library.func('int socketpair(int domain, int type, int protocol, _Out_ int *ends)'),
    prctl: library.func('int prctl(int option, unsigned long argument, unsigned long a3, unsigned long a4, unsigned long a5)'),
    setrlimit: library.func('int setrlimit(int resource, const uint64_t *limits)'),
    errno: () => koffi.errno(),
    view: (address, bytes) => koffi.view(address, bytes),
  };
  return libc;
}
