// What a listener is to the kernel, whichever protocol it speaks and whoever parses it.

export interface Listener {
  /** Binds every address. Resolves with what was bound, e.g. `127.0.0.1:3500` or a socket's path. */
  listen(): Promise<readonly string[]>;
  /**
   * Takes no new connection and lets calls under way finish; resolves when they have, or after `graceMs`. Streams need not
   * ever finish, so they are ended: a block that has something in flight on one settles that when it is paused, which is before.
   */
  drain(graceMs: number): Promise<void>;
  /** That are open now; absent where it can't be said. */
  readonly connections?: number;
  /** Ends everything at once. May be called twice. */
  close(): void;
}

/** Where to bind. */
export type Address =
  | { readonly kind: 'tcp'; /** `''`: all interfaces. */ readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string; /** Of a socket that listens there already: the listener's from now on. Who made it looks after the path. */ readonly fd?: number };

export function describeAddress(address: Address): string {
  if (address.kind === 'unix') return address.path;
  const host = address.host === '' ? '*' : address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}
