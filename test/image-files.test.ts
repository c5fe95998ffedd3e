// What goes into the image, file by file. That the image works is told by containers-podman.test.ts.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interpreterOf, librariesOf, withoutSymbols } from '../deploy/image/elf.ts';
import { makeReadable } from '../deploy/image/files.ts';
import { addons, copyPackages } from '../deploy/image/packages.ts';
import { systemPackages } from '../deploy/image/system.ts';

const TOOL = fileURLToPath(new URL('../tools/image.ts', import.meta.url));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-image-test-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a program', () => {
  it('runs as before without its symbols, and is smaller', () => {
    const node = readFileSync(process.execPath);
    const trimmed = withoutSymbols(node);
    expect(trimmed.length).toBeLessThanOrEqual(node.length);
    const path = join(folder, 'node');
    writeFileSync(path, trimmed, { mode: 0o755 });
    expect(execFileSync(path, ['-p', '[process.version, 6 * 7].join()'], { encoding: 'utf8' })).toBe(`${process.version},42\n`);
    expect(withoutSymbols(trimmed).length).toBe(trimmed.length);
  });

  it('names its loader and its libraries', () => {
    const loader = interpreterOf(readFileSync(process.execPath));
    expect(loader).toMatch(/^\/lib.*\/ld-.*\.so/);
    const libraries = librariesOf(process.execPath, loader as string);
    expect(libraries.filter((path) => !existsSync(path))).toEqual([]);
    expect(libraries.some((path) => path.endsWith('/libc.so.6'))).toBe(true);
    expect(libraries[0]).toBe(loader);
  });

  it.each([
    ['nothing', Buffer.alloc(0)], ['a script', Buffer.from(`#!/bin/sh\n${' '.repeat(100)}`)], ['a program for 32 bits', Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46, 1, 1]), Buffer.alloc(100)])],
    ['a big-endian one', Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 2]), Buffer.alloc(100)])],
  ])('is not %s', (_, bytes) => {
    expect(() => withoutSymbols(bytes)).toThrow('it is no program for 64-bit Linux');
    expect(() => interpreterOf(bytes)).toThrow('it is no program for 64-bit Linux');
  });
});

describe('packages', () => {
  const write = (path: string, text = ''): void => {
    mkdirSync(dirname(join(folder, 'checkout', path)), { recursive: true });
    writeFileSync(join(folder, 'checkout', path), text);
  };
  const copied = (): string[] => readdirSync(join(folder, 'copy'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(join(folder, 'copy', 'node_modules').length + 1)).toSorted();

  it('are those that run in production, with what runs of them and their licences', () => {
    const row = (version: string, more = {}): object => ({ version, ...more });
    write('package-lock.json', JSON.stringify({
      packages: {
        '': { name: 'x' }, 'node_modules/a': row('1.0.0'), 'node_modules/a/node_modules/@s/b': row('2.0.0'), 'node_modules/types': row('3.0.0'), 'node_modules/dev': row('4.0.0', { dev: true }),
        'node_modules/elsewhere': row('5.0.0', { optional: true }), 'node_modules/native': row('6.0.0'),
      },
    }));
    for (const path of [
      'a/index.js', 'a/index.d.ts', 'a/index.js.map', 'a/package.json', 'a/LICENSE', 'a/README.md', 'a/licence.md', 'a/test/a.js', 'a/src/test/kept.mjs', 'a/src/a.test.js', 'a/rpc.proto', 'a/node_modules/@s/b/index.cjs',
      'types/index.d.ts', 'types/package.json', 'dev/index.js', 'native/linux/x.node', 'native/musl_x64/x.node', 'native/x.musl.node', 'native/src/x.cc',
    ]) write(`node_modules/${path}`);
    expect(copyPackages(join(folder, 'checkout'), join(folder, 'copy'))).toEqual([
      { path: 'node_modules/a', name: 'a', version: '1.0.0' }, { path: 'node_modules/a/node_modules/@s/b', name: '@s/b', version: '2.0.0' }, { path: 'node_modules/native', name: 'native', version: '6.0.0' },
    ]);
    expect(copied()).toEqual(['a/LICENSE', 'a/index.js', 'a/licence.md', 'a/node_modules/@s/b/index.cjs', 'a/package.json', 'a/rpc.proto', 'a/src/test/kept.mjs', 'native/linux/x.node']);
    expect(addons(join(folder, 'copy'))).toEqual([join(folder, 'copy/node_modules/native/linux/x.node')]);
  });

  it('of the system are named where there is a list of them', () => {
    expect(systemPackages([join(folder, 'nobody\'s')])).toEqual([]);
    if (existsSync('/usr/bin/dpkg-query')) expect(systemPackages(['/usr/bin/dpkg-query', '/usr/bin/dpkg'])).toEqual([{ name: 'dpkg', version: expect.stringMatching(/^\d/) as string, architecture: expect.any(String) as string, copyright: '/usr/share/doc/dpkg/copyright' }]);
  });

  it('can be read by everybody in the image, whatever the mask was', () => {
    const tree = join(folder, 'modes');
    mkdirSync(join(tree, 'inner'), { recursive: true });
    writeFileSync(join(tree, 'inner', 'program'), '');
    writeFileSync(join(tree, 'file'), '');
    chmodSync(join(tree, 'inner', 'program'), 0o700);
    chmodSync(join(tree, 'file'), 0o660);
    chmodSync(join(tree, 'inner'), 0o770);
    makeReadable(tree);
    expect(['', 'file', 'inner', 'inner/program'].map((path) => (statSync(join(tree, path)).mode & 0o7777).toString(8))).toEqual(['755', '644', '755', '755']);
  });
});

describe('npm run image', () => {
  const tool = (...args: string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } => spawnSync(process.execPath, [TOOL, ...args], { encoding: 'utf8' });

  it('says how it is used', () => {
    expect(tool('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('--engine') as string, stderr: '' });
    expect(tool('--tug=x')).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(/^image: Unknown option '--tug'[^]*--tag/) as string });
  });

  it('says at once that there is nothing to build with', () => {
    expect(tool('--engine=no-such-engine')).toMatchObject({ status: 1, stdout: '', stderr: 'image: there is no no-such-engine here: install it, or name another one with --engine\n' });
  });
});
