// Asks the registry for known vulnerabilities of what package-lock.json installs (`npm run audit:check`). What users install may have none of
// any weight; what only development needs none of moderate weight or more. A registry that answers no such questions, and none at all,
// is no failure: one line says that nothing was checked.
import { spawnSync } from 'node:child_process';
import { dirname, resolve } from 'node:path';

/** From least to worst; a word that is none of them counts as the worst. */
const SEVERITIES = ['info', 'low', 'moderate', 'high', 'critical'] as const;
const LEAST = { production: 'low', development: 'moderate' } as const;
/** npm's own words, and the system's, for a registry that can't be reached. */
const UNREACHABLE = /\b(?:ENOTFOUND|ECONNREFUSED|ECONNRESET|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|ENOTCACHED)\b|cache mode is 'only-if-cached'/;
const NPM_MS = 120_000;

/** An advisory about a package that is installed. */
export interface Finding {
  readonly name: string;
  readonly severity: string;
  readonly title: string;
  /** Where to read about it; `''` when unknown. */
  readonly url: string;
  /** Of the versions concerned. */
  readonly range: string;
}

export type Reading = { readonly findings: readonly Finding[] } | { /** Why nothing was checked. */ readonly unavailable: string };

/**
 * Reads what `npm audit --json` printed, of npm 7 and later.
 * @throws Error for what is neither a report nor a registry's refusal to give one
 */
export function readAudit(printed: string): Reading {
  let report: unknown;
  try {
    report = JSON.parse(printed);
  } catch {
    throw new Error(`npm audit printed no JSON: ${shortened(printed) || 'nothing'}`);
  }
  if (!isRecord(report)) throw new Error(`npm audit printed no report: ${shortened(printed)}`);
  if (isRecord(report['vulnerabilities'])) return { findings: findingsIn(report['vulnerabilities']) };
  const { message, statusCode, error } = report;
  const said = [message, isRecord(error) ? error['summary'] : undefined, isRecord(error) ? error['detail'] : undefined].filter((text) => typeof text === 'string' && text !== '').join(': ');
  if (typeof statusCode === 'number' || UNREACHABLE.test(said) || (isRecord(error) && UNREACHABLE.test(String(error['code'])))) return { unavailable: said || `the registry answered ${String(statusCode)}` };
  throw new Error(`npm audit failed: ${said || shortened(printed)}`);
}

/** Those that count, the worst first. @param least the severity from which they do */
export function grave(findings: readonly Finding[], least: (typeof SEVERITIES)[number]): Finding[] {
  return findings.filter(({ severity }) => weight(severity) >= weight(least)).toSorted((a, b) => weight(b.severity) - weight(a.severity) || (a.name < b.name ? -1 : 1));
}

/** What only the second has. */
export function beyond(production: readonly Finding[], all: readonly Finding[]): Finding[] {
  const known = new Set(production.map(keyOf));
  return all.filter((finding) => !known.has(keyOf(finding)));
}

function findingsIn(vulnerabilities: Record<string, unknown>): Finding[] {
  const findings = new Map<string, Finding>();
  for (const [name, entry] of Object.entries(vulnerabilities)) {
    if (!isRecord(entry) || !Array.isArray(entry['via'])) throw new Error(`npm audit's report has an entry that is none: ${name}`);
    const causes: unknown[] = entry['via'];
    const advisories = causes.filter(isRecord);
    for (const advisory of advisories) add({ name: text(advisory['name']) || name, severity: text(advisory['severity']), title: text(advisory['title']), url: text(advisory['url']), range: text(advisory['range']) });
    // Where it is vulnerable by another package alone, that one's entry says so.
    const explained = causes.some((cause) => typeof cause === 'string' && Object.hasOwn(vulnerabilities, cause));
    if (advisories.length === 0 && !explained) add({ name, severity: text(entry['severity']), title: 'vulnerable, and the report does not say why', url: '', range: text(entry['range']) });
  }
  return [...findings.values()];

  function add(finding: Finding): void {
    findings.set(keyOf(finding), finding);
  }
}

const keyOf = ({ name, title, url }: Finding): string => `${name} ${url || title}`;
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const shortened = (printed: string): string => printed.trim().slice(0, 200);

function weight(severity: string): number {
  const found = SEVERITIES.findIndex((one) => one === severity);
  return found < 0 ? SEVERITIES.length : found;
}

function audit(...flags: string[]): Reading {
  const { stdout, error } = spawnSync('npm', ['audit', '--json', ...flags], { cwd: dirname(import.meta.dirname), encoding: 'utf8', timeout: NPM_MS, maxBuffer: 64 * 1024 * 1024, stdio: ['ignore', 'pipe', 'ignore'] });
  if (error !== undefined) {
    if ('code' in error && error.code === 'ETIMEDOUT') return { unavailable: `no answer within ${NPM_MS / 1_000} s` };
    throw error;
  }
  return readAudit(stdout);
}

function main(): void {
  const [production, all] = [audit('--omit=dev'), audit()];
  for (const reading of [production, all]) {
    if ('unavailable' in reading) {
      process.stdout.write(`SKIPPED: npm audit: no dependency was checked for known vulnerabilities, because the registry gave no answer: ${reading.unavailable}\n`);
      return;
    }
  }
  const found = 'findings' in production && 'findings' in all ? { production: production.findings, development: beyond(production.findings, all.findings) } : { production: [], development: [] };
  for (const kind of ['production', 'development'] as const) {
    const counted = grave(found[kind], LEAST[kind]);
    for (const { name, range, severity, title, url } of counted) process.stdout.write(`${kind}: ${name} ${range}: ${severity || 'unrated'}: ${title} ${url}\n`);
    if (counted.length > 0) process.exitCode = 1;
    process.stdout.write(`npm audit: ${counted.length} advisories for ${kind} of severity ${LEAST[kind]} or worse, ${found[kind].length - counted.length} below\n`);
  }
}

if (import.meta.filename === resolve(process.argv[1] ?? '')) main();
