// A sidecar in one of the modes, with its block servers where the mode has some: the only place that knows what a mode is.
import type { Form, Isolation, Place, Server } from '../place.ts';
import { BLOCKS, type Block, type Mode } from './names.ts';
import { isRemote, planRemotes, TRANSPORT, type Remotes } from './remote.ts';
import type { Backend } from './resources.ts';

/** How other blocks than the remote ones run: there are none. */
const ISOLATION_OF: Readonly<Record<Mode, Isolation>> = {
  'monolith': 'monolith', 'thread': 'thread', 'process': 'process', 'remote-rings': 'process', 'remote-socket': 'process', 'remote-tls': 'process',
};

/** What every sidecar is given. */
export interface Setting {
  readonly place: Place;
  readonly backend: Backend;
  readonly form: Form;
  /** Port of the application that gets the messages. */
  readonly appPort: number;
}

/** `warm`: block servers run before the kernel is started. `cold`: both are started at once. */
export type StartKind = 'warm' | 'cold';

export interface Running {
  readonly mode: Mode;
  readonly sidecar: Server;
  readonly remotes: Remotes | undefined;
  /** Of the kernel, its children, block servers and theirs. */
  pids(): number[];
  /** The sidecar again, on the same ports, as whoever looks after it would start it. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Resolves when it is ready. @throws Error that says why the mode can't run here */
export async function launch({ place, backend, form, appPort }: Setting, mode: Mode, kind: StartKind = 'warm'): Promise<Running> {
  const remotes = isRemote(mode) ? await planRemotes(place, mode, form, mode) : undefined;
  const start = (ports?: readonly [number, number]): Promise<Server> => place.sidecar(mode, {
    form, isolation: ISOLATION_OF[mode], resources: backend.resourcesFor(mode), app: { port: appPort, protocol: 'http' }, flags: remotes?.flags ?? [], ...(ports === undefined ? {} : { ports }),
  });
  let sidecar: Server;
  try {
    if (kind === 'warm') await remotes?.startAll();
    [sidecar] = await Promise.all([start(), kind === 'cold' ? remotes?.startAll() : undefined]);
  } catch (cause) {
    await remotes?.stop();
    throw cause;
  }
  const running: Running = {
    mode, remotes,
    get sidecar() {
      return sidecar;
    },
    pids: () => [sidecar, ...(remotes?.servers.values() ?? [])].flatMap((server) => server.pids()),
    restart: async () => void (sidecar = await start([sidecar.port, sidecar.grpcPort])),
    stop: async () => {
      await sidecar.stop();
      await remotes?.stop();
    },
  };
  const fault = isRemote(mode) ? await faultOf(running, TRANSPORT[mode]) : undefined;
  if (fault === undefined) return running;
  await running.stop();
  throw new Error(fault);
}

interface BlockRow {
  readonly name: string;
  readonly mode: string;
  readonly transport?: string;
  readonly pid?: number;
}

async function blockRows({ sidecar: { port } }: Running): Promise<readonly BlockRow[]> {
  const answer = await fetch(`http://127.0.0.1:${port}/actuator/blocks`, { headers: { connection: 'close' } });
  return ((await answer.json()) as { readonly blocks: readonly BlockRow[] }).blocks;
}

/** A mode that isn't what its name says must not be measured under it. */
async function faultOf(running: Running, transport: string): Promise<string | undefined> {
  const rows = await blockRows(running);
  for (const block of BLOCKS) {
    const row = rows.find(({ name }) => name === block);
    if (row?.mode !== 'remote' || row.transport !== transport) return `the ${block} block should be remote over ${transport}, and is ${row?.mode ?? 'absent'} over ${row?.transport ?? 'nothing'}`;
  }
  return undefined;
}

/** The process that serves a block, alone: of a remote block the one that its server has made for this kernel. Undefined where it has none. */
export async function processOf(running: Running, block: Block): Promise<number | undefined> {
  const server = running.remotes?.servers.get(block);
  if (server !== undefined) return server.pids()[1];
  const { pid } = running.sidecar;
  const row = (await blockRows(running)).find(({ name }) => name === block);
  return row?.pid === pid ? undefined : row?.pid;
}
