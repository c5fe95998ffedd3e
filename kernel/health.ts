// Readiness: what the health routes answer (contract: health targets; errors of health).
import { Grpc } from '../proto/errors.ts';
import { logName, type ComponentStatus, type InitFailure } from '../proto/init.ts';
import type { Compartment } from './compartments.ts';
import type { KernelMethod } from './switch.ts';

export interface HealthSources {
  readonly appId: string;
  readonly compartments: () => readonly Pick<Compartment, 'name' | 'component' | 'replica' | 'child'>[];
  /** Components that no block runs: secret stores, and those that failed before one could. */
  readonly components: () => readonly ComponentStatus[];
  /** What of the application readiness waits for; undefined: nothing. */
  readonly application: () => string | undefined;
  /** True while all listeners are bound and the sidecar is not shutting down. */
  readonly listening: () => boolean;
}

/** Something that is not ready. */
export interface Unready {
  /** Names the component and its compartment, or the compartment, and says why. */
  readonly reason: string;
  /** What the component wants to become of the sidecar; absent: as the flag says. */
  readonly initFailure?: InitFailure;
}

/**
 * What is not ready and why, empty when all is. A block that restarts is none of it: its calls wait or are repeated. Only
 * one that can't be kept alive is.
 */
export function unready({ compartments, components, application, listening }: HealthSources): readonly Unready[] {
  const faults: Unready[] = notStarted({ compartments, listening }).map((reason) => ({ reason }));
  for (const { name, component: owner, replica, child } of compartments()) {
    const { state, lastExit, components: own } = child.info();
    // What wants to end the sidecar when it can't start does so, too, when nothing keeps it alive.
    if (state === 'failed') faults.push({ reason: `block ${name}: ${lastExit ?? 'failed'}`, ...wishOf(own) });
    for (const component of own) faults.push(...faultOf(component, owner === undefined && replica === 1 ? '' : ` (in compartment ${name})`));
  }
  for (const component of components()) faults.push(...faultOf(component, ''));
  const waiting = application();
  if (waiting !== undefined) faults.push({ reason: waiting });
  return faults;
}

/** As `unready`: the reasons alone. */
export function notReady(sources: HealthSources): string[] {
  return unready(sources).map(({ reason }) => reason);
}

/** Whether every compartment has tried its components once. */
export function settled({ compartments }: Pick<HealthSources, 'compartments'>): boolean {
  return compartments().every(({ child }) => child.info().settled);
}

function faultOf(component: ComponentStatus, where: string): readonly Unready[] {
  const { required, state, reason, initFailure } = component;
  if (!required || state === 'ready' || reason === undefined) return [];
  return [{ reason: `component ${logName(component)}: ${reason}${where}`, ...(initFailure === undefined ? {} : { initFailure }) }];
}

/** What a compartment's end means by its components: the flag decides unless one of them wants an end, or all of them want none. */
function wishOf(components: readonly ComponentStatus[]): Pick<Unready, 'initFailure'> {
  if (components.some(({ required, initFailure }) => required && initFailure === 'exit')) return { initFailure: 'exit' };
  return components.length > 0 && components.every(({ initFailure }) => initFailure === 'degrade') ? { initFailure: 'degrade' } : {};
}

/** What has not come up yet, whether or not it will work: the APIs take calls once this is empty. */
function notStarted({ compartments, listening }: Pick<HealthSources, 'compartments' | 'listening'>): string[] {
  const reasons = listening() ? [] : ['listeners'];
  for (const { name, child } of compartments()) {
    const { settled: isSettled, state, lastDeath } = child.info();
    // Why one has failed is said of it elsewhere.
    if (!isSettled) reasons.push(`block ${name}: starting${lastDeath === undefined || state === 'failed' ? '' : `, again: ${lastDeath.reason}`}`);
  }
  return reasons;
}

export function healthz(sources: HealthSources): KernelMethod {
  return ({ query }, answer) => {
    const wanted = new URLSearchParams(query).get('appid');
    if (wanted !== null && wanted !== sources.appId) return answer.onRefusal(refusal('ERR_HEALTH_APPID_NOT_MATCH', 'dapr app-id does not match'));
    const reasons = notReady(sources);
    if (reasons.length === 0) return answer.onAnswer(204, undefined, NOTHING);
    answer.onRefusal(refusal('ERR_HEALTH_NOT_READY', `dapr is not ready: [${reasons.join(' ')}]`));
  };
}

/** An app may start calling once the blocks are up; a component that doesn't work is its calls' error, not the app's stop. */
export function healthzOutbound(sources: HealthSources): KernelMethod {
  return (_call, answer) => {
    if (notStarted(sources).length === 0) return answer.onAnswer(204, undefined, NOTHING);
    answer.onRefusal(refusal('ERR_OUTBOUND_HEALTH_NOT_READY', 'dapr outbound is not ready'));
  };
}

const NOTHING = Buffer.alloc(0);

function refusal(code: string, message: string) {
  return { grpc: Grpc.UNAVAILABLE, http: 500, code, message } as const;
}

