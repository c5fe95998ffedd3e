// The remote blocks of a sidecar: where each is and how it is spoken to, ready to be launched. Only a sidecar with such blocks loads this.
import type { Log } from '../../proto/log.ts';
import type { Config } from '../config.ts';
import { FatalError } from '../fatal.ts';
import type { Remote } from '../launch.ts';
import { addressText } from './address.ts';
import { launchRemote } from './launch-remote.ts';
import type { RemoteSettings } from './settings.ts';
import { plainProblem } from './tcp-plain.ts';
import { LinkTls } from './tls.ts';

/**
 * By block.
 * @throws FatalError for certificates that make no sense, and for TCP without TLS where that may not be
 */
export function openRemotes({ blocks, remote, build }: Config, log: Log): ReadonlyMap<string, Remote> {
  const { rings, uids, tls: paths, plainTcp } = remote;
  const tls = paths === undefined || !blocks.some(({ address }) => address?.kind === 'tcp') ? undefined : new LinkTls(paths, (part) => `--remote-tls-${part}`, log);
  const opened = new Map<string, Remote>();
  for (const { name, address } of blocks) {
    if (address === undefined) continue;
    const problem = address.kind === 'tcp' && tls === undefined ? plainProblem(address.host, plainTcp) : undefined;
    if (problem !== undefined) throw new FatalError(`--block ${name}=remote:${addressText(address)}: ${problem}; give --remote-tls-cert, --remote-tls-key and --remote-tls-ca, or, on a loopback address, --remote-plain-tcp`);
    const settings: RemoteSettings = { address, rings, uids, tls, version: build.version };
    opened.set(name, { address: addressText(address), launch: (block, options) => launchRemote(block, options, settings) });
  }
  return opened;
}
