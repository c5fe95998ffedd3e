// Readiness: what the health routes answer (contract: health targets; errors of health).
import { Grpc } from '../proto/errors.ts';
import { logName, type ComponentStatus } from '../proto/init.ts';
import type { ChildInfo } from './child.ts';
import type { KernelMethod } from './switch.ts';

export interface HealthSources {
  readonly appId: string;
  readonly children: () => readonly ChildInfo[];
  /** Components that no block runs: secret stores, and those that failed before one could. */
  readonly components: readonly ComponentStatus[];
  /** What of the application readiness waits for; undefined: nothing. */
  readonly application: () => string | undefined;
  /** True while all listeners are bound and the sidecar is not shutting down. */
  readonly listening: () => boolean;
}

/**
 * What is not ready and why, empty when all is. A block that restarts is none of it: its calls wait or are repeated. Only
 * one that can't be kept alive is.
 */
export function notReady({ children, components, application, listening }: HealthSources): string[] {
  const reasons = [...notStarted({ children, listening })];
  for (const { block, state, lastExit } of children()) if (state === 'failed') reasons.push(`block ${block}: ${lastExit ?? 'failed'}`);
  for (const component of [...children().flatMap((child) => child.components), ...components]) {
    if (component.required && component.state !== 'ready' && component.reason !== undefined) reasons.push(`component ${logName(component)}: ${component.reason}`);
  }
  const waiting = application();
  if (waiting !== undefined) reasons.push(waiting);
  return reasons;
}

/** What has not come up yet, whether or not it will work: the APIs take calls once this is empty. */
function notStarted({ children, listening }: Pick<HealthSources, 'children' | 'listening'>): string[] {
  const reasons = listening() ? [] : ['listeners'];
  for (const { block, settled } of children()) if (!settled) reasons.push(`block ${block}: starting`);
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

