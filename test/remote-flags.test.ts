// What is written on the command lines of remote mode, the kernel's and the block server's, and where a socket may lie.
import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UsageError } from '../kernel/arguments.ts';
import { BLOCK_SERVER_FLAGS, blockServerUsage, parseBlockServer, type BlockServerConfig } from '../kernel/block-server/flags.ts';
import { closeSocketToOthers, prepareSocketPlace } from '../kernel/block-server/socket-place.ts';
import { parseCommandLine, type Config } from '../kernel/config.ts';
import { FatalError } from '../kernel/fatal.ts';
import { addressText, InvalidAddress, parseAddress } from '../kernel/remote/address.ts';

const BLOCKS = ['state', 'pubsub'];
const root = process.getuid?.() === 0;
const own = process.getuid?.() ?? 0;

describe('an address', () => {
  it.each([
    ['unix:/run/bulkhead/state.sock', { kind: 'unix', path: '/run/bulkhead/state.sock' }], [`unix:/${'x'.repeat(106)}`, { kind: 'unix', path: `/${'x'.repeat(106)}` }], ['unix:/a:b', { kind: 'unix', path: '/a:b' }],
    ['tcp:state:7001', { kind: 'tcp', host: 'state', port: 7001 }], ['tcp:127.0.0.1:1', { kind: 'tcp', host: '127.0.0.1', port: 1 }], ['tcp:[::1]:65535', { kind: 'tcp', host: '::1', port: 65_535 }],
  ])('is read from %s, and written as it was', (text, address) => {
    expect(parseAddress(text)).toEqual(address);
    expect(addressText(parseAddress(text))).toBe(text);
  });

  it('may have port 0 where somebody listens', () => {
    expect(parseAddress('tcp:localhost:0', 0)).toEqual({ kind: 'tcp', host: 'localhost', port: 0 });
    expect(() => parseAddress('tcp:localhost:0')).toThrow('with a port from 1 to 65535');
  });

  it.each<readonly [string, string]>([
    ['', 'expected unix:<path> or tcp:<host>:<port>'], ['/run/state.sock', 'expected unix:<path> or'], ['udp:a:1', 'expected unix:<path> or'], ['unix:', 'expected an absolute path'], ['unix:state.sock', 'expected an absolute path'],
    [`unix:/${'x'.repeat(107)}`, 'the path of a Unix socket has at most 107 bytes, this one has 108'], [`unix:/${'é'.repeat(54)}`, 'this one has 109'], ['unix:/a\0b', 'a path has no zero byte'],
    ...['tcp:', 'tcp:a', 'tcp:a:', 'tcp::1', 'tcp:a:65536', 'tcp:a:x', 'tcp:a:1:2', 'tcp:::1:80', 'tcp:[::1]', 'tcp:[]:1', 'tcp:a:-1', 'tcp:a:123456', 'tcp:a:1\n'].map((text) => [text, 'expected tcp:<host>:<port>'] as const),
  ])('is refused in %j', (text, reason) => {
    expect(() => parseAddress(text)).toThrow(InvalidAddress);
    expect(() => parseAddress(text)).toThrow(reason);
  });

  it('is one that is read again as it is written, or an error that says what was expected', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.tuple(fc.constantFrom('unix:', 'unix:/', 'tcp:', 'tcp:[', 'tcp:h:'), fc.string()).map((parts) => parts.join(''))), (text) => {
      try {
        expect(parseAddress(addressText(parseAddress(text)))).toEqual(parseAddress(text));
      } catch (cause) {
        expect(cause).toBeInstanceOf(InvalidAddress);
      }
    }), { numRuns: 1_000 });
  });
});

