// What the image holds and says of itself.
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { Engine } from '../harness/podman-container.ts';

/** Megabytes; Node's binary is 116 of them. */
const LARGEST = 165;
/** All there is beside the program: what Node needs of a system, whose licence that is under, and where something may be mounted. */
const SYSTEM = [
  /^usr\/local\/bin\/(node|bulkhead)$/, /^(usr\/)?lib(64)?\/([\w-]+\/)?(ld-linux[\w.-]*|lib(c|m|dl|pthread|stdc\+\+|gcc_s|atomic))\.so\.\d$/, /^etc\/(passwd|group|nsswitch\.conf)$/, /^usr\/share\/doc\/[\w.+-]+\/copyright$/,
];
const PROGRAM = /^opt\/bulkhead\/(package\.json|LICENSE|sbom\.cdx\.json|dist\/(kernel|blocks|ipc|proto)\/.+\.js|node_modules\/.+|compiled\/.+)$/;
const NOT_RUN = /(^|\/)(sh|bash|env|busybox|npm|npx)$|(?<!\/licen[cs]e)\.(ts|map|md|py|c|h)$|\.test\.js$/i;

interface Entry {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly isFile: boolean;
}

interface Bom {
  readonly bomFormat: string;
  readonly metadata: { readonly component: { readonly name: string; readonly version: string } };
  readonly components: readonly { readonly name: string; readonly version: string; readonly purl: string; readonly licenses?: readonly unknown[]; readonly hashes?: readonly unknown[] }[];
}

export function imageSuite(engine: () => Engine): void {
  let mounted = '';
  let entries: Entry[] = [];
  beforeAll(async () => {
    const { podman, image } = engine();
    mounted = await podman.run('image', 'mount', image);
    entries = readdirSync(mounted, { recursive: true, withFileTypes: true }).map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const { mode, uid } = lstatSync(path);
      return { path: path.slice(mounted.length + 1), mode, uid, isFile: !entry.isDirectory() };
    });
  });

  it('holds Node, the program and what both need, and no shell', () => {
    const files = entries.filter(({ isFile }) => isFile).map(({ path }) => path);
    expect(files.filter((path) => !PROGRAM.test(path) && !SYSTEM.some((pattern) => pattern.test(path)))).toEqual([]);
    expect(files.filter((path) => NOT_RUN.test(path))).toEqual([]);
    expect(files.length).toBeGreaterThan(1_000);
  });

  it('belongs to root and is written to by nobody, but for two folders that volumes take their owner from', () => {
    const others = entries.filter(({ uid, mode, isFile, path }) => path !== 'tmp' && (uid !== 0 || (mode & 0o6000) !== 0 || ((mode & 0o022) !== 0 && (mode & 0o170000) !== 0o120000) || (isFile && (mode & 0o444) !== 0o444)));
    expect(others.map(({ path, uid, mode }) => [path, uid, (mode & 0o7777).toString(8)])).toEqual(expect.arrayContaining([['run/bulkhead', 65_532, '700'], ['var/lib/bulkhead', 65_532, '700']]));
    expect(others).toHaveLength(2);
  });

  it('says whom it runs as and what it starts, and is small', async () => {
    const { podman, image } = engine();
    const [{ Size, Config }] = JSON.parse(await podman.run('image', 'inspect', image)) as [{ Size: number; Config: { User: string; Entrypoint: string[]; Cmd: string[]; WorkingDir: string; Env: string[] } }];
    expect(Config).toMatchObject({ User: '65532:65532', Entrypoint: ['/usr/local/bin/bulkhead'], Cmd: ['serve'], WorkingDir: '/var/lib/bulkhead' });
    expect(Config.Env.map((variable) => variable.split('=')[0])).toEqual(['PATH', 'NODE_COMPILE_CACHE', 'NODE_COMPILE_CACHE_PORTABLE']);
    process.stdout.write(`containers: the image has ${(Size / 1e6).toFixed(1)} MB\n`);
    expect(Size / 1e6).toBeLessThan(LARGEST);
  });

  it('lists its contents: each package that is inside and no other, Node, and the system\'s libraries', () => {
    const bom = JSON.parse(readFileSync(join(mounted, 'opt/bulkhead/sbom.cdx.json'), 'utf8')) as Bom;
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
    expect([bom.bomFormat, bom.metadata.component]).toEqual(['CycloneDX', expect.objectContaining({ name: 'bulkhead', version })]);
    const named = bom.components.filter(({ purl }) => purl.startsWith('pkg:npm/'));
    const inside = entries.filter(({ path }) => /(^|\/)node_modules\/(@[^/]+\/)?[^/@]+\/package\.json$/.test(path)).map(({ path }) => JSON.parse(readFileSync(join(mounted, path), 'utf8')) as { name: string; version: string });
    const id = ({ name, version: of }: { name: string; version: string }): string => `${name}@${of}`;
    expect([...new Set(named.map(id))].toSorted()).toEqual([...new Set(inside.map(id))].toSorted());
    expect(named.filter(({ licenses, hashes }) => licenses === undefined || hashes === undefined).map(id)).toEqual([]);
    const others = bom.components.filter((component) => !named.includes(component)).map(({ name }) => name);
    expect(others).toEqual(expect.arrayContaining(['node', ...(others.length > 1 ? ['libc6', 'libstdc++6'] : [])])); // the libraries' packages are known where there is a dpkg
    expect(bom.components.find(({ name }) => name === 'node')?.version).toBe(process.versions.node);
  });

  it('starts from compiled code that it brings along', async () => {
    const { podman, image } = engine();
    // Node's own account of its cache; `--version` loads all of the kernel's command line.
    const { stdout, stderr } = await podman.spoken('run', '--rm', '--network=none', ...podman.confined('256m'), '--env=NODE_DEBUG_NATIVE=COMPILE_CACHE', image, '--version');
    const said = `${stdout}\n${stderr}`;
    expect(said.match(/code cache for ESM file:\/\/\/opt\/bulkhead\/dist\/kernel\/\S+ was accepted/g)?.length).toBeGreaterThan(10);
    expect(said.match(/.*\b(rejected|no such file).*/g) ?? []).toEqual([]);
  }, 60_000);
}
