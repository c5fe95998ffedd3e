// Resources where the system has no watches left: they are looked at from time to time, and that is said once.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { Watch } from '../kernel/reload/watch.ts';
import { eventually } from './harness/awaiting.ts';

vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  watch: () => { throw Object.assign(new Error('ENOSPC: System limit for number of file watchers reached'), { code: 'ENOSPC' }); },
}));

it('a watch that can\'t be had is replaced by a look every few seconds', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-polling-'));
  const reasons: string[] = [];
  let signs = 0;
  const watched = { directories: [folder], files: [join(folder, 'elsewhere', 'a.yaml')] };
  const watch = new Watch({ reconcileMs: 3_600_000, polling: (reason) => reasons.push(reason), changed: () => { signs++; } });
  try {
    await watch.follow(watched);
    writeFileSync(join(folder, 'a.yaml'), 'a: 1');
    await eventually('there is a sign', () => signs > 0);
    await watch.follow(watched);
    expect(reasons).toEqual(['ENOSPC: System limit for number of file watchers reached']);
  } finally {
    watch.close();
    rmSync(folder, { recursive: true });
  }
});
