// Real etcd servers for tests, each on free ports with a folder of its own: single, with TLS, with users, as a cluster of
// three. Data outlives a crash: etcd syncs what it has acknowledged.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd3, Range, type IOptions, type Permission } from 'etcd3';
import { ETCD } from './install.ts';
import { freePort, startServer, type ServerProcess } from './process.ts';
import { until, type Certificates } from './redis.ts';

const HOST = '127.0.0.1';
const READY = /serving client traffic/;
/** A member of a cluster is ready when there is a leader. */
const START_MS = 30_000;
const RAW_MS = 5_000;

export interface EtcdOptions {
  /** Of the user `root`; turns authentication on. */
  readonly password?: string;
  /** More users, where there is a password. Each may read and write the keys that begin with its prefix; `''`: all. */
  readonly users?: readonly { readonly name: string; readonly password: string; readonly prefix: string; readonly permission?: keyof typeof Permission }[];
  /** TLS on the port for clients, instead of plain text. */
  readonly tls?: Certificates & { readonly clientCertificates: 'required' | 'no' };
  /**
   * `quick`: a single server takes 0.1 s to start instead of 0.7 s, and its shortest lease is 1 s. `default`: etcd's own
   * settings, with a shortest lease of 2 s. A cluster has those unless it is told otherwise: quick elections need a quick machine.
   */
  readonly timing?: 'quick' | 'default';
  /** More flags, e.g. `['--max-txn-ops', '10']`. */
  readonly extra?: readonly string[];
}

export interface EtcdServer {
  readonly host: string;
  readonly port: number;
  /** `host:port` */
  readonly address: string;
  /** Of the process that runs now. */
  readonly pid: number;
  /** Its data; to be copied or put back only while it doesn't run. */
  readonly folder: string;
  /** A client with all rights, to look at or prepare data; closed with the server. */
  readonly raw: Etcd3;
  /** Ends it; its folder goes too. May be called twice. */
  stop(): Promise<void>;
  /** Ends it as a crash would; `restart` brings it back with its data. */
  kill(): Promise<void>;
  /**
   * Starts it again on the same ports, after `kill` or by itself. A member of a cluster whose majority is down is not
   * ready before the others are: restart them side by side.
   * @param options.empty true: without its data (and without users), as a new server in the place of a lost one
   */
  restart(options?: { readonly empty?: boolean }): Promise<void>;
  /** Makes it deaf, or lets it go on: connections stay. */
  pause(): void;
  resume(): void;
}

export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdServer> {
  const server = await onFreePorts(2, async ([client = 0, peer = 0]) => startMember({ name: 'single', client, peer, members: `single=${peerUrl(peer)}` }, { timing: 'quick', ...options }));
  await addUsers(server, options);
  return server;
}

export interface EtcdCluster {
  readonly nodes: readonly EtcdServer[];
  /** All addresses, comma separated. */
  readonly addresses: string;
  /** Who leads now; waits until the members that run agree. */
  leader(): Promise<EtcdServer>;
  stop(): Promise<void>;
}

export async function startEtcdCluster(options: EtcdOptions = {}): Promise<EtcdCluster> {
  const nodes = await onFreePorts(6, async (ports) => {
    const places = [0, 1, 2].map((index) => ({ name: `node${index}`, client: ports[index] ?? 0, peer: ports[index + 3] ?? 0 }));
    const members = places.map(({ name, peer }) => `${name}=${peerUrl(peer)}`).join(',');
    const started = await Promise.allSettled(places.map((place) => startMember({ ...place, members }, options)));
    const failed = started.find((result) => result.status === 'rejected');
    const running = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    if (failed === undefined) return running;
    await Promise.all(running.map((node) => node.stop()));
    throw failed.reason;
  });
  const [first] = nodes;
  if (first !== undefined) await addUsers(first, options);
  return {
    nodes,
    addresses: nodes.map(({ address }) => address).join(','),
    leader: () => findLeader(nodes),
    stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))),
  };
}

interface Place {
  readonly name: string;
  readonly client: number;
  readonly peer: number;
  /** `name=url` of each member, itself included. */
  readonly members: string;
}

async function startMember(place: Place, options: EtcdOptions): Promise<EtcdServer> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-etcd-'));
  const [command = '', ...prefix] = ETCD;
  const start = () => startServer(command, [...prefix, ...flags(place, folder, options)], READY, START_MS);
  let server: ServerProcess;
  try {
    server = await start();
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    throw cause;
  }
  const raw = new Etcd3(rawOptions(place.client, options));
  let stopped = false;
  return {
    host: HOST,
    port: place.client,
    address: `${HOST}:${place.client}`,
    get pid() { return server.pid; },
    folder,
    raw,
    stop: async () => {
      if (stopped) return;
      stopped = true;
      raw.close();
      await server.kill(); // asked nicely it waits for its clients to go
      rmSync(folder, { recursive: true, force: true });
    },
    kill: () => server.kill(),
    restart: async ({ empty = false } = {}) => {
      await server.kill();
      if (empty) rmSync(join(folder, 'member'), { recursive: true, force: true });
      server = await start();
    },
    pause: () => server.pause(),
    resume: () => server.signal('SIGCONT'),
  };
}

