// `--wait`: blocks until the sidecar on this machine can be called.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from './config.ts';

const PATIENCE_MS = 60_000;
const PAUSE_MS = 100;

/** The exit code: 0 when the sidecar's outbound health is good, 1 when it did not become so in time. */
export async function waitForOutbound({ api }: Config): Promise<number> {
  const url = `http://127.0.0.1:${api.httpPort}/v1.0/healthz/outbound`;
  const giveUp = performance.now() + PATIENCE_MS;
  while (performance.now() < giveUp) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) });
      if (answer.status === 204) return 0;
    } catch {
      // not up yet
    }
    await sleep(PAUSE_MS);
  }
  process.stderr.write(`no healthy sidecar at ${url} within ${PATIENCE_MS / 1000}s\n`);
  return 1;
}
