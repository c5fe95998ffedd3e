// What a gRPC listener is to the gateway, and the choice between the two there are.
import type { Route } from '../../proto/routes.ts';
import type { Address, Listener } from '../listener.ts';
import type { ApiCounts } from '../metrics/server-counts.ts';
import type { Secret } from '../secret.ts';
import type { Switch } from '../switch.ts';
import type { GrpcListenerKind } from './kinds.ts';
import type { TlsFiles } from '../tls.ts';

export interface GrpcOptions {
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
  /** Whether the Configuration admits a method. */
  readonly admit: (route: Route) => boolean;
  readonly token: Secret | undefined;
  /** Largest message, in bytes, both ways. */
  readonly maxBodyBytes: number;
  /** Largest metadata of a call, in bytes as RFC 9113 section 6.5.2 counts a header list. */
  readonly maxHeaderBytes: number;
  readonly log: ((call: { readonly method: string; readonly code: number; readonly durationMs: number; readonly userAgent: string }) => void) | undefined;
  /** Absent: nothing is counted. */
  readonly counts?: ApiCounts;
  /** A connection was ended over a fault of our own code. Absent: that ends the process. */
  readonly onBug?: (cause: unknown) => void;
  /** Absent: plain text. */
  readonly tls?: TlsFiles;
  /** Several listeners share each port (`SO_REUSEPORT`). */
  readonly reusePort?: boolean;
}

/** What the Configuration decides, which may change while connections are open. */
export type LiveGrpcOptions = Pick<GrpcOptions, 'admit' | 'log'>;

export interface GrpcListener extends Listener {
  /** From the next call on. */
  apply(live: LiveGrpcOptions): void;
}

/** Loads the one and never the other: both are large. */
export async function openGrpcListener(kind: GrpcListenerKind, dispatch: Switch, options: GrpcOptions): Promise<GrpcListener> {
  if (kind === 'own') return (await import('./own.ts')).openOwnListener(dispatch, options);
  return (await import('./reference.ts')).openReferenceListener(dispatch, options);
}
