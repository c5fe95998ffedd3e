// `spec.policies` of a Resiliency resource: named timeouts, retries and circuit breakers, and those that are built in (contract:
// resiliency, policies and built-ins).
import { InvalidDuration, parseDurationMs } from '../../proto/duration.ts';
import type { BreakerPolicy, RetryPolicy } from '../../proto/resiliency.ts';
import { integerAt, member, objectAt, ShapeError, textAt, type YamlObject } from '../shape.ts';
import { codeRanges, GRPC_CODES, HTTP_CODES } from './codes.ts';
import { strangers } from './members.ts';

/** By name. */
export interface Policies {
  /** Milliseconds; 0 and less: none. */
  readonly timeouts: ReadonlyMap<string, number>;
  readonly retries: ReadonlyMap<string, RetryPolicy>;
  readonly circuitBreakers: ReadonlyMap<string, BreakerPolicy>;
}

export interface DecodedPolicies extends Policies {
  /** What is worth a warning. */
  readonly remarks: readonly string[];
}

/** What a retry policy is where it says nothing. */
const RETRY: RetryPolicy = {
  policy: 'constant', durationMs: 5_000, maxIntervalMs: 60_000, maxElapsedMs: 15 * 60_000, maxRetries: -1, httpStatusCodes: [], grpcStatusCodes: [],
};
const BREAKER_TIMEOUT_MS = 60_000;
const DEFAULT_TRIP = 'consecutiveFailures > 5';
/** Go's uint32. */
const LARGEST_COUNT = 2 ** 32 - 1;

/** Nobody may change it. */
const PROTECTED = 'DaprBuiltInActorNotFoundRetries';
/** An override of one of these has this many retries at least. */
const FEWEST_RETRIES = 3;

/** They are there from the start, under names that targets may use. */
export const BUILT_IN: Policies = {
  timeouts: new Map(),
  retries: new Map<string, RetryPolicy>([
    ['DaprBuiltInServiceRetries', { ...RETRY, durationMs: 1_000, maxRetries: 3 }],
    ['DaprBuiltInActorRetries', { ...RETRY, durationMs: 1_000, maxRetries: 3 }],
    ['DaprBuiltInActorReminderRetries', { ...RETRY, policy: 'exponential' }],
    ['DaprBuiltInInitializationRetries', { ...RETRY, policy: 'exponential', maxIntervalMs: 1_000, maxRetries: 3, maxElapsedMs: 10_000 }],
    [PROTECTED, { ...RETRY, durationMs: 1_000, maxRetries: 5 }],
  ]),
  circuitBreakers: new Map(),
};

const PLACE = 'spec.policies';

/** @throws ShapeError: one bad policy makes the whole resource unreadable. */
export function decodePolicies(policies: YamlObject): DecodedPolicies {
  const remarks = strangers(policies, PLACE, ['timeouts', 'retries', 'circuitBreakers']);
  const timeouts = named(policies, 'timeouts', (value, place, name) => timeoutOf(textAt(value, place), name));
  const retries = new Map<string, RetryPolicy>();
  for (const [name, retry] of named(policies, 'retries', (value, place, key) => within('retry', key, () => retryOf(objectAt(value, place), place, remarks)))) {
    if (name === PROTECTED) {
      remarks.push(`Attempted to override protected policy ${name} which is not allowed. Ignoring provided policy and using default.`);
    } else if (BUILT_IN.retries.has(name) && retry.maxRetries < FEWEST_RETRIES) {
      remarks.push(`Attempted override of ${name} did not meet minimum retry count, resetting to ${FEWEST_RETRIES}.`);
      retries.set(name, { ...retry, maxRetries: FEWEST_RETRIES });
    } else {
      retries.set(name, retry);
    }
  }
  const circuitBreakers = named(policies, 'circuitBreakers', (value, place, key) => within('circuit breaker', key, () => breakerOf(objectAt(value, place), place, key, remarks)));
  return { timeouts, retries, circuitBreakers, remarks };
}

type Value = Parameters<typeof objectAt>[0];

