// The shutdown API: answers first, then ends the sidecar (contract: signals, shutdown, exit codes).
import type { KernelMethod } from './switch.ts';

export type ShutdownRequest =
  | { readonly kind: 'graceful' }
  | { readonly kind: 'forced' }
  /** A component could not start and `--init-failure=exit` was given. */
  | { readonly kind: 'failed'; readonly reason: string };

const NOTHING = Buffer.alloc(0);

export function shutdownMethod(onShutdown: (request: ShutdownRequest) => void): KernelMethod {
  return ({ http, headers }, answer) => {
    answer.onAnswer(http ? 204 : 0, undefined, NOTHING);
    const at = headers.indexOf('dapr-force-shutdown');
    const forced = at >= 0 && headers[at + 1]?.toLowerCase() === 'true';
    // The answer's bytes leave at the end of this turn.
    setImmediate(() => onShutdown({ kind: forced ? 'forced' : 'graceful' }));
  };
}
