// Every import rule can fail: a small tree of the same shape breaks each of them once, and some of them in disguise.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import config from '../.dependency-cruiser.mjs';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const HOOK = pathToFileURL(join(ROOT, 'tools', 'typescript-for-depcruise.js')).href;
const CRUISER = join(ROOT, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruiser.mjs');
const FOLDERS = ['kernel', 'blocks', 'ipc', 'proto', 'test', 'bench', 'tools'];

/** What each file of the tree is made of. */
const CLEAN: Readonly<Record<string, string>> = {
  'proto/word.ts': "export type Word = string;\nexport const WORD = 'word';",
  'proto/log.ts': "export { default } from 'pino';",
  'proto/generate.ts': "import 'ts-proto';",
  'ipc/channel.ts': "export { WORD } from '../proto/word.ts';\nexport const pack = (await import('msgpackr')).default;",
  'ipc/libc.ts': "import { createRequire } from 'node:module';\nexport const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');",
  'kernel/main.js': "await import('./grpc/reference.ts');",
  'kernel/grpc/reference.ts': "import grpc from '@grpc/grpc-js';\nimport { WORD } from '../../ipc/channel.ts';\nexport default [grpc, WORD];",
  'kernel/app/grpc.ts': "import type { Client } from '@grpc/grpc-js';\nexport type C = Client;",
  'kernel/app/http.ts': "import { Pool } from 'undici';\nexport default Pool;",
  'kernel/metrics/registry.ts': "import type { Metric } from 'prom-client';\nexport type M = Metric;",
  'kernel/launch-thread.ts': "export const piscina = await import('piscina');",
  'kernel/yaml.ts': "import type { Document } from 'yaml';\nexport type D = Document;",
  'blocks/clients/redis.ts': "import redis from 'ioredis';\nexport default redis;",
  'blocks/clients/kafka/member.ts': "import kafkajs from 'kafkajs';\nexport default kafkajs;",
  'blocks/cel.ts': "export const cel = await import('@bufbuild/cel');",
  'blocks/driver.ts': "import type { Word } from '../proto/word.ts';\nexport type Driver = Word;",
  'blocks/driver-table.ts': "import type { Guard } from './resiliency/guard.ts';\nexport type G = Guard;",
  'blocks/resiliency/guard.ts': "import type { Driver } from '../driver.ts';\nexport type Guard = Driver;",
  'blocks/host.ts': "export const state = import('./state/redis.ts');",
  'blocks/state/redis.ts': "import redis from '../clients/redis.ts';\nimport type { Driver } from '../driver.ts';\nimport type { Guard } from '../resiliency/guard.ts';\nexport type R = Driver | Guard;\nexport default redis;",
  'blocks/state/sqlite-database.ts': "import { DatabaseSync } from 'node:sqlite';\nexport default DatabaseSync;",
  'blocks/lock/redis.ts': 'export const lock = 1;',
  'test/some.test.ts': "import '../kernel/grpc/reference.ts';\nimport '../bench/table.ts';\nimport 'ioredis';\nimport 'ts-proto';",
  'bench/table.ts': "import '@grpc/grpc-js';",
  'tools/tool.ts': 'export const tool = 1;',
};

/** Rule, the file that breaks it, and the line it breaks it with. */
const VIOLATIONS: readonly (readonly [rule: string, file: string, line: string])[] = [
  ['proto-is-the-ground', 'proto/x1.ts', "import type { Driver } from '../blocks/driver.ts';"],
  ['proto-is-the-ground', 'proto/x2.ts', "import '../ipc/channel.ts';"],
  ['ipc-knows-proto-only', 'ipc/x3.ts', "import type { Driver } from '../blocks/driver.ts';"],
  ['ipc-knows-proto-only', 'ipc/x4.ts', "export const later = () => import('../kernel/yaml.ts');"],
  ['kernel-never-blocks', 'kernel/x5.ts', "export type D = import('../blocks/driver.ts').Driver;"],
  ['kernel-never-blocks', 'kernel/x6.js', "/** @type {import('../blocks/driver.ts').Driver} */\nexport let driver;"],
  ['blocks-never-kernel', 'blocks/x7.ts', "export * from '../kernel/yaml.ts';"],
  ['blocks-never-kernel', 'blocks/state/x8.ts', "import '../../kernel/yaml.ts';"],
  ['blocks-apart', 'blocks/state/x9.ts', "import { lock } from '../lock/redis.ts';\nexport default lock;"],
  ['blocks-apart', 'blocks/clients/x10.ts', "import '../lock/redis.ts';"],
  ['blocks-apart', 'blocks/resiliency/x40.ts', "import '../lock/redis.ts';"],
  ['common-block-files-know-no-block', 'blocks/x11.ts', "export const state = () => import('./state/redis.ts');"],
  ['no-cycle', 'kernel/x12.ts', "import { b } from './x13.ts';\nexport const a = () => b;"],
  ['nobody-imports-tests', 'kernel/x14.ts', "import '../bench/table.ts';"],
  ['nobody-imports-tests', 'tools/x15.ts', "import '../test/some.test.ts';"],
  ['nothing-shipped-imports-tools', 'blocks/x16.ts', "import '../tools/tool.ts';"],
  ['no-dev-dependency-shipped', 'kernel/x17.ts', "import type * as generator from 'ts-proto';\nexport type G = typeof generator;"],
  ['every-import-is-there', 'kernel/x18.ts', "import './nowhere.ts';"],
  ['every-package-is-declared', 'kernel/x19.ts', "import 'stowaway';"],
  ['every-package-has-a-home', 'ipc/x20.ts', "import 'homeless';"],
  ['grpc-js-has-one-home', 'kernel/x21.ts', "import type { Server } from '@grpc/grpc-js';\nexport type S = Server;"],
  ['ioredis-has-one-home', 'blocks/state/x22.ts', "import { Redis } from 'ioredis';\nexport default Redis;"],
  ['koffi-has-one-home', 'ipc/x23.ts', "import { createRequire } from 'node:module';\nexport const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');"],
  ['msgpackr-has-one-home', 'proto/x24.ts', "import 'msgpackr';"],
  ['pino-has-one-home', 'kernel/x25.ts', "export const pino = await import('pino');"],
  ['protobuf-has-one-home', 'blocks/state/x26.ts', "import '@bufbuild/protobuf/wire';"],
  ['piscina-has-one-home', 'kernel/x37.ts', "import type { Piscina } from 'piscina';\nexport type P = Piscina;"],
  ['prom-client-has-one-home', 'kernel/x35.ts', "import 'prom-client';"],
  ['undici-has-one-home', 'kernel/app/x31.ts', "import type { Pool } from 'undici';\nexport type P = Pool;"],
  ['kafkajs-has-one-home', 'blocks/pubsub/x32.ts', "import type { Producer } from 'kafkajs';\nexport type P = Producer;"],
  ['etcd3-has-one-home', 'blocks/state/x34.ts', "import type { Etcd3 } from 'etcd3';\nexport type E = Etcd3;"],
  ['cel-has-one-home', 'blocks/pubsub/x33.ts', "import '@bufbuild/cel';"],
  ['yaml-has-one-home', 'kernel/x27.ts', "import 'yaml';"],
  ['levenshtein-has-one-home', 'ipc/x28.ts', "import 'fastest-levenshtein';"],
  ['sqlite-has-one-home', 'blocks/state/x29.ts', "import type { DatabaseSync } from 'node:sqlite';\nexport type D = DatabaseSync;"],
  ['sqlite-has-one-home', 'kernel/x30.ts', "export const sqlite = process.getBuiltinModule('node:sqlite');"],
];

/** Breaks no rule alone: it closes the cycle of x12. */
const CLOSING: readonly [file: string, line: string] = ['kernel/x13.ts', "import { a } from './x12.ts';\nexport const b = () => a;"];

const DEPENDENCIES = ['@bufbuild/cel', '@bufbuild/protobuf', '@grpc/grpc-js', 'etcd3', 'fastest-levenshtein', 'homeless', 'ioredis', 'kafkajs', 'koffi', 'msgpackr', 'pino', 'piscina', 'prom-client', 'undici', 'yaml'];
const versions = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, '*']));

