// The command line of a block server: its flags as data, and what they come to.
import { hostname } from 'node:os';
import { readFlags, shown, UsageError } from '../arguments.ts';
import { compileUids, SMALLEST_FILES, SMALLEST_HEAP } from '../compile.ts';
import { choice, list, text, toggle, whole, type FlagValuesOf } from '../flag.ts';
import { InvalidAddress, parseAddress, type RemoteAddress } from '../remote/address.ts';
import { usageOf } from '../usage.ts';
import type { LogSettings } from '../../proto/init.ts';
import { InvalidQuantity, parseQuantity } from '../../proto/quantity.ts';
import type { TenantLimits } from '../../proto/remote.ts';

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const satisfies LogSettings['level'][];
const MOST_KERNELS = 10_000;
const LONGEST_GRACE_MS = 86_400_000;

export const BLOCK_SERVER_FLAGS = {
  listen: text('Listener', '', 'where kernels find it: unix:/run/bulkhead/sockets/state.sock, or tcp:host:port', { noun: 'address' }),
  uids: list('Listener', 'users whose kernels may connect to the Unix socket; default: this one and root'),
  'tls-cert': text('Listener', '', 'certificate of the TCP listener in PEM, with those that vouch for it', { noun: 'file' }),
  'tls-key': text('Listener', '', 'its private key in PEM', { noun: 'file' }),
  'tls-ca': text('Listener', '', 'who vouches for the certificates of kernels, in PEM', { noun: 'file' }),
  'tls-peers': list('Listener', 'names of which a kernel\'s certificate must bear one; default: any that the authority vouches for', { noun: 'names' }),
  'plain-tcp': toggle('Listener', false, 'TCP without TLS, on a loopback address only'),
  'max-kernels': whole('Limits', 64, 'kernels served at a time; each has a process of its own'),
  heap: text('Limits', '', 'largest JavaScript heap of a kernel\'s process, whatever the kernel asks for; default: as it asks', { noun: 'quantity' }),
  memory: text('Limits', '', 'resident memory of one, likewise, where the system lets it have a control group', { noun: 'quantity' }),
  files: whole('Limits', 0, 'file descriptors of one, likewise; 0: as it asks'),
  'graceful-shutdown-seconds': whole('Lifecycle', 5, 'how long kernels may take to finish what they have begun, when this is told to end'),
  'log-level': choice('Logs', LOG_LEVELS, 'info', 'debug, info, warn, error or fatal; blocks log as their kernels ask'),
  'log-as-json': toggle('Logs', false, 'log in JSON, and the blocks, too'),
  'log-file': text('Logs', '', 'log to this file instead of standard output', { noun: 'file' }),
  help: toggle('Information', false, 'print this usage'),
};

type Values = FlagValuesOf<typeof BLOCK_SERVER_FLAGS>;

/** What is spoken over TCP, at either end. */
export interface TcpSettings {
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string } | undefined;
  readonly plain: boolean;
}

export interface BlockServerConfig {
  readonly block: string;
  readonly listen: RemoteAddress;
  readonly uids: readonly number[];
  readonly tcp: TcpSettings;
  /** Empty: any that the authority vouches for. */
  readonly peers: readonly string[];
  readonly maxKernels: number;
  readonly graceMs: number;
  /** 0: as the kernel asks. */
  readonly ceilings: TenantLimits;
  readonly log: LogSettings;
  /** `''`: standard output. */
  readonly logFile: string;
}

export function blockServerUsage(blocks: readonly string[]): string {
  return usageOf(BLOCK_SERVER_FLAGS, `Usage: bulkhead block <name> --listen <address> [flags]

Serves one block to the kernels that dial it, each in a process of its own. The blocks are ${blocks.join(', ')}.
`);
}

