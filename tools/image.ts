// `npm run image`: the container image, built by podman or docker from files made here. Prints its size, and writes its list of contents.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { makeRootfs, SBOM } from '../deploy/image/rootfs.ts';

const root = dirname(import.meta.dirname);
const USAGE = `usage: npm run image -- [flags]
  --tag <name>         name of the image (bulkhead:local); may repeat
  --engine <command>   what builds it (podman); words, e.g. "podman --runtime=runc --storage-driver=vfs"
  --sbom <file>        where the list of contents goes, CycloneDX JSON (build/bulkhead.cdx.json)
  --rootfs <folder>    make the files only, in this folder, and build nothing
`;
const MEBIBYTE = 2 ** 20;

export interface ImageOptions {
  readonly tags: readonly string[];
  /** The program and its own arguments. */
  readonly engine: readonly [string, ...string[]];
  /** Where the list of contents goes. */
  readonly sbom: string;
}

/** @returns its size in bytes, as the engine counts @throws Error with what the compiler, npm or the engine said */
export async function buildImage({ tags, engine: [program, ...own], sbom }: ImageOptions): Promise<number> {
  const context = mkdtempSync(join(tmpdir(), 'bulkhead-image-'));
  // Podman makes one layer of all steps then: its vfs driver would keep a whole copy for each.
  const env = { BUILDAH_LAYERS: 'false', ...process.env };
  const engine = (...args: string[]): string => execFileSync(program, [...own, ...args], { encoding: 'utf8', env, stdio: 'pipe', maxBuffer: 64 * MEBIBYTE }); // what it says on standard error is in the error
  try {
    requireEngine(program, engine);
    await makeRootfs(context);
    mkdirSync(dirname(sbom), { recursive: true });
    copyFileSync(join(context, 'rootfs', SBOM), sbom);
    engine('build', '--file', join(root, 'deploy', 'Containerfile'), '--target', 'prepared', ...tags.flatMap((tag) => ['--tag', tag]), context);
    return Number(engine('image', 'inspect', '--format', '{{.Size}}', tags[0] as string));
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** Before minutes are spent on files for it. */
function requireEngine(program: string, engine: (...args: string[]) => string): void {
  try {
    engine('--version');
  } catch (cause) {
    throw new Error((cause as NodeJS.ErrnoException).code === 'ENOENT' ? `there is no ${program} here: install it, or name another one with --engine` : (cause as Error).message, { cause });
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      tag: { type: 'string', multiple: true, default: ['bulkhead:local'] }, engine: { type: 'string', default: 'podman' }, sbom: { type: 'string', default: join(root, 'build', 'bulkhead.cdx.json') },
      rootfs: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  if (values.rootfs !== undefined) return makeRootfs(resolve(values.rootfs));
  const [program = '', ...own] = values.engine.split(' ').filter((word) => word !== '');
  const started = performance.now();
  const size = await buildImage({ tags: values.tag, engine: [program, ...own], sbom: resolve(values.sbom) });
  process.stdout.write(`${values.tag.join(', ')}: ${(size / 1e6).toFixed(1)} MB, built in ${((performance.now() - started) / 1000).toFixed(1)} s; its contents are listed in ${values.sbom}\n`);
}

if (import.meta.main) {
  try {
    await main();
  } catch (cause) {
    process.stderr.write(`image: ${(cause as Error).message}\n${(cause as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true ? USAGE : ''}`);
    process.exitCode = 1;
  }
}
