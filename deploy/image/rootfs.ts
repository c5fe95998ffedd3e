// The image's root file system, made in a folder: Node, the system's libraries that it needs, the compiled program with the packages it runs
// on, and nothing else. Both ways to an image use it: `npm run image` on this machine, and the build stage of deploy/Containerfile.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { build } from '../../tools/build.ts';
import { bakeCompileCache } from './compile-cache.ts';
import { interpreterOf, librariesOf, withoutSymbols } from './elf.ts';
import { copy, makeFolder, makeReadable, put } from './files.ts';
import { addons, copyPackages } from './packages.ts';
import { billOfMaterials, type Contents } from './sbom.ts';
import { systemPackages } from './system.ts';

const root = join(import.meta.dirname, '..', '..');
/** Whom the image runs as; a number that is nobody's on a machine, and the one that images without a distribution use. */
const UID = 65_532;
const NODE = 'usr/local/bin/node';
const COMMAND = 'usr/local/bin/bulkhead';
/** Where the program lies in the image. */
const HOME = 'opt/bulkhead';
const ENTRY = 'dist/kernel/main.js';
/** In the image; with `/` before it, as README.md and deploy/Containerfile name it. */
export const SBOM = `${HOME}/sbom.cdx.json`;
const SHEBANG = '#!/usr/bin/env node\n';

/** Types are checked by `npm run types`: they take three times as long as what an image needs, and nobody compiles against an image. */
const CODE_ONLY = ['--noCheck', '--declaration', 'false'];

const FILES: Readonly<Record<string, string>> = {
  'etc/passwd': `root:x:0:0:root:/:/sbin/nologin\nbulkhead:x:${UID}:${UID}:bulkhead:/var/lib/bulkhead:/sbin/nologin\n`,
  'etc/group': `root:x:0:\nbulkhead:x:${UID}:\n`,
  'etc/nsswitch.conf': 'hosts: files dns\n', // without it the C library asks DNS first, and /etc/hosts last
};

/**
 * Fills `folder`/rootfs, whose files belong to root in the image, and `folder`/owned with a folder that is to belong to its user. Certificates of
 * authorities and time zones are in Node's binary.
 * @throws Error when something that it needs is not there, or when what was made doesn't start
 */
export async function makeRootfs(folder: string): Promise<void> {
  const [rootfs, owned] = [join(folder, 'rootfs'), join(folder, 'owned')];
  const home = join(rootfs, HOME);
  for (const made of [rootfs, owned]) rmSync(made, { recursive: true, force: true });
  for (const [path, text] of Object.entries(FILES)) put(join(rootfs, path), text);
  copyProgram(rootfs);
  const packages = copyPackages(root, home);
  const { libraries, node } = copyNode(rootfs, addons(home));
  const system = systemPackages(libraries);
  for (const { name, copyright } of system) if (copyright !== undefined) copy(copyright, join(rootfs, 'usr/share/doc', name, 'copyright'));
  put(join(rootfs, SBOM), `${JSON.stringify(billOfMaterials(root, { packages, system, node }), undefined, 1)}\n`);
  await bakeCompileCache({ node: join(rootfs, NODE), entry: join(home, ENTRY), folder: join(home, 'compiled') });
  makeReadable(rootfs);
  makeFolder(join(rootfs, 'tmp'), 0o1777);
  for (const path of ['run', 'var/lib']) makeFolder(join(rootfs, path), 0o755);
  makeFolder(join(owned, 'bulkhead'), 0o700);
}

/** dist/, started by its name and without `env`, which is not there. */
function copyProgram(rootfs: string): void {
  const home = join(rootfs, HOME);
  build(join(home, 'dist'), CODE_ONLY);
  const entry = join(home, ENTRY);
  put(entry, readFileSync(entry, 'utf8').replace(SHEBANG, `#!/${NODE}\n`), 0o755);
  makeFolder(join(rootfs, 'usr/local/bin'), 0o755);
  symlinkSync(`/${HOME}/${ENTRY}`, join(rootfs, COMMAND));
  const { name, version, license, type } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, string>;
  put(join(home, 'package.json'), `${JSON.stringify({ name, version, license, type })}\n`);
  copy(join(root, 'LICENSE'), join(home, 'LICENSE'));
}

/** This very Node, and the libraries that it and the addons are linked with, where its loader looks for them. */
function copyNode(rootfs: string, others: readonly string[]): { readonly libraries: readonly string[]; readonly node: Contents['node'] } {
  const program = readFileSync(process.execPath);
  const loader = interpreterOf(program);
  if (loader === undefined || !existsSync(loader)) throw new Error(`${process.execPath} is not started by a loader of this machine: a Node for glibc is needed`);
  const trimmed = withoutSymbols(program);
  put(join(rootfs, NODE), trimmed, 0o755);
  const libraries = [...new Set([process.execPath, ...others].flatMap((file) => librariesOf(file, loader)))];
  for (const library of libraries) copy(library, join(rootfs, library));
  return { libraries, node: { version: process.versions.node, sha256: createHash('sha256').update(trimmed).digest('hex') } };
}
