// How a kernel speaks to a block server: what an address alone does not say.
import type { RemoteAddress } from './address.ts';
import type { LinkTls } from './tls.ts';

export interface RemoteSettings {
  readonly address: RemoteAddress;
  /** Share memory where that can be done. */
  readonly rings: boolean;
  /** Who may be at the other end of a Unix socket. */
  readonly uids: readonly number[];
  /** Undefined: TCP without TLS, where that may be. */
  readonly tls: LinkTls | undefined;
  /** Of this build; for people. */
  readonly version: string;
}
