// Serves one block over its channel and its lanes, whatever they are: takes calls, runs methods, turns results and errors into
// answers. This is the whole of what a block's process does.
import { getHeapStatistics } from 'node:v8';
import type { Channel } from '../ipc/channel.ts';
import { Calls, type IncomingCall } from '../ipc/calls.ts';
import { EMPTY, Flag } from '../ipc/frame.ts';
import type { OwnVitals } from '../ipc/vitals.ts';
import { Control, PAUSE_FOR_SUCCESSOR, PROTOCOL_VERSION, type AppState, type Inheritance, type InitAnswer, type InitRequest, type PackedHttpHead } from '../proto/control.ts';
import { ApiError, type Failure, Grpc, messageOf } from '../proto/errors.ts';
import { FAIL } from '../proto/failures.ts';
import { openLog, type Log, type LogOutput } from '../proto/log.ts';
import { cleaner, concealer } from '../proto/logline.ts';
import type { MeasureName, PackedMeasures } from '../proto/measures.ts';
import type { Message } from '../proto/message-writer.ts';
import type { CountingMeter } from '../proto/meter.ts';
import { httpBody, statusDetails } from '../proto/status.ts';
import type { Block, HttpAnswer, HttpHead, Method, OpenBlock, StreamMethod } from './block.ts';
import { Counting, type Tally } from './counting.ts';
import { ChannelKernel } from './kernel.ts';
import { NO_LANES, type Lanes } from './lanes.ts';
import { NO_METER, openMeter } from './meter.ts';
import { ChannelStream } from './stream.ts';

/** The blocks there are. A process loads the one it runs. */
const BLOCKS: Readonly<Record<string, () => Promise<OpenBlock>>> = {
  state: async () => (await import('./state/block.ts')).openStateBlock,
  pubsub: async () => (await import('./pubsub/block.ts')).openPubsubBlock,
  config: async () => (await import('./config/block.ts')).openConfigBlock,
  lock: async () => (await import('./lock/block.ts')).openLockBlock,
  sequencer: async () => (await import('./sequencer/block.ts')).openSequencerBlock,
};

export type Opened = (log: Log, clean: (text: string) => string) => void;

/** Below it are calls about the block itself: proto/control.ts. */
const FIRST_API_METHOD = 16;
/** Calls that may be open at once on the channel, and on each lane; the kernel's limits are lower. */
const MAX_CALLS = 65_536;
/** Answers that may wait in the channel. The kernel reads all the time, so a queue this long means that it is gone. */
const MAX_QUEUED_BYTES = 256 * 1024 * 1024;
const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

/**
 * Resolves when the channel has ended and the block is closed.
 * @param output takes the log lines.
 * @param opened is told of the block's log once there is one, and of what takes its secrets out of a text: `init` brings both.
 * @param lanes more channels, over which calls of the API come.
 * @throws Error for a block that there isn't
 */
export async function serveBlock(name: string, channel: Channel, output: LogOutput, opened: Opened = () => {}, lanes: Lanes = NO_LANES): Promise<void> {
  const load = Object.hasOwn(BLOCKS, name) ? BLOCKS[name] : undefined;
  if (load === undefined) throw new Error(`there is no block ${name}; the blocks are ${Object.keys(BLOCKS).join(', ')}`);
  const host = new Host(channel, load, output, opened, lanes);
  await host.ended;
}

class Host {
  readonly #calls: Calls;
  readonly #lanes: Lanes;
  /** By index. */
  readonly #laneCalls: Calls[] = [];
  readonly #load: () => Promise<OpenBlock>;
  readonly #output: LogOutput;
  readonly #opened: Opened;
  #block: Block | undefined;
  #kernel: ChannelKernel | undefined;
  #log: Log | undefined;
  /** Takes the components' secrets out of what others are told: drivers' errors quote what they were given. */
  #conceal = (text: string): string => text;
  /** Undefined: metrics are off. */
  #meter: CountingMeter | undefined;
  #counting: Counting | undefined;
  /** Methods under way, without the streams; and who waits for there to be none. */
  #working = 0;
  #idle: () => void = () => {};
  readonly #worked = (): void => {
    if (--this.#working === 0) this.#idle();
  };
  /** Reports that are due in this turn, by method. */
  readonly #due = new Map<number, (block: Block) => unknown>();

