// The model of one key of a state store: reads, writes and deletions, with etags and without. That it holds means that no
// update was lost: whoever was told that his write with an etag was done wrote over the very record that he had read.
import type { Model, ModelFor } from './checker.ts';
import type { Operation } from './history.ts';

/** An etag, and the value of the record that it was read with: values are unique, etags need not be. */
export interface Seen {
  readonly etag: string;
  readonly value: string;
}

export type RegisterCall =
  | { readonly kind: 'get' }
  /** No two writes of a history have the same value. */
  | { readonly kind: 'set'; readonly value: string; readonly over?: Seen; readonly firstWrite?: boolean }
  | { readonly kind: 'delete'; readonly over?: Seen };

export type RegisterAnswer =
  /** Undefined: there is no record. */
  | { readonly found: Seen | undefined }
  | 'done'
  /** Refused because of the etag. */
  | 'mismatch';

/** What stores decide differently. */
export interface EtagRules {
  /** The etag that a write gives, over a record with this etag or over none. Absent: etags are opaque and never come again. */
  readonly next?: (before: string | undefined) => string;
  /** What becomes of a change with an etag where there is no record. */
  readonly absent: { readonly set: 'done' | 'mismatch'; readonly delete: 'done' | 'mismatch' };
  /** A record takes no write without its etag once it was written with first-write. */
  readonly firstWriteStays: boolean;
}

/** etcd's revisions are the whole store's. */
export const ETCD_ETAGS: EtagRules = { absent: { set: 'mismatch', delete: 'mismatch' }, firstWriteStays: false };

/** daprd's layout on Redis counts the writes of a record from 1, and a record that was deleted begins anew. */
export const REDIS_ETAGS: EtagRules = {
  next: (before) => String(Number(before ?? 0) + 1),
  absent: { set: 'done', delete: 'done' },
  firstWriteStays: true,
};

interface Stored {
  readonly value: string;
  /** Undefined: it can't be foretold, and nobody has read it. */
  readonly etag: string | undefined;
  readonly firstWrite: boolean;
}

/** Null: no record. */
type State = Stored | null;
type RegisterOperation = Operation<RegisterCall, RegisterAnswer>;

/** In place of a value that nobody mentions: such writes differ in nothing that anybody could tell. */
const UNREAD = '(unread)';

/** What the whole history says of a value. With it a wrong order is seen where it goes wrong, not only where it ends. */
interface Told {
  /** As the first read told it. Undefined: it was not read. */
  readonly etag: string | undefined;
  /** When the last read that returned it was asked for. */
  readonly readMs: number;
}

export function etagRegister(rules: EtagRules): ModelFor<State, RegisterCall, RegisterAnswer> {
  return (operations) => {
    const told = new Map<string, Told>();
    for (const { call, answer, invokedMs } of operations) {
      if (typeof answer === 'object' && answer.found !== undefined) told.set(answer.found.value, { etag: told.get(answer.found.value)?.etag ?? answer.found.etag, readMs: invokedMs });
      else if (call.kind !== 'get' && call.over !== undefined && !told.has(call.over.value)) told.set(call.over.value, { etag: undefined, readMs: -Infinity });
    }
    return new Register(rules, told);
  };
}

class Register implements Model<State, RegisterCall, RegisterAnswer> {
  readonly initial = null;
  readonly #rules: EtagRules;
  readonly #told: ReadonlyMap<string, Told>;

  constructor(rules: EtagRules, told: ReadonlyMap<string, Told>) {
    this.#rules = rules;
    this.#told = told;
  }

  step(state: State, { call, answer }: RegisterOperation, atMs: number): State | undefined {
    if (call.kind === 'get') return typeof answer === 'object' && isFound(state, answer.found) ? state : undefined;
    const fits = call.kind === 'set' ? this.#mayWrite(state, call.over, call.firstWrite === true) : this.#mayDelete(state, call.over);
    if (answer === 'mismatch') return fits ? undefined : state;
    if (!fits) return undefined;
    // What will be read can't go, because no value is written twice.
    if (state !== null && (this.#told.get(state.value)?.readMs ?? -Infinity) > atMs) return undefined;
    if (call.kind === 'delete') return answer === undefined && state === null ? undefined : null;
    const told = this.#told.get(call.value);
    const etag = this.#rules.next?.(state?.etag) ?? told?.etag;
    if (told?.etag !== undefined && told.etag !== etag) return undefined;
    const firstWrite = this.#rules.firstWriteStays && (call.firstWrite === true || state?.firstWrite === true);
    return { value: told === undefined ? UNREAD : call.value, etag, firstWrite };
  }

  isRead({ answer }: RegisterOperation): boolean {
    return answer !== 'done';
  }

  fingerprint(state: State): string {
    return state === null ? '' : `${state.firstWrite ? 'f' : '-'}${state.etag ?? '?'} ${state.value}`;
  }

  twin({ call }: RegisterOperation): string | undefined {
    if (call.kind === 'get') return 'get';
    const over = this.#rules.next === undefined ? `${call.over?.value} ${call.over?.etag}` : call.over?.etag;
    if (call.kind === 'delete') return `delete ${over}`;
    return this.#told.has(call.value) ? undefined : `set ${call.firstWrite} ${over}`;
  }

  describe({ call, answer }: RegisterOperation): string {
    const over = call.kind === 'get' || call.over === undefined ? '' : ` over ${call.over.value} (etag ${call.over.etag})`;
    const asked = call.kind === 'set' ? `set ${call.value}${over}${call.firstWrite === true ? ', first-write' : ''}` : `${call.kind}${over}`;
    if (answer === undefined) return `${asked}: no answer`;
    if (typeof answer === 'object') return `${asked}: ${answer.found === undefined ? 'nothing' : `${answer.found.value} (etag ${answer.found.etag})`}`;
    const etag = call.kind === 'set' && answer === 'done' ? this.#told.get(call.value)?.etag : undefined;
    return `${asked}: ${answer}${etag === undefined ? '' : `, read with etag ${etag}`}`;
  }

  show(state: State): string {
    if (state === null) return 'no record';
    const readMs = this.#told.get(state.value)?.readMs ?? -Infinity;
    return `${state.value} (etag ${state.etag ?? 'unknown'})${readMs === -Infinity ? '' : `, still read at ${readMs.toFixed(3)} ms`}`;
  }

  #mayWrite(state: State, over: Seen | undefined, firstWrite: boolean): boolean {
    if (over !== undefined) return state === null ? this.#rules.absent.set === 'done' : this.#isOf(state, over);
    return state === null || !(firstWrite || state.firstWrite);
  }

  #mayDelete(state: State, over: Seen | undefined): boolean {
    if (over === undefined) return true;
    return state === null ? this.#rules.absent.delete === 'done' : this.#isOf(state, over);
  }

  /** Whether an etag is the record's. One that never comes again belongs to one value. */
  #isOf({ value, etag }: Stored, over: Seen): boolean {
    return this.#rules.next === undefined ? value === over.value && (etag === undefined || etag === over.etag) : etag === over.etag;
  }
}

function isFound(state: State, found: Seen | undefined): boolean {
  return state === null || found === undefined ? state === null && found === undefined : state.value === found.value && state.etag === found.etag;
}