describe("a block server's command line", () => {
  const LISTEN = '--listen=unix:/run/b/state.sock';
  const parse = (...words: string[]): BlockServerConfig => parseBlockServer(words, BLOCKS, 'v') as BlockServerConfig;
  const refusal = (...words: string[]): string => {
    try {
      parse(...words);
    } catch (cause) {
      expect(cause).toBeInstanceOf(UsageError);
      return (cause as Error).message;
    }
    throw new Error('it was accepted');
  };

  it('has defaults', () => {
    expect(parse('state', LISTEN)).toEqual({
      block: 'state', listen: { kind: 'unix', path: '/run/b/state.sock' }, uids: own === 0 ? [0] : [own, 0], tcp: { tls: undefined, plain: false }, peers: [], maxKernels: 64, graceMs: 5_000,
      ceilings: { heapBytes: 0, memoryBytes: 0, openFiles: 0 }, log: { level: 'info', json: false, appId: 'block-state', instance: expect.any(String) as string, version: 'v' }, logFile: '',
    });
  });

  it('takes every flag', () => {
    expect(parse('pubsub', '--listen', 'tcp:[::]:0', '--tls-cert=c', '--tls-key=k', '--tls-ca=a', '--tls-peers=one,two', '--tls-peers=three', '--plain-tcp', '--max-kernels=10000', '--uids=5,0', '--uids', '4294967294',
      '--heap=64Mi', '--memory=1Gi', '--files=100', '--graceful-shutdown-seconds=0', '--log-level=debug', '--log-as-json', '--log-file=/l')).toMatchObject({
      block: 'pubsub', listen: { kind: 'tcp', host: '::', port: 0 }, tcp: { tls: { cert: 'c', key: 'k', ca: 'a' }, plain: true }, peers: ['one', 'two', 'three'], maxKernels: 10_000, uids: [5, 0, 4_294_967_294],
      ceilings: { heapBytes: 64 * 2 ** 20, memoryBytes: 2 ** 30, openFiles: 100 }, graceMs: 0, log: { level: 'debug', json: true }, logFile: '/l',
    });
  });

  it.each([
    [[], /^the name of a block is needed: bulkhead block <name> --listen <address>; the blocks are state, pubsub$/], [[LISTEN], /^the name of a block is needed/], [['', LISTEN], /^the name of a block is needed/], [['stat', LISTEN], /^there is no block "stat"; the blocks are state, pubsub$/],
    [['state'], /^--listen is needed: unix:<path> or tcp:<host>:<port>$/], [['state', '--listen=/x'], /^invalid argument "\/x" for "--listen" flag: expected unix:<path> or tcp:<host>:<port>$/], [['state', '--listen'], /needs an argument: --listen/],
    [['state', LISTEN, '--max-kernels=0'], /^invalid argument "0" for "--max-kernels" flag: expected 1 to 10000$/], [['state', LISTEN, '--max-kernels=10001'], /expected 1 to 10000/], [['state', LISTEN, '--max-kernels=many'], /expected a whole number/],
    [['state', LISTEN, '--graceful-shutdown-seconds=-1'], /expected 0 to 86400/], [['state', LISTEN, '--graceful-shutdown-seconds=86401'], /expected 0 to 86400/], [['state', LISTEN, '--files=-1'], /expected 0, or at least 64$/],
    [['state', LISTEN, '--heap=lots'], /^invalid argument "lots" for "--heap" flag: /], [['state', LISTEN, '--memory=-1'], /"--memory" flag: expected 0 for no limit, or at least 33554432$/], [['state', LISTEN, '--heap=1Mi'], /"--heap" flag: expected 0 for no limit/], [['state', LISTEN, '--uids=root'], /^invalid argument "root" for "--uids" flag: expected the number of a user$/], [['state', LISTEN, '--uids=4294967295'], /expected the number of a user/],
    [['state', LISTEN, '--tls-cert=c', '--tls-key=k', '--tls-ca=a'], /are for TCP, and the listen address is a Unix socket$/], [['state', LISTEN, '--tls-ca=a'], /are for TCP/],
    [['state', '--listen=tcp:a:1', '--tls-cert=c'], /^TLS needs --tls-key and --tls-ca, too$/], [['state', '--listen=tcp:a:1', '--tls-cert=c', '--tls-ca=a'], /^TLS needs --tls-key, too$/],
    [['state', LISTEN, '--log-level=loud'], /expected one of debug, info, warn, error, fatal/], [['state', LISTEN, '--unknown=1'], /^unknown flag: --unknown/], [['state', LISTEN, '--listne=unix:/x'], /did you mean --listen\?$/], [['state', LISTEN, 'more'], /^unexpected argument "more"$/],
  ])('is refused: %j', (words, reason) => {
    expect(refusal(...words)).toMatch(reason);
  });

  it('has a usage that shows every flag and the blocks', () => {
    expect(parseBlockServer(['--help'], BLOCKS, 'v')).toBeUndefined();
    expect(parseBlockServer(['state', '-h'], BLOCKS, 'v')).toBeUndefined();
    const page = blockServerUsage(BLOCKS);
    for (const name of Object.keys(BLOCK_SERVER_FLAGS)) expect(page).toContain(`  --${name}`);
    expect(page).toContain('The blocks are state, pubsub.');
    expect(Math.max(...page.split('\n').map((line) => line.length))).toBeLessThanOrEqual(110);
  });

  it('is a configuration or a usage error, whatever is typed', () => {
    const word = fc.oneof(fc.constantFrom('state', LISTEN, '--help', '--', '-', '--__proto__', '--listen'), fc.tuple(fc.constantFrom(...Object.keys(BLOCK_SERVER_FLAGS)), fc.string()).map(([name, value]) => `--${name}=${value}`), fc.string());
    fc.assert(fc.property(fc.array(word, { maxLength: 5 }), (words) => {
      try {
        parseBlockServer(words, BLOCKS, 'v');
      } catch (cause) {
        expect(cause).toBeInstanceOf(UsageError);
      }
    }), { numRuns: 500 });
  });
});

