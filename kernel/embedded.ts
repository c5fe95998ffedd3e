// The components of a quick start: what is there when nothing was asked for.
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ComponentSpec } from '../proto/init.ts';
import { systemReason, type Notice } from './fatal.ts';

const DATABASE = '.bulkhead/state.db';

const IN_MEMORY: ComponentSpec = { name: 'statestore', type: 'state.in-memory', version: 'v1', metadata: [], ignoreErrors: false, initTimeoutMs: 5_000 };
const BROKER: ComponentSpec = { name: 'pubsub', type: 'pubsub.in-memory', version: 'v1', metadata: [], ignoreErrors: false, initTimeoutMs: 5_000 };
/** Its errors are ignored: a quick start must also work where nothing may be written. */
const SQLITE: ComponentSpec = {
  name: 'statestore-sqlite', type: 'state.sqlite', version: 'v1', ignoreErrors: true, initTimeoutMs: 5_000,
  metadata: [{ name: 'connectionString', value: DATABASE }],
};

/** @param directory the working directory, which the database lies under. */
export async function embeddedComponents(directory: string): Promise<{ specs: ComponentSpec[]; notices: Notice[] }> {
  const folder = dirname(join(directory, DATABASE));
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return { specs: [IN_MEMORY, SQLITE, BROKER], notices: [] };
  } catch (cause) {
    const text = `Quick start: ${folder} can't be created (${systemReason(cause)}), so there is no ${SQLITE.name}`;
    return { specs: [IN_MEMORY, BROKER], notices: [{ level: 'warn', scope: 'dapr.runtime', text }] };
  }
}
