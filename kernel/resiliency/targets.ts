// `spec.targets` of a Resiliency resource: which policies are meant for which application, actor type and component, by their
// names (contract: resiliency, targets).
import { integerAt, member, objectAt, ShapeError, textAt, type YamlObject } from '../shape.ts';
import { strangers } from './members.ts';

/** Names of policies; `''`: none. */
export interface PolicyNames {
  readonly timeout: string;
  readonly retry: string;
  readonly circuitBreaker: string;
}

/** The breakers of an application: one for each of its endpoints. */
export interface AppTarget extends PolicyNames {
  /** Breakers kept. */
  readonly circuitBreakerCacheSize: number;
}

export interface ActorTarget extends PolicyNames {
  /** What has a breaker of its own; undefined without one. */
  readonly circuitBreakerScope: 'type' | 'id' | 'both' | undefined;
  /** Breakers kept. */
  readonly circuitBreakerCacheSize: number;
}

export interface ComponentTarget {
  readonly inbound: PolicyNames;
  readonly outbound: PolicyNames;
}

/** By application, actor type and component. */
export interface Targets {
  readonly apps: ReadonlyMap<string, AppTarget>;
  readonly actors: ReadonlyMap<string, ActorTarget>;
  readonly components: ReadonlyMap<string, ComponentTarget>;
}

export interface DecodedTargets extends Targets {
  /** What is worth a warning. */
  readonly remarks: readonly string[];
}

const APP_CACHE = 100;
const ACTOR_CACHE = 5_000;
const NAMES = ['timeout', 'retry', 'circuitBreaker'] as const;
const PLACE = 'spec.targets';

/** @throws ShapeError: one bad target makes the whole resource unreadable. */
export function decodeTargets(targets: YamlObject): DecodedTargets {
  const remarks = strangers(targets, PLACE, ['apps', 'actors', 'components']);
  const named = <T>(kind: string, decode: (target: YamlObject, place: string) => T): Map<string, T> => {
    const place = `${PLACE}.${kind}`;
    return new Map(Object.entries(objectAt(member(targets, kind), place)).map(([name, value]) => [name, decode(objectAt(value, `${place}.${name}`), `${place}.${name}`)]));
  };
  return {
    apps: named('apps', (target, place) => {
      remarks.push(...strangers(target, place, [...NAMES, 'circuitBreakerCacheSize']));
      return { ...namesOf(target, place), circuitBreakerCacheSize: cacheSize(target, place, APP_CACHE) };
    }),
    actors: named('actors', (target, place) => {
      remarks.push(...strangers(target, place, [...NAMES, 'circuitBreakerScope', 'circuitBreakerCacheSize']));
      const names = namesOf(target, place);
      return { ...names, circuitBreakerScope: scopeOf(target, place, names.circuitBreaker !== ''), circuitBreakerCacheSize: cacheSize(target, place, ACTOR_CACHE) };
    }),
    components: named('components', (target, place) => {
      remarks.push(...strangers(target, place, ['inbound', 'outbound']));
      const direction = (name: 'inbound' | 'outbound'): PolicyNames => {
        const object = objectAt(member(target, name), `${place}.${name}`);
        remarks.push(...strangers(object, `${place}.${name}`, NAMES));
        return namesOf(object, `${place}.${name}`);
      };
      return { inbound: direction('inbound'), outbound: direction('outbound') };
    }),
    remarks,
  };
}

function namesOf(target: YamlObject, place: string): PolicyNames {
  const name = (kind: (typeof NAMES)[number]): string => textAt(member(target, kind), `${place}.${kind}`);
  return { timeout: name('timeout'), retry: name('retry'), circuitBreaker: name('circuitBreaker') };
}

function scopeOf(target: YamlObject, place: string, hasBreaker: boolean): ActorTarget['circuitBreakerScope'] {
  if (!hasBreaker) return undefined;
  const scope = textAt(member(target, 'circuitBreakerScope'), `${place}.circuitBreakerScope`);
  if (scope === 'type' || scope === 'id' || scope === 'both') return scope;
  if (scope === '') throw new ShapeError(`${place}: actor circuit breakers must include scope: give circuitBreakerScope type, id or both`);
  throw new ShapeError(`${place}: unknown circuit breaker scope ${JSON.stringify(scope)}: give type, id or both`);
}

function cacheSize(target: YamlObject, place: string, absent: number): number {
  const size = integerAt(member(target, 'circuitBreakerCacheSize'), `${place}.circuitBreakerCacheSize`, 0);
  if (size < 0) throw new ShapeError(`${place}.circuitBreakerCacheSize is ${size}: must provide a positive size`);
  return size === 0 ? absent : size;
}
