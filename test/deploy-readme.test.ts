// "Deploy it" in README.md, followed to the letter: its commands are typed into a shell, and what it says of them comes true. In place of a
// cluster, what would be applied is rendered and checked.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithKubectl, documents } from './harness/kustomize.ts';
import { commandsUnder } from './harness/readme.ts';
import { kubernetesProblems } from './harness/schemas.ts';
import { sessionProblem, ShellSession, type Answer } from './harness/shell-session.ts';
import { installPodmanCompose } from './servers/podman-compose.ts';
import { openPodman, type Podman } from './servers/podman.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
/** What the commands leave behind. */
const LEFT = '/tmp/bulkhead';
const TOLD_MS = 60_000;
const IMAGE_MS = 240_000;

const blocks = commandsUnder('Deploy it');
const isCluster = (block: string): boolean => block.includes('kubectl');
const isCompose = (block: string): boolean => block.includes('podman compose');
const isImage = (block: string): boolean => block.includes('npm run image');
const checkout = blocks.filter((block) => ![isCluster, isCompose, isImage].some((is) => is(block)));

/** Each block of commands for a checkout, in order: what its output is to have, and when all of it has gone well. */
const EXPECTED: readonly { readonly begins: string; readonly says: readonly RegExp[]; readonly code: number }[] = [
  { begins: 'npm start --silent -- block state', says: [/listening at unix:\/tmp\/bulkhead\/state\.sock/, /listening at unix:\/tmp\/bulkhead\/pubsub\.sock/, /serving app orders, compartment state/, /dapr initialized/], code: 0 },
  { begins: 'curl -X POST http://127.0.0.1:3500/v1.0/state', says: [/"world"/, /"name":"state","block":"state","transport":"ring","mode":"remote"/, /"name":"pubsub","block":"pubsub","transport":"ring","mode":"remote"/], code: 0 },
  { begins: 'kill %2', says: [/"world"/, /ERR_BLOCK_UNAVAILABLE/, /dapr is not ready: \[block pubsub: it can't be reached at unix:\/tmp\/bulkhead\/pubsub\.sock/], code: 0 },
  { begins: 'npm start --silent -- block pubsub', says: [/listening at unix:\/tmp\/bulkhead\/pubsub\.sock/, /"world"/], code: 0 },
];

/** A `podman` for the path: ours, with a store of its own, and with the `compose` that newer ones have. */
function podmanOnPath(folder: string, { engine: [program, ...own] }: Podman, compose: readonly string[] | undefined): void {
  const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ');
  const script = join(folder, 'podman');
  const delegate = compose === undefined ? 'echo "there is no podman-compose" >&2; exit 1' : `shift; exec ${quoted(compose)} --podman-path '${script}' "$@"`;
  writeFileSync(script, `#!/bin/sh\nif [ "$1" = compose ]; then ${delegate}; fi\nPATH=/usr/sbin:/usr/bin:/sbin:/bin exec ${quoted([program, ...own])} "$@"\n`);
  chmodSync(script, 0o755);
}

const problem = sessionProblem();
const SUITE = 'README.md, Deploy it';
if (problem !== undefined) process.stderr.write(`SKIPPED: "${SUITE}": ${problem}\n`);

describe.skipIf(problem !== undefined)(SUITE, () => {
  const wasThere = existsSync(LEFT);
  let folder = '';
  let session: ShellSession;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bulkhead-readme-'));
    session = new ShellSession(ROOT, { PATH: `${folder}:${process.env['PATH'] ?? ''}`, HOME: process.env['HOME'] ?? '/root', TMPDIR: tmpdir() });
  });
  afterAll(async () => {
    await session[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
    if (!wasThere) rmSync(LEFT, { recursive: true, force: true });
  });

  it('tells of what is expected here, in this order', () => {
    expect(checkout.map((block, index) => block.startsWith(EXPECTED[index]?.begins ?? '?'))).toEqual(EXPECTED.map(() => true));
    expect(blocks.map((block) => (isCluster(block) ? 'cluster' : isCompose(block) ? 'compose' : isImage(block) ? 'image' : 'checkout'))).toEqual(['checkout', 'checkout', 'checkout', 'checkout', 'image', 'compose', 'cluster']);
  });

  it.each(EXPECTED.map(({ begins }, index) => [begins, index] as const))('in a checkout: %s ...', async (_begins, index) => {
    const { says, code } = EXPECTED[index]!;
    const answer = await session.run(checkout[index] ?? 'false', TOLD_MS);
    for (const pattern of says) expect(answer.output).toMatch(pattern);
    expect(answer.code, answer.output).toBe(code);
  }, TOLD_MS);

  describe('in containers', () => {
    let podman: Podman | undefined;
    let compose: readonly string[] | undefined;
    beforeAll(async () => {
      podman = await openPodman(`${SUITE}: in containers`);
      if (podman === undefined) return;
      const found = await installPodmanCompose();
      if (found.available) compose = found.command;
      else process.stderr.write(`SKIPPED: "${SUITE}: a container for each block": ${found.reason}\n`);
      podmanOnPath(folder, podman, compose);
    }, IMAGE_MS);
    afterAll(() => podman?.close());

    /** All of the lines have to go well, not just the last. */
    const all = (block: string): Promise<Answer> => session.run(`(set -e\n${block}) </dev/null`, IMAGE_MS);

    it('one container', async ({ skip }) => {
      skip(podman === undefined, 'no podman');
      const { code, output } = await all(blocks.find(isImage) ?? 'false');
      expect(output).toMatch(/bulkhead:local: [\d.]+ MB/);
      expect(code, output).toBe(0);
    }, IMAGE_MS);

    it('a container for each block', async ({ skip }) => {
      skip(compose === undefined, 'no podman-compose');
      const { code, output } = await all(blocks.find(isCompose) ?? 'false');
      for (const block of ['state', 'pubsub', 'config', 'lock', 'sequencer']) {
        expect(output).toContain(`"name":"${block}","block":"${block}","transport":"ring","mode":"remote","address":"unix:/run/bulkhead/${block}/sockets/block.sock"`);
      }
      expect(code, output).toBe(0);
    }, IMAGE_MS);
  });
});

describeWithKubectl(`${SUITE}: on Kubernetes`, () => {
  const commands = blocks.filter(isCluster).join('').split('\n').filter((line) => line !== '');

  it.each(commands)('%s', (command) => {
    expect(command).toMatch(/^kubectl apply -k deploy\/kubernetes\/[\w/-]+$/);
    const [, , , folder = ''] = command.split(' ');
    const objects = documents(execFileSync('kubectl', ['kustomize', folder], { cwd: ROOT, encoding: 'utf8' }));
    expect(objects.length).toBeGreaterThan(3);
    expect(objects.flatMap(kubernetesProblems)).toEqual([]);
  });
});
