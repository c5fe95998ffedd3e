// What a block may ask of its kernel, as a table: to report itself, to call the application, to be remembered with what it
// works on, and to leave its next life a note. One object serves one life. A block is hostile by accident: whatever it sends is checked before it is kept.
import type { IncomingCall, Serve } from '../ipc/calls.ts';
import { EMPTY, Flag } from '../ipc/frame.ts';
import { Control, type PackedAppRequest, type PackedCheckpoint } from '../proto/control.ts';
import { Grpc, type GrpcCode } from '../proto/errors.ts';
import type { SubscriptionRule, SubscriptionStatus } from '../proto/init.ts';
import type { AppChannel } from './app/channel.ts';
import { MAX_ID_LENGTH, MAX_SUSPECTS } from './suspects.ts';

/** Where a life's checkpoints go. */
export interface CheckpointKeeper {
  /** False: there is no room. */
  set(name: string, value: string): boolean;
  delete(name: string): void;
  /** A piece of what the life hands over; borrowed. False: there is no room, or nobody to hand it to. */
  hand(name: string, piece: Uint8Array): boolean;
}

/** What a life's calls are about. */
export interface BlockCallSources {
  /** The components' states, as the block puts them. Throws for what is no such report. */
  readonly components: (report: unknown) => void;
  readonly subscriptions: (subscriptions: readonly SubscriptionStatus[]) => void;
  readonly acquit: (ids: readonly string[]) => void;
  readonly checkpoints: CheckpointKeeper;
  /** Undefined: no application is configured. */
  readonly app: () => AppChannel | undefined;
}

/** A list longer than this is no honest one. */
const LONGEST_REPORT = 100_000;
/** What one life may have under way: ids that it works on, in UTF-16 units, and requests to the application, in bytes. */
const MAX_WORKING_LENGTH = 4 * 1024 * 1024;
const MAX_APP_BYTES = 128 * 1024 * 1024;

export class BlockCalls {
  readonly #sources: BlockCallSources;
  readonly #isOver: () => boolean;
  readonly #working = new Set<readonly string[]>();
  /** UTF-16 units of the ids among them. */
  #workingLength = 0;
  /** Bytes of requests to the application that it has not answered. */
  #appBytes = 0;

  /** @param isOver whether the life's channel has ended. */
  constructor(sources: BlockCallSources, isOver: () => boolean) {
    this.#sources = sources;
    this.#isOver = isOver;
  }

  readonly serve: Serve = (call, head, body) => {
    switch (call.method) {
      case Control.COMPONENTS:
        this.#sources.components(head);
        return accept(call);
      case Control.SUBSCRIPTIONS:
        this.#sources.subscriptions(asSubscriptions(head));
        return accept(call);
      case Control.APP:
        return this.#callApp(call, asAppRequest(head), body);
      case Control.PROCESSING:
        return this.#remember(call, asIds(head));
      case Control.ACQUITTED:
        this.#sources.acquit(asIds(head));
        return accept(call);
      case Control.CHECKPOINT:
        return this.#checkpoint(call, asCheckpoint(head));
      case Control.HANDOVER:
        if (typeof head !== 'string') throw new Error('a piece of what is handed over without a name');
        if (!this.#sources.checkpoints.hand(head, body)) return fail(call, Grpc.RESOURCE_EXHAUSTED, 'there is no room for what is handed over, or no other life takes over');
        return accept(call);
      default:
        return call.end(Grpc.UNIMPLEMENTED, Flag.FAILED, { message: `the kernel has no method ${call.method}` }, EMPTY);
    }
  };

  /** What the life says it is working on; once its channel has ended, what it was working on then. */
  get working(): Iterable<readonly string[]> {
    return this.#working;
  }

  #callApp(call: IncomingCall, request: PackedAppRequest, body: Uint8Array): void {
    const app = this.#sources.app();
    if (app === undefined) return fail(call, Grpc.UNAVAILABLE, 'no application is configured: start the sidecar with --app-port');
    const [, target, headers] = request;
    const length = headers.reduce((sum, text) => sum + text.length, target.length + body.length); // all of it waits for the application
    if (this.#appBytes > 0 && this.#appBytes + length > MAX_APP_BYTES) return fail(call, Grpc.RESOURCE_EXHAUSTED, `requests to the application have more than ${MAX_APP_BYTES} bytes together`);
    this.#appBytes += length;
    let open = true;
    const over = (): void => {
      if (open) this.#appBytes -= length;
      open = false;
    };
    // Frames are borrowed, and the application takes its time.
    const giveUp = app.call(request, body.length === 0 ? EMPTY : Buffer.from(body), call.remainingMs, {
      onAnswer: (status, answer) => {
        over();
        call.end(status, 0, undefined, answer);
      },
      onFailure: (code, message, unasked = false) => {
        over();
        call.end(code, Flag.FAILED, { message, unasked }, EMPTY);
      },
    });
    call.onCancel = () => {
      over();
      giveUp();
    };
  }

  #checkpoint(call: IncomingCall, [name, value]: PackedCheckpoint): void {
    const { checkpoints } = this.#sources;
    if (value === undefined) checkpoints.delete(name);
    else if (!checkpoints.set(name, value)) return fail(call, Grpc.RESOURCE_EXHAUSTED, 'there is no room for another checkpoint');
    accept(call);
  }

