// Finds an endpoint that answers: tries them one after the other, the next one early if the last takes its time.
import { setTimeout as sleep } from 'node:timers/promises';
import { CallFailure } from './failures.ts';
import type { Link } from './link.ts';

/** How long one endpoint is waited for before the next one is tried as well. Milliseconds. */
const HEAD_START_MS = 500;

/** Nobody can be reached, for these reasons. */
export class NoEndpoint extends Error {
  override readonly name = 'NoEndpoint';
  /** True: each of those that answered refused us. */
  readonly refused: boolean;

  constructor(failures: readonly { readonly endpoint: string; readonly cause: unknown }[]) {
    const reasons = failures.map(({ cause }) => (cause as Error).message);
    // one reason for all, or each with its own
    super(new Set(reasons).size <= 1 ? (reasons[0] ?? 'there is no endpoint') : failures.map(({ endpoint }, index) => `${endpoint}: ${reasons[index]}`).join('; '));
    this.refused = failures.some(({ cause }) => isRefusal(cause)) && failures.every(({ cause }) => isRefusal(cause) || !(cause instanceof CallFailure) || cause.kind === 'unsent' || cause.kind === 'silent');
  }
}

/**
 * The first link that opens; the others are destroyed.
 * @param endpoints in the order in which they are tried
 * @param timeoutMs for all of them together
 * @throws NoEndpoint; what the signal says when it aborts
 */
export async function dial(endpoints: readonly string[], newLink: (endpoint: string) => Link, timeoutMs: number, signal: AbortSignal): Promise<Link> {
  signal.throwIfAborted();
  const over = new AbortController(); // somebody has won, or it was given up
  const end = performance.now() + timeoutMs;
  const links = new Set<Link>();
  const failures: { readonly endpoint: string; readonly cause: unknown }[] = [];
  const attempt = async (endpoint: string): Promise<Link> => {
    const leftMs = Math.max(1, end - performance.now());
    const link = newLink(endpoint);
    links.add(link);
    try {
      await link.open({ timeoutMs: leftMs, signal: over.signal });
      return link;
    } catch (cause) {
      failures.push({ endpoint, cause });
      throw cause;
    }
  };
  const onAbort = (): void => over.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const attempts: Promise<Link>[] = [];
    for (const endpoint of endpoints) {
      const next = attempt(endpoint);
      next.catch(() => undefined); // it is looked at below, perhaps later than it fails
      attempts.push(next);
      const first = Promise.any(attempts).catch(() => undefined);
      const winner = endpoint === endpoints.at(-1) ? await first : await Promise.race([first, sleep(HEAD_START_MS, undefined, { signal: over.signal }).catch(() => undefined)]);
      signal.throwIfAborted();
      if (winner === undefined) continue;
      links.delete(winner);
      return winner;
    }
    throw new NoEndpoint(failures);
  } finally {
    signal.removeEventListener('abort', onAbort);
    over.abort(new CallFailure('unsent', 'another endpoint was faster'));
    for (const link of links) link.destroy();
  }
}

function isRefusal(cause: unknown): boolean {
  return cause instanceof CallFailure && (cause.kind === 'refused' || cause.kind === 'token');
}
