// The campaign's clients: each asks for one thing after the other, as an application would, and everything it asks and is
// told goes into a history. There are three kinds: some want locks, some write over what they have read, some draw ids.
import { setTimeout as sleep } from 'node:timers/promises';
import type { RegisterAnswer, RegisterCall, Seen } from '../etag-register.ts';
import { History } from '../history.ts';
import type { LockAnswer, LockCall } from '../lock.ts';
import type { Random } from '../random.ts';
import type { IdsAnswer, IdsCall } from '../sequence.ts';
import { NotDone, Unanswered, type Gate } from './gate.ts';

export const MODELS = ['locks', 'etags', 'ids'] as const;
export type ModelName = (typeof MODELS)[number];

export interface Histories {
  readonly locks: History<LockCall, LockAnswer>;
  readonly etags: History<RegisterCall, RegisterAnswer>;
  readonly ids: History<IdsCall, IdsAnswer>;
}

/** Keys that clients fight for at the same time, and operations until such a key is left for a fresh one: searches stay short. */
const RIVALS = { locks: 4, etags: 4, ids: 2 } as const;
const ERA = { locks: 400, etags: 400, ids: 20_000 } as const;
/** Clients do nearly everything through a gate of their own. */
const FAITHFUL = 0.9;
/** After a failed call. Milliseconds. */
const PAUSE_MS = 15;

export class Clients {
  readonly histories: Histories = { locks: new History(), etags: new History(), ids: new History() };
  /** Texts of errors, with how often they came. */
  readonly errors = new Map<string, number>();
  readonly #gates: readonly Gate[];
  readonly #random: Random;
  readonly #counts = new Map<string, number>();
  /** Of the last answer, by model and gate. */
  readonly #answeredMs = new Map<string, number>();
  /** Of the last answer and the longest time without one, by model. */
  readonly #gaps = new Map<ModelName, { lastMs: number; longestMs: number }>();
  readonly #running: Promise<void>[] = [];
  readonly #stopping = new AbortController();
  #answered = 0;
  /** An error that no fault explains. */
  #surprise: Error | undefined;

  constructor(gates: readonly Gate[], random: Random) {
    this.#gates = gates;
    this.#random = random;
  }

