// The block servers of the remote modes: one for each block, at the addresses that the kernel is told.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificates, type Certificates } from '../../test/servers/redis.ts';
import { freePort } from '../../test/servers/process.ts';
import type { Form, Place, Server } from '../place.ts';
import { BLOCKS, type Block, type Mode } from './names.ts';

export type RemoteMode = Extract<Mode, `remote-${string}`>;
export const isRemote = (mode: Mode): mode is RemoteMode => mode.startsWith('remote-');

/** What `/actuator/blocks` says of a block that is reached as it should be. */
export const TRANSPORT: Readonly<Record<RemoteMode, string>> = { 'remote-rings': 'ring', 'remote-socket': 'socket', 'remote-tls': 'tls' };

/** Block servers that may not have been started yet. */
export interface Remotes {
  /** For the kernel. */
  readonly flags: readonly string[];
  /** By block, those that run. */
  readonly servers: ReadonlyMap<Block, Server>;
  start(block: Block): Promise<Server>;
  startAll(): Promise<void>;
  stop(): Promise<void>;
}

let certificates: Certificates | undefined;
/** Of sockets; gone with this process, however it ends in order. */
const folders = new Set<string>();
process.once('exit', () => {
  certificates?.remove();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** @throws Error when this machine has no openssl to make certificates with */
function certificatesOnce(): Certificates {
  certificates ??= makeCertificates();
  if (certificates === undefined) throw new Error('openssl is not installed: there are no certificates for TLS');
  return certificates;
}

/** @param node whose copy of the binary they run from: their kernel's, as containers of one image do */
export async function planRemotes(place: Place, mode: RemoteMode, form: Form, node: string): Promise<Remotes> {
  const folder = mkdtempSync(join(tmpdir(), 'bh-')); // short, because a socket's path may have 107 bytes; only we may enter it
  folders.add(folder);
  const [tlsServer, tlsKernel] = mode === 'remote-tls' ? tlsFlags(certificatesOnce().folder) : [[], []];
  const addresses = new Map<Block, string>();
  for (const block of BLOCKS) addresses.set(block, mode === 'remote-tls' ? `tcp:127.0.0.1:${await freePort()}` : `unix:${join(folder, `${block}.sock`)}`);
  const servers = new Map<Block, Server>();
  const remotes: Remotes = {
    flags: [...[...addresses].flatMap(([block, address]) => ['--block', `${block}=remote:${address}`]), ...tlsKernel, ...(mode === 'remote-socket' ? ['--remote-rings=false'] : [])],
    servers,
    start: async (block) => {
      const server = await place.blockServer(`${mode}-${block}`, { form, block, address: addresses.get(block) as string, node, flags: tlsServer });
      servers.set(block, server);
      return server;
    },
    startAll: async () => void (await Promise.all(BLOCKS.map((block) => remotes.start(block)))),
    stop: async () => {
      await Promise.all([...servers.values()].map((server) => server.stop()));
      rmSync(folder, { recursive: true, force: true });
      folders.delete(folder);
    },
  };
  return remotes;
}

/** Of the server, and of the kernel: mutual TLS with one certificate for both. */
function tlsFlags(folder: string): readonly [server: string[], kernel: string[]] {
  const files = [['tls-cert', 'server.crt'], ['tls-key', 'server.key'], ['tls-ca', 'ca.crt']] as const;
  const flags = (prefix: string): string[] => files.flatMap(([flag, file]) => [`--${prefix}${flag}`, join(folder, file)]);
  return [flags(''), flags('remote-')];
}
