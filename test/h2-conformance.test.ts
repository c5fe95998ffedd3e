// The HTTP/2 server against h2spec, with and without TLS: each of its cases of RFC 7540 and RFC 7541, the strict ones too.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSidecar } from './harness/sidecar.ts';
import { H2SPEC, installH2spec } from './servers/h2spec.ts';
import { makeCertificates, type Certificates } from './servers/redis.ts';

/** What this version has: one that is not run is as bad as one that fails. */
const CASES = { generic: 44, http2: 95, hpack: 7 };
/** Seconds for what should come and doesn't; no case that passes waits so long. */
const TIMEOUT = '5';
const RUN_MS = 120_000;

interface Case {
  readonly section: string;
  readonly name: string;
  readonly outcome: 'passed' | 'skipped' | 'failed';
}

const h2spec = await installH2spec();
if (!h2spec.available) process.stderr.write(`SKIPPED: "h2spec": ${h2spec.reason}\n`);

describe.skipIf(!h2spec.available)('h2spec', () => {
  let certificates: Certificates | undefined;
  beforeAll(() => void (certificates = makeCertificates()));
  afterAll(() => certificates?.remove());

  it.each(['h2c', 'TLS'])('passes all its cases over %s', { timeout: RUN_MS }, async (transport) => {
    const flags: string[] = [];
    if (transport === 'TLS') {
      if (certificates === undefined) throw new Error('there is no openssl to make a certificate with (Debian: apt-get install openssl)');
      flags.push(`--api-tls-cert=${join(certificates.folder, 'server.crt')}`, `--api-tls-key=${join(certificates.folder, 'server.key')}`);
    }
    await using sidecar = await startSidecar({ isolation: 'monolith', listener: 'own', until: 'listening', components: [{ name: 'statestore', type: 'state.in-memory' }], flags });
    const { cases, printed } = await runH2spec(sidecar.grpcPort, transport === 'TLS' ? ['--tls', '--insecure'] : []);
    expect(cases.filter(({ outcome }) => outcome !== 'passed'), printed).toEqual([]);
    const count = (section: string) => cases.filter((one) => one.section.startsWith(`${section}/`)).length;
    expect({ generic: count('generic'), http2: count('http2'), hpack: count('hpack') }, printed).toEqual(CASES);
    expect(sidecar.logs.all.filter((line) => /level=(error|warning|fatal)/.test(line))).toEqual([]);
  });
});

/** `printed`: what it says of the cases that failed. */
async function runH2spec(port: number, flags: readonly string[]): Promise<{ cases: Case[]; printed: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-h2spec-'));
  const report = join(folder, 'report.xml');
  try {
    const printed = await new Promise<string>((done, failed) => {
      execFile(H2SPEC, ['--host', '127.0.0.1', '--port', String(port), '--strict', '--timeout', TIMEOUT, '--junit-report', report, ...flags], { timeout: RUN_MS, maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
        // 1 is what it ends with when cases have failed, which the report tells
        if (error !== null && error.code !== 1) failed(new Error(`h2spec: ${error.message}\n${stdout.slice(-2000)}${stderr.slice(-2000)}`));
        else done(/\nFailures:[\s\S]*/.exec(stdout)?.[0] ?? '');
      });
    });
    return { cases: readReport(readFileSync(report, 'latin1')), printed };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The cases of a report in JUnit's XML. The bytes of frames are in it as they are: no XML reader takes it. */
function readReport(text: string): Case[] {
  const cases = text.matchAll(/<testcase package="([^"]*)" classname="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g);
  return [...cases].map(([, section = '', name = '', inside = '']) => ({ section, name, outcome: inside.includes('<failure') || inside.includes('<error') ? 'failed' : inside.includes('<skipped') ? 'skipped' : 'passed' }));
}
