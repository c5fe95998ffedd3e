// What a block may ask of its kernel: to call the application, and to remember over the block's own death what it was
// working on and what its next life has to know. Over a channel it is calls on the ids of proto/control.ts; the other side is the kernel's business.
import type { Calls, Reply } from '../ipc/calls.ts';
import { EMPTY, Flag } from '../ipc/frame.ts';
import { Control, HANDOVER_LIMITS, type AppVerb, type PackedAppRequest, type Inheritance, type PackedCheckpoint } from '../proto/control.ts';
import { Grpc, type GrpcCode } from '../proto/errors.ts';
import type { Logger } from './block.ts';
import type { Checkpoints, Found, Handed } from './checkpoints.ts';

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
  #found: Found | undefined;
  /** What the former life hands to this one. */
  readonly #received = new Map<string, Uint8Array[]>();
  /** Left before this life took over: what a former life left by the same name counts more. */
  readonly #early = new Map<string, string>();
  /** Who waits to take over. */
  #heirs: ((found: Found, handed: Handed) => void)[] = [];
  #legacy = new Legacy();
  #open = 0;
  #warned = false;

  /** @param inheritance undefined: this life is on standby until `activate`. */
  constructor(calls: Calls, inheritance: Inheritance | undefined, log: Logger) {
    this.#calls = calls;
    if (inheritance !== undefined) this.activate(inheritance);
    this.checkpoints = {
      inherit: (take) => {
        if (this.#found === undefined) this.#heirs.push(take);
        else take(this.#found, NONE_HANDED); // what is handed over comes to a life on standby alone
      },
      set: (name, value) => {
        if (this.#found === undefined) this.#early.set(name, value);
        else this.#checkpoint([name, value], log);
      },
      delete: (name) => {
        if (this.#found === undefined) this.#early.delete(name);
        else this.#checkpoint([name], log);
      },
      hand: (name, piece) => this.#hand(name, piece),
    };
  }

  /** Takes over from the former life. */
  activate({ suspects, checkpoints }: Inheritance): void {
    if (this.#found !== undefined) throw new Error('the block was activated before');
    for (const [id, deaths] of suspects) this.suspects.set(id, deaths);
    this.#found = new Map(checkpoints);
    for (const [name, value] of this.#early) if (!this.#found.has(name)) this.checkpoints.set(name, value);
    this.#early.clear();
    const heirs = this.#heirs;
    this.#heirs = [];
    for (const take of heirs) take(this.#found, this.#received);
    this.#received.clear();
  }

  /** A piece of what the former life hands over. @param piece borrowed */
  receive(name: string, piece: Uint8Array): void {
    if (this.#found !== undefined) throw new Error('the block was activated before');
    const pieces = this.#received.get(name);
    const own = new Uint8Array(piece);
    if (pieces === undefined) this.#received.set(name, [own]);
    else pieces.push(own);
  }

  /** Runs `handOver`, and settles when the kernel has all that was handed. @throws what it throws; Error when the kernel refused some of it */
  async handOver(handOver: () => unknown): Promise<void> {
    const legacy = new Legacy();
    this.#legacy = legacy;
    await handOver();
    await legacy.taken();
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

  #hand(name: string, piece: Uint8Array): void {
    this.#legacy.add(name, piece);
    this.#calls.open(Control.HANDOVER, 0, name, piece, 0, this.#legacy);
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

/** What one attempt to hand over has sent. */
class Legacy implements Reply {
  #pieces = 0;
  #bytes = 0;
  #unanswered = 0;
  #refusal: string | undefined;
  #onTaken: () => void = () => {};

  /** @throws Error when it is too much */
  add(name: string, piece: Uint8Array): void {
    this.#pieces++;
    this.#bytes += Buffer.byteLength(name) + piece.length;
    if (this.#pieces > HANDOVER_LIMITS.pieces || this.#bytes > HANDOVER_LIMITS.bytes) {
      throw new Error(`what is in memory is more than can be handed over to the next life: ${HANDOVER_LIMITS.bytes / 2 ** 20} MiB for all components of a block together`);
    }
    this.#unanswered++;
  }

  onEnd(_code: number, flags: number, failure: unknown): void {
    if ((flags & Flag.FAILED) !== 0) this.#refusal ??= String((failure as { readonly message?: unknown } | undefined)?.message);
    if (--this.#unanswered === 0) this.#onTaken();
  }

  /** @throws Error when the kernel did not take it all */
  async taken(): Promise<void> {
    if (this.#unanswered > 0) await new Promise<void>((resolve) => (this.#onTaken = resolve));
    if (this.#refusal !== undefined) throw new Error(this.#refusal);
  }
}

const IGNORED = { onEnd: (): void => {} };
const NONE_HANDED: Handed = new Map();

function asCode(code: number): GrpcCode {
  return code > Grpc.OK && code <= Grpc.UNAUTHENTICATED ? (code as GrpcCode) : Grpc.UNKNOWN;
}
