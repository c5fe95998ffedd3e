// What the head of a gRPC request says, read once for each head that a connection sends (gRPC over HTTP/2, "Requests").
import type { PackedHttpHead } from '../../proto/control.ts';
import { Grpc, type Failure, type GrpcCode } from '../../proto/errors.ts';
import type { Route } from '../../proto/routes.ts';
import type { GrpcServerCounts, RpcCounts } from '../metrics/server-counts.ts';
import type { RequestHead } from '../h2/request-head.ts';

/** A method of the port, and whether its calls are let in. */
export interface Gate {
  readonly route: Route;
  refusal: Failure | undefined;
  /** Where its calls are counted, and by whom: metrics may be turned on and off. */
  counts: RpcCounts | undefined;
  countedBy: GrpcServerCounts | undefined;
}

/** Why a request is no call. With a status of 200 a gRPC client is told, else whoever speaks HTTP. */
export interface HeadFault {
  readonly status: number;
  readonly code: GrpcCode;
  readonly message: string;
}

export interface CallHead {
  readonly path: string;
  /** Milliseconds; Infinity for none. */
  readonly timeoutMs: number;
  /** How messages with the flag are compressed. */
  readonly encoding: string;
  /** The token that came with it; `undefined` for none. Two are as good as a wrong one. */
  readonly token: string | undefined;
  readonly userAgent: string;
  /** Wanted request metadata, in the form of an HTTP head. Undefined, which costs no bytes, when the call brings none of it. */
  readonly head: PackedHttpHead | undefined;
}

const CONTENT_TYPE = /^application\/grpc(?:$|[+;])/;
const TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** @param wanted names of metadata that the method wants. */
export function readCallHead({ method, path, fields }: RequestHead, wanted: readonly string[] | undefined): CallHead | HeadFault {
  let contentType: string | undefined;
  let timeout: string | undefined;
  let encoding = 'identity';
  let token: string | undefined;
  let userAgent = '';
  let kept: string[] | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    if (name === 'content-type') contentType ??= value;
    else if (name === 'grpc-timeout') timeout ??= value;
    else if (name === 'grpc-encoding') encoding = value;
    else if (name === 'dapr-api-token') token = token === undefined ? value : `${token}, ${value}`;
    else if (name === 'user-agent') userAgent = value;
    if (wanted?.includes(name) === true && kept?.includes(name) !== true) (kept ??= []).push(name, name.endsWith('-bin') ? padded(value) : value);
  }
  if (method !== 'POST') return { status: 405, code: Grpc.INTERNAL, message: `Received a HEADERS frame with :method "${method}" which should be POST` };
  if (contentType === undefined || !CONTENT_TYPE.test(contentType)) return { status: 415, code: Grpc.INVALID_ARGUMENT, message: `this port speaks gRPC: content-type ${contentType === undefined ? 'is missing' : `"${contentType}" is not application/grpc`}` };
  const timeoutMs = timeout === undefined ? Infinity : timeoutMsOf(timeout);
  if (Number.isNaN(timeoutMs)) return { status: 200, code: Grpc.INTERNAL, message: `Invalid grpc-timeout value "${timeout}"` };
  return { path, timeoutMs, encoding, token, userAgent, head: kept === undefined ? undefined : [[], '', kept] };
}

function timeoutMsOf(text: string): number {
  const [, digits, unit] = TIMEOUT.exec(text) ?? [];
  return Number(digits) * UNIT_MS[unit ?? '']!; // NaN where it is none
}

/** Binary metadata in base64; the padding may be absent on the wire. The first of several values, which a comma separates. */
function padded(value: string): string {
  const [first = ''] = value.split(',', 1);
  return Buffer.from(first, 'base64').toString('base64');
}
