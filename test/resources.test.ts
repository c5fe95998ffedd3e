// Resource loading: which files and documents count, what a manifest means, which components there are, where secrets go,
// and that no bytes in a directory stop the sidecar from starting.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { parseCommandLine, type Config } from '../kernel/config.ts';
import { FatalError } from '../kernel/fatal.ts';
import { loadResources, type LoadOptions, type Resources } from '../kernel/resources.ts';
import { goFloat, goJson } from '../kernel/shape.ts';

const root = mkdtempSync(join(tmpdir(), 'bulkhead-resources-'));
afterAll(() => rmSync(root, { recursive: true }));

function directory(files: Record<string, string | Uint8Array>): string {
  const path = mkdtempSync(join(root, 'd-'));
  for (const [name, contents] of Object.entries(files)) writeFileSync(join(path, name), contents);
  return path;
}

function config(paths: readonly string[], env: Record<string, string> = {}, more: readonly string[] = []): Config {
  const answer = parseCommandLine(['--app-id=my-app', ...paths.map((path) => `--resources-path=${path}`), ...more], env, { blocks: ['state', 'config'] });
  if ('exit' in answer) throw new Error(answer.fatal?.text ?? answer.stderr);
  return answer.config;
}

interface Given extends LoadOptions {
  readonly own?: Record<string, string>;
  readonly flags?: readonly string[];
}

/** Loads documents from one file each. */
function load(documents: readonly string[], { own = {}, flags = [], ...options }: Given = {}): Promise<Resources> {
  const path = directory(Object.fromEntries(documents.map((text, index) => [`${index}.yaml`, text])));
  return loadResources(config([path], own, flags), { env: {}, ...options });
}

interface Manifest {
  name?: string;
  type?: string;
  version?: string;
  namespace?: string;
  metadata?: string;
  spec?: string;
  rest?: string;
}

function component({ name = 's', type = 'state.x', version = 'v1', namespace = '', metadata = '[]', spec = '', rest = '' }: Manifest = {}): string {
  return `apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: ${name}\n${namespace === '' ? '' : `  namespace: ${namespace}\n`}spec:\n  type: ${type}\n  version: ${version}\n  metadata: ${metadata}\n${spec === '' ? '' : `  ${spec}\n`}${rest}\n`;
}

const names = (resources: Resources, block = 'state') => resources.blocks.get(block)?.map(({ name }) => name);
const texts = (resources: Resources) => resources.notices.map(({ text }) => text);
const values = (resources: Resources) => Object.fromEntries((resources.blocks.get('state')?.[0]?.metadata ?? []).map(({ name, value }) => [name, value]));
const fatalText = async (promise: Promise<unknown>) => promise.then(() => 'no error', (cause: unknown) => (cause instanceof FatalError ? cause.message : cause));

