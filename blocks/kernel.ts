// What a block may ask of its kernel: to call the application, and to remember over the block's own death what it was
// working on and what its next life has to know. Over a channel it is calls on the ids of proto/control.ts; the other side is the kernel's business.
import type { Calls } from '../ipc/calls.ts';
import { EMPTY, Flag } from '../ipc/frame.ts';
import { Control, type AppVerb, type PackedAppRequest, type Inheritance, type PackedCheckpoint } from '../proto/control.ts';
import { Grpc, type GrpcCode } from '../proto/errors.ts';
import type { Logger } from './block.ts';
import type { Checkpoints } from './checkpoints.ts';

export interface AppRequest {
  /** `GET` or `POST` for an HTTP application, `RPC` for a gRPC one. */
  readonly verb: AppVerb;
  /** Path with query, or the full gRPC method. */
  readonly target: string;
  /** Flat list: name, value, name, value. Values of names that end in `-bin` are base64. */
  readonly headers: readonly string[];
  /** Given away. */
  readonly body: Uint8Array;
  /** Milliseconds; 0 for none. */
  readonly deadlineMs: number;
}

/** What the application said, or why it said nothing. */
export interface AppAnswer {
  /** The HTTP status; 0 for a gRPC answer and for a failure. */
  readonly status: number;
  /** Borrowed until the function returns. */
  readonly body: Uint8Array;
  /** Set where a gRPC application failed the call, and where the application gave no answer. `unasked`: it got no request. */
  readonly failure?: { readonly code: GrpcCode; readonly message: string; readonly unasked?: boolean };
}

export interface Kernel {
  /** Calls the application; `answer` runs once, in a later turn. Returns what gives the call up: then `answer` never runs. */
  callApp(request: AppRequest, answer: (answer: AppAnswer) => void): () => void;
  /**
   * Says what the block is about to work on in this turn, and returns what says that it survived. A life that ends in
   * between has these under suspicion.
   */
  processing(ids: readonly string[]): () => void;
  /** Messages under suspicion, with the number of lives that ended over them. */
  readonly suspects: ReadonlyMap<string, number>;
  /** They were no danger, or no longer are. Removes them from `suspects`. */
  acquit(ids: readonly string[]): void;
}

/** Calls to the application that may be open at once; half of what the kernel lets a block have. The others wait here. */
const MAX_APP_CALLS = 2_048;

export class ChannelKernel implements Kernel {
  readonly suspects = new Map<string, number>();
  readonly #calls: Calls;
  readonly #waiting = new Set<() => void>();
  readonly checkpoints: Checkpoints;
  /** What former lives left; undefined: this one is on standby. */
  #found: ReadonlyMap<string, string> | undefined;
  /** Who waits for it. */
  #heirs: ((found: ReadonlyMap<string, string>) => void)[] = [];
  #open = 0;
  #warned = false;

  /** @param inheritance undefined: this life is on standby until `activate`. */
  constructor(calls: Calls, inheritance: Inheritance | undefined, log: Logger) {
    this.#calls = calls;
    if (inheritance !== undefined) this.activate(inheritance);
    this.checkpoints = {
      inherit: (take) => {
        if (this.#found === undefined) this.#heirs.push(take);
        else take(this.#found);
      },
      set: (name, value) => this.#checkpoint([name, value], log),
      delete: (name) => this.#checkpoint([name], log),
    };
  }

  /** Takes over from the former life. */
  activate({ suspects, checkpoints }: Inheritance): void {
    if (this.#found !== undefined) throw new Error('the block was activated before');
    for (const [id, deaths] of suspects) this.suspects.set(id, deaths);
    this.#found = new Map(checkpoints);
    const heirs = this.#heirs;
    this.#heirs = [];
    for (const take of heirs) take(this.#found);
  }

  callApp(request: AppRequest, answer: (answer: AppAnswer) => void): () => void {
    if (this.#open < MAX_APP_CALLS) return this.#call(request, answer);
    let giveUp = (): void => void this.#waiting.delete(start);
    const start = (): void => { giveUp = this.#call(request, answer); };
    this.#waiting.add(start);
    return () => giveUp();
  }

  processing(ids: readonly string[]): () => void {
    const id = this.#calls.open(Control.PROCESSING, 0, ids, EMPTY, 0, IGNORED);
    this.#calls.flush(); // this turn may be the last
    return () => this.#calls.cancel(id);
  }

  acquit(ids: readonly string[]): void {
    const known = ids.filter((id) => this.suspects.delete(id));
    if (known.length > 0) this.#calls.open(Control.ACQUITTED, 0, known, EMPTY, 0, IGNORED);
  }

  #checkpoint(checkpoint: PackedCheckpoint, log: Logger): void {
    this.#calls.open(Control.CHECKPOINT, 0, checkpoint, EMPTY, 0, {
      onEnd: (_code, flags, failure) => {
        if ((flags & Flag.FAILED) === 0 || this.#warned) return;
        this.#warned = true;
        log.warn({}, `the block could not leave all that its next life should know: ${String((failure as { readonly message?: unknown } | undefined)?.message)}`);
      },
    });
  }

  #call({ verb, target, headers, body, deadlineMs }: AppRequest, answer: (answer: AppAnswer) => void): () => void {
    const head: PackedAppRequest = [verb, target, headers];
    this.#open++;
    let over = false;
    const close = (): void => {
      over = true;
      this.#open--;
      this.#next();
    };
    const id = this.#calls.open(Control.APP, 0, head, body, deadlineMs, {
      onEnd: (code, flags, failure, bytes) => {
        if (over) return;
        close();
        if ((flags & Flag.FAILED) === 0) answer({ status: code, body: bytes });
        else {
          const { message, unasked = false } = failure as { readonly message: string; readonly unasked?: boolean };
          answer({ status: 0, body: EMPTY, failure: { code: asCode(code), message, unasked } });
        }
      },
    });
    return () => {
      if (over) return;
      close();
      if (id !== 0) this.#calls.cancel(id);
    };
  }

  #next(): void {
    if (this.#open >= MAX_APP_CALLS) return;
    for (const start of this.#waiting) {
      this.#waiting.delete(start);
      return start();
    }
  }
}

const IGNORED = { onEnd: (): void => {} };

function asCode(code: number): GrpcCode {
  return code > Grpc.OK && code <= Grpc.UNAUTHENTICATED ? (code as GrpcCode) : Grpc.UNKNOWN;
}
