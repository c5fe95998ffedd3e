// Makes sure that a Kafka broker can be started: its jars, fetched once from the Maven repository into the cache folder.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TEST_CACHE } from './cache.ts';
import type { Availability } from './install.ts';

const run = promisify(execFile);

/** The last line of versions that also old clients and a Java of 2021 work with. */
const VERSION = process.env['BULKHEAD_TEST_KAFKA'] ?? '3.9.1';
const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';
const CACHE = TEST_CACHE;
const INSTALL_MS = 600_000;

/** Where the jars are, or will be: there all at once or not at all. */
export const KAFKA_JARS = join(CACHE, `kafka-${VERSION}`);

/** Java 17 and, for the first time, Maven and the network. `BULKHEAD_TEST_INSTALL=0` forbids fetching anything. */
export async function installKafka(): Promise<Availability> {
  const missing = (why: string): Availability => ({ available: false, reason: `Kafka ${VERSION} can't be started: ${why}` });
  const java = await run('java', ['-version'], { timeout: 20_000 }).then(({ stderr }) => Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0), () => 0);
  if (java < 17) return missing(`${java === 0 ? 'there is no java' : `java is of version ${java}`}; install Java 17 or later (Debian: apt-get install default-jre-headless maven) and run the tests again`);
  if (existsSync(KAFKA_JARS)) return { available: true };
  if (process.env['BULKHEAD_TEST_INSTALL'] === '0') return missing('its jars are not there and BULKHEAD_TEST_INSTALL=0 forbids fetching them');
  process.stdout.write(`tests: fetching Kafka ${VERSION} (once, 50 MB, with mvn; may take some minutes) ...\n`);
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'fetching-'));
  try {
    writeFileSync(join(folder, 'pom.xml'), POM);
    await run('mvn', ['-B', '-q', `${PLUGIN}:copy-dependencies`, '-DincludeScope=runtime', `-DoutputDirectory=${join(folder, 'jars')}`], { cwd: folder, timeout: INSTALL_MS, maxBuffer: 16 * 1024 * 1024 });
    if (!existsSync(KAFKA_JARS)) renameSync(join(folder, 'jars'), KAFKA_JARS);
  } catch (cause) {
    if (existsSync(KAFKA_JARS)) return { available: true }; // somebody else was faster
    const { code, stdout, message } = cause as { readonly code?: unknown; readonly stdout?: string; readonly message: string };
    if (code === 'ENOENT') return missing('its jars are not there, and there is no mvn to fetch them; install Maven and run the tests again');
    return missing(`mvn failed: ${/\[ERROR\] (.*)/.exec(stdout ?? '')?.[1] ?? message}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { available: true };
}

/** slf4j-simple: without a logger the broker wouldn't say when it is ready. */
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>bulkhead.test</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`;
