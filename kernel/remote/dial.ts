// A connection to a block server: over TCP as tcp.ts says, over a Unix socket only to those who may be there.
import { closeSync } from 'node:fs';
import { connect, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connectUnix, handOver, peerCredentials } from '../../ipc/handing.ts';
import { sharedMemoryProblem } from '../../ipc/memory.ts';
import type { RemoteSettings } from './settings.ts';

/** How long a server may take to let us in. */
const DIAL_MS = 5_000;

/** Whether descriptors can be handed over to what is at this address. */
export function handsOver({ address }: Pick<RemoteSettings, 'address'>): boolean {
  return address.kind === 'unix' && sharedMemoryProblem() === undefined;
}

/**
 * Connects and says the first words, with descriptors.
 * @throws Error that says why not
 */
export function dialHanding(path: string, uids: readonly number[], words: Uint8Array, descriptors: readonly number[]): Duplex {
  const fd = connectUnix(path);
  try {
    const { uid } = peerCredentials(fd);
    if (!uids.includes(uid)) throw new Error(`the socket is served by user ${uid}, who is not among ${uids.join(', ')}: see --remote-uids`);
    handOver(fd, words, descriptors);
    return new Socket({ fd });
  } catch (cause) {
    closeSync(fd);
    throw cause;
  }
}

/** Connects and says the first words. @throws Error (rejects) that says why not */
export async function dial({ address, tls }: Pick<RemoteSettings, 'address' | 'tls'>, words: Uint8Array, signal: AbortSignal): Promise<Duplex> {
  const stream = address.kind === 'unix' ? await dialUnix(address.path, signal) : await (await import('./tcp.ts')).dialTcp({ host: address.host, port: address.port, tls, timeoutMs: DIAL_MS, signal });
  stream.write(words);
  return stream;
}

/** Where the system can't say who is at the other end, the socket's directory has to keep others out. */
function dialUnix(path: string, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, signal });
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}
