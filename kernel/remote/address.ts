// Where a block server listens: `unix:<path>` or `tcp:<host>:<port>`.

export type RemoteAddress = { readonly kind: 'unix'; readonly path: string } | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** The message says what was expected. */
export class InvalidAddress extends Error {
  override readonly name = 'InvalidAddress';
}

/** `sun_path` of unix(7), without its closing zero. */
const LONGEST_PATH = 107;

/** @param least lowest port: 0 for a listener, which may take any free one. @throws InvalidAddress */
export function parseAddress(text: string, least: 0 | 1 = 1): RemoteAddress {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    if (!path.startsWith('/')) throw new InvalidAddress('expected an absolute path, as in unix:/run/bulkhead/sockets/state.sock');
    const bytes = Buffer.byteLength(path);
    if (bytes > LONGEST_PATH) throw new InvalidAddress(`the path of a Unix socket has at most ${LONGEST_PATH} bytes, this one has ${bytes}`);
    if (path.includes('\0')) throw new InvalidAddress('a path has no zero byte');
    return { kind: 'unix', path };
  }
  if (text.startsWith('tcp:')) {
    const [, bracketed, plain, digits = ''] = /^tcp:(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
    const host = bracketed ?? plain;
    const port = Number(digits);
    if (host === undefined || digits === '' || port > 65_535 || port < least) throw new InvalidAddress(`expected tcp:<host>:<port> with a port from ${least} to 65535, an IPv6 address in brackets`);
    return { kind: 'tcp', host, port };
  }
  throw new InvalidAddress('expected unix:<path> or tcp:<host>:<port>');
}

/** As it was written. */
export function addressText(address: RemoteAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return `tcp:${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}
