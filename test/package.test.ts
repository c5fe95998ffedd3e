// What may be published and what a lock may say. That the package works once installed is `npm run package-check`.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { lockProblems, platformRow, repairLock } from '../tools/lock.ts';
import { packageProblems, secretIn } from '../tools/package-contents.ts';

const GOOD = [
  'package/LICENSE', 'package/README.md', 'package/package.json', 'package/proto/dapr/proto/runtime/v1/dapr.proto',
  'package/dist/kernel/main.js', 'package/dist/kernel/cli.js', 'package/dist/kernel/cli.d.ts', 'package/dist/blocks/main.js', 'package/dist/blocks/thread.js', 'package/dist/blocks/host.js',
  'package/dist/blocks/state/redis-json.js', 'package/dist/proto/gen/descriptors.js',
];

describe('contents of the package', () => {
  it('may be compiled code, declarations, protocol files and documents', () => {
    expect(packageProblems(GOOD)).toEqual([]);
  });

  it.each([
    'package/kernel/cli.ts', 'package/dist/kernel/cli.ts', 'package/dist/kernel/cli.js.map', 'package/dist/test/a.js', 'package/dist/blocks/state.test.js',
    'package/dist/proto/generate.js', 'package/.npmrc', 'package/.env', 'package/dist/kernel/key.pem', 'package/bench/table.js', 'package/tsconfig.json',
  ])('may not be %s', (file) => {
    expect(packageProblems([...GOOD, file])).toEqual([`${file} has no place in it`]);
  });

  it('must be all that a start needs', () => {
    expect(packageProblems(GOOD.filter((file) => !file.endsWith('/host.js')))).toEqual(['package/dist/blocks/host.js is missing']);
  });

  it.each([
    ['a private key', `-----BEGIN RSA ${'PRIVATE'} KEY-----\nMII`],
    ['a token', `token: npm_${'a1'.repeat(18)}`],
    ['a registry\'s credentials', `//registry.example/:_auth${'Token'}=x`],
  ])('may not show %s', (what, text) => {
    expect(secretIn(text)).toBe(what);
    expect(secretIn('a key of a private store, and the token of an app')).toBeUndefined();
  });
});

describe('package-lock.json', () => {
  const lock = readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8');

  it('names no registry, and has a row for every platform', () => {
    expect(lockProblems(lock)).toEqual([]);
  });

  it('is left as it is by the repair when nothing is wrong', () => {
    expect(repairLock(lock)).toBe(lock);
  });

  it('is repaired when a registry slipped in', () => {
    const slipped = lock.replace('"integrity"', '"resolved": "https://registry.example/a.tgz",\n      "integrity"');
    expect(lockProblems(slipped)).toEqual([expect.stringContaining('names where it was fetched from')]);
    expect(repairLock(slipped)).toBe(lock);
  });

  it('is repaired when a platform is missing', () => {
    const parsed = JSON.parse(lock) as { packages: Record<string, unknown> };
    delete parsed.packages['node_modules/@oxlint/binding-linux-x64-musl'];
    const lacking = JSON.stringify(parsed);
    expect(lockProblems(lacking)).toEqual(['node_modules/@oxlint/binding-linux-x64-musl has no row: npm ci would refuse the lock']);
    expect(lockProblems(repairLock(lacking))).toEqual([]);
  });

  it('learns the platform of a package from its name', () => {
    expect(platformRow('@oxlint/binding-linux-arm-musleabihf', '1.2.3', true)).toEqual({ version: '1.2.3', cpu: ['arm'], dev: true, libc: ['musl'], optional: true, os: ['linux'] });
    expect(platformRow('@bufbuild/buf-linux-aarch64', '1.2.3', true)).toEqual({ version: '1.2.3', cpu: ['arm64'], dev: true, optional: true, os: ['linux'] });
    expect(platformRow('@koromix/koffi-win32-ia32', '1.2.3', false)).toEqual({ version: '1.2.3', cpu: ['ia32'], optional: true, os: ['win32'] });
    expect(platformRow('bufferutil', '1.2.3', false)).toBeUndefined();
    expect(platformRow('lib-darwin-arm64', '^1.2.3', false)).toBeUndefined();
  });
});
