// Files of resources and of the Configuration that are read again: what is broken or half-written takes nothing away, and what
// was not touched is not read.
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { parseCommandLine, type Config } from '../kernel/config.ts';
import { FatalError } from '../kernel/fatal.ts';
import type { ManifestFiles } from '../kernel/manifest-files.ts';
import { ConfigurationFiles } from '../kernel/reload/configuration-files.ts';
import { loadResources, manifestFiles } from '../kernel/resources.ts';

const root = mkdtempSync(join(tmpdir(), 'bulkhead-reload-files-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folder = '';
beforeEach(() => (folder = mkdtempSync(join(root, 'f-'))));
const at = (name: string): string => join(folder, name);
const write = (name: string, text: string): void => writeFileSync(at(name), text);

function config(...paths: string[]): Config {
  const answer = parseCommandLine(['--app-id=my-app', ...paths.map((path) => `--resources-path=${path}`), '--init-failure=exit'], {}, {});
  if ('exit' in answer) throw new Error(answer.fatal?.text ?? answer.stderr);
  return answer.config;
}

const component = (name: string, type = 'state.in-memory', more = ''): string => `apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: ${name}}\nspec: {type: ${type}, version: v1${more}}\n`;
const namesOf = async (files: ManifestFiles): Promise<string[]> => (await files.again()).manifests.map(({ name }) => name);

describe('a file of a resources directory', () => {
  let files: ManifestFiles;
  const started = async (): Promise<ManifestFiles> => {
    files = manifestFiles(config(folder));
    await files.read();
    return files;
  };

  it('is read again when it has changed, and not when nothing has', async () => {
    write('a.yaml', component('a'));
    await started();
    await sleep(120); // it is not young any more: its state tells one content from another
    await files.again();
    expect(await files.again()).toMatchObject({ changed: false, refused: [], doubtMs: undefined });
    write('a.yaml', component('b'));
    write('c.yml', component('c'));
    expect(await files.again()).toMatchObject({ changed: true, manifests: [{ name: 'b' }, { name: 'c' }], refused: [] });
    renameSync(at('c.yml'), at('0.yaml'));
    expect(await namesOf(files)).toEqual(['c', 'b']);
    rmSync(at('a.yaml'));
    expect(await files.again()).toMatchObject({ changed: true, manifests: [{ name: 'c' }] });
    rmSync(at('0.yaml'));
    expect(await files.again()).toMatchObject({ changed: true, manifests: [] });
  });

  it.each([
    ['YAML that ends in the middle', `${component('b')}---\nkind: [\n`, /document 2, line 7, column 1: Flow sequence/],
    ['a document that is none of Dapr\'s versions', component('b').replace('v1alpha1', 'v9'), /document 1, line 1: apiVersion should be dapr\.io\/v1alpha1/],
    ['a Component with a member of the wrong kind', component('b', 'state.in-memory', ', ignoreErrors: soon'), /document 1: spec\.ignoreErrors should be true or false/],
    ['a Subscription that could never deliver', 'apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {name: s}\nspec: {pubsubname: p, topic: t}', /Subscription .*document 1: spec\.routes is empty/],
    ['bytes that are no text', '\ud800 \u0000 "', /document 1/],
  ])('with %s is refused with its place, and what it said before goes on until it is mended', async (_, text, reason) => {
    write('a.yaml', component('a'));
    await started();
    write('a.yaml', text);
    expect(await files.again()).toMatchObject({ manifests: [{ name: 'a' }], refused: [{ path: at('a.yaml'), reason: expect.stringMatching(reason) as string }] });
    expect((await files.again()).refused, 'it is remembered').toHaveLength(1);
    write('a.yaml', component('a2'));
    expect(await files.again()).toMatchObject({ changed: true, manifests: [{ name: 'a2' }], refused: [] });
    write('a.yaml', text);
    expect(await files.again()).toMatchObject({ manifests: [{ name: 'a2' }] });
    rmSync(at('a.yaml'));
    expect(await files.again()).toMatchObject({ changed: true, manifests: [], refused: [] });
  });

  it('that is new and broken brings nothing, and one that was broken at the start stays what the start made of it', async () => {
    write('a.yaml', `${component('a')}---\nkind: [\n`);
    await started();
    expect(files.refused).toHaveLength(1);
    write('b.yaml', `${component('b')}---\nkind: [\n`);
    expect(await files.again()).toMatchObject({ manifests: [{ name: 'a' }], refused: [{ path: at('a.yaml') }, { path: at('b.yaml') }] });
    write('a.yaml', `${component('a')}---\n${component('a3')}`);
    write('b.yaml', component('b'));
    expect(await files.again()).toMatchObject({ manifests: [{ name: 'a' }, { name: 'a3' }, { name: 'b' }], refused: [] });
  });

  it('that is empty counts as half-written for a while, and then as empty', async () => {
    write('a.yaml', component('a'));
    write('b.yaml', component('b'));
    write('c.yaml', '');
    await started();
    write('a.yaml', '');
    write('b.yaml', '# still to come\n');
    const { manifests, doubtMs } = await files.again();
    expect(manifests.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(doubtMs).toBeGreaterThan(500);
    write('b.yaml', component('b2'));
    expect(await namesOf(files)).toEqual(['a', 'b2']);
    await sleep((doubtMs ?? 0) + 20);
    expect(await files.again()).toMatchObject({ changed: true, manifests: [{ name: 'b2' }], doubtMs: undefined });
  });

  it('that can\'t be read any more goes on; one whose link leads nowhere is gone', async () => {
    write('target', component('a'));
    symlinkSync('target', at('a.yaml'));
    write('b.yaml', component('b'));
    await started();
    rmSync(at('b.yaml'));
    mkdirSync(at('b.yaml'));
    expect(await namesOf(files), 'a directory is no file').toEqual(['a']);
    write('big.yaml', component('big'));
    expect(await namesOf(files)).toEqual(['a', 'big']);
    write('big.yaml', '#'.repeat(17 * 1024 * 1024));
    expect(await files.again()).toMatchObject({ manifests: [{ name: 'a' }, { name: 'big' }], refused: [{ path: at('big.yaml') }] });
    rmSync(at('target'));
    expect(await namesOf(files)).toEqual(['big']);
  });

  it('is not gone because its directory is', async () => {
    const other = mkdtempSync(join(root, 'other-'));
    writeFileSync(join(other, 'o.yaml'), component('o'));
    write('a.yaml', component('a'));
    files = manifestFiles(config(folder, other));
    await files.read();
    renameSync(folder, `${folder}.away`);
    writeFileSync(join(other, 'o.yaml'), component('o2'));
    expect(await files.again()).toMatchObject({ manifests: [{ name: 'a' }, { name: 'o2' }], refused: [{ path: folder, reason: "the directory can't be read: no such file or directory" }] });
    renameSync(`${folder}.away`, folder);
    rmSync(at('a.yaml'));
    expect(await files.again()).toMatchObject({ manifests: [{ name: 'o2' }], refused: [] });
  });
});

describe('components that were loaded before', () => {
  const load = async (former?: Awaited<ReturnType<typeof loadResources>>) => loadResources(config(folder), { env: {}, ...(former === undefined ? {} : { former }) });

  it('go on where their manifests can\'t be used any more; new ones that can\'t be used don\'t come, and nothing ends the sidecar', async () => {
    write('a.yaml', component('a', 'state.in-memory', ', metadata: [{name: x, value: "1"}]'));
    const former = await load();
    write('a.yaml', component('a', 'state.in-memory', ', metadata: [{name: x, value: "{podName}"}]'));
    write('b.yaml', component('b', 'nothing.at-all'));
    const { blocks, refused, components } = await load(former);
    expect(blocks.get('state')).toEqual(former.blocks.get('state'));
    expect(refused).toEqual([
      { name: 'a', type: 'state.in-memory', version: 'v1', reason: expect.stringContaining('podName is not set') as string },
      { name: 'b', type: 'nothing.at-all', version: 'v1', reason: 'incorrect type nothing.at-all' },
    ]);
    expect(components).toEqual([]);
    await expect(load(), 'a start is refused').rejects.toThrow(FatalError);
  });

  it('keep their secrets while the file of the store is broken, and lose nothing with the store\'s manifest', async () => {
    const secrets = at('secrets.json');
    writeFileSync(secrets, '{"password": "one"}');
    write('store.yaml', component('store', 'secretstores.local.file', `, metadata: [{name: secretsFile, value: ${secrets}}]`));
    write('a.yaml', `${component('a', 'state.in-memory', ', metadata: [{name: p, secretKeyRef: {name: password}}]')}auth: {secretStore: store}\n`);
    const first = await load();
    const passwordOf = ({ blocks }: typeof first): string | undefined => blocks.get('state')?.[0]?.metadata[0]?.value;
    expect([passwordOf(first), first.secretStores.get('store')?.file]).toEqual(['one', secrets]);
    writeFileSync(secrets, '{"password": ');
    const second = await load(first);
    expect([passwordOf(second), second.refused.map(({ name }) => name), second.parked, second.components.map(({ state }) => state)]).toEqual(['one', ['store'], [], ['ready']]);
    writeFileSync(secrets, '{"password": "two"}');
    expect(passwordOf(await load(second))).toBe('two');
    rmSync(at('store.yaml'));
    const last = await load(second);
    expect([passwordOf(last), last.refused, last.parked]).toEqual(['one', [expect.objectContaining({ name: 'a', reason: "it references a secret store that isn't loaded: store" })], []]);
  });

  it('have the same ids in their templates as before', async () => {
    write('a.yaml', component('a', 'state.in-memory', ', metadata: [{name: x, value: "{uuid} {uuid}"}, {name: y, value: "{uuid}"}]'));
    const former = await load();
    write('b.yaml', component('b'));
    const after = await load(former);
    expect(after.blocks.get('state')?.[0]).toEqual(former.blocks.get('state')?.[0]);
    const ids = new Set(after.blocks.get('state')?.[0]?.metadata.flatMap(({ value }) => value.split(' ')));
    expect(ids.size).toBe(3);
  });
});

describe('the files of the Configuration', () => {
  it('are followed as long as they make sense, all of them together', async () => {
    write('one.yaml', 'metadata: {name: one}\nspec: {features: [{name: A, enabled: true}]}');
    write('two.yaml', 'metadata: {name: two}\nspec: {api: {denied: [{name: state, version: v1}]}}');
    const files = new ConfigurationFiles([at('one.yaml'), at('two.yaml')], { X: 'x' });
    const first = (await files.again()).configuration;
    expect([first?.names, first?.features.get('A'), first?.api.http.denied.length]).toEqual([['one', 'two'], true, 1]);
    await sleep(120);
    await files.again();
    expect(await files.again()).toEqual({ configuration: undefined, refused: [], doubtMs: undefined });
    write('two.yaml', 'spec: {api: {denied: [{name: state, version: v1, protocol: tcp}]}}');
    expect(await files.again()).toMatchObject({ configuration: undefined, refused: [{ reason: expect.stringContaining('spec.api.denied[0].protocol can be either http or grpc') as string }] });
    rmSync(at('two.yaml'));
    expect(await files.again()).toMatchObject({ configuration: undefined, refused: [{ reason: expect.stringContaining('no such file or directory') as string }] });
    write('two.yaml', 'spec: {logging: {apiLogging: {enabled: true}}}');
    expect(await files.again()).toMatchObject({ configuration: { apiLogging: { enabled: true }, api: { http: { denied: [] } } }, refused: [] });
    write('two.yaml', '');
    const { configuration, doubtMs } = await files.again();
    expect([configuration, doubtMs]).toEqual([undefined, expect.any(Number)]);
    await sleep((doubtMs ?? 0) + 20);
    expect((await files.again()).configuration).toMatchObject({ apiLogging: { enabled: false } });
  });
});
