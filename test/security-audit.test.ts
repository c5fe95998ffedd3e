// What `npm audit --json` says, and what that means for a change: reports of npm 7 and later, and the forms in which npm says that
// there is none.
import { describe, expect, it } from 'vitest';
import { beyond, grave, readAudit, type Finding } from '../tools/audit.ts';

/** Shortened from a real report: a package with an advisory, and one that is vulnerable through it. */
const REPORT = {
  auditReportVersion: 2,
  vulnerabilities: {
    'copy-webpack-plugin': {
      name: 'copy-webpack-plugin', severity: 'high', isDirect: true, via: ['serialize-javascript'], effects: [], range: '4.3.0 - 5.1.1', nodes: ['node_modules/copy-webpack-plugin'],
      fixAvailable: { name: 'copy-webpack-plugin', version: '5.1.2', isSemVerMajor: false },
    },
    'serialize-javascript': {
      name: 'serialize-javascript', severity: 'high', isDirect: false, effects: ['copy-webpack-plugin'], range: '<=3.0.0', nodes: ['node_modules/serialize-javascript'], fixAvailable: true,
      via: [
        { source: 1095131, name: 'serialize-javascript', dependency: 'serialize-javascript', title: 'Insecure serialization', url: 'https://github.com/advisories/GHSA-hxcc-f52p-wc94', severity: 'high', cwe: ['CWE-502'], cvss: { score: 8.1 }, range: '<3.1.0' },
        { source: 1, name: 'serialize-javascript', dependency: 'serialize-javascript', title: 'Slow', url: 'https://github.com/advisories/GHSA-1', severity: 'low', range: '<2.0.0' },
      ],
    },
  },
  metadata: { vulnerabilities: { info: 0, low: 0, moderate: 0, high: 2, critical: 0, total: 2 }, dependencies: { prod: 10, dev: 5, optional: 0, peer: 0, peerOptional: 0, total: 14 } },
};
const [SERIOUS, SLOW]: readonly Finding[] = [
  { name: 'serialize-javascript', severity: 'high', title: 'Insecure serialization', url: 'https://github.com/advisories/GHSA-hxcc-f52p-wc94', range: '<3.1.0' },
  { name: 'serialize-javascript', severity: 'low', title: 'Slow', url: 'https://github.com/advisories/GHSA-1', range: '<2.0.0' },
] as const;

describe('a report of npm audit', () => {
  it('names each advisory once, and no package that is vulnerable only through another', () => {
    expect(readAudit(JSON.stringify(REPORT))).toEqual({ findings: [SERIOUS, SLOW] });
  });

  it('is clean when it names nothing', () => {
    expect(readAudit(JSON.stringify({ ...REPORT, vulnerabilities: {} }))).toEqual({ findings: [] });
  });

  it('counts a package that it explains by nothing', () => {
    const { 'copy-webpack-plugin': lone } = REPORT.vulnerabilities;
    expect(readAudit(JSON.stringify({ ...REPORT, vulnerabilities: { lone } }))).toEqual({ findings: [expect.objectContaining({ name: 'lone', severity: 'high' })] });
  });

  it('is cut at a severity, the worst first; a severity that nobody knows is the worst', () => {
    const strange = { ...SLOW as Finding, name: 'a', severity: 'catastrophic' };
    const informal = { ...SLOW as Finding, name: 'b', severity: 'info' };
    const all = [SLOW, informal, SERIOUS, strange] as Finding[];
    expect(grave(all, 'low')).toEqual([strange, SERIOUS, SLOW]);
    expect(grave(all, 'moderate')).toEqual([strange, SERIOUS]);
    expect(grave([], 'low')).toEqual([]);
  });

  it('of everything is more than that of production', () => {
    expect(beyond([SERIOUS as Finding], [SLOW, SERIOUS] as Finding[])).toEqual([SLOW]);
  });
});

describe('no report', () => {
  it.each([
    ['a registry without the endpoint', { message: '405 Method Not Allowed - POST https://registry.example/-/npm/v1/security/advisories/bulk', method: 'POST', uri: 'https://registry.example', headers: {}, statusCode: 405, body: '', error: { summary: '', detail: '' } }, /^405 Method/],
    ['a registry in trouble', { message: '503 Service Unavailable', statusCode: 503 }, /^503/],
    ['no network', { message: 'request to https://registry.example failed, reason: getaddrinfo ENOTFOUND registry.example', error: { summary: '', detail: '' } }, /ENOTFOUND/],
    ['npm told to stay offline', { error: { code: 'ENOTCACHED', summary: "request to https://registry.example failed: cache mode is 'only-if-cached' but no cached response is available.", detail: '' } }, /only-if-cached/],
  ])('is no failure for %s, and says why', (_, printed, reason) => {
    expect(readAudit(JSON.stringify(printed))).toEqual({ unavailable: expect.stringMatching(reason) });
  });

  it.each([
    ['no lock file', JSON.stringify({ error: { code: 'ENOLOCK', summary: 'This command requires an existing lockfile.', detail: 'Try creating one first' } }), 'npm audit failed: This command requires an existing lockfile.: Try creating one first'],
    ['nothing', '', 'npm audit printed no JSON: nothing'],
    ['half a report', '{"auditReportVersion": 2, "vulnera', 'npm audit printed no JSON: {"auditReportVersion": 2, "vulnera'],
    ['another value', '[]', 'npm audit printed no report: []'],
    ['another shape', JSON.stringify({ advisories: {} }), 'npm audit failed: {"advisories":{}}'],
    ['an entry of another shape', JSON.stringify({ vulnerabilities: { a: { severity: 'high' } } }), "npm audit's report has an entry that is none: a"],
  ])('is a failure where npm printed %s', (_, printed, message) => {
    expect(() => readAudit(printed)).toThrow(new Error(message));
  });
});
