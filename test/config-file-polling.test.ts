// A file of configuration where the system has no watches left: it is looked at from time to time.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { openMemoryConfig } from '../blocks/config/memory.ts';
import { Recorder } from './conformance/config.ts';
import { eventually } from './harness/awaiting.ts';
import { componentSpec, driverContext, memoryLog } from './support.ts';

vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  watch: () => { throw Object.assign(new Error('ENOSPC: System limit for number of file watchers reached'), { code: 'ENOSPC' }); },
}));

it('is followed all the same, and the log says how', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-config-'));
  const path = join(folder, 'app.yaml');
  const log = memoryLog();
  writeFileSync(path, 'a: 1');
  const store = await openMemoryConfig(componentSpec('configuration.in-memory', { file: path }), driverContext(log));
  try {
    const heard = new Recorder();
    store.openWatch(heard).add(['a']);
    await eventually('the first state is told', () => heard.value('a') === '1');
    writeFileSync(path, 'a: 2');
    await eventually('the change is told', () => heard.value('a') === '2');
    writeFileSync(`${path}.new`, 'a: 3');
    renameSync(`${path}.new`, path);
    await eventually('the change is told', () => heard.value('a') === '3');
    expect(log.texts('warn')).toEqual(["can't watch the configuration's file (ENOSPC: System limit for number of file watchers reached): looking at it once a second instead"]);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true });
  }
});
