// What a building block is: a set of methods over a set of components. The same block code runs in every mode; only
// `host.ts` knows that there is a channel.
import type { AppState } from '../proto/control.ts';
import type { ApiError } from '../proto/errors.ts';
import type { BlockInit, ComponentStatus, SubscriptionStatus } from '../proto/init.ts';
import type { Message } from '../proto/message-writer.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Awaitable } from './driver.ts';
import type { Kernel } from './kernel.ts';
import type { Meter } from './meter.ts';

export type { BlockInit, ComponentStatus, LogSettings } from '../proto/init.ts';

/** What an HTTP call brings beside its body. */
export interface HttpHead {
  /** The pattern's parameters in order, unescaped once. */
  readonly params: readonly string[];
  /** The raw query string without `?`; `''` when there is none. */
  readonly query: string;
  /** Request headers that the route's row asks for, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
}

/** An HTTP answer. Without a body the answer has no content type; with one it is `application/json` unless `headers` says otherwise. */
export interface HttpAnswer {
  readonly status: number;
  /** Flat list: name, value, name, value. */
  readonly headers?: readonly string[];
  readonly body?: Uint8Array | string;
}

/** What a method knows of the call beside its request. */
export interface CallScope {
  /** Aborts when the caller cancelled or its deadline passed. Made on first use: ask for it only if you need it. */
  readonly signal: AbortSignal;
}

/**
 * One API method. `decode` functions get a borrowed view and copy what they keep; they may throw an `ApiError`, and
 * anything else they throw becomes one. `run` throws an `ApiError` or lets the host make it INTERNAL.
 */
export interface Method<Request = any, Response = any> {
  /** @param headers request metadata that the route's row asks for, by lower-case name. */
  readonly decodeGrpc: (body: Uint8Array, headers: Readonly<Record<string, string>>) => Request;
  readonly encodeGrpc: (response: Response) => Message;
  readonly decodeHttp: (head: HttpHead, body: Uint8Array) => Request;
  readonly encodeHttp: (response: Response) => HttpAnswer;
  /** Metadata of a gRPC answer, sent before its message: a flat list of names and values. HTTP has its headers in `encodeHttp`. */
  readonly grpcMetadata?: (response: Response) => readonly string[] | undefined;
  readonly run: (request: Request, scope: CallScope) => Awaitable<Response>;
}

/** One streamed call, from the block's side. Set the `on` functions before `open` returns. */
export interface StreamCall {
  /** Request metadata that the route's row asks for, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** A message from the client, borrowed until the function returns. What it throws ends the call. */
  onMessage: (message: Uint8Array) => void;
  /** The client sends no more. */
  onHalfClose: () => void;
  /** Nobody reads any more: the client left, its deadline passed, or the kernel is gone. Not after `end` or `fail`. */
  onCancel: () => void;
  /** There is room again after `send` returned false. */
  onCredit: () => void;
  /** Sends a message; the bytes are given away. False: send no more until `onCredit`. */
  send(message: Uint8Array): boolean;
  /** Lets the client send no more than it may already, until `resume`. */
  pause(): void;
  resume(): void;
  /** The status OK, last of all. */
  end(): void;
  fail(error: ApiError): void;
}

/** One API method that streams, over gRPC. A method of the same route, if there is one, is its form over HTTP. */
export interface StreamMethod {
  /** @param body the request where the client sends one message only, borrowed until this returns; empty where it streams. */
  readonly open: (call: StreamCall, body: Uint8Array) => void;
}

/** A running block. */
export interface Block {
  /** By route id (proto/routes.ts). A route of this block without an entry answers UNIMPLEMENTED. */
  readonly methods: ReadonlyMap<number, Method>;
  /** Likewise, for the methods that stream. */
  readonly streams?: ReadonlyMap<number, StreamMethod>;
  /** The components' present state; the host sends it to the kernel after each `changed`. */
  components(): readonly ComponentStatus[];
  /** What is subscribed to; the host sends it to the kernel after each `subscriptionsChanged`. */
  subscriptions?(): readonly SubscriptionStatus[];
  /** The application came or went. Settles when what follows from it is done, or was tried once. */
  appChanged?(state: AppState): Awaitable<void>;
  /**
   * Takes in nothing more; settles when all that was in flight is settled.
   * @param forGood false: until `resume`, or until another life takes over; what waits here is kept for either.
   */
  pause?(forGood: boolean): Promise<void>;
  /** Goes on as before `pause` and `handOver`: no successor came of it. */
  resume?(): Awaitable<void>;
  /** Whether something lives in this block alone that its successor must have: then `handOver` runs before another life takes over. */
  handsOver?(): boolean;
  /**
   * Another life takes over in a moment. No call is under way, and none comes unless `resume` does. Leaves what the successor
   * must have and does not get by checkpoints, and does nothing more by itself. May throw where there is too much of it.
   */
  handOver?(): Awaitable<void>;
  /** Drains nothing: the host has seen to that. Closes drivers. May be called twice. */
  close(): Promise<void>;
}

/** The logger of a block: structured fields first, then the text. */
export interface Logger {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

/** What every block may expect of its host. */
export interface BlockHost {
  readonly log: Logger;
  /** Components changed. */
  readonly changed: () => void;
  readonly checkpoints: Checkpoints;
  readonly meter: Meter;
}

/** What a block that calls the application has beside that. */
export interface CallingHost extends BlockHost {
  readonly subscriptionsChanged: () => void;
  readonly kernel: Kernel;
}

/** Makes a block from its init; starts its components and returns without waiting for them. */
export type OpenBlock<Host extends BlockHost = CallingHost> = (init: BlockInit, host: Host) => Block;
