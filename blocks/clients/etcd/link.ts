// One connection to one etcd endpoint, logged in: calls and streams over it, until it goes away or falls silent. It never
// reconnects; connection.ts makes another one.
import type { Socket } from 'node:net';
import { CallFailure, failureOf } from './failures.ts';
import { GrpcChannel, type Answer, type Call, type Ground, type Metadata, type Method, type Request, type WatchCall } from './grpc.ts';
import type { EtcdSettings } from './settings.ts';

/** A key that needs no permission to be asked for, as any answer will do: also "permission denied". */
const PROBE: Request<'range'> = { key: Buffer.from([0]), limit: 1, keys_only: true, serializable: true };
/** How often a connection that carries streams is asked for an answer, if it said nothing by itself. Milliseconds. */
const KEEP_ALIVE_MS = 30_000;
/** After so long a silence a firewall may have forgotten the connection: it is tried before a change goes out. Milliseconds. */
const STALE_MS = 60_000;
/** Without a sign of life, what may be repeated is given up after half its time, but not before this. Milliseconds. */
const MIN_PATIENCE_MS = 1000;
const CLOSED_BY_SERVER = 'the connection was closed by the server';

/** How long a call may take, and who may end it before. */
export interface Limits {
  readonly timeoutMs: number;
  /** True: it may be sent again, so a silent connection is given up before all the time is gone. */
  readonly repeatable?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What had been heard at one moment. */
interface Mark {
  readonly at: number;
  readonly bytes: number;
}

export class Link {
  readonly endpoint: string;
  readonly #settings: EtcdSettings;
  readonly #ground: Ground;
  readonly #channel: GrpcChannel;
  readonly #sockets = new Set<Socket>();
  readonly #calls = new Set<Call>();
  readonly #streams = new Set<Call>();
  readonly #onEnd: (link: Link, reason: string) => void;
  /** With the token, if there is a login. */
  #metadata: Metadata;
  #login: Promise<void> | undefined;
  #checking: Promise<boolean> | undefined;
  #keepAlive: NodeJS.Timeout | undefined;
  #heardAt = Number.NEGATIVE_INFINITY;
  #trouble = CLOSED_BY_SERVER;
  #opened = false;
  #ended = false;

  /** @param onEnd called once, when it is of no more use; not before `open` has succeeded. Calls under way may still be answered. */
  constructor(endpoint: string, settings: EtcdSettings, ground: Ground, onEnd: (link: Link, reason: string) => void) {
    this.endpoint = endpoint;
    this.#settings = settings;
    this.#onEnd = onEnd;
    this.#ground = ground;
    this.#metadata = ground.metadata;
    this.#channel = new GrpcChannel(endpoint, ground, (socket) => this.#keep(socket));
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** True if it was quiet for so long that nobody knows whether it still is there. */
  get stale(): boolean {
    return performance.now() - this.#heardAt > STALE_MS;
  }

  /** Connects and logs in. @throws CallFailure, also when there is an answer but no leader: it is of no use then */
  async open({ timeoutMs, signal }: Limits): Promise<void> {
    const end = performance.now() + timeoutMs;
    try {
      await this.#logIn({ timeoutMs, signal });
      await this.#send('range', PROBE, { timeoutMs: Math.max(1, end - performance.now()), signal }).catch((cause: unknown) => {
        // this key may be somebody else's; whatever else is refused, calls would be, too
        if (!(cause instanceof CallFailure) || !cause.message.includes('permission denied')) throw cause;
      });
      if (!this.#channel.ready) throw new CallFailure('unsent', this.#trouble);
      this.#opened = true;
      this.#channel.onceGone(() => this.#end(this.#trouble));
    } catch (cause) {
      this.#ended = true; // nobody knows of it yet, so nobody needs to be told
      this.destroy();
      throw cause;
    }
  }

  /** @throws CallFailure; what the signal says when it aborts */
  call<M extends Method>(method: M, request: Request<M>, limits: Limits): Promise<Answer<M>> {
    return this.#loggedIn(limits, (within) => this.#send(method, request, within));
  }