function named<T>(policies: YamlObject, kind: string, decode: (value: Value, place: string, name: string) => T): Map<string, T> {
  const place = `${PLACE}.${kind}`;
  return new Map(Object.entries(objectAt(member(policies, kind), place)).map(([name, value]) => [name, decode(value, `${place}.${name}`, name)]));
}

function timeoutOf(text: string, name: string): number {
  try {
    return durationMs(text);
  } catch (cause) {
    if (!(cause instanceof InvalidDuration)) throw cause;
    throw new ShapeError(`invalid duration ${JSON.stringify(name)}, ${text}: ${cause.message}`);
  }
}

/** Whatever is wrong with it, the policy's name comes first. */
function within<T>(kind: string, name: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (!(cause instanceof ShapeError)) throw cause;
    throw new ShapeError(`invalid ${kind} configuration ${JSON.stringify(name)}: ${cause.message}`);
  }
}

function retryOf(retry: YamlObject, place: string, remarks: string[]): RetryPolicy {
  remarks.push(...strangers(retry, place, ['policy', 'duration', 'maxInterval', 'maxRetries', 'matching']));
  const matching = objectAt(member(retry, 'matching'), 'matching');
  remarks.push(...strangers(matching, `${place}.matching`, ['httpStatusCodes', 'gRPCStatusCodes']));
  return {
    policy: kindOf(textAt(member(retry, 'policy'), 'policy')),
    durationMs: durationAt(retry, 'duration', RETRY.durationMs),
    maxIntervalMs: durationAt(retry, 'maxInterval', RETRY.maxIntervalMs),
    maxElapsedMs: RETRY.maxElapsedMs,
    maxRetries: Math.max(-1, integerAt(member(retry, 'maxRetries'), 'maxRetries', RETRY.maxRetries)),
    httpStatusCodes: codeRanges(textAt(member(matching, 'httpStatusCodes'), 'matching.httpStatusCodes'), HTTP_CODES),
    grpcStatusCodes: codeRanges(textAt(member(matching, 'gRPCStatusCodes'), 'matching.gRPCStatusCodes'), GRPC_CODES),
  };
}

function kindOf(text: string): RetryPolicy['policy'] {
  const kind = text.toLowerCase();
  if (kind === '') return RETRY.policy;
  if (kind === 'constant' || kind === 'exponential') return kind;
  throw new ShapeError(`unexpected back off policy type: ${text}; give it constant or exponential`);
}

function breakerOf(breaker: YamlObject, place: string, name: string, remarks: string[]): BreakerPolicy {
  remarks.push(...strangers(breaker, place, ['maxRequests', 'interval', 'timeout', 'trip']));
  const maxRequests = integerAt(member(breaker, 'maxRequests'), 'maxRequests', 1);
  if (maxRequests < 0 || maxRequests > LARGEST_COUNT) throw new ShapeError(`maxRequests is ${maxRequests}: give a number from 1 to ${LARGEST_COUNT}`);
  const timeoutMs = durationAt(breaker, 'timeout', BREAKER_TIMEOUT_MS);
  return {
    name,
    maxRequests: Math.max(1, maxRequests),
    intervalMs: Math.max(0, durationAt(breaker, 'interval', 0)),
    timeoutMs: timeoutMs > 0 ? timeoutMs : BREAKER_TIMEOUT_MS,
    trip: textAt(member(breaker, 'trip'), 'trip').trim() || DEFAULT_TRIP,
  };
}

function durationAt(object: YamlObject, name: string, absent: number): number {
  const text = textAt(member(object, name), name);
  if (text === '') return absent;
  try {
    return durationMs(text);
  } catch (cause) {
    if (!(cause instanceof InvalidDuration)) throw cause;
    throw new ShapeError(`${name}: invalid duration ${JSON.stringify(text)}; write it like 500ms, 5s or 1m30s`);
  }
}

/** A number without a unit is milliseconds. @throws InvalidDuration */
function durationMs(text: string): number {
  return /^[+-]?\d{1,15}$/.test(text) ? Number(text) : parseDurationMs(text);
}