describe("a kernel's command line", () => {
  const served = (...argv: string[]): Config => {
    const answer = parseCommandLine(argv, {}, { blocks: BLOCKS });
    if ('exit' in answer) throw new Error(answer.fatal?.text ?? answer.stderr?.trimEnd().split('\n').at(-1));
    return answer.config;
  };

  it('says where blocks are, and others stay where they were', () => {
    expect(served('--app-id=a', '--isolation=thread', '--block=state=remote:unix:/run/b/s.sock').blocks).toMatchObject([
      { name: 'state', isolation: 'remote', address: { kind: 'unix', path: '/run/b/s.sock' } }, { name: 'pubsub', isolation: 'thread', address: undefined },
    ]);
    expect(served('--app-id=a', '--block=state=remote:tcp:[::1]:7001,pubsub=monolith').blocks).toMatchObject([{ address: { kind: 'tcp', host: '::1', port: 7001 } }, { isolation: 'monolith' }]);
    expect(served('--app-id=a', '--block=state=remote:unix:/x', '--block=state=process').blocks).toMatchObject([{ isolation: 'process', address: undefined }, {}]);
  });

  it('says how they are spoken to', () => {
    expect(served('--app-id=a').remote).toEqual({ rings: true, uids: own === 0 ? [0] : [own, 0], tls: undefined, plainTcp: false });
    expect(served('--app-id=a', '--remote-rings=false', '--remote-uids=1,2', '--remote-tls-cert=c', '--remote-tls-key=k', '--remote-tls-ca=a', '--remote-plain-tcp').remote).toEqual({
      rings: false, uids: [1, 2], tls: { cert: 'c', key: 'k', ca: 'a' }, plainTcp: true,
    });
  });

  it.each([
    ['--block=state=remote', /^Error: invalid argument "state=remote" for "--block" flag: expected <name>=<mode>, where mode is one of monolith, thread, process, or remote:<address>$/],
    ['--block=state=remote:', /"--block" flag: expected unix:<path> or tcp:<host>:<port>$/], ['--block=state=remote:unix:s.sock', /"--block" flag: expected an absolute path/], ['--block=state=remote:tcp:a:0', /with a port from 1 to 65535/],
    ['--block=none=remote:unix:/x', /there is no block of that name; the blocks are state, pubsub/], ['--isolation=remote', /expected one of monolith, thread, process$/], ['--remote-uids=me', /^Error: invalid argument "me" for "--remote-uids" flag: expected the number of a user$/],
    ['--remote-rings=perhaps', /expected true or false/], ['--remote-tls-cert=c', /^Failed to parse flags: TLS to remote blocks needs --remote-tls-key and --remote-tls-ca, too$/],
  ])('is refused: %s', (word, reason) => {
    expect(() => served('--app-id=a', word)).toThrow(reason);
  });
});

