// What the forms of delivery have in common: trace contexts handed on, and verdicts without a story of their own.
import type { Verdict } from './delivery.ts';

/** How trace contexts are handed on (contract: messaging §8.1). */
export interface FormOptions {
  /** The traceparent of the delivery's span. The argument is what the event brought, `''` for nothing. */
  span(traceparent: string): string;
  /** The binary form of a traceparent in base64; `''` where it has none. */
  traceBin(traceparent: string): string;
}

export const CLOUD_EVENT = 'application/cloudevents+json';
export const JSON_TYPE = 'application/json';
export const OCTET_STREAM = 'application/octet-stream';

export const ACK: Verdict = { kind: 'ack' };
export const ASKED_TO_DROP: Verdict = { kind: 'drop', reason: 'the application answered DROP' };
export const ASKED_TO_RETRY: Verdict = { kind: 'retry', reason: 'the application answered RETRY' };
export const NO_STATUS: Verdict = { kind: 'retry', reason: 'the application answered without a status for this message' };

const SHOWN_STATUS_CHARACTERS = 64;

export function unknownStatus(status: string | number): Verdict {
  return { kind: 'retry', reason: `the application answered with an unknown status: ${String(status).slice(0, SHOWN_STATUS_CHARACTERS)}` };
}

/** Names of metadata that a delivery says in its own words, in lower case. Lengths and types are those of the envelope. */
export const OWN_HEADERS: ReadonlySet<string> = new Set(['content-type', 'content-length', 'traceparent', 'tracestate', 'grpc-trace-bin', 'pubsubname']);
