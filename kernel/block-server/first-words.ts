// The first words of whoever connects, and the descriptors that came with them. They have to be taken before Node reads from the socket,
// because Node's way of reading drops descriptors.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeAll, MOST_DESCRIPTORS, peerCredentials, takeHanded, type PeerCredentials } from '../../ipc/handing.ts';
import { firstWord, WordReader } from '../../ipc/link.ts';
import { sharedMemoryProblem } from '../../ipc/memory.ts';
import { asKernelWord, LONGEST_WORD, type KernelWord } from '../../proto/remote.ts';

export interface FirstWords {
  readonly word: KernelWord;
  /** What came behind it. */
  readonly rest: Buffer;
  /** The caller's to close. */
  readonly descriptors: readonly number[];
}

/** A kernel speaks when it connects, so there is hardly ever anything to wait for. */
const FIRST_LOOK_MS = 1;
const LONGEST_LOOK_MS = 64;

/** Who is at the other end of a Unix socket; undefined where the system can't say. */
export function credentialsOf(socket: Socket): PeerCredentials | undefined {
  const fd = descriptorOf(socket);
  return fd === undefined ? undefined : peerCredentials(fd);
}

/** @throws Error (rejects) for what no kernel says; what came with it is closed then */
export async function readFirstWords(stream: Duplex, timeoutMs: number): Promise<FirstWords> {
  const { word, rest } = await firstWord(stream, timeoutMs);
  return { word: asKernelWord(word), rest, descriptors: [] };
}

/** The same over a Unix socket that Node has not read from yet (`pauseOnConnect`). */
export async function takeFirstWords(socket: Socket, timeoutMs: number): Promise<FirstWords> {
  const until = performance.now() + timeoutMs;
  const reader = new WordReader();
  const descriptors: number[] = [];
  let received = 0;
  try {
    for (let lookMs = FIRST_LOOK_MS; ;) {
      const fd = descriptorOf(socket);
      if (fd === undefined) return await readFirstWords(socket, timeoutMs);
      const handed = takeHanded(fd);
      if (handed === undefined) {
        if (performance.now() > until) throw new Error(`it said nothing whole within ${timeoutMs} ms`);
        await sleep(lookMs);
        if (socket.destroyed) throw new Error('its connection was closed');
        lookMs = Math.min(2 * lookMs, LONGEST_LOOK_MS);
        continue;
      }
      descriptors.push(...handed.descriptors);
      if (handed.bytes.length === 0) throw new Error('it closed the connection without a word');
      received += handed.bytes.length;
      if (descriptors.length > MOST_DESCRIPTORS || received > 2 * LONGEST_WORD) throw new Error('it speaks something else');
      reader.push(handed.bytes);
      const word = reader.next();
      if (word !== undefined) return { word: asKernelWord(word), rest: reader.rest, descriptors };
    }
  } catch (cause) {
    closeAll(descriptors);
    throw cause;
  }
}

/** Node has no public name for it. */
function descriptorOf(socket: Socket): number | undefined {
  if (sharedMemoryProblem() !== undefined) return undefined;
  const fd = (socket as { _handle?: { fd?: unknown } })._handle?.fd;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}
