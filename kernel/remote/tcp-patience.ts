// How long a connection may be dead without anybody knowing. Nothing ticks here: the system asks.
import type { Socket } from 'node:net';
import { loadLibc } from '../../ipc/libc.ts';

/** An idle connection is asked whether it is still there after so long, then once a second (socket(7): SO_KEEPALIVE, libuv's interval). */
export const KEEPALIVE_MS = 10_000;
/** What was sent and is not acknowledged, or a question that is not answered, ends it after so long; else the system would repeat it for a quarter of an hour. */
export const UNANSWERED_MS = 20_000;

// linux/in.h, linux/tcp.h
const IPPROTO_TCP = 6;
const TCP_USER_TIMEOUT = 18;
const INT_BYTES = 4;

/**
 * A server that does not notice that the network is cut would keep the process of a kernel that has long dialled anew, and that process the
 * messages it has taken.
 */
export function limitPatience(socket: Socket): void {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEPALIVE_MS);
  const fd = (socket as { _handle?: { fd?: unknown } })._handle?.fd; // Node has no public name for it
  if (process.platform !== 'linux' || typeof fd !== 'number' || fd < 0) return;
  try {
    loadLibc().setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, new Uint32Array([UNANSWERED_MS]), INT_BYTES);
  } catch {
    // where libc can't be called the system's own patience counts
  }
}
