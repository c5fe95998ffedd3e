// gRPC clients of other languages: their programs (test/clients) and the packages that those need, built once into the cache folder.
// Building is slow and nobody waits for it but one suite: it runs behind everything else, and a file says what came of it.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually } from '../harness/awaiting.ts';
import { TEST_CACHE } from './cache.ts';
import { installH2spec } from './h2spec.ts';

const exec = promisify(execFile);

const SOURCES = fileURLToPath(new URL('../clients/', import.meta.url));
const CACHE = TEST_CACHE;
const INSTALL_MS = 600_000;
/** Of building: other tests have their time to keep. */
const NICE = 10;
const GRPC_JAVA = '1.76.0';
const GRPCIO = '1.76.0';

/** How a client is started, but for the server's address; or why it can't be. */
export type ForeignClientProgram = { readonly available: true; readonly command: readonly string[]; readonly env?: Readonly<Record<string, string>> } | { readonly available: false; readonly reason: string };

type Run = (command: string, args: readonly string[], cwd?: string, env?: Readonly<Record<string, string>>) => Promise<string>;

interface Recipe {
  /** Files of test/clients. */
  readonly sources: readonly string[];
  /** What else the result depends on. @throws Error when the toolchain is not there, or too old */
  toolchain(run: Run): Promise<string>;
  /** Fills an empty folder. */
  build(run: Run, folder: string, signal: AbortSignal): Promise<void>;
  start(folder: string): { readonly command: readonly string[]; readonly env?: Readonly<Record<string, string>> };
}

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>bulkhead.test</groupId>
  <artifactId>grpc-client</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>io.grpc</groupId><artifactId>grpc-netty-shaded</artifactId><version>${GRPC_JAVA}</version></dependency>
    <dependency><groupId>io.grpc</groupId><artifactId>grpc-api</artifactId><version>${GRPC_JAVA}</version></dependency>
  </dependencies>
</project>
`;

const RECIPES = {
  go: {
    sources: ['go/main.go', 'go/go.mod', 'go/go.sum'],
    toolchain: (run) => run('go', ['env', 'GOVERSION', 'GOARCH']),
    build: async (run, folder, signal) => {
      await installH2spec(signal); // built from the same standard library, with the same options: most of this is done then
      await run('go', ['build', '-tags=grpcnotrace', '-o', join(folder, 'client'), '.'], join(SOURCES, 'go'), { GOFLAGS: '-mod=readonly -buildvcs=false', GOTOOLCHAIN: 'local' });
    },
    start: (folder) => ({ command: [join(folder, 'client')] }),
  },
  java: {
    sources: ['java/GrpcTestClient.java'],
    toolchain: async (run) => {
      const version = Number(/^javac (\d+)/.exec(await run('javac', ['-version']))?.[1] ?? 0);
      if (version < 17) throw new Error(`javac is of version ${version}, and must be 17 or later`);
      return `${version} ${POM}`;
    },
    build: async (run, folder) => {
      writeFileSync(join(folder, 'pom.xml'), POM);
      await run('mvn', ['-B', '-q', 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${join(folder, 'jars')}`], folder);
      await run('javac', ['-nowarn', '-proc:none', '-cp', join(folder, 'jars', '*'), '-d', join(folder, 'classes'), join(SOURCES, 'java', 'GrpcTestClient.java')]);
    },
    // It runs for seconds: to compile it well would be for nothing.
    start: (folder) => ({ command: ['java', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', `${join(folder, 'jars', '*')}:${join(folder, 'classes')}`, 'GrpcTestClient'] }),
  },
  python: {
    sources: [],
    toolchain: async (run) => `${await run('python3', ['-c', 'import platform, pip, sys; print(sys.version_info[:2], platform.machine())'])} ${GRPCIO}`,
    build: async (run, folder) => void (await run('python3', ['-m', 'pip', 'install', '--quiet', '--only-binary=:all:', '--target', join(folder, 'packages'), `grpcio==${GRPCIO}`])),
    start: (folder) => ({ command: ['python3', join(SOURCES, 'python', 'client.py')], env: { PYTHONPATH: join(folder, 'packages') } }),
  },
} as const satisfies Readonly<Record<string, Recipe>>;

export type ForeignLanguage = keyof typeof RECIPES;

/**
 * Begins with what is not there yet. `BULKHEAD_TEST_INSTALL=0` forbids fetching anything.
 * @param signal gives up, and clears away
 * @returns the folder where `foreignClient` finds what came of it
 */
export function installForeignClients(signal: AbortSignal): string {
  mkdirSync(CACHE, { recursive: true });
  const results = mkdtempSync(join(CACHE, 'clients-'));
  signal.addEventListener('abort', () => rmSync(results, { recursive: true, force: true }));
  for (const [language, recipe] of Object.entries(RECIPES)) {
    void install(language, recipe, signal).then((program) => {
      if (signal.aborted) return;
      writeFileSync(join(results, `${language}.part`), JSON.stringify(program));
      renameSync(join(results, `${language}.part`), join(results, `${language}.json`)); // there all at once
    });
  }
  return results;
}

/** Waits for an installation that has begun. @param results of `installForeignClients` */
export async function foreignClient(results: string, language: ForeignLanguage): Promise<ForeignClientProgram> {
  const file = join(results, `${language}.json`);
  await eventually(`the gRPC client in ${language} is built, or can't be`, () => existsSync(file), INSTALL_MS);
  return JSON.parse(readFileSync(file, 'utf8')) as ForeignClientProgram;
}

async function install(language: string, recipe: Recipe, signal: AbortSignal): Promise<ForeignClientProgram> {
  const missing = (why: string): ForeignClientProgram => ({ available: false, reason: `the gRPC client in ${language} can't be built: ${why}` });
  const stopping = new AbortController();
  const run = runner(stopping.signal);
  let folder: string | undefined;
  // What is being built goes with who builds it: nobody may be left to clear it away.
  signal.addEventListener('abort', () => {
    stopping.abort();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });
  try {
    const hash = createHash('sha256').update(await recipe.toolchain(run));
    for (const source of recipe.sources) hash.update(readFileSync(join(SOURCES, source)));
    const target = join(CACHE, `grpc-client-${language}-${hash.digest('hex').slice(0, 16)}`);
    const program: ForeignClientProgram = { available: true, ...recipe.start(target) };
    if (existsSync(target)) return program;
    if (process.env['BULKHEAD_TEST_INSTALL'] === '0') return missing('it is not there and BULKHEAD_TEST_INSTALL=0 forbids fetching what it needs');
    folder = mkdtempSync(join(CACHE, 'building-'));
    await recipe.build(run, folder, signal);
    if (!existsSync(target)) renameSync(folder, target);
    return program;
  } catch (cause) {
    const { code, path, stderr, stdout, message } = cause as { readonly code?: unknown; readonly path?: string; readonly stderr?: string; readonly stdout?: string; readonly message: string };
    if (code === 'ENOENT') return missing(`there is no ${path}; install it and run the tests again`);
    return missing([stderr, stdout, message].find((text) => text !== undefined && text.trim() !== '')?.trim().slice(-500) ?? String(cause));
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

function runner(signal: AbortSignal): Run {
  return async (command, args, cwd = CACHE, env = {}) => {
    const running = exec(command, args, { cwd, env: { ...process.env, ...env }, signal, timeout: INSTALL_MS, killSignal: 'SIGKILL', maxBuffer: 1 << 24 });
    try {
      if (running.child.pid !== undefined) setPriority(running.child.pid, NICE);
    } catch {
      // it has ended already
    }
    return (await running).stdout;
  };
}
