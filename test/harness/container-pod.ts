// The split form: a container for the kernel and one for each block, in a pod, with a volume for each block's socket and nothing else between them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../servers/process.ts';
import { eventually } from './awaiting.ts';
import { Container, type Engine } from './podman-container.ts';
import { manifestOf, type BlockRow, type ComponentManifest } from './sidecar.ts';

export const POD_BLOCKS = ['state', 'pubsub', 'config', 'lock'] as const;
export type PodBlock = (typeof POD_BLOCKS)[number];

export const KERNEL_MEMORY_MB = 320;
export const BLOCK_MEMORY_MB = 224;
/** Where each block listens, in a container that sees no other block's folder. */
export const LISTEN = 'unix:/run/bulkhead/sockets/block.sock';
/** A folder in memory that belongs to the image's user, and no larger than a socket needs; as deploy/compose.yaml has it. */
const SOCKET_VOLUME = ['--opt=type=tmpfs', '--opt=device=tmpfs', '--opt=o=uid=65532,gid=65532,mode=0700,nr_blocks=16,nr_inodes=16'];

export interface PodOptions {
  readonly components: readonly ComponentManifest[];
  /** Blocks with a backend elsewhere; the others have no network at all. */
  readonly networked: readonly PodBlock[];
  readonly appPort: number;
}

/** A row of `/actuator/blocks`, with what a remote block has beside. */
export interface RemoteRow extends BlockRow {
  readonly mode: string;
  readonly address?: string;
}

/** A kernel's container, and where its APIs are. */
export interface Kernel {
  readonly container: Container;
  readonly httpPort: number;
  readonly grpcPort: number;
}

export class Pod {
  readonly kernel: Container;
  readonly blocks: Readonly<Record<PodBlock, Container>>;
  readonly httpPort: number;
  readonly grpcPort: number;

  private constructor({ container, httpPort, grpcPort }: Kernel, blocks: Pod['blocks']) {
    this.kernel = container;
    this.blocks = blocks;
    this.httpPort = httpPort;
    this.grpcPort = grpcPort;
  }

  /** Resolves when the kernel is ready. */
  static async start(engine: Engine, { components, networked, appPort }: PodOptions): Promise<Pod> {
    // It shares nothing but its life: each container keeps a network, or none, of its own.
    await engine.podman.run('pod', 'create', '--name=pod', '--infra=false', '--share=');
    const blocks: [PodBlock, Container][] = [];
    for (const name of POD_BLOCKS) {
      await engine.podman.run('volume', 'create', ...SOCKET_VOLUME, `${name}-socket`);
      blocks.push([name, await Container.start(name, engine, {
        args: ['block', name, '--listen', LISTEN, '--memory=2Gi', '--heap=1Gi'], pod: 'pod', network: networked.includes(name) ? 'host' : 'none', memory: `${BLOCK_MEMORY_MB}m`, volumes: [`${name}-socket:/run/bulkhead`],
      })]);
    }
    const kernel = await startKernel(engine, 'kernel', POD_BLOCKS, components, [`--app-port=${appPort}`]).catch((cause: unknown) => {
      throw new Error(`${(cause as Error).message}\n${blocks.map(([name, { log }]) => `${name} said:\n${log}`).join('\n')}`, { cause });
    });
    return new Pod(kernel, Object.fromEntries(blocks) as unknown as Pod['blocks']);
  }

  get api(): string {
    return `http://127.0.0.1:${this.httpPort}`;
  }

  async rows(): Promise<readonly RemoteRow[]> {
    const answer = await fetch(`${this.api}/actuator/blocks`);
    return ((await answer.json()) as { readonly blocks: readonly RemoteRow[] }).blocks;
  }

  /** Resolves when every block is ready. */
  async isWhole(): Promise<void> {
    await eventually('all blocks are ready', async () => {
      const rows = await this.rows().catch(() => []); // the kernel itself may be on its way
      return rows.length === POD_BLOCKS.length && rows.every(({ state, components }) => state === 'ready' && components.every((component) => component.state === 'ready'));
    }, 30_000);
  }
}

/** A kernel of these blocks, which are there already. Resolves when it is ready. @param name its container's, and its application's */
export async function startKernel(engine: Engine, name: string, blocks: readonly PodBlock[], components: readonly ComponentManifest[], flags: readonly string[] = []): Promise<Kernel> {
  const resources = join(engine.folder, `resources-${name}`);
  mkdirSync(resources);
  for (const component of components) writeFileSync(join(resources, `${component.name}.yaml`), manifestOf(component));
  const [httpPort, grpcPort] = [await freePort(), await freePort()];
  const container = await Container.start(name, engine, {
    args: [
      'serve', `--app-id=${name}`, `--blocks=${blocks.join()}`, ...blocks.map((block) => `--block=${block}=remote:${addressOf(block)}`), '--block-memory=state=2Gi', '--block-heap=state=1Gi',
      `--dapr-http-port=${httpPort}`, `--dapr-grpc-port=${grpcPort}`, '--dapr-listen-addresses=127.0.0.1', '--enable-metrics=false', '--resources-path=/etc/bulkhead', ...flags,
    ],
    pod: 'pod', network: 'host', memory: `${KERNEL_MEMORY_MB}m`, volumes: [...blocks.map((block) => `${block}-socket:/run/bulkhead/${block}:ro`), `${resources}:/etc/bulkhead:ro`],
  });
  await container.says(/msg="dapr initialized\./);
  return { container, httpPort, grpcPort };
}

/** As the kernel sees it. */
export function addressOf(block: PodBlock): string {
  return `unix:/run/bulkhead/${block}/sockets/block.sock`;
}
