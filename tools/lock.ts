// Checks package-lock.json, or with --write repairs it: it names no registry, and it has a row for every platform.
//
// npm leaves a platform's optional package out of the lock when the registry it asked doesn't hold that package (a
// mirror of one platform, say). `npm ci` then refuses the lock everywhere. Such a row needs no more than the version
// that its parent asks for and the platform, which its name tells.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';

interface Row {
  version?: string;
  resolved?: string;
  dev?: boolean;
  optional?: boolean;
  cpu?: string[];
  os?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

type Rows = Record<string, Row>;

const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const PROCESSORS: Readonly<Record<string, string>> = {
  aarch64: 'arm64', arm: 'arm', arm64: 'arm64', armv7: 'arm', ia32: 'ia32', loong64: 'loong64', ppc64: 'ppc64', riscv64: 'riscv64', s390x: 's390x', x64: 'x64',
};

/** The row of a package that this machine can't ask for; undefined when its name or version doesn't tell enough. */
export function platformRow(name: string, version: string, dev: boolean): Row | undefined {
  const words = name.split(/[/-]/);
  const os = words.find((word) => SYSTEMS.includes(word));
  const cpu = words.findLast((word) => Object.hasOwn(PROCESSORS, word));
  if (os === undefined || cpu === undefined || !/^\d+\.\d+\.\d+/.test(version)) return undefined;
  const libc = words.some((word) => word.startsWith('musl')) ? ['musl'] : words.some((word) => word.startsWith('gnu')) ? ['glibc'] : undefined;
  return { version, cpu: [PROCESSORS[cpu]!], ...(dev && { dev }), ...(libc !== undefined && { libc }), optional: true, os: [os] };
}

/** The rows that optional dependencies ask for and the lock doesn't have, by where they would lie. */
export function missingRows(rows: Rows): Map<string, Row | undefined> {
  const missing = new Map<string, Row | undefined>();
  for (const [place, { optionalDependencies = {}, dev = false }] of Object.entries(rows)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (!isHeld(rows, place, name)) missing.set(`node_modules/${name}`, platformRow(name, version, dev));
    }
  }
  return missing;
}

/** Node's own search: the folder of the asking package, then each one above. */
function isHeld(rows: Rows, place: string, name: string): boolean {
  for (let folder = place; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (Object.hasOwn(rows, `${folder === '' ? '' : `${folder}/`}node_modules/${name}`)) return true;
    if (folder === '') return false;
  }
}

/** What is wrong with a lock, a sentence each. */
export function lockProblems(text: string): string[] {
  const { packages } = JSON.parse(text) as { packages: Rows };
  const problems = Object.entries(packages)
    .filter(([, { resolved }]) => resolved !== undefined)
    .map(([place, { resolved }]) => `${place} names where it was fetched from: ${resolved}`);
  if (/"https?:\/\/[^"]*\.tgz/.test(text) && problems.length === 0) problems.push('an address of a tarball is in it');
  for (const place of missingRows(packages).keys()) problems.push(`${place} has no row: npm ci would refuse the lock`);
  return problems;
}

/** The lock with no address in it and with the missing rows in npm's order. */
export function repairLock(text: string): string {
  const lock = JSON.parse(text) as { packages: Rows };
  for (const row of Object.values(lock.packages)) delete row.resolved;
  for (const [place, row] of missingRows(lock.packages)) if (row !== undefined) lock.packages[place] = row;
  lock.packages = Object.fromEntries(Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, 'en')));
  return `${JSON.stringify(lock, undefined, 2)}\n`;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
  const path = resolve(dirname(import.meta.dirname), 'package-lock.json');
  if (values.write) writeFileSync(path, repairLock(readFileSync(path, 'utf8')));
  const problems = lockProblems(readFileSync(path, 'utf8'));
  for (const problem of problems) process.stderr.write(`package-lock.json: ${problem}\n`);
  if (problems.length > 0) {
    process.stderr.write('`node tools/lock.ts --write` repairs it.\n');
    process.exitCode = 1;
  } else process.stdout.write('package-lock.json: every platform has its rows, and no registry is named.\n');
}
