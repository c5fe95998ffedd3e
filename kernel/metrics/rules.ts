// Label values rewritten as the Configuration asks (contract: metrics configuration, rules). Values come from clients and patterns
// from people: a pattern that backtracks without end on some value must not hold up the sidecar, so each try is bounded in time,
// and a rule that took too long once applies no more.
import { Script, createContext } from 'node:vm';
import { messageOf } from '../../proto/errors.ts';
import { cleanLabel } from '../../proto/meter.ts';
import type { MetricRule } from '../configuration.ts';

interface Rewrite {
  readonly pattern: RegExp;
  readonly replacement: string;
  /** For messages. */
  readonly place: string;
  off: boolean;
}

const LONGEST_PATTERN = 1_024;
const MOST_PATTERNS = 1_000;
const TRY_MS = 20;
/** Rewritten values that are remembered, for each label of a rule. */
const MAX_REMEMBERED = 1_000;

/** The metric's name without its prefix, in any of the forms people write: `dapr_a_b`, `a_b`, `a/b`. */
const nameOf = (name: string): string => name.replaceAll(/[/.]/g, '_').replace(/^dapr_/, '');

interface LabelRules {
  readonly rewrites: Rewrite[];
  readonly known: Map<string, string>;
}

export class LabelRewriting {
  /** By metric and label. */
  readonly #rules = new Map<string, LabelRules>();
  readonly #warn: (text: string) => void;

  /** @param warn hears of rules that can't be used */
  constructor(rules: readonly MetricRule[], warn: (text: string) => void) {
    this.#warn = warn;
    const patterns = rules.flatMap(({ name, labels }) => labels.flatMap((label) => [...label.regex].map(([replacement, pattern]) => [nameOf(name), label.name, replacement, pattern] as const)));
    if (patterns.length > MOST_PATTERNS) warn(`there are more than ${MOST_PATTERNS} metric rules: the others do not apply`);
    for (const [metric, label, replacement, pattern] of patterns.slice(0, MOST_PATTERNS)) this.#add(metric, label, replacement, pattern);
  }

  readonly rewrite = (name: string, label: string, value: string): string => {
    if (this.#rules.size === 0) return value;
    const rules = this.#rules.get(`${name} ${label}`);
    if (rules === undefined) return value;
    const known = rules.known.get(value);
    if (known !== undefined) return known;
    let rewritten = value;
    for (const rule of rules.rewrites) if (!rule.off) rewritten = this.#apply(rule, rewritten);
    if (rules.known.size >= MAX_REMEMBERED) rules.known.clear();
    rules.known.set(value, rewritten);
    return rewritten;
  };

  #add(metric: string, label: string, replacement: string, pattern: string): void {
    const place = `the rule of metric ${metric} for label ${label} with the pattern ${JSON.stringify(pattern.slice(0, 100))}`;
    if (pattern.length > LONGEST_PATTERN) return this.#warn(`${place} does not apply: it is longer than ${LONGEST_PATTERN} characters`);
    let compiled: RegExp;
    try {
      compiled = compile(pattern);
    } catch (cause) {
      return this.#warn(`${place} does not apply: ${messageOf(cause)}`);
    }
    const key = `${metric} ${label}`;
    const rules: LabelRules = this.#rules.get(key) ?? { rewrites: [], known: new Map() };
    this.#rules.set(key, rules);
    rules.rewrites.push({ pattern: compiled, replacement, place, off: false });
  }

  #apply(rule: Rewrite, value: string): string {
    const { pattern, replacement } = rule;
    SANDBOX.replace = () => cleanLabel(value).replace(pattern, (...match: unknown[]) => expand(replacement, match));
    try {
      return RUN.runInContext(SANDBOX, { timeout: TRY_MS }) as string;
    } catch (cause) {
      rule.off = true;
      this.#warn(`${rule.place} applies no more: it took more than ${TRY_MS} ms, or failed: ${messageOf(cause)}`);
      return value;
    }
  }
}

/** A place to run with a time limit, which ends a regular expression, too. */
const SANDBOX = createContext({ replace: (): string => '' }) as { replace: () => string };
const RUN = new Script('replace()');

/** Go's syntax where it differs: flags in front, and how groups are named. */
function compile(pattern: string): RegExp {
  const [front, flags = ''] = /^\(\?([ims]+)\)/.exec(pattern) ?? [''];
  return new RegExp(pattern.slice(front.length).replaceAll('(?P<', '(?<').replaceAll('\\z', '$').replaceAll('\\A', '^'), `g${flags}`);
}

/** `$1`, `${1}`, `${name}` and `$$` in a replacement. */
function expand(replacement: string, match: readonly unknown[]): string {
  const last = match.at(-1);
  const groups = typeof last === 'object' && last !== null ? (last as Readonly<Record<string, string | undefined>>) : {};
  return replacement.replace(/\$(?:\$|\{(\w+)\}|(\w+))/g, (whole, braced: string | undefined, bare: string | undefined) => {
    if (whole === '$$') return '$';
    const name = (braced ?? bare) as string;
    const value: unknown = /^\d+$/.test(name) ? match[Number(name)] : groups[name];
    return typeof value === 'string' ? value : '';
  });
}
