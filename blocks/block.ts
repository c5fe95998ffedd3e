// What a building block is: a set of methods over a set of components. The same block code runs in every mode; only
// `host.ts` knows that there is a channel.
import type { BlockInit, ComponentStatus } from '../proto/init.ts';
import type { Awaitable } from './driver.ts';

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
  readonly decodeGrpc: (body: Uint8Array) => Request;
  readonly encodeGrpc: (response: Response) => Uint8Array;
  readonly decodeHttp: (head: HttpHead, body: Uint8Array) => Request;
  readonly encodeHttp: (response: Response) => HttpAnswer;
  readonly run: (request: Request, scope: CallScope) => Awaitable<Response>;
}

/** A running block. */
export interface Block {
  /** By route id (proto/routes.ts). A route of this block without an entry answers UNIMPLEMENTED. */
  readonly methods: ReadonlyMap<number, Method>;
  /** The components' present state; the host sends it to the kernel after each `changed`. */
  components(): readonly ComponentStatus[];
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

/** Makes a block from its init; starts its components and returns without waiting for them. */
export type OpenBlock = (init: BlockInit, host: { readonly log: Logger; readonly changed: () => void }) => Block;
