// Handing open descriptors to a process that this one did not start, over a Unix socket, and asking the system who is at the other end
// of one (unix(7): SCM_RIGHTS, SO_PEERCRED). What is handed over needs no name in any directory: a sealed segment of memory stays one
// that nobody else can open and that the receiver can't shrink, which a file in a directory that both see would not be.
//
// A descriptor that was received is closed by whoever took it out, and by nobody else.
import { closeSync } from 'node:fs';
import { loadLibc } from './libc.ts';

// bits/socket.h, linux/un.h, asm-generic/socket.h, asm-generic/errno.h: the same on every architecture that Node is built for
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_PEERCRED = 17;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CTRUNC = 0x8;
const MSG_CMSG_CLOEXEC = 0x40000000;
const F_GET_SEALS = 1034;
const F_SEAL_SHRINK = 2;
const F_SEAL_GROW = 4;
const EAGAIN = 11;
const ERRORS: Readonly<Record<number, string>> = { 2: 'ENOENT: there is no such socket', 13: 'EACCES: it may not be opened by this user', 11: 'EAGAIN: too many others wait for it', 111: 'ECONNREFUSED: nobody listens there', 20: 'ENOTDIR: the path leads through something that is no directory' };

/** `sun_path` with its closing zero. */
const PATH_BYTES = 108;
const FAMILY_BYTES = 2;
/** struct cmsghdr, on the 64-bit systems that Node is built for; descriptors follow. */
const CONTROL_HEADER = 16;
const FD_BYTES = 4;
/** The system's own limit (SCM_MAX_FD). */
export const MOST_DESCRIPTORS = 253;
const CONTROL_BYTES = CONTROL_HEADER + MOST_DESCRIPTORS * FD_BYTES + 4;
/** Of one message. */
export const MOST_HANDED_BYTES = 64 * 1024;

/** Who is at the other end, as the system knows it: when the connection was made, or when the listener began to listen. */
export interface PeerCredentials {
  /** 0 where it lives in another namespace of processes. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * A connected socket that does not block; the caller owns the descriptor. Returns at once: a Unix socket connects or does not.
 * @throws Error that says why not
 */
export function connectUnix(path: string): number {
  const name = Buffer.from(path);
  if (name.length >= PATH_BYTES) throw new Error(`the path of a Unix socket has at most ${PATH_BYTES - 1} bytes, this one has ${name.length}`);
  const c = loadLibc();
  const fd = c.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new Error(`no socket could be made, errno ${c.errno()}`);
  const address = Buffer.alloc(FAMILY_BYTES + PATH_BYTES);
  address.writeUInt16LE(AF_UNIX); // x64 and arm64 are little-endian, like the rings
  name.copy(address, FAMILY_BYTES);
  if (c.connect(fd, address, FAMILY_BYTES + name.length + 1) === 0) return fd;
  const errno = c.errno();
  closeSync(fd);
  throw new Error(ERRORS[errno] ?? `errno ${errno}`);
}

/** @throws Error where the system does not know */
export function peerCredentials(fd: number): PeerCredentials {
  const c = loadLibc();
  const value = new Uint32Array(3);
  if (c.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, new Uint32Array([value.byteLength])) !== 0) throw new Error(`the system does not say who is at the other end, errno ${c.errno()}`);
  const [pid, uid, gid] = value as unknown as readonly [number, number, number];
  return { pid, uid, gid };
}

/**
 * Sends bytes and, with their first, descriptors, all at once. The caller keeps its own and may close them.
 * @param fd a Unix socket that nothing waits in yet.
 * @throws RangeError for more than a message takes, Error when the socket does not take it
 */
export function handOver(fd: number, bytes: Uint8Array, descriptors: readonly number[]): void {
  if (bytes.length === 0 || bytes.length > MOST_HANDED_BYTES) throw new RangeError(`${bytes.length} bytes to hand over: expected 1 to ${MOST_HANDED_BYTES}`);
  if (descriptors.length > MOST_DESCRIPTORS) throw new RangeError(`${descriptors.length} descriptors to hand over: expected at most ${MOST_DESCRIPTORS}`);
  const c = loadLibc();
  const { data, control } = room();
  const length = CONTROL_HEADER + descriptors.length * FD_BYTES;
  data.bytes.set(bytes);
  control.bytes.fill(0);
  control.bytes.writeBigUInt64LE(BigInt(length), 0);
  control.bytes.writeInt32LE(SOL_SOCKET, 8);
  control.bytes.writeInt32LE(SCM_RIGHTS, 12);
  descriptors.forEach((descriptor, index) => control.bytes.writeInt32LE(descriptor, CONTROL_HEADER + index * FD_BYTES));
  const header = headerOf(bytes.length, descriptors.length === 0 ? 0 : aligned(length));
  const sent = c.sendmsg(fd, header, MSG_NOSIGNAL | MSG_DONTWAIT);
  const errno = c.errno();
  data.bytes.fill(0, 0, bytes.length);
  if (sent !== bytes.length) throw new Error(sent < 0 ? `the other end does not take it, errno ${errno}` : `the other end took ${sent} of ${bytes.length} bytes`);
}