  /** The call stays open as long as the work; its cancellation is the good news. */
  #remember(call: IncomingCall, ids: readonly string[]): void {
    const kept = ids.filter((id) => id.length <= MAX_ID_LENGTH).slice(0, MAX_SUSPECTS);
    const length = kept.reduce((sum, id) => sum + id.length, 0);
    if (this.#workingLength + length > MAX_WORKING_LENGTH) return; // no honest block works on so many; it is allowed to, unremembered
    this.#workingLength += length;
    this.#working.add(kept);
    call.onCancel = () => {
      if (this.#isOver()) return;
      this.#working.delete(kept);
      this.#workingLength -= length;
    };
  }
}

function accept(call: IncomingCall): void {
  call.end(Grpc.OK, 0, undefined, EMPTY);
}

function fail(call: IncomingCall, code: GrpcCode, message: string): void {
  call.end(code, Flag.FAILED, { message }, EMPTY);
}

function asAppRequest(head: unknown): PackedAppRequest {
  if (!Array.isArray(head) || head.length !== 3) throw new Error('a call to the application that is no triple of verb, target and headers');
  const [verb, target, headers] = head as readonly unknown[];
  if (verb !== 'GET' && verb !== 'POST' && verb !== 'RPC') throw new Error('a call to the application with a verb that is none of GET, POST and RPC');
  if (typeof target !== 'string') throw new Error('a call to the application without a target');
  if (!isTexts(headers) || headers.length % 2 !== 0) throw new Error('a call to the application with headers that are no list of names and values');
  return [verb, target, headers];
}

function asCheckpoint(head: unknown): PackedCheckpoint {
  if (!isTexts(head) || head.length < 1 || head.length > 2) throw new Error('a checkpoint that is no name with or without a text');
  return head as unknown as PackedCheckpoint;
}

function asIds(head: unknown): readonly string[] {
  if (!isTexts(head)) throw new Error('ids that are no list of texts');
  return head;
}

function asSubscriptions(head: unknown): SubscriptionStatus[] {
  if (!Array.isArray(head) || head.length > LONGEST_REPORT) throw new Error('a subscription report that is no list');
  return head.map(asSubscription);
}

const TYPES: readonly unknown[] = ['DECLARATIVE', 'PROGRAMMATIC', 'STREAMING'] satisfies SubscriptionStatus['type'][];

function asSubscription(item: unknown): SubscriptionStatus {
  if (!isRecord(item)) throw new Error('a subscription that is no record');
  const { pubsubName, topic, metadata, rules, deadLetterTopic, type } = item;
  const sound = typeof pubsubName === 'string' && typeof topic === 'string' && typeof deadLetterTopic === 'string' && TYPES.includes(type)
    && isRecord(metadata) && Object.values(metadata).every((value) => typeof value === 'string') && Array.isArray(rules) && rules.every(isRule);
  if (!sound) throw new Error('a subscription with a member that is missing or of the wrong kind');
  return { pubsubName, topic, metadata: metadata as Record<string, string>, rules: rules as SubscriptionRule[], deadLetterTopic, type: type as SubscriptionStatus['type'] };
}

function isRule(rule: unknown): boolean {
  return isRecord(rule) && typeof rule['match'] === 'string' && typeof rule['path'] === 'string';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= LONGEST_REPORT && value.every((item) => typeof item === 'string');
}
