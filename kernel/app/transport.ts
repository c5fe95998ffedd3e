// The contract of a way to the application: requests out, answers in. A transport knows its protocol and its connections; of
// deadlines, health and turns it knows nothing.
import type { PackedAppRequest } from '../../proto/control.ts';
import { messageOf } from '../../proto/errors.ts';
import type { Secret } from '../secret.ts';
import type { AppReply } from './channel.ts';

export interface TransportOptions {
  readonly protocol: 'http' | 'https' | 'h2c' | 'grpc' | 'grpcs';
  readonly address: string;
  readonly port: number;
  /** Of an answer; for a gRPC application of a request, too. */
  readonly maxBodyBytes: number;
  readonly maxConnections: number;
  readonly appId: string;
  /** What each request carries as `dapr-api-token`. */
  readonly token: Secret;
}

export interface Transport {
  /** Sends a request. Exactly one function of `reply` runs, once, when the transport is done with it; also for an aborted one, and maybe at once. */
  send(request: PackedAppRequest, body: Uint8Array, reply: AppReply): SentCall;
  /** Ends all connections; what is under way fails. */
  close(): Promise<void>;
}

export interface SentCall {
  /** The answer is not wanted any more: takes back the request as far as that is possible. */
  abort(): void;
}

export const USER_AGENT = 'bulkhead';

/** `host:port`, with an IPv6 address in brackets. */
export function hostAndPort(address: string, port: number): string {
  return `${address.includes(':') && !address.startsWith('[') ? `[${address}]` : address}:${port}`;
}

/** Why there was no answer. An AggregateError (all addresses of a name refused) has an empty text but a code. */
export function noAnswer(where: string, cause: unknown): string {
  const why = messageOf(cause) || (cause as NodeJS.ErrnoException).code || 'unknown reason';
  return `the application at ${where} gave no answer: ${why}`;
}
