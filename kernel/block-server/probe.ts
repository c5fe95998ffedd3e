// `bulkhead probe <address>`: does a block server answer there? For health checks that run a command, so it is quick: it loads little, asks
// once and ends.
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { readFlags, shown, UsageError } from '../arguments.ts';
import { FatalError } from '../fatal.ts';
import { text } from '../flag.ts';
import { addressText, InvalidAddress, parseAddress, type RemoteAddress } from '../remote/address.ts';
import { plainProblem } from '../remote/tcp-plain.ts';
import { usageOf } from '../usage.ts';
import { firstWord, packWord } from '../../ipc/link.ts';
import { messageOf } from '../../proto/errors.ts';
import type { Log } from '../../proto/log.ts';
import { asServerWord, LINK_MAGIC, type Probe, type ServerWord } from '../../proto/remote.ts';
import { BLOCK_SERVER_FLAGS, tcpIn, type TcpSettings } from './flags.ts';

/** For each step. An orchestrator has a time of its own, and a shorter one. */
const PATIENCE_MS = 5_000;
const ANSWERS = 0;
const SILENT = 1;
const MISUSED = 2;

const { 'plain-tcp': plainTcp, help } = BLOCK_SERVER_FLAGS;
const PROBE_FLAGS = {
  'tls-cert': text('TCP', '', 'certificate of this client in PEM, with those that vouch for it; the block server\'s own will do', { noun: 'file' }),
  'tls-key': text('TCP', '', 'its private key in PEM', { noun: 'file' }),
  'tls-ca': text('TCP', '', 'who vouches for the certificate of the block server, in PEM', { noun: 'file' }),
  'tls-name': text('TCP', '', 'name that the block server\'s certificate must bear; default: the host of the address', { noun: 'name' }),
  'plain-tcp': { ...plainTcp, group: 'TCP' },
  help,
};

const HEAD = `Usage: bulkhead probe <address> [flags]

Exits with 0 when a block server answers at the address, unix:<path> or tcp:<host>:<port>, and with 1 and the reason when none does.
`;

/** What is to be done. */
interface Wish {
  readonly address: RemoteAddress;
  readonly tcp: TcpSettings;
  /** `''`: the host. */
  readonly serverName: string;
}

/** @param words what stands behind `probe`. @returns the exit code; what there is to say has been written. Never rejects. */
export async function probe(words: readonly string[]): Promise<number> {
  let wish: Wish | undefined;
  try {
    wish = parse(words);
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    process.stderr.write(`${usageOf(PROBE_FLAGS, HEAD)}\nError: ${cause.message}\n`);
    return MISUSED;
  }
  if (wish === undefined) {
    process.stdout.write(usageOf(PROBE_FLAGS, HEAD));
    return ANSWERS;
  }
  try {
    process.stdout.write(`${await ask(wish)}\n`);
    return ANSWERS;
  } catch (cause) {
    const where = cause instanceof FatalError ? '' : `${addressText(wish.address)}: `; // which is about a file
    process.stderr.write(`${where}${messageOf(cause)}\n`);
    return SILENT;
  }
}

/** undefined: the usage was asked for. @throws UsageError */
function parse(words: readonly string[]): Wish | undefined {
  const [first, ...others] = words;
  const written = first?.startsWith('-') === false ? first : '';
  const { values } = readFlags(PROBE_FLAGS, written === '' ? words : others);
  if (values.help) return undefined;
  if (written === '') throw new UsageError('an address is needed: bulkhead probe unix:<path> or bulkhead probe tcp:<host>:<port>');
  const address = addressOf(written);
  const tcp = tcpIn(values, address, 'given');
  const problem = address.kind === 'tcp' && tcp.tls === undefined ? plainProblem(address.host, tcp.plain) : undefined;
  if (problem !== undefined) throw new UsageError(`${shown(written)}: ${problem}; give --tls-cert, --tls-key and --tls-ca, or, on a loopback address, --plain-tcp`);
  return { address, tcp, serverName: values['tls-name'] };
}

function addressOf(written: string): RemoteAddress {
  try {
    return parseAddress(written);
  } catch (cause) {
    if (cause instanceof InvalidAddress) throw new UsageError(`invalid address ${shown(written)}: ${cause.message}`);
    throw cause;
  }
}

/** The line of a block server that answers. @throws Error that says why none does */
async function ask({ address, tcp, serverName }: Wish): Promise<string> {
  const stream = address.kind === 'unix' ? await dialUnix(address.path) : await dialTcp(address, tcp, serverName);
  stream.on('error', () => {}); // 'close' follows
  try {
    const question: Probe = { say: 'probe', magic: LINK_MAGIC };
    stream.write(packWord(question));
    return answerOf(asServerWord((await firstWord(stream, PATIENCE_MS)).word));
  } finally {
    stream.destroy();
  }
}

function answerOf(word: ServerWord): string {
  if (word.say === 'refused') throw new Error(`it refuses: ${shown(word.reason, '')}`);
  if (word.say !== 'here') throw new Error('it speaks something else');
  return `the ${shown(word.block, '')} block, version ${shown(word.version, '')}, serves ${word.kernels} ${word.kernels === 1 ? 'kernel' : 'kernels'}`;
}

async function dialTcp({ host, port }: { readonly host: string; readonly port: number }, { tls: paths }: TcpSettings, serverName: string): Promise<Duplex> {
  const [dialling, { LinkTls }] = await Promise.all([import('../remote/tcp-dial.ts'), import('../remote/tls.ts')]);
  const tls = paths === undefined ? undefined : new LinkTls(paths, (part) => `--tls-${part}`, STDERR);
  return dialling.dialTcp({ host, port, tls, timeoutMs: PATIENCE_MS, ...(serverName === '' ? {} : { serverName }) });
}

const WHY_NOT: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket', ECONNREFUSED: 'nobody listens there', EACCES: 'it may not be opened by this user', EAGAIN: 'too many others wait for it',
  ENOTDIR: 'the path leads through something that is no directory', ENOTSOCK: 'it is no socket',
};

function dialUnix(path: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const failed = (cause: Error): void => reject(new Error(('code' in cause ? WHY_NOT[String(cause.code)] : undefined) ?? messageOf(cause)));
    socket.once('error', failed).once('connect', () => {
      socket.off('error', failed);
      resolve(socket);
    });
  });
}

/** A program that says one line has no log: what is worth a warning goes where that line would go. */
const STDERR: Log = {
  debug: () => {}, info: () => {}, warn: (_, line) => void process.stderr.write(`${line}\n`), error: (_, line) => void process.stderr.write(`${line}\n`),
  fatal: (_, line) => void process.stderr.write(`${line}\n`), enabled: (level) => level !== 'debug' && level !== 'info', with: () => STDERR,
};