function flags({ name, client, peer, members }: Place, folder: string, { tls, timing, extra = [] }: EtcdOptions): string[] {
  const clientUrl = `${tls === undefined ? 'http' : 'https'}://${HOST}:${client}`;
  return [
    '--name', name, '--data-dir', folder, '--logger', 'zap', '--log-outputs', 'stdout',
    '--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl,
    '--listen-peer-urls', peerUrl(peer), '--initial-advertise-peer-urls', peerUrl(peer), '--initial-cluster', members,
    '--bcrypt-cost', '4',
    ...(timing === 'quick' ? ['--heartbeat-interval', '10', '--election-timeout', '100'] : []),
    ...(tls === undefined ? [] : ['--cert-file', join(tls.folder, 'server.crt'), '--key-file', join(tls.folder, 'server.key')]),
    ...(tls?.clientCertificates === 'required' ? ['--client-cert-auth', '--trusted-ca-file', join(tls.folder, 'ca.crt')] : []),
    ...extra,
  ];
}

function peerUrl(port: number): string {
  return `http://${HOST}:${port}`;
}

function rawOptions(port: number, { password, tls }: EtcdOptions): IOptions {
  return {
    hosts: `${tls === undefined ? HOST : 'localhost'}:${port}`, // the client would give the IP address as the server's name, which TLS forbids
    defaultCallOptions: ({ isStream }) => (isStream ? {} : { deadline: Date.now() + RAW_MS }),
    // Tests end servers on purpose: a client that stays away from a server that is back again would be in their way.
    faultHandling: { host: () => ALWAYS },
    grpcOptions: { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 200 },
    ...(tls === undefined ? {} : { credentials: { rootCertificate: Buffer.from(tls.authority), privateKey: Buffer.from(tls.key), certChain: Buffer.from(tls.certificate) } }),
    ...(password === undefined ? {} : { auth: { username: 'root', password } }),
  };
}

type HostPolicy = ReturnType<NonNullable<NonNullable<IOptions['faultHandling']>['host']>>;

/** Lets every call through. */
const ALWAYS: HostPolicy = {
  _altReturn: undefined as never,
  onSuccess: () => ({ dispose: () => undefined }),
  onFailure: () => ({ dispose: () => undefined }),
  execute: async (work, signal = new AbortController().signal) => work({ signal }),
};

/** Users exist before anybody has to be one: a client without a name does it. */
async function addUsers(server: EtcdServer, { password, users = [], tls }: EtcdOptions): Promise<void> {
  if (password === undefined) return;
  const nobody = new Etcd3(rawOptions(server.port, tls === undefined ? {} : { tls }));
  try {
    await nobody.role('root').create();
    await (await nobody.user('root').create(password)).addRole('root');
    for (const { name, password: own, prefix, permission = 'Readwrite' } of users) {
      const role = await nobody.role(name).create();
      await role.grant({ permission, range: Range.prefix(prefix) });
      await (await nobody.user(name).create(own)).addRole(role);
    }
    await nobody.auth.authEnable();
  } finally {
    nobody.close();
  }
}

async function findLeader(nodes: readonly EtcdServer[]): Promise<EtcdServer> {
  let found: EtcdServer | undefined;
  await until('the members agree on a leader', async () => {
    const told = await Promise.all(nodes.map(({ raw }) => raw.maintenance.status({ deadline: Date.now() + 1000 }).catch(() => undefined)));
    const leaders = new Set(told.flatMap((status) => (status === undefined ? [] : [status.leader])));
    found = nodes[told.findIndex((status) => status !== undefined && status.leader === status.header.member_id)];
    return leaders.size === 1 && found !== undefined;
  });
  if (found === undefined) throw new Error('there is no leader');
  return found;
}

/** Free ports may be taken before the server binds them: then others. */
async function onFreePorts<T>(count: number, start: (ports: readonly number[]) => Promise<T>): Promise<T> {
  for (let left = 4; ; left--) {
    const ports = new Set<number>();
    while (ports.size < count) ports.add(await freePort());
    try {
      return await start([...ports]);
    } catch (cause) {
      if (left === 0 || !/in use/i.test((cause as Error).message)) throw cause;
    }
  }
}
