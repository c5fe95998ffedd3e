// Descriptors that Node has no name for: a pair of sockets, and a second descriptor for what another one is open on. None of them
// reaches a child but through the list that `spawn` is given. They are closed as any other: with `closeSync`, by their one owner.
import { loadLibc } from './libc.ts';

// bits/socket.h, linux/fcntl.h: the same on every architecture that Node is built for
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const F_DUPFD_CLOEXEC = 1030;
/** Standard input, output and error stay what they are, even where one of them is closed. */
const LOWEST = 3;

/** Two sockets that are connected to each other; the caller owns both. @throws Error when there are no descriptors left */
export function socketPair(): readonly [number, number] {
  const c = loadLibc();
  const ends = new Int32Array(2);
  if (c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) !== 0) throw new Error(`socketpair failed, errno ${c.errno()}`);
  return [ends[0] as number, ends[1] as number];
}

/** Another descriptor for the same socket; the caller owns it. @throws Error when there are no descriptors left */
export function duplicate(fd: number): number {
  const c = loadLibc();
  const other = c.fcntl(fd, F_DUPFD_CLOEXEC, LOWEST);
  if (other < 0) throw new Error(`a second descriptor for ${fd} could not be had, errno ${c.errno()}`);
  return other;
}
