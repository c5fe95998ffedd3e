// Where a Unix socket may lie: in a directory that nobody else can enter, so that who can reach it is decided before it is there.
import { chmodSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { FatalError, systemReason } from '../fatal.ts';

const OTHERS = 0o077;
const ALONE = 0o700;
const SOCKET = 0o600;
const DIAL_MS = 2_000;

/**
 * Makes the directory where it is missing, and takes away a socket that nobody listens on any more.
 * @throws FatalError that says what is wrong with the place
 */
export async function prepareSocketPlace(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    mkdirSync(folder, { mode: ALONE });
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw new FatalError(`--listen unix:${path}: the directory ${folder} can't be made: ${systemReason(cause)}`);
  }
  const { uid, mode } = look(folder);
  if (uid !== process.getuid?.()) throw new FatalError(`--listen unix:${path}: the directory ${folder} belongs to user ${uid}, not to this one (${process.getuid?.()}): name a directory within it, which is made`);
  if ((mode & OTHERS) !== 0) throw new FatalError(`--listen unix:${path}: others may enter the directory ${folder} (mode ${(mode & 0o777).toString(8)}): take that away (chmod 700), or name a directory within it, which is made`);
  const there = lookAt(path);
  if (there === undefined) return;
  if (!there.isSocket()) throw new FatalError(`--listen unix:${path}: there is something else of that name`);
  if (await isServed(path)) throw new FatalError(`--listen unix:${path}: another program listens there`);
  unlinkSync(path);
}

/** To be called when it listens. */
export function closeSocketToOthers(path: string): void {
  chmodSync(path, SOCKET);
}

function look(folder: string): { readonly uid: number; readonly mode: number } {
  const stats = lookAt(folder);
  if (stats === undefined || !stats.isDirectory()) throw new FatalError(`${folder} is no directory`);
  return stats;
}

function lookAt(path: string) {
  return lstatSync(path, { throwIfNoEntry: false });
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const decide = (served: boolean): void => {
      socket.destroy();
      resolve(served);
    };
    socket.setTimeout(DIAL_MS, () => decide(true));
    socket.once('connect', () => decide(true)).once('error', (cause) => decide(codeOf(cause) === 'EAGAIN')); // its backlog is full: somebody listens
  });
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined;
}