describe('the place of a socket', () => {
  let folder: string;
  let servers: Server[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bulkhead-place-'));
    servers = [];
  });
  afterEach(async () => {
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true });
  });
  const modeOf = (path: string): number => lstatSync(path).mode & 0o777;
  const listenAt = async (path: string): Promise<void> => {
    const server = createServer().listen(path);
    servers.push(server);
    await once(server, 'listening');
  };
  const problem = async (path: string): Promise<string> => {
    const refused = await prepareSocketPlace(path).then(() => undefined, (cause: unknown) => cause);
    expect(refused).toBeInstanceOf(FatalError);
    return (refused as Error).message;
  };

  it('is made for its user alone, one level, whatever the umask', async () => {
    const umask = process.umask(0);
    try {
      await prepareSocketPlace(join(folder, 'new', 's.sock'));
    } finally {
      process.umask(umask);
    }
    expect(modeOf(join(folder, 'new'))).toBe(0o700);
    expect(await problem(join(folder, 'a', 'b', 's.sock'))).toBe(`--listen unix:${folder}/a/b/s.sock: the directory ${folder}/a/b can't be made: no such file or directory`);
    writeFileSync(join(folder, 'file'), '');
    expect(await problem(join(folder, 'file', 's.sock'))).toBe(`${folder}/file is no directory`);
    await prepareSocketPlace(join(folder, 's.sock'));
    await listenAt(join(folder, 's.sock'));
    closeSocketToOthers(join(folder, 's.sock'));
    expect(modeOf(join(folder, 's.sock'))).toBe(0o600);
  });

  it('is refused where others may enter', async () => {
    for (const mode of [0o755, 0o701, 0o770, 0o1777]) {
      chmodSync(folder, mode);
      expect(await problem(join(folder, 's.sock'))).toBe(`--listen unix:${folder}/s.sock: others may enter the directory ${folder} (mode ${(mode & 0o777).toString(8)}): take that away (chmod 700), or name a directory within it, which is made`);
    }
    await prepareSocketPlace(join(folder, 'within', 's.sock'));
  });

  it.skipIf(!root)('is refused where it is somebody else\'s', async () => {
    chownSync(folder, 65_532, 65_532);
    expect(await problem(join(folder, 's.sock'))).toBe(`--listen unix:${folder}/s.sock: the directory ${folder} belongs to user 65532, not to this one (0): name a directory within it, which is made`);
  });

  it('is no symbolic link, neither the directory nor the socket', async () => {
    mkdirSync(join(folder, 'real'), { mode: 0o700 });
    symlinkSync(join(folder, 'real'), join(folder, 'link'));
    expect(await problem(join(folder, 'link', 's.sock'))).toBe(`${folder}/link is no directory`);
    await listenAt(join(folder, 'elsewhere.sock'));
    symlinkSync(join(folder, 'elsewhere.sock'), join(folder, 's.sock'));
    expect(await problem(join(folder, 's.sock'))).toBe(`--listen unix:${folder}/s.sock: there is something else of that name`);
  });

  it('is not taken from somebody who listens there, nor from what is no socket', async () => {
    await listenAt(join(folder, 's.sock'));
    expect(await problem(join(folder, 's.sock'))).toBe(`--listen unix:${folder}/s.sock: another program listens there`);
    writeFileSync(join(folder, 'file'), 'kept');
    expect(await problem(join(folder, 'file'))).toBe(`--listen unix:${folder}/file: there is something else of that name`);
    mkdirSync(join(folder, 'folder'));
    expect(await problem(join(folder, 'folder'))).toMatch(/there is something else of that name$/);
  });

  it('is taken from a socket that nobody listens on any more', async () => {
    const path = join(folder, 'stale.sock');
    const holder = spawn(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(holder.stdout, 'data');
    holder.kill('SIGKILL');
    await once(holder, 'close');
    expect(lstatSync(path).isSocket()).toBe(true);
    await prepareSocketPlace(path);
    expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });
});

if (!root) process.stderr.write('SKIPPED: a socket in a directory of another user: only root can make one\n');