  /** A stream for one watch. Whoever reads from it calls `heard`, and cancels it. @throws CallFailure */
  openWatch(): WatchCall {
    if (this.#ended) throw new CallFailure('unsent', this.#trouble);
    const stream = this.#channel.watch(this.#metadata);
    const forget = (): void => {
      this.#streams.delete(stream);
      if (this.#streams.size === 0) clearInterval(this.#keepAlive);
      this.#sweep();
    };
    stream.on('error', (status) => {
      forget();
      this.#judge(failureOf(status));
    });
    stream.on('end', forget);
    this.#streams.add(stream);
    if (this.#streams.size === 1) this.#keepAlive = setInterval(() => this.#stayAwake(), KEEP_ALIVE_MS).unref();
    return stream;
  }

  heard(): void {
    this.#heardAt = performance.now();
  }

  /** Asks for any answer. False: there was none, and the link has ended. */
  check(): Promise<boolean> {
    this.#checking ??= this.#check().finally(() => { this.#checking = undefined; });
    return this.#checking;
  }

  /** Ends it at once, with all that is under way. */
  destroy(): void {
    this.#ended = true;
    clearInterval(this.#keepAlive);
    for (const call of [...this.#calls, ...this.#streams]) call.cancel();
    this.#channel.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** When its sockets are gone, after `destroy`. */
  async closed(): Promise<void> {
    await Promise.all([...this.#sockets].map((socket) => new Promise((resolve) => { socket.once('close', resolve); })));
  }

  async #logIn(limits: Limits): Promise<void> {
    const { login } = this.#settings;
    if (login === undefined) return;
    try {
      // Without the token of before: etcd refuses to give another one to somebody whose token it doesn't know.
      const { token } = await this.#send('authenticate', { name: login.username, password: login.password }, limits, this.#ground.metadata);
      const metadata = this.#ground.metadata.clone();
      metadata.set('token', token);
      this.#metadata = metadata;
    } catch (cause) {
      // A name is no mistake where nobody asks for one; etcd's own client thinks so, too.
      if (!(cause instanceof CallFailure) || !cause.message.includes('authentication is not enabled')) throw cause;
    }
  }

  /** Once more, after a login, if etcd doesn't know the one that was used: it forgets them after five minutes without a call, and when it restarts. */
  async #loggedIn<T>(limits: Limits, send: (limits: Limits) => Promise<T>): Promise<T> {
    const used = this.#metadata;
    const end = performance.now() + limits.timeoutMs;
    const within = (): Limits => ({ ...limits, timeoutMs: Math.max(1, end - performance.now()) });
    try {
      return await send(limits);
    } catch (cause) {
      if (!(cause instanceof CallFailure) || cause.kind !== 'token' || this.#settings.login === undefined) throw cause;
      if (this.#metadata === used) await this.#renew(within());
      return await send(within());
    }
  }

  /** One login for all who need it at this moment; each waits for it as long as it may. */
  async #renew({ timeoutMs, signal }: Limits): Promise<void> {
    this.#login ??= this.#logIn({ timeoutMs: this.#settings.requestTimeoutMs }).finally(() => { this.#login = undefined; });
    const over = Promise.withResolvers<never>();
    const timer = setTimeout(() => over.reject(new CallFailure('busy', 'the login is not answered')), timeoutMs);
    const onAbort = (): void => over.reject(signal?.reason as Error);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#login, over.promise]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #send<M extends Method>(method: M, request: Request<M>, limits: Limits, metadata = this.#metadata): Promise<Answer<M>> {
    return this.#await(limits, (resolve, reject) => this.#channel.call(method, request, metadata, (error, answer) => {
      if (error === null && answer !== undefined) resolve(answer);
      else reject(error ?? { code: 13, details: 'there is no answer' });
    }));
  }

  /**
   * Runs one call with its timer, which is ours because grpc-js' deadlines go by the wall clock.
   * @param start may settle it more than once; the first time counts
   */
  #await<T>(limits: Limits, start: (resolve: (answer: T) => void, reject: (status: { readonly code: number; readonly details: string }) => void) => Call): Promise<T> {
    const { timeoutMs, repeatable = false, signal } = limits;
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      if (this.#ended) return reject(new CallFailure('unsent', this.#trouble));
      const mark = this.#mark();
      const leave = (): void => {
        clearTimeout(timer);
        clearImmediate(verdict);
        signal?.removeEventListener('abort', onAbort);
        if (call !== undefined) this.#calls.delete(call);
        this.#sweep();
      };
      const giveUp = (cause: Error): void => {
        leave();
        reject(cause);
        call?.cancel();
      };
      const onAbort = (): void => giveUp(signal?.reason as Error);
      const onLate = (waitedMs: number): void => {
        const silent = this.#silentSince(mark);
        if (!silent && waitedMs < timeoutMs) return wait(mark.at + timeoutMs - performance.now(), timeoutMs);
        const reason = `no answer within ${Math.round(waitedMs)} ms`;
        if (silent && repeatable && waitedMs >= this.#settings.requestTimeoutMs / 4) this.#end(reason); // less proves nothing
        else if (silent && this.#opened) void this.check(); // a change may take its time
        giveUp(new CallFailure('silent', reason));
      };
      const wait = (ms: number, waitedMs: number): void => {
        // Where this process itself was held up, the answer may be here and wait to be read: that comes first.
        timer = setTimeout(() => { verdict = setImmediate(onLate, waitedMs); }, ms);
      };
      let timer: NodeJS.Timeout | undefined;
      let verdict: NodeJS.Immediate | undefined;
      const patienceMs = repeatable ? Math.min(timeoutMs, Math.max(MIN_PATIENCE_MS, timeoutMs / 2)) : timeoutMs;
      wait(patienceMs, patienceMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      let call: Call | undefined;
      try {
        call = start((answer) => {
          this.heard();
          leave();
          resolve(answer);
        }, (status) => {
          const failure = failureOf(status);
          leave();
          reject(failure);
          this.#judge(failure);
        });
        this.#calls.add(call);
      } catch (cause) { // the channel has been closed, or the request can't be written
        leave();
        reject(new CallFailure('unsent', (cause as Error).message));
      }
    });
  }

  async #check(): Promise<boolean> {
    const mark = this.#mark();
    try {
      await this.#send('range', PROBE, { timeoutMs: this.#settings.requestTimeoutMs / 2 });
    } catch (cause) {
      if (cause instanceof CallFailure && cause.kind === 'silent' && this.#silentSince(mark)) this.#end(cause.message);
    }
    return !this.#ended;
  }

  /** What a failure says about the link. */
  #judge(failure: CallFailure): void {
    if (isAnswer(failure)) this.heard();
    // A member that is cut off from the others answers, but has nothing to say: another one may.
    if (failure.message.includes('no leader') && this.#settings.endpoints.length > 1) this.#end(failure.message);
  }

  /** Takes no more calls. Those under way may still be answered; streams end. */
  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#trouble = reason;
    clearInterval(this.#keepAlive);
    if (this.#opened) this.#onEnd(this, reason);
    // Not within the callback of the channel that may have led here.
    process.nextTick(() => {
      this.#channel.close();
      for (const stream of this.#streams) stream.cancel();
      this.#sweep();
    });
  }

  #mark(): Mark {
    return { at: performance.now(), bytes: this.#bytes() };
  }

  /** Whether nothing at all has come since then, not even a part of an answer. */
  #silentSince({ at, bytes }: Mark): boolean {
    return this.#heardAt < at && this.#bytes() === bytes;
  }

  #bytes(): number {
    let bytes = 0;
    for (const { bytesRead } of this.#sockets) bytes += bytesRead;
    return bytes;
  }

  #stayAwake(): void {
    if (performance.now() - this.#heardAt >= KEEP_ALIVE_MS) void this.check();
  }

  #keep(socket: Socket): void {
    if (this.#ended) socket.destroy();
    this.#sockets.add(socket);
    socket.once('error', ({ message }) => { this.#trouble = message; });
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** Lets go of the connection when it has ended and nothing is under way any more. grpc-js would wait for a goodbye. */
  #sweep(): void {
    if (this.#ended && this.#calls.size === 0 && this.#streams.size === 0) for (const socket of this.#sockets) socket.destroy();
  }
}

/** Whether somebody answered, whatever it was. */
function isAnswer(cause: unknown): boolean {
  return cause instanceof CallFailure && cause.kind !== 'unsent' && cause.kind !== 'silent' && cause.kind !== 'lost';
}