  /** @param each so many clients of each kind for each gate */
  start(each: number): void {
    for (const model of MODELS) this.#gaps.set(model, { lastMs: performance.now(), longestMs: 0 });
    const kinds = [this.#wantLocks, this.#wantToWrite, this.#wantIds];
    for (let number = 0; number < each; number++) {
      for (const gate of this.#gates) for (const kind of kinds) this.#running.push(kind.call(this, gate, `${gate.sidecar}-${gate.protocol}-${number}`).catch((cause: Error) => { this.#surprise ??= cause; }));
    }
  }

  /** Answers so far. @throws an error that a client met and no fault explains */
  get answered(): number {
    if (this.#surprise !== undefined) throw this.#surprise;
    return this.#answered;
  }

  /** Errors so far. */
  get met(): number {
    return [...this.errors.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Whether every kind of client was answered at every gate since then. */
  answeredEverywhereSince(sinceMs: number): boolean {
    return MODELS.every((model) => this.#gates.every((gate) => (this.#answeredMs.get(`${model} ${gate.sidecar} ${gate.protocol}`) ?? 0) > sinceMs));
  }

  /** Resolves when the last call has ended. May be called twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  /** Once more at every record, so that nothing that was acknowledged can have got lost unseen. After `stop`. */
  async lastLook(): Promise<void> {
    if (this.#surprise !== undefined) throw this.#surprise;
    const keys = new Set(this.histories.etags.operations.map(({ key }) => key));
    for (const key of keys) for (const gate of this.#gates) await this.#ask('etags', gate, 'last look', key, { kind: 'get' });
  }

  longestGapMs(model: ModelName): number {
    return this.#gaps.get(model)?.longestMs ?? 0;
  }

  async #wantLocks(own: Gate, client: string): Promise<void> {
    const random = this.#random;
    for (let attempt = 0; !this.#stopping.signal.aborted; attempt++) {
      const key = this.#keyOf('locks');
      const owner = `${client}-${attempt}`;
      const expirySeconds = 1 + random.below(3);
      const tried = await this.#ask('locks', this.#gateFor(own), client, key, { kind: 'tryLock', owner, expirySeconds });
      if (tried?.status === 'refused') await this.#pause(random.between(0, 10));
      if (tried?.status === 'refused' || (tried === undefined && random.chance(0.5))) continue;
      while (random.chance(0.3)) {
        await this.#pause(random.between(0, 20));
        await this.#ask('locks', this.#gateFor(own), client, key, { kind: 'renew', owner, expirySeconds });
      }
      if (random.chance(0.02)) continue; // and it expires
      await this.#pause(random.chance(0.02) ? random.between(1000, 4000) : random.between(0, 10)); // some come too late
      await this.#ask('locks', this.#gateFor(own), client, key, { kind: 'unlock', owner });
    }
  }

  async #wantToWrite(own: Gate, client: string): Promise<void> {
    const random = this.#random;
    for (let round = 0; !this.#stopping.signal.aborted; round++) {
      const key = this.#keyOf('etags');
      const read = await this.#ask('etags', this.#gateFor(own), client, key, { kind: 'get' });
      if (read === undefined) continue;
      const found = typeof read === 'object' ? read.found : undefined;
      await this.#ask('etags', this.#gateFor(own), client, key, this.#changeOf(found, `${client}-${round}`));
      await this.#pause(random.between(0, 4));
    }
  }

  async #wantIds(own: Gate, client: string): Promise<void> {
    const random = this.#random;
    while (!this.#stopping.signal.aborted) {
      const increment = random.pick(['weak', 'strong'] as const);
      const gate = this.#gateFor(own);
      const count = random.chance(0.9) ? 1 : 1 + random.below(40);
      await this.#ask('ids', gate, client, `${increment}-${this.#keyOf('ids')}`, { increment, count, sidecar: gate.sidecar });
      await this.#pause(random.between(0, 6));
    }
  }

  #changeOf(found: Seen | undefined, value: string): RegisterCall {
    const chance = this.#random.next();
    if (found === undefined) return { kind: 'set', value, firstWrite: chance < 0.5 };
    if (chance < 0.85) return { kind: 'set', value, over: found };
    if (chance < 0.9) return { kind: 'set', value };
    if (chance < 0.93) return { kind: 'set', value, firstWrite: true };
    return { kind: 'delete', ...(chance < 0.99 ? { over: found } : {}) };
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  #gateFor(own: Gate): Gate {
    return this.#random.chance(FAITHFUL) ? own : this.#random.pick(this.#gates);
  }

  #keyOf(model: ModelName): string {
    const place = `${model}-${this.#random.below(RIVALS[model])}`;
    const count = this.#counts.get(place) ?? 0;
    this.#counts.set(place, count + 1);
    return `${place}-${Math.floor(count / ERA[model])}`;
  }

  #ask(model: 'locks', gate: Gate, client: string, key: string, call: LockCall): Promise<LockAnswer | undefined>;
  #ask(model: 'etags', gate: Gate, client: string, key: string, call: RegisterCall): Promise<RegisterAnswer | undefined>;
  #ask(model: 'ids', gate: Gate, client: string, key: string, call: IdsCall): Promise<IdsAnswer | undefined>;
  async #ask(model: ModelName, gate: Gate, client: string, key: string, call: LockCall | RegisterCall | IdsCall): Promise<unknown> {
    const { history, send } = this.#wayOf(model, gate);
    const invocation = history.invoke(client, key, call);
    try {
      const answer = await send(key, call);
      invocation.completed(answer);
      this.#noteAnswer(model, gate);
      return answer;
    } catch (cause) {
      if (cause instanceof NotDone) invocation.failed();
      else if (cause instanceof Unanswered) invocation.unknown();
      else throw cause;
      this.#noteError(cause.message);
      await this.#pause(this.#random.between(0, 2 * PAUSE_MS)); // a refusal may cost no time at all
      return undefined;
    }
  }

  /** Model and call belong together, as `#ask` demands. */
  #wayOf(model: ModelName, gate: Gate): { readonly history: History<unknown, unknown>; readonly send: (key: string, call: unknown) => Promise<unknown> } {
    const send = { locks: gate.lock, etags: gate.register, ids: gate.ids }[model] as (key: string, call: unknown) => Promise<unknown>;
    return { history: this.histories[model] as History<unknown, unknown>, send };
  }

  #noteAnswer(model: ModelName, gate: Gate): void {
    const now = performance.now();
    this.#answered++;
    this.#answeredMs.set(`${model} ${gate.sidecar} ${gate.protocol}`, now);
    const gap = this.#gaps.get(model);
    if (gap === undefined) return;
    gap.longestMs = Math.max(gap.longestMs, now - gap.lastMs);
    gap.lastMs = now;
  }

  #noteError(text: string): void {
    const kind = text.replaceAll(/\d+/g, 'n').slice(0, 160);
    this.errors.set(kind, (this.errors.get(kind) ?? 0) + 1);
  }
}