/** @param words what stands behind `block` on the command line. @returns undefined: the usage was asked for. @throws UsageError */
export function parseBlockServer(words: readonly string[], blocks: readonly string[], version: string): BlockServerConfig | undefined {
  const [name, ...rest] = words[0]?.startsWith('-') === false ? words : ['', ...words];
  const { values, given } = readFlags(BLOCK_SERVER_FLAGS, rest);
  if (values.help) return undefined;
  if (name === undefined || name === '') throw new UsageError(`the name of a block is needed: bulkhead block <name> --listen <address>; the blocks are ${blocks.join(', ')}`);
  if (!blocks.includes(name)) throw new UsageError(`there is no block ${shown(name)}; the blocks are ${blocks.join(', ')}`);
  if (values.listen === '') throw new UsageError('--listen is needed: unix:<path> or tcp:<host>:<port>');
  const listen = addressIn('listen', values.listen, 0);
  if (values['max-kernels'] < 1 || values['max-kernels'] > MOST_KERNELS) throw invalid('max-kernels', String(values['max-kernels']), `expected 1 to ${MOST_KERNELS}`);
  if (given.has('tls-peers') && values['tls-peers'].every((peer) => peer.trim() === '')) throw invalid('tls-peers', values['tls-peers'].join(), 'expected at least one name; leave the flag out to take any kernel that the authority vouches for');
  const graceMs = values['graceful-shutdown-seconds'] * 1_000;
  if (graceMs < 0 || graceMs > LONGEST_GRACE_MS) throw invalid('graceful-shutdown-seconds', String(values['graceful-shutdown-seconds']), `expected 0 to ${LONGEST_GRACE_MS / 1_000}`);
  if (values.files !== 0 && values.files < SMALLEST_FILES) throw invalid('files', String(values.files), `expected 0, or at least ${SMALLEST_FILES}`);
  return {
    block: name, listen, uids: compileUids('uids', values.uids), tcp: tcpIn(values, listen, 'listen'), peers: values['tls-peers'], maxKernels: values['max-kernels'], graceMs,
    ceilings: { heapBytes: quantityIn('heap', values.heap), memoryBytes: quantityIn('memory', values.memory), openFiles: values.files },
    log: { level: values['log-level'], json: values['log-as-json'], appId: `block-${name}`, instance: hostname(), version }, logFile: values['log-file'],
  };
}

/** @param least lowest port. @throws UsageError */
export function addressIn(flag: string, written: string, least: 0 | 1): RemoteAddress {
  try {
    return parseAddress(written, least);
  } catch (cause) {
    if (cause instanceof InvalidAddress) throw invalid(flag, written, cause.message);
    throw cause;
  }
}

/** @throws UsageError for part of what TLS needs */
export function tcpIn(values: Pick<Values, 'tls-cert' | 'tls-key' | 'tls-ca' | 'plain-tcp'>, address: RemoteAddress, what: string): TcpSettings {
  const files = { cert: values['tls-cert'], key: values['tls-key'], ca: values['tls-ca'] };
  const missing = (['cert', 'key', 'ca'] as const).filter((part) => files[part] === '');
  if (missing.length < 3 && address.kind === 'unix') throw new UsageError(`--tls-cert, --tls-key and --tls-ca are for TCP, and the ${what} address is a Unix socket`);
  if (missing.length === 1 || missing.length === 2) throw new UsageError(`TLS needs ${missing.map((part) => `--tls-${part}`).join(' and ')}, too`);
  return { tls: missing.length === 0 ? files : undefined, plain: values['plain-tcp'] };
}

function quantityIn(flag: string, written: string): number {
  if (written === '') return 0;
  let bytes: number;
  try {
    bytes = parseQuantity(written);
  } catch (cause) {
    if (cause instanceof InvalidQuantity) throw invalid(flag, written, cause.message);
    throw cause;
  }
  if (bytes !== 0 && bytes < SMALLEST_HEAP) throw invalid(flag, written, `expected 0 for no limit, or at least ${SMALLEST_HEAP}`);
  return bytes;
}

function invalid(flag: string, written: string, reason: string): UsageError {
  return new UsageError(`invalid argument ${shown(written)} for "--${flag}" flag: ${reason}`);
}