describe('files', () => {
  it('are those named .yaml or .yml directly in the directories, by name', async () => {
    const first = directory({ 'b.YML': component({ name: 'b' }), 'a.yaml': component({ name: 'a' }), 'c.json': '{}', 'd.yaml.bak': 'x' });
    mkdirSync(join(first, 'e.yaml'));
    writeFileSync(join(first, 'e.yaml', 'f.yaml'), component({ name: 'f' }));
    const second = directory({ '0.yaml': component({ name: 'second' }) });
    symlinkSync(join(second, '0.yaml'), join(first, 'g.yaml'));
    writeFileSync(join(second, '0.yaml'), component({ name: 'linked' }));
    const resources = await loadResources(config([first]), { env: {} });
    expect(names(resources)).toEqual(['a', 'b', 'linked']);
    expect(texts(resources)).toEqual(['A non-YAML Component file c.json was detected, it will not be loaded', 'A non-YAML Component file d.yaml.bak was detected, it will not be loaded']);
  });

  it('may hold many documents, split at any line that starts with three dashes', async () => {
    const resources = await load([`---\n${component({ name: 'a' })}--- # next\n${component({ name: 'b' })}---\n---\n# nothing\n---  junk: [\n${component({ name: 'c' })}---`]);
    expect(names(resources)).toEqual(['a', 'b', 'c']);
    expect(resources.notices).toEqual([]);
  });

  it('cost a warning where they can\'t be read, and nothing else', async () => {
    const path = directory({
      '0.yaml': Buffer.concat([Buffer.from(`${component({ name: 'a' })}---\nkind: [\n---\nfoo: "\n`), Buffer.from('\n---\n\xff\xfe: 1\n---\n', 'latin1'), Buffer.from(component({ name: 'b' }))]),
      '1.yaml': `x: ${'y'.repeat(70_000)}\n---\n${component({ name: 'c' })}`,
      '2.yaml': '- a\n- b\n',
      '3.yaml': component({ name: 'd', rest: 'scopes: everyone' }),
      '4.yaml': component({ name: '"a/b"' }),
      '5.yaml': component({ name: '..' }),
      '6.yaml': component({ name: '""' }),
      '7.yaml': component({ name: 'e', spec: 'ignoreErrors: "true"' }),
      '8.yaml': component({ name: 'f' }).replace('v1alpha1', 'v9'),
    });
    const resources = await loadResources(config([path]), { env: {} });
    expect(names(resources)).toEqual(['a', 'b', 'c']);
    const at = (file: number) => `daprd load Component error when parsing manifests yaml resource in ${path}/${file}.yaml: document `;
    expect(texts(resources)).toEqual([
      expect.stringMatching(/0\.yaml: document 2, line \d+, column \d+: Flow sequence/),
      expect.stringMatching(/0\.yaml: document 3, line \d+, column \d+: Missing closing "quote/),
      `${at(0)}4, line 16: the text is not UTF-8`,
      `${at(1)}1, line 1: 70003 bytes are more than the 65536 a document may have`,
      `${at(2)}1, line 1: the document should be an object`,
      `${at(3)}1, line 1: scopes should be a list and is a text`,
      `${at(4)}1, line 1: invalid name "a/b" for "Component": may not contain '/'`,
      `${at(5)}1, line 1: invalid name ".." for "Component": may not be '..'`,
      `${at(6)}1, line 1: invalid name "" for "Component": may not be empty`,
      `${at(8)}1, line 1: apiVersion should be dapr.io/v1alpha1`,
      `${at(7)}1: spec.ignoreErrors should be true or false and is a text`,
    ]);
    expect(resources.notices.every(({ level }) => level === 'warn')).toBe(true);
  });

  it('say in which line of the file the fault is', async () => {
    const resources = await load([`a: 1\n---\nb: 1\nc: [\n`]);
    expect(texts(resources)[1]).toMatch(/0\.yaml: document 2, line 5, column 1: Flow sequence/);
  });

  it('must be there: a directory that is not ends the start and names its flag', async () => {
    expect(await fatalText(loadResources(config(['/does/not/exist']), { env: {} }))).toBe("failed to load components: the directory of --resources-path=/does/not/exist can't be read: no such file or directory");
    const file = join(directory({ f: '' }), 'f');
    expect(await fatalText(loadResources(config([], {}, [`--components-path=${file}`]), { env: {} }))).toBe(`failed to load components: the directory of --components-path=${file} can't be read: not a directory`);
  });

  it('of other kinds are kept as they are, and of unknown kinds left alone', async () => {
    const resources = await load(['apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {name: x}\nspec: {topic: t}\nscopes: [a]', 'apiVersion: v1\nkind: Pod\nmetadata: {name: p}', 'just: text']);
    expect(resources.manifests).toMatchObject([{ kind: 'Subscription', name: 'x', scopes: ['a'], body: { spec: { topic: 't' } } }]);
    expect(resources.notices.filter(({ level }) => level !== 'debug')).toEqual([]);
  });
});

describe('a manifest', () => {
  it('is decoded as Go decodes JSON: any case of names, unknown members ignored, scalars as texts', async () => {
    const resources = await load(['APIVERSION: dapr.io/v1alpha1\nKind: Component\nmetadata: {Name: 123, color: red}\nSPEC:\n  Type: state.x\n  VERSION: 1\n  metadata:\n  - {NAME: port, Value: 6379}\n  - {name: 1.5, value: 1.50}\n  - {name: yes, value: on}\n  - {name: big, value: 12345678901234567890}\n  - {name: none, value: null}\n  - {name: text, value: "007"}\n  - {name: object, value: {b: [1, "<x>"], a: null}}\n  ignoreErrors: true\n  initTimeout: 1m30s']);
    expect(resources.blocks.get('state')).toMatchObject([{ name: '123', type: 'state.x', version: '1', ignoreErrors: true, initTimeoutMs: 90_000 }]);
    expect(values(resources)).toEqual({ port: '6379', 1.5: '1.5', true: 'true', big: '12345678901234567890', none: '', text: '007', object: '{"a":null,"b":[1,"\\u003cx\\u003e"]}' });
  });

  it('has a default init timeout, and gets it for one that is none', async () => {
    const resources = await load([component({ name: 'a' }), component({ name: 'b', spec: 'initTimeout: soon' }), component({ name: 'c', spec: 'initTimeout: -3s' })]);
    expect(resources.blocks.get('state')?.map(({ initTimeoutMs }) => initTimeoutMs)).toEqual([5_000, 5_000, 5_000]);
  });

  it('fills in templates', async () => {
    const metadata = '[{name: a, value: "{uuid}/{uuid}"}, {name: b, value: "{podName}|{namespace}|{appID}|{other}"}]';
    const resources = await load([component({ metadata })], { own: { POD_NAME: 'pod', NAMESPACE: 'ns' } });
    const { a = '', b } = values(resources);
    expect(a).toMatch(/^[0-9a-f-]{36}\/[0-9a-f-]{36}$/);
    expect(new Set(a.split('/')).size).toBe(2);
    expect(b).toBe('pod|ns.my-app|my-app|{other}');
    expect(values(await load([component({ metadata: '[{name: b, value: "{namespace}"}]' })])).b).toBe('default.my-app');
  });

  it('notes where a value was written with the namespace, because topics get it too', async () => {
    const scoped = async (value: string) => (await load([component({ metadata: `[{name: a, value: x}, {name: b, value: "${value}"}]` })])).blocks.get('state')?.[0]?.namespaceScoped;
    expect([await scoped('group-{namespace}'), await scoped('default.my-app'), await scoped('{appID}')]).toEqual([true, undefined, undefined]);
  });

  it('fails where the pod\'s name is wanted and unknown', async () => {
    const resources = await load([component({ metadata: '[{name: b, value: "{podName}"}]' })]);
    expect(resources.components).toEqual([{
      name: 's', type: 'state.x', version: 'v1', state: 'failed', required: true, capabilities: [],
      reason: '[INIT_COMPONENT_FAILURE]: initialization error occurred for s (state.x/v1): failed to parse metadata: property b refers to {podName} but podName is not set',
    }]);
  });

  it('may be named by any Unicode', async () => {
    const name = fc.array(fc.integer({ min: 1, max: 0x10ffff }), { minLength: 1, maxLength: 12 })
      .map((codes) => String.fromCodePoint(...codes).toWellFormed()).filter((text) => !/[/%]/.test(text) && text !== '.' && text !== '..');
    await fc.assert(fc.asyncProperty(fc.uniqueArray(name, { maxLength: 8 }), async (list) => {
      const resources = await load([list.map((one) => component({ name: JSON.stringify(one) })).join('---\n')]);
      expect(names(resources)).toEqual(list);
    }), { numRuns: 30 });
  });
});

describe('components', () => {
  it('are filtered by namespace only when both sides have one', async () => {
    const documents = [component({ name: 'a', namespace: 'x' }), component({ name: 'b', namespace: 'y' }), component({ name: 'c' })];
    expect(names(await load(documents))).toEqual(['a', 'b', 'c']);
    expect(names(await load(documents, { own: { NAMESPACE: 'x' } }))).toEqual(['a', 'c']);
  });

  it('may not share a name, whatever their types; every further definition is named', async () => {
    const documents = [component({ name: 'a' }), component({ name: 'a', type: 'pubsub.y', version: '""' }), component({ name: 'b' }), component({ name: 'a', type: 'lock.z' })];
    expect(await fatalText(load(documents))).toBe('failed to load components: duplicate definition of Component name a (pubsub.y) with existing a (state.x/v1)\nduplicate definition of Component name a (lock.z/v1) with existing a (state.x/v1)');
  });

  it('are checked in the order namespace, duplicate, scope', async () => {
    const mine = component({ name: 'a', rest: 'scopes: [other, my-app]' });
    const others = component({ name: 'a', type: 'state.y', rest: 'scopes: [other]' });
    expect(names(await load([others, mine]))).toEqual(['a']);
    expect(await fatalText(load([mine, others]))).toContain('duplicate definition of Component name a (state.y/v1) with existing a (state.x/v1)');
    expect(names(await load([mine, component({ name: 'a', namespace: 'far' })], { own: { NAMESPACE: 'near' } }))).toEqual(['a']);
  });

  it('can be denied by type and version', async () => {
    const documents = [component({ name: 'a' }), component({ name: 'b', type: 'state.y', version: 'v2' }), component({ name: 'c', type: 'state.y', version: '""' })];
    const resources = await load(documents, { deny: ['state.x', 'state.y/v1'] });
    expect(names(resources)).toEqual(['b']);
    expect(texts(resources)[0]).toBe("component 'a' cannot be loaded because components of type 'a (state.x/v1)' are not allowed");
  });

  it('go to the block of their category; others are kept with a warning', async () => {
    const resources = await load([component({ name: 'a', type: 'configuration.redis' }), component({ name: 'b', type: 'pubsub.redis' }), component({ name: 'c', type: 'bindings.cron', version: '""' })]);
    expect(names(resources)).toEqual([]);
    expect(names(resources, 'config')).toEqual(['a']);
    expect(resources.unserved.map(({ name }) => name)).toEqual(['b', 'c']);
    expect(texts(resources)).toEqual(['Component b (pubsub.redis/v1) is not loaded: the pubsub block, which serves pubsub components, does not run', 'Component c (bindings.cron) is not loaded: no block serves bindings components yet']);
  });

  it('of unknown category fail: alone, or with the sidecar when it is to exit', async () => {
    const documents = [component({ name: 'a', type: 'stat.x' }), component({ name: 'b' })];
    const resources = await load(documents);
    expect(names(resources)).toEqual(['b']);
    expect(resources.components).toMatchObject([{ name: 'a', state: 'failed', required: true, reason: 'incorrect type stat.x' }]);
    expect(texts(resources)).toEqual(['process component a error: incorrect type stat.x']);
    const exit = load(documents, { flags: ['--init-failure=exit'] });
    expect(await fatalText(exit)).toBe('process component a error: incorrect type stat.x');
    await exit.catch((cause: FatalError) => expect(cause.notices.map(({ text }) => text)).toEqual(['Error processing component, daprd will exit gracefully: process component a error: incorrect type stat.x']));
    const ignored = await load([component({ name: 'a', type: 'constructor.x', spec: 'ignoreErrors: true' })], { flags: ['--init-failure=exit'] });
    expect(ignored.components).toMatchObject([{ name: 'a', state: 'failed', required: false }]);
    expect(texts(ignored)).toEqual(['Ignoring error processing component: process component a error: incorrect type constructor.x']);
  });

  it('load by the hundred', async () => {
    const documents = Array.from({ length: 1_000 }, (_, index) => component({ name: `s${index}`, type: 'secretstores.local.env' }));
    const resources = await load([documents.join('---\n')]);
    expect(resources.secretStores.size).toBe(1_000);
  });
});

describe('secrets', () => {
  const env = { PLAIN: 'v-env', APP_API_TOKEN: 'v-token', DAPR_X: 'v-dapr', PRE_A: 'v-a', pre: 'x' };
  const envStore = component({ name: 'env', type: 'secretstores.local.env' });
  const auth = 'auth: {secretStore: env}';

  it('come from the environment', async () => {
    const resources = await load([envStore, component({ name: 'prefixed', type: 'secretstores.local.env', metadata: '[{name: PREFIX, value: PRE_}]' })], { env });
    const store = resources.secretStores.get('env');
    expect([...store?.get('PLAIN') ?? []]).toEqual([['PLAIN', 'v-env']]);
    for (const name of ['missing', 'APP_API_TOKEN', 'app_api_token', 'DAPR_X', 'constructor']) expect(store?.get(name).get(name)).toBe('');
    expect([...store?.bulk().keys() ?? []]).toEqual(['PLAIN', 'PRE_A', 'pre']);
    expect([...resources.secretStores.get('prefixed')?.bulk() ?? []]).toEqual([['A', new Map([['A', 'v-a']])]]);
    expect(resources.secretStores.get('prefixed')?.get('A').get('A')).toBe('v-a');
    expect(resources.components).toEqual([
      { name: 'env', type: 'secretstores.local.env', version: 'v1', state: 'ready', required: true, capabilities: [] },
      { name: 'prefixed', type: 'secretstores.local.env', version: 'v1', state: 'ready', required: true, capabilities: [] },
    ]);
    expect(texts(resources)).toEqual(['Component loaded: env (secretstores.local.env/v1)', 'Component loaded: prefixed (secretstores.local.env/v1)']);
  });

  const fileStore = (json: string, more = '') => {
    const path = join(directory({ 'secrets.json': json }), 'secrets.json');
    return component({ name: 'file', type: 'secretstores.local.file', metadata: `[{name: secretsFile, value: "${path}"}${more}]` });
  };

  it('come from a file, flat', async () => {
    const resources = await load([fileStore('{"a":"1","b":{"c":"2","d":["3",{"e":"4"}]},"n":1,"big":1e6,"t":true,"z":null,"__proto__":"p"}')]);
    const store = resources.secretStores.get('file');
    expect(Object.fromEntries([...store?.bulk() ?? []].map(([name, data]) => [name, data.get(name)]))).toEqual(Object.fromEntries([
      ['a', '1'], ['b:c', '2'], ['b:d:0', '3'], ['b:d:1:e', '4'], ['n', '%!s(float64=1)'], ['big', '%!s(float64=1e+06)'], ['t', '%!s(bool=true)'], ['z', '%!s(<nil>)'], ['__proto__', 'p'],
    ]));
    expect(() => store?.get('b')).toThrow('secret b not found');
    const dotted = await load([fileStore('{"b":{"c":"2"}}', ', {name: nestedSeparator, value: "."}')]);
    expect(dotted.secretStores.get('file')?.get('b.c').get('b.c')).toBe('2');
  });

  it('come from a file, many keys to a secret', async () => {
    const resources = await load([fileStore('{"a":"1","b":{"c":"2","d":{"e":3}}}', ', {name: multiValued, value: true}')]);
    const store = resources.secretStores.get('file');
    expect([...store?.get('a') ?? []]).toEqual([['a', '1']]);
    expect([...store?.get('b') ?? []]).toEqual([['c', '2'], ['d:e', '%!s(float64=3)']]);
    expect(resources.components[0]?.capabilities).toEqual(['MULTIPLE_KEY_VALUES_PER_SECRET']);
  });

  it('stores that can\'t be opened say why, without a word of what they hold', async () => {
    const broken = fileStore('{"a": hunter2}');
    const resources = await load([component({ name: 'none', type: 'secretstores.local.file' }), broken, component({ name: 'vault', type: 'secretstores.hashicorp.vault' })]);
    expect(resources.components.map(({ state }) => state)).toEqual(['failed', 'failed', 'failed']);
    expect(resources.components[0]?.reason).toBe('[INIT_COMPONENT_FAILURE]: initialization error occurred for none (secretstores.local.file/v1): missing local secrets file in metadata');
    expect(resources.components[1]?.reason).toMatch(/secrets\.json is not JSON/);
    expect(resources.components[2]?.reason).toBe("[CREATE_COMPONENT_FAILURE]: initialization error occurred for vault (secretstores.hashicorp.vault/v1): couldn't find secret store secretstores.hashicorp.vault/v1");
    expect(inspect(resources, { depth: 9 })).not.toContain('hunter2');
    const exit = load([component({ name: 'none', type: 'secretstores.local.file' })], { flags: ['--init-failure=exit'] });
    expect(await fatalText(exit)).toBe('process component none error: [INIT_COMPONENT_FAILURE]: initialization error occurred for none (secretstores.local.file/v1): [INIT_COMPONENT_FAILURE]: initialization error occurred for none (secretstores.local.file/v1): missing local secrets file in metadata');
  });

  it('reach the entry that names them, and no other place', async () => {
    const resources = await load([
      component({ metadata: '[{name: a, secretKeyRef: {name: PLAIN}}, {name: b, secretKeyRef: {name: PLAIN, key: other}}, {name: c, value: plain}]', rest: auth }),
      component({ name: 'second', rest: auth }), envStore,
    ], { env });
    expect(resources.blocks.get('state')?.[0]?.metadata).toEqual([{ name: 'a', value: 'v-env', secretName: 'PLAIN' }, { name: 'b', value: '' }, { name: 'c', value: 'plain' }]);
    expect(resources.blocks.get('state')?.[1]?.metadata).toEqual([]);
    expect(texts(resources)).toContain('Component s: secret PLAIN of store env has no value for key other');
    expect(texts(resources).join('\n')).not.toContain('v-env');
  });

  it('that are not found are logged, and the component goes on', async () => {
    const resources = await load([fileStore('{}'), component({ metadata: '[{name: a, secretKeyRef: {name: x}}]', rest: 'auth: {secretStore: file}' })]);
    expect(names(resources)).toEqual(['s']);
    expect(texts(resources)).toContain('Error getting secret: secret x not found');
  });

  it('park a component whose store isn\'t loaded; without a store named it goes on without the value', async () => {
    const metadata = '[{name: a, secretKeyRef: {name: x}}, {name: b, secretKeyRef: {name: y}}]';
    const parked = await load([component({ metadata, rest: 'auth: {secretStore: far}' })]);
    expect(names(parked)).toEqual([]);
    expect(parked.parked).toEqual([{ name: 's', type: 'state.x', version: 'v1', secretStore: 'far' }]);
    expect(texts(parked)).toEqual(["Component s references a secret store that isn't loaded: far"]);
    const bare = await load([component({ metadata })]);
    expect(names(bare)).toEqual(['s']);
    expect(texts(bare)).toEqual(["Component s references a secret store that isn't loaded: "]);
  });

  it('may configure another secret store, in any order of files', async () => {
    const path = join(directory({ f: '{"a":"1"}' }), 'f');
    const resources = await load([component({ name: 'file', type: 'secretstores.local.file', metadata: '[{name: secretsFile, secretKeyRef: {name: PATH_TO}}]', rest: auth }), envStore], { env: { PATH_TO: path } });
    expect([...resources.secretStores.keys()]).toEqual(['env', 'file']);
    const circle = await load([component({ name: 'a', type: 'secretstores.local.env', metadata: '[{name: prefix, secretKeyRef: {name: x}}]', rest: 'auth: {secretStore: a}' })]);
    expect(circle.parked).toMatchObject([{ name: 'a', secretStore: 'a' }]);
  });

  it('come by envRef, where that is allowed and there is no value', async () => {
    const metadata = '[{name: a, envRef: PLAIN}, {name: b, envRef: PLAIN, value: mine}, {name: c, envRef: DAPR_X}, {name: d, envRef: app_api_token}, {name: e, envRef: "PLAIN pre"}, {name: f, envRef: pre}]';
    const all = await load([component({ metadata })], { env });
    expect(values(all)).toEqual({ a: 'v-env', b: 'mine', c: '', d: '', e: '', f: 'x' });
    expect(texts(all)).toEqual(['DAPR_X', 'app_api_token', 'PLAIN pre'].map((key) => `Component s references an env variable that isn't allowed: ${key}`));
    expect(values(await load([component({ metadata })], { env, own: { DAPR_ENV_KEYS: 'OTHER PLAIN' } }))).toMatchObject({ a: 'v-env', f: '' });
  });
});

describe('the quick start', () => {
  it('has a component of each kind, and makes the files of those that lie in files', async () => {
    const answer = parseCommandLine([], {});
    if ('exit' in answer) throw new Error('refused');
    const workingDirectory = mkdtempSync(join(root, 'w-'));
    const resources = await loadResources(answer.config, { env: {}, workingDirectory });
    expect(resources.blocks.get('state')).toMatchObject([
      { name: 'statestore', type: 'state.in-memory' }, { name: 'statestore-sqlite', type: 'state.sqlite', metadata: [{ name: 'connectionString', value: '.bulkhead/state.db' }] },
    ]);
    expect(resources.blocks.get('pubsub')).toMatchObject([{ name: 'pubsub', type: 'pubsub.in-memory' }]);
    expect(resources.blocks.get('config')).toMatchObject([{ name: 'configstore', type: 'configuration.in-memory', metadata: [{ name: 'file', value: '.bulkhead/configuration.yaml' }] }]);
    expect(resources.blocks.get('lock')).toMatchObject([{ name: 'lockstore', type: 'lock.in-memory' }]);
    expect(resources.blocks.get('sequencer')).toMatchObject([{ name: 'ids', type: 'sequencer.in-memory' }]);
    const configuration = join(workingDirectory, '.bulkhead', 'configuration.yaml');
    expect(readFileSync(configuration, 'utf8')).toContain('greeting: hello');
    expect(statSync(configuration).mode & 0o777).toBe(0o600);
    writeFileSync(configuration, 'mine: kept');
    await loadResources(answer.config, { env: {}, workingDirectory });
    expect(readFileSync(configuration, 'utf8')).toBe('mine: kept');
    expect(statSync(join(workingDirectory, '.bulkhead')).mode & 0o777).toBe(0o700);
    const occupied = directory({ '.bulkhead': 'a file' });
    const without = await loadResources(answer.config, { env: {}, workingDirectory: occupied });
    expect(names(without)).toEqual(['statestore']);
    expect(texts(without)[0]).toContain('there is no statestore-sqlite and no configstore');
  });
});

describe('numbers', () => {
  it('print as in Go', () => {
    const cases: [number, string][] = [[1, '1'], [1.5, '1.5'], [1e6, '1e+06'], [123456.5, '123456.5'], [1234567, '1.234567e+06'], [0.0001, '0.0001'], [0.00001, '1e-05'], [-2e-10, '-2e-10'], [1e100, '1e+100'], [0, '0']];
    for (const [value, text] of cases) expect(goFloat(value)).toBe(text);
    expect(goJson([1e20, 1e21, 1e-7, 5n, 'a\u2028&'])).toBe('[100000000000000000000,1e+21,1e-7,5,"a\\u2028\\u0026"]');
  });
});

describe('any directory', () => {
  /** Documents that are nearly manifests, and bytes that are nothing at all. */
  const scalar = fc.oneof(fc.constantFrom('', 'null', '~', 'yes', '.', '-', '0x', '1e999', '.nan', '*a', '&a b', '!!int x', '"', "'", '[', '{', '? ', '- -', '|', '>', '%', '@', '<<: *a', '"\\x"', '__proto__'), fc.string({ maxLength: 8 }), fc.json({ maxDepth: 2 }));
  const line = fc.tuple(fc.constantFrom('', '  ', '    ', '\t', '- '), fc.constantFrom('kind', 'Kind', 'apiVersion', 'metadata', 'name', 'namespace', 'spec', 'type', 'version', 'value', 'secretKeyRef', 'scopes', 'auth', '__proto__', 'constructor'), fc.constantFrom(': ', ':', ' '), scalar).map((parts) => parts.join(''));
  const near = fc.array(fc.oneof(line, fc.constantFrom('---', '...', component(), component({ type: 'secretstores.local.env' }))), { maxLength: 20 }).map((lines) => Buffer.from(lines.join('\n')));
  const mutated = fc.tuple(fc.nat(200), fc.uint8Array({ maxLength: 4 })).map(([at, bytes]) => {
    const manifest = Buffer.from(component({ metadata: '[{name: a, value: b}, {name: c, secretKeyRef: {name: d, key: e}}]', rest: 'scopes: [my-app]\nauth: {secretStore: f}' }));
    return Buffer.concat([manifest.subarray(0, at), bytes, manifest.subarray(at)]);
  });
  const file = fc.oneof(near, mutated, fc.uint8Array({ maxLength: 300 }));

  it('gives resources or a fatal error, never another', async () => {
    await fc.assert(fc.asyncProperty(fc.array(file, { maxLength: 4 }), fc.boolean(), async (files, exit) => {
      const path = directory(Object.fromEntries(files.map((bytes, index) => [`${index}.yaml`, bytes])));
      try {
        const resources = await loadResources(config([path], {}, exit ? ['--init-failure=exit'] : []), { env: {} });
        for (const { text } of resources.notices) expect(text.length).toBeLessThan(2_000);
      } catch (cause) {
        expect(cause).toBeInstanceOf(FatalError);
      } finally {
        rmSync(path, { recursive: true });
      }
    }), { numRuns: 400 });
  });

  it('survives bombs and cycles', async () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${['b', 'c', 'd', 'e', 'f', 'g'].map((key, index) => `${key}: &${key} [${Array.from({ length: 9 }, () => `*${'abcdef'[index]}`).join(',')}]`).join('\n')}`;
    const cycle = component({ metadata: '[{name: a, value: &v [*v]}]' });
    const resources = await load([bomb, cycle, `x: ${'['.repeat(60_000)}`, `x: ${'{a: '.repeat(12_000)}`, component({ name: 'alive' })]);
    expect(names(resources)).toEqual(['alive']);
    expect(resources.notices).toHaveLength(4);
  });

  it('never has its contents quoted by a warning', async () => {
    const secret = 'hunter2hunter2';
    const bad = [`a: "${secret}`, `a: [${secret}`, `a: *${secret}`, `a: b: ${secret}`, `a: |${secret}`, `? ${secret}\n? [`, `%${secret}`, `a: !${secret} [`, `"${secret}" x`, `{a: ${secret}} ${secret}`, `- a\n${secret}`, `a: @${secret}`, `\t${secret}: 1`, `a: "\\q${secret}"`, `kind: Component\napiVersion: dapr.io/v1alpha1\nmetadata: {name: x}\nspec: ${secret}`];
    const resources = await load(bad);
    expect(resources.notices.length).toBeGreaterThan(10);
    expect(texts(resources).join('\n')).not.toContain(secret);
  });

  it('is read, never written', async () => {
    const path = directory({ 'a.yaml': component() });
    const before = readFileSync(join(path, 'a.yaml'), 'utf8');
    await loadResources(config([path]), { env: {} });
    expect(readFileSync(join(path, 'a.yaml'), 'utf8')).toBe(before);
  });
});
