// Podman for tests, with a store of its own in a temporary folder: nothing is seen of the user's images and containers, and nothing of ours is
// left, however the test process ends.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import { interpreterOf, librariesOf } from '../../deploy/image/elf.ts';

const execute = promisify(execFile);
const COMMAND_MS = 60_000;
/** A program that does nothing, to find out whether any can be run. */
const TRUE = '/bin/true';

/** As many as four blocks may have open. */
const MOST_DESCRIPTORS = 16_384;

/**
 * What a container may not do here whatever it is: more descriptors and processes than these, which podman's own defaults would raise beyond what
 * the machine may allow; anything that needs a capability; a change of its root file system.
 */
const CONFINED = [
  `--ulimit=nofile=${descriptors()}`, '--ulimit=nproc=4096:4096', '--cap-drop=all', '--security-opt=no-new-privileges', '--read-only', '--read-only-tmpfs=false', '--user=65532:65532',
];

/** That, or what this process may have when that is less. */
function descriptors(): number {
  const [, hard = MOST_DESCRIPTORS] = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return Math.min(MOST_DESCRIPTORS, Number(hard));
}

/** How images and containers are stored, the quicker one first; the second copies all files for each container, and works on any file system. */
const STORAGE_DRIVERS = ['overlay', 'vfs'] as const;
type StorageDriver = (typeof STORAGE_DRIVERS)[number];

export class Podman {
  readonly #folder: string;
  /** The program with the arguments that choose our store. */
  readonly engine: readonly [string, ...string[]];
  readonly #watch: () => void;

  constructor(driver: StorageDriver) {
    this.#folder = mkdtempSync(join(tmpdir(), 'bulkhead-podman-'));
    const place = (name: string): string => join(this.#folder, name);
    // runc and these managers work in a container, without systemd, and where both versions of control groups are mounted.
    this.engine = ['podman', `--root=${place('root')}`, `--runroot=${place('run')}`, `--tmpdir=${place('tmp')}`, '--runtime=runc', `--storage-driver=${driver}`, '--cgroup-manager=cgroupfs', '--events-backend=file'];
    this.#watch = cleanAfterUs(this.engine, this.#folder);
  }

  /** @returns standard output, without the last line's end @throws Error with what podman said */
  async run(...args: string[]): Promise<string> {
    return (await this.spoken(...args)).stdout.trimEnd();
  }

  /** @throws Error with what podman said */
  async spoken(...args: string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
    const [program, ...own] = this.engine;
    try {
      // Of a container that is killed for memory the monitor writes a file `oom` where it was started.
      return await execute(program, [...own, ...args], { cwd: this.#folder, timeout: COMMAND_MS, maxBuffer: 64 * 2 ** 20 });
    } catch (cause) {
      const { stderr = '', message } = cause as { stderr?: string; message: string };
      throw new Error(`podman ${args[0]}: ${stderr.trim() || message}`, { cause });
    }
  }

  /** Arguments of `run` or `create` for a container that has no more rights than it needs. */
  confined(memory: string): string[] {
    return [...CONFINED, `--memory=${memory}`, `--memory-swap=${memory}`];
  }

  /** Why no container can be run here; undefined: an image was built, and one of it was. */
  async problem(): Promise<string | undefined> {
    const context = join(this.#folder, 'true');
    try {
      const loader = interpreterOf(readFileSync(TRUE));
      if (loader === undefined) return `${TRUE} has no loader`;
      for (const file of [TRUE, ...librariesOf(TRUE, loader)]) {
        mkdirSync(dirname(join(context, file)), { recursive: true });
        copyFileSync(file, join(context, file));
      }
      writeFileSync(join(context, 'Containerfile'), 'FROM scratch\nCOPY / /\n');
      await this.run('build', '--quiet', '--tag=true', context);
      await this.run('run', '--rm', '--network=none', ...this.confined('64m'), 'localhost/true', TRUE);
      return undefined;
    } catch (cause) {
      return (cause as Error).message.replaceAll('\n', '; ');
    }
  }

  /** Ends and removes all: containers, pods, volumes, images, mounts. May be called twice. */
  close(): void {
    this.#watch();
    spawnSync('sh', ['-c', CLEAN, 'sh', this.#folder, ...this.engine]);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** `$1`: our folder; what follows is podman's command. */
const CLEAN = `
folder=$1; shift
[ -d "$folder" ] || exit 0
"$@" rm --all --force --time 0
"$@" pod rm --all --force --time 0
"$@" volume rm --all --force
grep -o " $folder/[^ ]*" /proc/mounts | sort -r | xargs -r umount
rm -rf "$folder"
`;

/** As a watchdog does: the shell holds our pipe, and cleans when we are gone without a word. Calling the result ends the watch. */
function cleanAfterUs(engine: readonly string[], folder: string): () => void {
  const shell = spawn('sh', ['-c', `read released; test "$released" = yes && exit\n${CLEAN}`, 'sh', folder, ...engine], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  shell.unref();
  shell.stdin.on('error', () => {}); // the shell has gone first
  return () => void shell.stdin.end('yes\n');
}

/** A podman that runs containers here; undefined where there can be none, which it says in one line. @param name of the suite that is skipped then */
export async function openPodman(name: string): Promise<Podman | undefined> {
  const skipped = (reason: string): undefined => void process.stderr.write(`SKIPPED: "${name}": ${reason}\n`);
  const installed = inject('podman');
  if (!installed.available) return skipped(installed.reason);
  const problems: string[] = [];
  for (const driver of STORAGE_DRIVERS) {
    const podman = new Podman(driver);
    const problem = await podman.problem();
    if (problem === undefined) return podman;
    podman.close();
    problems.push(`with --storage-driver=${driver}: ${problem}`);
  }
  return skipped(`podman is installed and can run no container, ${problems.join('; ')}`);
}
