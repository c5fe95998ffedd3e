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
  socket(domain: number, type: number, protocol: number): number;
  /** @param address a `sockaddr`, as it lies in memory. */
  connect(fd: number, address: Uint8Array, bytes: number): number;
  /** @param value room for `length[0]` bytes, of which it says how many were used. */
  getsockopt(fd: number, level: number, option: number, value: Uint32Array, length: Uint32Array): number;
  setsockopt(fd: number, level: number, option: number, value: Uint32Array, length: number): number;
  /** @returns bytes, or -1 */
  sendmsg(fd: number, message: MessageHeader, flags: number): number;
  /** As above. What came with the bytes lies in `control`; `controlLength` of the header says how much. */
  recvmsg(fd: number, message: MessageHeader, flags: number): number;
  /** These three have no functions of their own in the library, but numbers. @param attributes `landlock_ruleset_attr`, or null for the version @returns a descriptor, or the version */
  landlock_create_ruleset(attributes: Uint8Array | null, bytes: number, flags: number): number;
  /** @param rule `landlock_path_beneath_attr` */
  landlock_add_rule(ruleset: number, type: number, rule: Uint8Array): number;
  landlock_restrict_self(ruleset: number): number;
  errno(): number;
  /** Memory that stays where it is for as long as this process lives, zeroed: for what C is told the address of. */
  allocate(bytes: number): { readonly address: unknown; readonly bytes: Buffer };
  view(address: bigint, bytes: number): ArrayBuffer;
}

/** struct msghdr, with memory of `allocate` only: what it names has to stay where it is. */
export interface MessageHeader {
  readonly name: null;
  readonly nameLength: 0;
  readonly iov: readonly [{ readonly base: unknown; readonly length: number }];
  readonly iovCount: 1;
  readonly control: unknown;
  controlLength: number;
  flags: number;
}

let libc: Libc | undefined;

/** Loads libc on first use: a monolith never pays for it. @throws Error where shared memory can't be had */
export function loadLibc(): Libc {
  if (libc !== undefined) return libc;
  if (process.platform !== 'linux') throw new Error(`shared memory needs Linux, this is ${process.platform}`);
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const library = koffi.load(null); // the C library that Node itself runs on, glibc or musl
  koffi.struct('iovec', { base: 'void *', length: 'size_t' });
  koffi.struct('msghdr', { name: 'void *', nameLength: 'uint32_t', iov: 'iovec *', iovCount: 'size_t', control: 'void *', controlLength: 'size_t', flags: 'int' });
  libc = {
    memfd_create: library.func('int memfd_create(const char *name, unsigned int flags)'),
    ftruncate: library.func('int ftruncate(int fd, int64_t length)'),
    mmap: library.func('void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)'),
    munmap: library.func('int munmap(void *address, size_t length)'),
    fcntl: library.func('int fcntl(int fd, int command, int argument)'),
    socketpair: library.func('int socketpair(int domain, int type, int protocol, _Out_ int *ends)'),
    prctl: library.func('int prctl(int option, unsigned long argument, unsigned long a3, unsigned long a4, unsigned long a5)'),
    setrlimit: library.func('int setrlimit(int resource, const uint64_t *limits)'),
    socket: library.func('int socket(int domain, int type, int protocol)'),
    connect: library.func('int connect(int fd, const uint8_t *address, uint32_t length)'),
    getsockopt: library.func('int getsockopt(int fd, int level, int name, _Out_ uint32_t *value, _Inout_ uint32_t *length)'),
    setsockopt: library.func('int setsockopt(int fd, int level, int name, const uint32_t *value, uint32_t length)'),
    sendmsg: library.func('int64_t sendmsg(int fd, const msghdr *message, int flags)'),
    recvmsg: library.func('int64_t recvmsg(int fd, _Inout_ msghdr *message, int flags)'),
    ...landlock(library),
    errno: () => koffi.errno(),
    allocate: (bytes) => {
      const address: unknown = koffi.alloc('uint8_t', bytes);
      const view = Buffer.from(koffi.view(address, bytes));
      return { address, bytes: view.fill(0) };
    },
    view: (address, bytes) => koffi.view(address, bytes),
  };
  return libc;
}

/** asm-generic/unistd.h: the same numbers on every architecture that Node is built for. */
function landlock(library: { func(prototype: string): (...values: never[]) => unknown }): Pick<Libc, 'landlock_create_ruleset' | 'landlock_add_rule' | 'landlock_restrict_self'> {
  const create = library.func('int64_t syscall(int64_t number, const uint8_t *attributes, size_t size, uint32_t flags)') as (number: number, attributes: Uint8Array | null, bytes: number, flags: number) => number;
  const add = library.func('int64_t syscall(int64_t number, int ruleset, int type, const uint8_t *rule, uint32_t flags)') as (number: number, ruleset: number, type: number, rule: Uint8Array, flags: number) => number;
  const restrict = library.func('int64_t syscall(int64_t number, int ruleset, uint32_t flags)') as (number: number, ruleset: number, flags: number) => number;
  return {
    landlock_create_ruleset: (attributes, bytes, flags) => create(444, attributes, bytes, flags),
    landlock_add_rule: (ruleset, type, rule) => add(445, ruleset, type, rule, 0),
    landlock_restrict_self: (ruleset) => restrict(446, ruleset, 0),
  };
}
