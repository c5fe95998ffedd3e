// What can go wrong with a call to etcd, sorted by what may be done about it.

/** What a gRPC call ends with. */
export interface Status {
  readonly code: number;
  /** What etcd or grpc-js said. */
  readonly details: string;
}

/**
 * - `refused`: etcd's answer is an error; asking again changes nothing.
 * - `token`: etcd does not know the login (any more); nothing was done.
 * - `unsent`: nothing was done, and another connection or a moment may help.
 * - `busy`: nothing was done, and a moment may help: there is no leader, or too much to do.
 * - `silent`: nobody answered in time; a change may have been made.
 * - `lost`: the connection broke, or etcd gave up on the way; a change may have been made.
 */
export type FailureKind = 'refused' | 'token' | 'unsent' | 'busy' | 'silent' | 'lost';

/** Never leaves the client: connection.ts turns it into an EtcdRefusal or EtcdUnreachable. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

// gRPC codes (grpc/doc/statuscodes.md).
const CANCELLED = 1;
const UNKNOWN = 2;
const DEADLINE_EXCEEDED = 4;
const RESOURCE_EXHAUSTED = 8;
const ABORTED = 10;
const INTERNAL = 13;
const UNAVAILABLE = 14;

/** etcd looks at these before it does anything (its client library does the same about them). */
const TOKEN = /^(?:etcdserver: (?:invalid auth token|user name is empty|revision of auth store is old)|auth: (?:invalid auth token|revision in header is old))/;
const BUSY = /^etcdserver: (?:no leader|not capable|too many requests)/;
/** grpc-js' words for "it never left". */
const UNSENT = /^(?:No connection established|Name resolution failed|Channel closed before call started|Channel has been shut down|Stream refused by server|Failed to start HTTP\/2 stream)/;
/** An answer of etcd, or of the gRPC library on its or our side about the size of a message: the next one would be the same. */
const ANSWER = /^(?:etcdserver|mvcc|auth|lease): |larger than max/;

export function failureOf({ code, details }: Status): CallFailure {
  if (TOKEN.test(details)) return new CallFailure('token', details);
  if (BUSY.test(details)) return new CallFailure('busy', details);
  if (UNSENT.test(details)) return new CallFailure('unsent', reasonIn(details));
  switch (code) {
    case UNAVAILABLE: // also etcd's "request timed out" and "leader changed": what was asked may be done yet
    case DEADLINE_EXCEEDED:
    case CANCELLED:
    case ABORTED:
      return new CallFailure('lost', details);
    case INTERNAL:
    case UNKNOWN:
    case RESOURCE_EXHAUSTED:
      return new CallFailure(ANSWER.test(details) ? 'refused' : 'lost', details);
    default:
      return new CallFailure('refused', details);
  }
}

/** The cause in grpc-js' "No connection established. Last error: Error: <cause> (<time>). Resolution note: ...", in fewer words. */
function reasonIn(details: string): string {
  const [, cause = details] = /Last error: (?:\w*Error(?: \[\w+\])?: )?(.*?)\.?\s+(?:Resolution note:.*)?$/s.exec(`${details} `) ?? [];
  const [, openSsl] = /:error:[\dA-F]+:[^:]*:[^:]*:([^:]+):/.exec(cause) ?? [];
  if (openSsl !== undefined) return openSsl; // the rest are source lines
  if (/^Failed to connect\b/.test(cause)) return 'the server ended the connection before it was set up';
  return cause.replace(/ \(\d{4}-\d\d-\d\dT[^)]*\)$/, '').replace(/^Name resolution failed for target dns:/, 'there is no address for ');
}
