// The components of a quick start: what is there when nothing was asked for.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComponentSpec, MetadataItem } from '../proto/init.ts';
import { systemReason, type Notice } from './fatal.ts';

const FOLDER = '.bulkhead';
const DATABASE = `${FOLDER}/state.db`;
const CONFIGURATION = `${FOLDER}/configuration.yaml`;
const SAMPLE = `# The keys of configstore, with their values. Change them while the sidecar runs: who has subscribed is told.
greeting: hello
`;

function component(name: string, type: string, metadata: readonly MetadataItem[] = []): ComponentSpec {
  return { name, type, version: 'v1', metadata, ignoreErrors: false, initTimeoutMs: 5_000 };
}

const STATE = component('statestore', 'state.in-memory');
const OTHERS = [component('pubsub', 'pubsub.in-memory'), component('lockstore', 'lock.in-memory'), component('ids', 'sequencer.in-memory')];
/** What lies in files may fail: a quick start must also work where nothing may be written. */
const IN_FILES = [
  { ...component('statestore-sqlite', 'state.sqlite', [{ name: 'connectionString', value: DATABASE }]), ignoreErrors: true },
  { ...component('configstore', 'configuration.in-memory', [{ name: 'file', value: CONFIGURATION }]), ignoreErrors: true },
];

/** @param directory the working directory, which the files lie under. */
export async function embeddedComponents(directory: string): Promise<{ specs: ComponentSpec[]; notices: Notice[] }> {
  const folder = join(directory, FOLDER);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(join(directory, CONFIGURATION), SAMPLE, { flag: 'wx', mode: 0o600 }).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EEXIST') throw cause;
    });
    return { specs: [STATE, ...IN_FILES, ...OTHERS], notices: [] };
  } catch (cause) {
    const text = `Quick start: ${folder} can't be used (${systemReason(cause)}), so there is no ${IN_FILES.map(({ name }) => name).join(' and no ')}`;
    return { specs: [STATE, ...OTHERS], notices: [{ level: 'warn', scope: 'dapr.runtime', text }] };
  }
}
