// Real Redis servers for tests, each on a free port with a folder of its own: single, with TLS, with passwords, as a
// replica, as a cluster of three, watched by a sentinel.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort, startServer, type ServerProcess } from './process.ts';

const HOST = '127.0.0.1';
const READY = /Ready to accept connections|Sentinel ID is/;
/** Between looks at a state that no event announces. Milliseconds. */
const POLL_MS = 25;

export interface RedisOptions {
  readonly password?: string;
  /** An ACL rule, e.g. `app on >secret ~* +@all`. */
  readonly user?: string;
  /** TLS on the port, instead of plain text. */
  readonly tls?: Certificates & { readonly clientCertificates: 'required' | 'no' };
  /** Keeps data over `restart`. */
  readonly durable?: boolean;
  /** More lines of configuration, e.g. `['--cluster-enabled', 'yes']`. */
  readonly extra?: readonly string[];
}

export interface RedisServer {
  readonly host: string;
  readonly port: number;
  /** `host:port` */
  readonly address: string;
  /** A client for raw commands, to look at or prepare data; closed with the server. */
  readonly raw: Redis;
  /** Ends it in order; its folder goes too. May be called twice. */
  stop(): Promise<void>;
  /** Ends it as a crash would; `restart` brings it back. */
  kill(): Promise<void>;
  /** Starts it again on the same port, after `kill` or by itself. */
  restart(): Promise<void>;
  /** Makes it deaf, or lets it go on: the connection stays. */
  pause(): void;
  resume(): void;
}

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-redis-'));
  const { port, server: first } = await onFreePort((port) => startServer('redis-server', argumentsFor(port, folder, options), READY));
  let server: ServerProcess = first;
  const { tls } = options;
  const raw = new Redis({
    host: HOST, port, maxRetriesPerRequest: null, retryStrategy: () => POLL_MS,
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(tls === undefined ? {} : { tls: { ca: tls.authority, cert: tls.certificate, key: tls.key } }),
  });
  raw.on('error', () => undefined); // tests kill servers on purpose; commands wait and are sent again
  let stopped = false;
  return {
    host: HOST,
    port,
    address: `${HOST}:${port}`,
    raw,
    stop: async () => {
      if (stopped) return;
      stopped = true;
      raw.disconnect();
      server.signal('SIGCONT');
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
    kill: () => server.kill(),
    restart: async () => {
      await server.kill();
      server = await startServer('redis-server', argumentsFor(port, folder, options), READY);
    },
    pause: () => server.pause(),
    resume: () => server.signal('SIGCONT'),
  };
}

export interface RedisCluster {
  readonly nodes: readonly RedisServer[];
  /** All addresses, comma separated. */
  readonly addresses: string;
  stop(): Promise<void>;
}

/** Three primaries that share the slots. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const nodes = await Promise.all([0, 1, 2].map(() => startRedis({ extra: ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'] })));
  const bounds = [0, 5461, 10_923, 16_384];
  await Promise.all(nodes.map(({ raw }, index) => raw.call('CLUSTER', 'ADDSLOTSRANGE', bounds[index] ?? 0, (bounds[index + 1] ?? 0) - 1)));
  for (const node of nodes.slice(1)) await nodes[0]?.raw.call('CLUSTER', 'MEET', node.host, node.port);
  for (const { raw } of nodes) {
    await until('the cluster is formed', async () => {
      const info = String(await raw.call('CLUSTER', 'INFO'));
      return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3') && info.includes('cluster_slots_assigned:16384');
    });
  }
  return { nodes, addresses: nodes.map(({ address }) => address).join(','), stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))) };
}

export interface RedisGroup {
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  readonly sentinel: string;
  readonly masterName: string;
  stop(): Promise<void>;
}

/** A primary, a replica of it, and a sentinel that decides alone and soon. */
export async function startRedisGroup(options: { readonly sentinelPassword?: string } = {}): Promise<RedisGroup> {
  const masterName = 'bulkhead';
  const [primary, replica] = await Promise.all([startRedis(), startRedis()]);
  await replica.raw.call('REPLICAOF', primary.host, primary.port);
  await until('the replica follows', async () => /state=online/.test(await primary.raw.info('replication')));
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-sentinel-'));
  const config = join(folder, 'sentinel.conf');
  const { port, server } = await onFreePort((port) => {
    writeFileSync(config, [
      `port ${port}`, `bind ${HOST}`, `dir ${folder}`, ...(options.sentinelPassword === undefined ? [] : [`requirepass ${options.sentinelPassword}`]),
      `sentinel monitor ${masterName} ${HOST} ${primary.port} 1`, `sentinel down-after-milliseconds ${masterName} 500`, `sentinel failover-timeout ${masterName} 3000`, '',
    ].join('\n'));
    return startServer('redis-server', [config, '--sentinel'], READY);
  });
  const raw = new Redis({ host: HOST, port, ...(options.sentinelPassword === undefined ? {} : { password: options.sentinelPassword }) });
  await until('the sentinel knows the replica', async () => {
    const reply = (await raw.call('SENTINEL', 'REPLICAS', masterName)) as unknown[];
    return reply.length === 1 && JSON.stringify(reply).includes('"master-link-status","ok"');
  });
  raw.disconnect();
  return {
    primary, replica, masterName,
    sentinel: `${HOST}:${port}`,
    stop: async () => {
      await Promise.all([server.stop(), primary.stop(), replica.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** PEM texts. */
export interface Certificates {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
  /** Where the texts lie, for servers that want files. */
  readonly folder: string;
  remove(): void;
}

/** A new authority and a certificate for localhost and 127.0.0.1 signed by it; undefined without openssl. */
export function makeCertificates(): Certificates | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-tls-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  try {
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=bulkhead test authority', '-days', '2');
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
    writeFileSync(join(folder, 'extensions'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
    openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-out', 'server.crt', '-days', '2', '-extfile', 'extensions');
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
  const pem = (name: string) => readFileSync(join(folder, name), 'utf8');
  return { authority: pem('ca.crt'), certificate: pem('server.crt'), key: pem('server.key'), folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function argumentsFor(port: number, folder: string, { password, user, tls, durable = false, extra = [] }: RedisOptions): string[] {
  return [
    ...(tls === undefined ? ['--port', `${port}`] : [
      '--port', '0', '--tls-port', `${port}`, '--tls-cert-file', join(tls.folder, 'server.crt'), '--tls-key-file', join(tls.folder, 'server.key'),
      '--tls-ca-cert-file', join(tls.folder, 'ca.crt'), '--tls-auth-clients', tls.clientCertificates === 'required' ? 'yes' : 'no',
    ]),
    '--bind', HOST, '--dir', folder, '--save', '', '--appendonly', durable ? 'yes' : 'no', '--daemonize', 'no', '--repl-diskless-sync-delay', '0',
    ...(password === undefined ? [] : ['--requirepass', password]),
    ...(user === undefined ? [] : ['--user', ...user.split(' ')]),
    ...extra,
  ];
}

/** A free port may be taken before the server binds it: then another one. */
async function onFreePort(start: (port: number) => Promise<ServerProcess>): Promise<{ readonly port: number; readonly server: ServerProcess }> {
  for (let left = 4; ; left--) {
    const port = await freePort();
    try {
      return { port, server: await start(port) };
    } catch (cause) {
      if (left === 0 || !/in use/i.test((cause as Error).message)) throw cause;
    }
  }
}

/** For what no event announces. */
export async function until(what: string, holds: () => Promise<boolean> | boolean, timeoutMs = 15_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms in vain until ${what}`);
    await sleep(POLL_MS);
  }
}
