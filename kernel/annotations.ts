// What a component's manifest asks of its compartment, by annotations of ours: `isolation: component` for a compartment of its
// own, `init-failure: exit` or `degrade` for what becomes of the sidecar when the component can't start.
import { logName, type InitFailure } from '../proto/init.ts';
import { goQuote } from '../proto/quote.ts';
import { CATEGORIES, categoryOf, INIT_FAILURE, ISOLATION, type Component } from './components.ts';
import type { Notice } from './fatal.ts';

const INIT_FAILURES: readonly InitFailure[] = ['exit', 'degrade'];

/** What the annotations come to. */
export interface Wishes {
  /** It wants a compartment of its own. */
  readonly isolated: boolean;
  /** Undefined: as the flag says. */
  readonly initFailure: InitFailure | undefined;
  /** Warnings: what is asked for and can't be had. */
  readonly notices: readonly Notice[];
}

export function wishesOf(component: Component): Wishes {
  const notices: Notice[] = [];
  const ignore = (key: string, value: string, reason: string): void => {
    const text = `Component ${logName(component)} of ${component.path}, document ${component.document}: the annotation ${key}: ${goQuote(value)} is ignored: ${reason}`;
    notices.push({ level: 'warn', scope: 'dapr.runtime.processor', component: logName(component), text });
  };
  const { [ISOLATION]: isolation, [INIT_FAILURE]: initFailure } = component.annotations;
  const mayBeApart = canBeIsolated(component.type);
  if (isolation !== '' && isolation !== 'component') ignore(ISOLATION, isolation, 'the only value allowed is component');
  else if (isolation !== '' && !mayBeApart) ignore(ISOLATION, isolation, `only ${SERVED} components run in blocks`);
  const wanted = INIT_FAILURES.find((one) => one === initFailure);
  if (initFailure !== '' && wanted === undefined) ignore(INIT_FAILURE, initFailure, `the values allowed are ${INIT_FAILURES.join(' and ')}`);
  return { isolated: isolation === 'component' && mayBeApart, initFailure: wanted, notices };
}

/** Names of `--isolate` that mean nothing: no component has them, or one that runs in no block. */
export function vainIsolation(names: Iterable<string>, components: readonly { readonly name: string; readonly type: string }[]): Notice[] {
  const notices: Notice[] = [];
  for (const name of names) {
    const component = components.find((one) => one.name === name);
    if (component !== undefined && canBeIsolated(component.type)) continue;
    const known = components.filter(({ type }) => canBeIsolated(type)).map((one) => one.name);
    const reason = component !== undefined ? `it is a ${component.type} component, and only ${SERVED} components run in blocks`
      : `no component has that name; there ${known.length === 0 ? 'are no components that could be isolated' : `${known.length === 1 ? 'is' : 'are'} ${known.join(', ')}`}`;
    notices.push({ level: 'warn', scope: 'dapr.runtime', text: `--isolate=${name} is ignored: ${reason}` });
  }
  return notices;
}

const SERVED = Object.keys(CATEGORIES).filter((category) => CATEGORIES[category] !== '').join(', ');

/** Whether a block serves components of the type, so that one of them can have a compartment. */
function canBeIsolated(type: string): boolean {
  return (CATEGORIES[categoryOf(type) ?? ''] ?? '') !== '';
}
