// What many clients asked and what they were told, on one clock: the record that a check reads afterwards.

/** One call of one client. Whether it took effect is known when it was answered, and only then. */
export interface Operation<Call, Answer> {
  readonly client: string;
  /** What it was about. Operations on different keys have nothing to do with each other. */
  readonly key: string;
  readonly call: Call;
  /** By the history's clock. It took effect at or after this, if ever. */
  readonly invokedMs: number;
  /** It took effect before this. Infinity: nobody knows whether, and it still may. */
  readonly completedMs: number;
  /** Undefined: no answer came. */
  readonly answer: Answer | undefined;
}

/** How a call ended is said once, with one of these. One that is never ended counts as unknown. */
export interface Invocation<Answer> {
  completed(answer: Answer): void;
  /** It has certainly not happened, and will not. */
  failed(): void;
  /** It may have happened, may happen yet, or never: a lost answer, an error, a timeout. */
  unknown(): void;
}

type Recorded<Call, Answer> = { -readonly [Member in keyof Operation<Call, Answer>]: Operation<Call, Answer>[Member] };

/** Clients of one process share it. Answers are never undefined. */
export class History<Call, Answer> {
  readonly #operations: Recorded<Call, Answer>[] = [];
  readonly #failed = new Set<Recorded<Call, Answer>>();
  #lastMs = 0;

  /** Before the call is sent. */
  invoke(client: string, key: string, call: Call): Invocation<Answer> {
    const operation: Recorded<Call, Answer> = { client, key, call, invokedMs: this.#now(), completedMs: Infinity, answer: undefined };
    this.#operations.push(operation);
    let ended = false;
    const end = (): void => {
      if (ended) throw new Error(`a call on ${key} ended twice`);
      ended = true;
    };
    return {
      completed: (answer) => {
        end();
        operation.completedMs = this.#now();
        operation.answer = answer;
      },
      failed: () => {
        end();
        this.#failed.add(operation);
      },
      unknown: end,
    };
  }

  /** What happened or may have happened, in order of invocation. */
  get operations(): readonly Operation<Call, Answer>[] {
    return this.#operations.filter((operation) => !this.#failed.has(operation));
  }

  /** How many have certainly not happened. */
  get failed(): number {
    return this.#failed.size;
  }

  /** No two events at the same time: which came first is known, as all clients share one event loop. */
  #now(): number {
    const now = performance.now();
    this.#lastMs = now > this.#lastMs ? now : this.#lastMs + 1e-6;
    return this.#lastMs;
  }
}
