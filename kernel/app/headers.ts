// What may go to the application as a header. Headers of a delivery are made of a message's metadata, which whoever published
// it has chosen: here is the last place where they can be kept from breaking the request, or from posing as ours.

/** Of all that is passed on. Servers commonly refuse 16 KiB and more, with the path and our own headers in it. */
const MAX_HEADER_BYTES = 12 * 1024;
/** What a header counts beside its name and value, as HTTP/2 counts it. */
const HEADER_OVERHEAD = 32;
const MAX_CONTENT_TYPE_BYTES = 256;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Latin-1 without control characters. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const METADATA_NAME = /^[0-9a-z_.-]+$/;
const METADATA_VALUE = /^[\x20-\x7e]*$/;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Framing and the connection belong to the transport; the other names say who is calling. */
const OURS: ReadonlySet<string> = new Set([
  'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'proxy-connection', 'upgrade', 'http2-settings', 'expect', 'te', 'trailer', 'host',
  'dapr-api-token', 'dapr-app-id', 'user-agent',
]);
/** gRPC's own names start with `grpc-`: of these a caller may set the two that carry a context. */
const GRPC_CONTEXT: ReadonlySet<string> = new Set(['grpc-trace-bin', 'grpc-tags-bin']);

/** The headers of `asked` that may be sent over HTTP, behind `own`; what is left out has no other effect. Both lists are flat. */
export function httpHeaders(own: readonly string[], asked: readonly string[]): string[] {
  const sent = [...own];
  let room = MAX_HEADER_BYTES;
  let hasType = false;
  for (let at = 0; at + 1 < asked.length; at += 2) {
    const name = (asked[at] as string).toLowerCase();
    const value = (asked[at + 1] as string).trim(); // HTTP/2 takes white space at an end for an attack
    if (!TOKEN.test(name) || !VALUE.test(value) || OURS.has(name)) continue;
    if (name === 'content-type') {
      // One, and without regard to the room: without it the application can't read the body.
      if (hasType || value.length > MAX_CONTENT_TYPE_BYTES) continue;
      hasType = true;
    } else {
      if ((room -= HEADER_OVERHEAD + name.length + value.length) < 0) continue;
    }
    sent.push(name, value);
  }
  return sent;
}

/** The same for gRPC metadata; calls `add` for each. A name that ends in `-bin` has its bytes in base64. */
export function grpcMetadata(asked: readonly string[], add: (name: string, value: string | Buffer) => void): void {
  let room = MAX_HEADER_BYTES;
  for (let at = 0; at + 1 < asked.length; at += 2) {
    const name = (asked[at] as string).toLowerCase();
    const value = (asked[at + 1] as string).trim();
    if (!METADATA_NAME.test(name) || OURS.has(name) || name === 'content-type' || (name.startsWith('grpc-') && !GRPC_CONTEXT.has(name))) continue;
    const binary = name.endsWith('-bin');
    if (!(binary ? BASE64 : METADATA_VALUE).test(value)) continue;
    if ((room -= HEADER_OVERHEAD + name.length + value.length) < 0) break;
    add(name, binary ? Buffer.from(value, 'base64') : value);
  }
}

/** Whether a value of our own can be sent at all: a token comes from the environment, and may have anything in it. */
export function isSendable(value: string): boolean {
  return METADATA_VALUE.test(value);
}

/** A path that HTTP takes, out of one that an application or its operator wrote: absolute, and with nothing but visible ASCII. */
export function requestTarget(target: string): string {
  const path = target.startsWith('/') ? target : `/${target}`;
  return VISIBLE.test(path) ? path : path.toWellFormed().replace(INVISIBLE, encodeURIComponent);
}

const VISIBLE = /^[\x21-\x7e]*$/;
const INVISIBLE = /[^\x21-\x7e]+/gu;