/** What was handed over. */
export interface Handed {
  /** Empty: the other end has closed. */
  readonly bytes: Buffer;
  /** The caller's to close. */
  readonly descriptors: readonly number[];
}

/**
 * Takes what lies in the socket, as far as one message goes; undefined: nothing does yet.
 * @param most bytes, at most MOST_HANDED_BYTES.
 * @throws Error when the socket is broken, or more descriptors came than fit: those that did are closed
 */
export function takeHanded(fd: number, most: number = MOST_HANDED_BYTES): Handed | undefined {
  const c = loadLibc();
  const { data, control } = room();
  const header = headerOf(Math.min(most, MOST_HANDED_BYTES), CONTROL_BYTES);
  control.bytes.fill(0);
  const received = c.recvmsg(fd, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (received < 0) {
    const errno = c.errno();
    if (errno === EAGAIN) return undefined;
    throw new Error(`nothing can be received from the other end, errno ${errno}`);
  }
  const bytes = Buffer.from(data.bytes.subarray(0, received));
  data.bytes.fill(0, 0, received);
  const descriptors = descriptorsIn(control.bytes, header.controlLength);
  if ((header.flags & MSG_CTRUNC) !== 0) {
    closeAll(descriptors);
    throw new Error('the other end has sent more descriptors than this process can take');
  }
  return { bytes, descriptors };
}

/** Whether a descriptor is a socket; asks no file system, which might not answer. */
export function isSocket(fd: number): boolean {
  const value = new Uint32Array(1);
  return loadLibc().getsockopt(fd, SOL_SOCKET, SO_TYPE, value, new Uint32Array([value.byteLength])) === 0;
}

/** Whether a descriptor is memory (a memfd) whose size can't change any more; asks no file system either. */
export function isSealedMemory(fd: number): boolean {
  const seals = loadLibc().fcntl(fd, F_GET_SEALS, 0);
  return seals >= 0 && (seals & F_SEAL_SHRINK) !== 0 && (seals & F_SEAL_GROW) !== 0;
}

export function closeAll(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) closeSync(descriptor);
}

/** Walks the list of control messages (cmsg(3)); what is no list of descriptors is nothing to us. */
function descriptorsIn(control: Buffer, length: number): number[] {
  const found: number[] = [];
  for (let at = 0; at + CONTROL_HEADER <= length;) {
    const size = Number(control.readBigUInt64LE(at));
    if (size < CONTROL_HEADER || at + size > length) break;
    if (control.readInt32LE(at + 8) === SOL_SOCKET && control.readInt32LE(at + 12) === SCM_RIGHTS) {
      for (let entry = at + CONTROL_HEADER; entry + FD_BYTES <= at + size; entry += FD_BYTES) found.push(control.readInt32LE(entry));
    }
    at += aligned(size);
  }
  return found;
}

/** Control messages begin at multiples of a word. */
const aligned = (bytes: number): number => (bytes + 7) & ~7;

interface Room {
  readonly data: ReturnType<ReturnType<typeof loadLibc>['allocate']>;
  readonly control: ReturnType<ReturnType<typeof loadLibc>['allocate']>;
}

let rooms: Room | undefined;

/** Used from beginning to end in one turn of the event loop, so one is enough. */
function room(): Room {
  const c = loadLibc();
  return (rooms ??= { data: c.allocate(MOST_HANDED_BYTES), control: c.allocate(CONTROL_BYTES) });
}

function headerOf(bytes: number, controlBytes: number) {
  const { data, control } = room();
  return { name: null, nameLength: 0, iov: [{ base: data.address, length: bytes }], iovCount: 1, control: controlBytes === 0 ? null : control.address, controlLength: controlBytes, flags: 0 } satisfies Parameters<ReturnType<typeof loadLibc>['sendmsg']>[1];
}