interface Violation {
  readonly from: string;
  readonly rule: { readonly name: string };
}

let tree: string;

function write(path: string, text: string): void {
  const target = join(tree, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, `${text}\n`);
}

function cruise(outputType: string): Promise<{ code: number; text: string }> {
  const args = ['--import', HOOK, CRUISER, '--config', join(ROOT, '.dependency-cruiser.mjs'), '--output-type', outputType, ...FOLDERS];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: tree, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr });
    });
  });
}

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'bulkhead-imports-'));
  write('package.json', JSON.stringify({ type: 'module', dependencies: versions(DEPENDENCIES), devDependencies: versions(['ts-proto']) }));
  for (const name of [...DEPENDENCIES, 'stowaway', 'ts-proto']) {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', exports: { '.': './index.js', './wire': './index.js' } }));
    write(`node_modules/${name}/index.js`, '');
  }
  for (const [file, text] of Object.entries(CLEAN)) write(file, text);
});

afterAll(() => rmSync(tree, { recursive: true, force: true }));

describe('import rules', () => {
  it('let a tree pass that keeps to them', async () => {
    const { code, text } = await cruise('err-long');
    expect(text).toContain('no dependency violations found');
    expect(code).toBe(0);
  });

  it('each find the violation planted for them, and nothing else in that file', async () => {
    write(...CLOSING);
    for (const [, file, line] of VIOLATIONS) write(file, line);
    const { violations } = (JSON.parse((await cruise('json')).text) as { summary: { violations: Violation[] } }).summary;
    const found = violations.map(({ from, rule }) => `${rule.name} ${from}`).toSorted();
    expect([...new Set(found)]).toEqual(VIOLATIONS.map(([rule, file]) => `${rule} ${file}`).toSorted());
  });

  it('fail with their reason', async () => {
    const { code, text } = await cruise('err-long');
    expect(code).not.toBe(0);
    const said = text.replaceAll(/\s+/g, ''); // lines are wrapped
    for (const { comment } of config.forbidden) expect(said).toContain(comment.replaceAll(/\s+/g, ''));
  });

  it('are all tried here', () => {
    expect([...new Set(VIOLATIONS.map(([rule]) => rule))].toSorted()).toEqual(config.forbidden.map(({ name }) => name).toSorted());
  });
});