  constructor(channel: Channel, load: () => Promise<OpenBlock>, output: LogOutput, opened: Opened, lanes: Lanes) {
    this.#load = load;
    this.#output = output;
    this.#opened = opened;
    this.#lanes = lanes;
    const { own } = channel;
    this.#calls = new Calls(channel, {
      ids: 'even', maxIncoming: MAX_CALLS, maxQueuedBytes: MAX_QUEUED_BYTES,
      serve: (call, head, body) => {
        if (this.#block === undefined || call.method < FIRST_API_METHOD) this.#control(call, head, body);
        else this.#serve(call, head, body, own);
      },
    });
    lanes.open((index, lane) => this.#openLane(index, lane));
  }

  get ended(): Promise<void> {
    return this.#calls.ended.then(() => {
      this.#lanes.close();
      for (const calls of this.#laneCalls) calls.close();
      return this.#block?.close();
    });
  }

  /** Calls of the API come over it, and nothing that is about the block itself. Its end is no more than the end of its calls. */
  #openLane(index: number, channel: Channel): void {
    this.#laneCalls[index]?.close(); // whose gateway is gone
    const { own } = channel;
    this.#laneCalls[index] = new Calls(channel, {
      ids: 'even', maxIncoming: MAX_CALLS, maxQueuedBytes: MAX_QUEUED_BYTES,
      ending: (end) => {
        if (end.kind === 'violation') this.#log?.error({}, `lane ${index} ended, because its gateway broke the protocol: ${end.reason}`);
      },
      serve: (call, head, body) => {
        if (call.method === Control.PING) call.end(Grpc.OK, 0, undefined, EMPTY); // says that all that was sent before is here
        else if (this.#block === undefined || call.method < FIRST_API_METHOD) call.end(Grpc.FAILED_PRECONDITION, Flag.FAILED, { message: 'a call that a lane does not carry, or not yet' }, EMPTY);
        else this.#serve(call, head, body, own);
      },
    });
  }

  /** @param own absent where the kernel can't look at our memory. */
  #serve(call: IncomingCall, head: unknown, body: Uint8Array, own: OwnVitals | undefined): void {
    const block = this.#block as Block;
    const http = (call.flags & Flag.HTTP) !== 0;
    const stream = http ? undefined : block.streams?.get(call.method);
    if (stream !== undefined) return this.#stream(call, stream, head, body, own);
    const method = block.methods.get(call.method);
    if (method === undefined) return this.#fail(call, http, FAIL.notImplemented().failure);
    own?.began(call.id, call.method);
    let result: unknown;
    let request: unknown;
    let tally: Tally | undefined;
    let began = 0;
    try {
      request = http ? method.decodeHttp(unpackHttpHead(head as PackedHttpHead), body) : decodeGrpc(method, body, head as PackedHttpHead | undefined);
      tally = this.#counting?.tallyOf(call.method, request);
      if (tally !== undefined) began = performance.now();
      result = method.run(request, call);
    } catch (cause) {
      tally?.failed(performance.now() - began, cause);
      return this.#refuse(call, http, cause, own);
    }
    if (result instanceof Promise) {
      this.#working++;
      result.then((response) => {
        tally?.done(performance.now() - began, request, response);
        this.#answer(call, http, method, response, own);
      }, (cause: unknown) => {
        tally?.failed(performance.now() - began, cause);
        this.#refuse(call, http, cause, own);
      }).finally(this.#worked);
      return;
    }
    tally?.done(performance.now() - began, request, result);
    this.#answer(call, http, method, result, own);
  }

  #stream(call: IncomingCall, method: StreamMethod, head: unknown, body: Uint8Array, own: OwnVitals | undefined): void {
    const stream = new ChannelStream(call, unpackHeaders(head as PackedHttpHead | undefined), (cause) => this.#refuse(call, false, cause, own), (failure) => this.#counting?.error(failure), own);
    own?.began(call.id, call.method); // a stream that merely waits is no suspect
    try {
      method.open(stream, body);
    } catch (cause) {
      this.#refuse(call, false, cause, own);
    }
    own?.finished(call.id);
  }

  #answer(call: IncomingCall, http: boolean, method: Method, response: unknown, own: OwnVitals | undefined): void {
    if (call.cancelled) return own?.finished(call.id);
    let answer: HttpAnswer | Message;
    try {
      answer = http ? method.encodeHttp(response) : method.encodeGrpc(response);
    } catch (cause) {
      return this.#refuse(call, http, cause, own);
    }
    own?.finished(call.id);
    if (answer instanceof Uint8Array) return call.end(Grpc.OK, 0, method.grpcMetadata?.(response), answer);
    if (isPieces(answer)) return call.end(Grpc.OK, 0, method.grpcMetadata?.(response), EMPTY, answer);
    const { status, headers, body = EMPTY } = answer;
    call.end(status, 0, headers, typeof body === 'string' ? Buffer.from(body) : body);
  }

  /** The one place where whatever was thrown becomes an answer. */
  #refuse(call: IncomingCall, http: boolean, cause: unknown, own: OwnVitals | undefined): void {
    own?.finished(call.id);
    if (cause instanceof ApiError) {
      if (cause.cause !== undefined) this.#log?.debug({ method: call.method }, `${cause.message}: ${String(cause.cause)}`);
      return this.#fail(call, http, cause.failure);
    }
    this.#log?.error({ method: call.method, stack: cause instanceof Error ? cause.stack : undefined }, `a method failed in a way it does not know: ${String(cause)}`);
    this.#fail(call, http, FAIL.internal(messageOf(cause)).failure);
  }

  #fail(call: IncomingCall, http: boolean, failure: Failure): void {
    this.#counting?.error(failure);
    if (http) return call.end(failure.http, 0, undefined, Buffer.from(this.#conceal(httpBody(failure))));
    const message = this.#conceal(failure.message);
    const details = message === failure.message ? statusDetails(failure) : undefined; // they say the same again
    call.end(failure.grpc, Flag.FAILED, details === undefined ? { message } : { message, details }, EMPTY);
  }

  #control(call: IncomingCall, head: unknown, body: Uint8Array): void {
    switch (call.method) {
      case Control.INIT:
        this.#init(head as InitRequest).then(
          (answer) => call.end(Grpc.OK, 0, answer, EMPTY),
          (cause: unknown) => call.end(Grpc.INTERNAL, Flag.FAILED, { message: messageOf(cause) }, EMPTY),
        );
        return;
      case Control.LANE:
        return this.#act(call, () => this.#lanes.renew?.(head as number));
      case Control.PING:
        return call.end(Grpc.OK, 0, undefined, EMPTY);
      case Control.CLOSE:
        void this.#close(call);
        return;
      case Control.APP_STATE:
        return this.#act(call, () => this.#appChanged(head as AppState));
      case Control.PAUSE:
        return this.#act(call, () => this.#block?.pause?.(head !== PAUSE_FOR_SUCCESSOR));
      case Control.ACTIVATE:
        this.#kernel?.activate(head as Inheritance); // here and now: calls may follow in the same batch. What it throws is the call's failure
        return call.end(Grpc.OK, 0, undefined, EMPTY);
      case Control.RESUME:
        return this.#act(call, () => this.#block?.resume?.());
      case Control.HANDOVER:
        if (typeof head !== 'string') return this.#act(call, () => this.#handOver(call));
        this.#kernel?.receive(head, body); // what it throws is the call's failure
        return call.end(Grpc.OK, 0, undefined, EMPTY);
      case Control.MEASURES:
        return call.end(Grpc.OK, 0, this.#measures(), EMPTY);
      default:
        call.end(Grpc.FAILED_PRECONDITION, Flag.FAILED, { message: 'the block has not been initialised' }, EMPTY);
    }
  }

  /** Does what the kernel asked for, and answers when it is done. */
  #act(call: IncomingCall, work: () => unknown): void {
    Promise.resolve().then(work).then(
      () => {
        for (const method of [...this.#due.keys()]) this.#send(method); // what came of it is known before it counts as done
        call.end(Grpc.OK, 0, undefined, EMPTY);
      },
      (cause: unknown) => call.end(Grpc.INTERNAL, Flag.FAILED, { message: messageOf(cause) }, EMPTY),
    );
  }

  async #init(request: InitRequest): Promise<InitAnswer> {
    const { protocol, init } = request;
    if (protocol !== PROTOCOL_VERSION) throw new Error(`the kernel speaks protocol ${protocol}, this block ${PROTOCOL_VERSION}: install the same version of both`);
    if (this.#block !== undefined) throw new Error('the block was initialised before');
    const secrets = init.components.flatMap(({ metadata }) => metadata.filter(({ secretName }) => secretName !== undefined).map(({ value }) => value));
    const log = openLog(init.log, { output: this.#output, fields: { block: init.compartment ?? init.block }, conceal: secrets });
    this.#log = log;
    this.#conceal = concealer(secrets);
    this.#opened(log, cleaner(secrets));
    const open = await this.#load();
    if (init.metrics !== undefined) {
      this.#meter = openMeter(init.metrics, log);
      this.#counting = new Counting(this.#meter, init.components.map(({ name }) => name), init.metrics.recordErrorCodes);
    }
    const kernel = new ChannelKernel(this.#calls, request.inheritance, log);
    this.#kernel = kernel;
    this.#block = open(init, {
      log,
      checkpoints: kernel.checkpoints,
      meter: this.#meter ?? NO_METER,
      changed: () => this.#changed(),
      subscriptionsChanged: () => this.#subscriptionsChanged(),
      kernel,
    });
    this.#changed(); // also a block without components reports once
    if (init.app === undefined) this.#subscriptionsChanged(); // nothing that could change them is to be expected
    return { protocol: PROTOCOL_VERSION };
  }

  /** Everything counted since the life began. */
  #measures(): PackedMeasures {
    if (this.#meter === undefined) return [];
    this.#meter.gauge('block_heap_bytes' satisfies MeasureName).set(getHeapStatistics().used_heap_size);
    return this.#meter.pack();
  }

  /** Whatever lives in this block alone goes to its successor, once nothing can change it any more. */
  async #handOver(call: IncomingCall): Promise<void> {
    const block = this.#block;
    if (block?.handsOver?.() !== true) return;
    while (this.#working > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    if (call.cancelled) return; // it took too long, and no other life takes over
    await this.#kernel?.handOver(() => block.handOver?.());
  }

  /** What follows from it is told even where nothing does: until then the kernel shows what a former life had. */
  async #appChanged(state: AppState): Promise<void> {
    await this.#block?.appChanged?.(state);
    this.#subscriptionsChanged();
  }

  #subscriptionsChanged(): void {
    if (this.#block === undefined || this.#block.subscriptions !== undefined) this.#report(Control.SUBSCRIPTIONS, (block) => block.subscriptions?.() ?? []);
  }

  #changed(): void {
    this.#report(Control.COMPONENTS, (block) => block.components().map((status) => (status.reason === undefined ? status : { ...status, reason: this.#conceal(status.reason) })));
  }

  /** Tells the kernel what is now, once for all changes of a turn. */
  #report(method: number, read: (block: Block) => unknown): void {
    if (this.#due.has(method)) return;
    this.#due.set(method, read);
    setImmediate(() => this.#send(method));
  }

  #send(method: number): void {
    const read = this.#due.get(method);
    this.#due.delete(method);
    if (read === undefined) return; // it was sent before its time
    if (this.#block === undefined) return this.#report(method, read);
    this.#calls.open(method, 0, read(this.#block), EMPTY, 0, { onEnd: () => {} });
  }

  async #close(call: IncomingCall): Promise<void> {
    try {
      await this.#block?.close();
    } catch (cause) {
      this.#log?.warn({}, `closing a component failed: ${String(cause)}`);
    }
    call.end(Grpc.OK, 0, undefined, EMPTY);
  }
}

function decodeGrpc(method: Method, body: Uint8Array, head: PackedHttpHead | undefined): unknown {
  try {
    return method.decodeGrpc(body, unpackHeaders(head));
  } catch (cause) {
    throw cause instanceof ApiError ? cause : FAIL.malformedMessage(messageOf(cause)).because(cause);
  }
}

/** `Array.isArray` tells nothing of a list that may not be changed. */
function isPieces(answer: HttpAnswer | Exclude<Message, Uint8Array>): answer is Exclude<Message, Uint8Array> {
  return Array.isArray(answer);
}

function unpackHttpHead(head: PackedHttpHead): HttpHead {
  return { params: head[0], query: head[1], headers: unpackHeaders(head) };
}

function unpackHeaders(head: PackedHttpHead | undefined): Readonly<Record<string, string>> {
  const flat = head?.[2];
  if (flat === undefined) return NO_HEADERS;
  const headers: Record<string, string> = {};
  for (let i = 0; i + 1 < flat.length; i += 2) headers[flat[i] as string] = flat[i + 1] as string;
  return headers;
}
