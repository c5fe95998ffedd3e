// Files changed under a sidecar that works: components, subscriptions and the Configuration are applied on the same ports, and
// what makes no sense is refused with its reason (contract: hot reload).
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type App } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { GrpcClient } from './harness/grpc.ts';
import { HttpClient } from './harness/http.ts';
import { actuator, configurationOf, declared, listed, lists, logged, MEMORY, refused, remove, write } from './harness/reload.ts';
import { manifestOf, startSidecar, type Sidecar } from './harness/sidecar.ts';
import { getState } from './harness/states.ts';
import { freePort } from './servers/process.ts';

/** As Kubernetes mounts a config map: links to files behind a link that is swapped; then those without a file go. */
function publish(mount: string, version: number, files: Readonly<Record<string, string>>): void {
  const folder = `..v${version}`;
  mkdirSync(join(mount, folder));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(mount, folder, name), text);
  symlinkSync(folder, join(mount, '..data_tmp'));
  renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
  for (const name of ['a.yaml', 'b.yaml']) {
    rmSync(join(mount, name), { force: true });
    if (files[name] !== undefined) symlinkSync(join('..data', name), join(mount, name));
  }
  rmSync(join(mount, `..v${version - 1}`), { recursive: true, force: true });
}

describe('resources that change under a sidecar', () => {
  const mount = mkdtempSync(join(tmpdir(), 'bulkhead-mount-'));
  let app: App;
  let sidecar: Sidecar;
  let publicHttp: HttpClient;
  let grpc: GrpcClient;
  beforeAll(async () => {
    app = await startApp();
    const port = await freePort();
    publish(mount, 1, {});
    sidecar = await startSidecar({
      components: [MEMORY, { name: 'pubsub', type: 'pubsub.in-memory' }], configuration: configurationOf({}),
      // Ports that stay the same over SIGHUP.
      flags: [`--app-port=${app.port}`, `--dapr-public-port=${port}`, '--dapr-public-listen-address=127.0.0.1', `--dapr-http-port=${await freePort()}`, `--dapr-grpc-port=${await freePort()}`, `--resources-path=${mount}`],
    });
    publicHttp = HttpClient.to(port);
    grpc = new GrpcClient(sidecar.grpcAddress);
    await logged(sidecar, 'Hot reloading enabled. Daprd will reload');
  });
  afterAll(async () => {
    publicHttp.close();
    grpc.close();
    await sidecar.stop();
    await app.stop();
    rmSync(mount, { recursive: true });
  });

  it('components come, change their type, and go', async () => {
    const from = sidecar.logs.all.length;
    expect((await sidecar.client.get('/v1.0/state/second/k')).status, 'not found').toBe(400);
    write(sidecar, 'second.yaml', { name: 'second', type: 'state.in-memory' });
    await lists(sidecar, 'memory state.in-memory', 'pubsub pubsub.in-memory', 'second state.in-memory');
    await logged(sidecar, 'Adding Component for processing: second (state.in-memory/v1)', from);
    await logged(sidecar, 'Component updated: second (state.in-memory/v1)', from);
    expect((await sidecar.client.get('/v1.0/state/second/k')).status).toBe(204);
    write(sidecar, 'second.yaml', { name: 'second', type: 'state.sqlite', metadata: { connectionString: 'second.db' } });
    await lists(sidecar, 'memory state.in-memory', 'pubsub pubsub.in-memory', 'second state.sqlite');
    await logged(sidecar, 'Closing existing Component to reload: second (state.in-memory/v1)', from);
    await logged(sidecar, 'Component updated: second (state.sqlite/v1)', from);
    remove(sidecar, 'second.yaml');
    await lists(sidecar, 'memory state.in-memory', 'pubsub pubsub.in-memory');
    await logged(sidecar, 'Closing existing Component to reload: second (state.sqlite/v1)', from);
    expect((await sidecar.client.get('/v1.0/state/second/k')).status).toBe(400);
    expect(sidecar.logs.matching(/error|warn/i)).toEqual([]);
  });

  it('when the last component of a kind goes, its API is not configured, and again when one comes', async () => {
    renameSync(join(sidecar.resources, '0000.yaml'), join(sidecar.folder, 'away'));
    const message = async (): Promise<string> => (await sidecar.client.get('/v1.0/state/memory/k')).body;
    await eventually('the API is not configured', async () => (await message()).includes('state store memory is not configured'));
    renameSync(join(sidecar.folder, 'away'), join(sidecar.resources, '0000.yaml'));
    await lists(sidecar, 'memory state.in-memory', 'pubsub pubsub.in-memory');
  });

  it('a mounted config map is swapped as a whole', async () => {
    const second = (type: string): Record<string, string> => ({ 'a.yaml': manifestOf({ name: 'mounted-a', type, metadata: { connectionString: 'mounted.db' } }), 'b.yaml': manifestOf({ name: 'mounted-b', type: 'state.in-memory' }) });
    const others = ['memory state.in-memory', 'pubsub pubsub.in-memory'];
    publish(mount, 2, second('state.in-memory'));
    await lists(sidecar, 'mounted-a state.in-memory', 'mounted-b state.in-memory', ...others);
    publish(mount, 3, second('state.sqlite'));
    await lists(sidecar, 'mounted-a state.sqlite', 'mounted-b state.in-memory', ...others);
    publish(mount, 4, {});
    await lists(sidecar, ...others);
  });

  it('a file of which only the form changes, replaces nothing', async () => {
    const before = await actuator(sidecar);
    write(sidecar, '0000.yaml', `# the same\n${JSON.stringify(JSON.parse(manifestOf(MEMORY)), undefined, 2)}`);
    write(sidecar, 'new.yaml', JSON.stringify({ apiVersion: 'dapr.io/v1alpha1', kind: 'HTTPEndpoint', metadata: { name: 'endpoint' }, spec: { baseUrl: 'http://localhost' } }));
    await eventually('the endpoint is there', async () => JSON.stringify((await sidecar.metadata())['httpEndpoints']) === '[{"name":"endpoint"}]');
    await logged(sidecar, 'Received HTTPEndpoint CREATED event: endpoint');
    remove(sidecar, 'new.yaml');
    await eventually('the endpoint is gone', async () => (await sidecar.metadata())['httpEndpoints'] === undefined);
    expect((await actuator(sidecar)).blocks.map(({ life }) => life)).toEqual(before.blocks.map(({ life }) => life));
  });

  it('a broken file is refused with its place until it is mended; what it said goes on', async () => {
    const good = manifestOf(MEMORY);
    write(sidecar, '0000.yaml', `${good}\n---\nkind: [\n`);
    await eventually('it is refused', async () => (await refused(sidecar)).some((text) => /0000\.yaml: daprd load Component error when parsing manifests yaml resource in .*0000\.yaml: document 2, line 4, column 1/.test(text)));
    await logged(sidecar, '0000.yaml is refused, and what it said before goes on: daprd load Component error when parsing manifests yaml resource');
    write(sidecar, 'other.yaml', { name: 'other', type: 'state.in-memory' });
    await lists(sidecar, 'memory state.in-memory', 'other state.in-memory', 'pubsub pubsub.in-memory');
    remove(sidecar, 'other.yaml');
    write(sidecar, '0000.yaml', good);
    await eventually('nothing is refused', async () => (await refused(sidecar)).length === 0);
    await lists(sidecar, 'memory state.in-memory', 'pubsub pubsub.in-memory');
  });

  it('two components of one name are refused, and nothing else of the change is applied', async () => {
    write(sidecar, 'twice.yaml', { name: 'memory', type: 'state.sqlite' });
    write(sidecar, 'other.yaml', { name: 'other', type: 'state.in-memory' });
    await logged(sidecar, 'The changed resources are refused, the present ones go on: failed to load resources from disk: duplicate definition of Component name memory');
    expect(await refused(sidecar)).toEqual([expect.stringContaining('resources: failed to load resources from disk: duplicate definition of Component name memory (state.sqlite/v1) with existing memory (state.in-memory/v1)')]);
    expect(await listed(sidecar)).toEqual(['memory state.in-memory', 'pubsub pubsub.in-memory']);
    remove(sidecar, 'twice.yaml');
    await lists(sidecar, 'memory state.in-memory', 'other state.in-memory', 'pubsub pubsub.in-memory');
    remove(sidecar, 'other.yaml');
    await lists(sidecar, 'memory state.in-memory', 'pubsub pubsub.in-memory');
  });

  it('a component that would not work is refused, and the others change', async () => {
    write(sidecar, '0000.yaml', { ...MEMORY, type: 'state.nothing' });
    write(sidecar, 'other.yaml', { name: 'other', type: 'state.in-memory' });
    await lists(sidecar, 'memory state.in-memory', 'other state.in-memory', 'pubsub pubsub.in-memory');
    const reason = "[CREATE_COMPONENT_FAILURE]: initialization error occurred for memory (state.nothing/v1): couldn't find state store state.nothing/v1";
    await eventually('the actuator says so', async () => (await refused(sidecar)).includes(`memory (state.nothing/v1): ${reason}`));
    await logged(sidecar, `Component update refused, the present one goes on: memory (state.nothing/v1): ${reason}`);
    expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 204 });
    write(sidecar, '0000.yaml', MEMORY);
    remove(sidecar, 'other.yaml');
    await lists(sidecar, 'memory state.in-memory', 'pubsub pubsub.in-memory');
    await eventually('nothing is refused', async () => (await refused(sidecar)).length === 0);
    expect(sidecar.logs.matching(/Component update refused/)).toHaveLength(1);
  });

  it('a component whose backend is away comes in and is tried again; one that worked is not given up for it', async () => {
    const away = { name: 'away', type: 'state.redis', metadata: { redisHost: `127.0.0.1:${await freePort()}` }, initTimeout: '500ms' };
    write(sidecar, 'away.yaml', away);
    await logged(sidecar, 'Component updated: away (state.redis/v1)');
    expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 500, body: expect.stringContaining('component away (state.redis/v1): ') as string });
    expect((await sidecar.client.get('/v1.0/state/away/k')).status).toBe(503);
    write(sidecar, '0000.yaml', { ...away, name: 'memory' });
    await logged(sidecar, 'Component update refused, the present one goes on: memory (state.redis/v1): ');
    expect((await sidecar.client.get('/v1.0/state/memory/k')).status).toBe(204);
    write(sidecar, '0000.yaml', MEMORY);
    remove(sidecar, 'away.yaml');
    await eventually('it is ready again', async () => (await sidecar.client.get('/v1.0/healthz')).status === 204);
    await eventually('nothing is refused', async () => (await refused(sidecar)).length === 0);
  });

  it('a secret that changes in its file changes the components that use it, and no others', async () => {
    const secrets = join(sidecar.folder, 'secrets.json');
    const from = sidecar.logs.all.length;
    writeFileSync(secrets, '{"database": "one.db"}');
    write(sidecar, 'store.yaml', { name: 'store', type: 'secretstores.local.file', metadata: { secretsFile: secrets } });
    write(sidecar, 'secret.yaml', JSON.stringify({
      apiVersion: 'dapr.io/v1alpha1', kind: 'Component', metadata: { name: 'secret' }, auth: { secretStore: 'store' },
      spec: { type: 'state.sqlite', version: 'v1', metadata: [{ name: 'connectionString', secretKeyRef: { name: 'database' } }] },
    }));
    await logged(sidecar, 'Component updated: secret (state.sqlite/v1)', from);
    await sidecar.client.post('/v1.0/state/secret', '[{"key":"k","value":1}]');
    const change = sidecar.logs.all.length;
    writeFileSync(secrets, '{"database": ');
    await logged(sidecar, 'Component update refused, what there was goes on: store (secretstores.local.file/v1)', change);
    expect(await sidecar.client.get('/v1.0/state/secret/k')).toMatchObject({ status: 200, body: '1' });
    renameSync(secrets, `${secrets}.old`);
    writeFileSync(`${secrets}.new`, '{"database": "two.db"}');
    renameSync(`${secrets}.new`, secrets);
    await logged(sidecar, 'Component updated: secret (state.sqlite/v1)', change);
    expect((await sidecar.client.get('/v1.0/state/secret/k')).status).toBe(204);
    expect(sidecar.logs.all.filter((line) => line.includes('one.db') || line.includes('two.db'))).toEqual([]);
    remove(sidecar, 'secret.yaml');
    remove(sidecar, 'store.yaml');
    await lists(sidecar, 'memory state.in-memory', 'pubsub pubsub.in-memory');
  });

  it('a component gets a compartment of its own and loses it again, and is never unready', async () => {
    const isolated = { ...JSON.parse(manifestOf(MEMORY)) as object, metadata: { name: 'memory', annotations: { isolation: 'component' } } };
    const names = async (): Promise<string[]> => (await actuator(sidecar)).blocks.map(({ name }) => name);
    const unready: string[] = [];
    const become = async (what: string, holds: () => Promise<boolean>): Promise<unknown> => eventually(what, async () => {
      const { status, body } = await sidecar.client.get('/v1.0/healthz');
      if (status !== 204) unready.push(body);
      return holds();
    });
    write(sidecar, '0000.yaml', JSON.stringify(isolated));
    await become('it has its own', async () => (await names()).includes('state/memory'));
    await become('the shared one has it no more', async () => (await actuator(sidecar)).blocks.every(({ name, components }) => name !== 'state' || components.length === 0));
    expect((await sidecar.client.get('/v1.0/state/memory/k')).status).toBe(204);
    expect((await sidecar.client.post('/actuator/blocks/state/memory/restart', '')).status).toBe(200);
    write(sidecar, '0000.yaml', MEMORY);
    await become('it is back', async () => !(await names()).includes('state/memory'));
    expect((await sidecar.client.get('/v1.0/state/memory/k')).status).toBe(204);
    expect(unready).toEqual([]);
  });

  it('declared subscriptions come, change and go', async () => {
    const publish = async (data: string): Promise<void> => expect((await sidecar.client.post('/v1.0/publish/pubsub/news', JSON.stringify(data), { 'Content-Type': 'application/json' })).status).toBe(204);
    const goesTo = async (path: string, data: string): Promise<void> => {
      await publish(data);
      await eventually(`"${data}" comes to ${path}`, () => app.deliveries.some((delivery) => delivery.path === path && delivery.body.includes(data)));
    };
    const routes = async (): Promise<string> => JSON.stringify((((await sidecar.metadata())['subscriptions'] ?? []) as { rules: { path: string }[] }[]).map(({ rules }) => rules[0]?.path));
    write(sidecar, 's.yaml', declared('news', '/one'));
    await eventually('it is listed', async () => (await routes()) === '["/one"]');
    await logged(sidecar, 'subscribed to topic news through pubsub pubsub'); // until then nobody is there to hear
    await goesTo('/one', 'first');
    write(sidecar, 's.yaml', declared('news', '/two'));
    await eventually('it is listed', async () => (await routes()) === '["/two"]');
    await goesTo('/two', 'second');
    write(sidecar, 's.yaml', JSON.stringify({ ...JSON.parse(declared('news', '/two')) as object, scopes: ['another-app'] }));
    await eventually('nothing is listed', async () => (await routes()) === '[]');
    expect(app.deliveries.filter(({ body }) => body.includes('second'))).toHaveLength(1);
    remove(sidecar, 's.yaml');
  });

  it('a Configuration changes what is served and logged on the same ports, and a wrong one is refused', async () => {
    expect((await sidecar.client.get('/v1.0/state/memory/k')).status).toBe(204);
    await grpc.call('GetState', getState('memory', 'k'));
    const rules = [...['http', 'grpc'].map((protocol) => ({ name: 'state', version: 'v1', protocol })), { name: 'actuator', version: 'v1' }];
    writeFileSync(sidecar.configurationFile, configurationOf({ api: { denied: rules }, logging: { apiLogging: { enabled: true, omitHealthChecks: true } }, features: [{ name: 'Own', enabled: true }] }));
    await eventually('HTTP is denied', async () => (await sidecar.client.get('/v1.0/state/memory/k')).status === 404);
    await expect(grpc.call('GetState', getState('memory', 'k'))).rejects.toThrow(/Unimplemented|UNIMPLEMENTED/i);
    expect((await sidecar.client.post('/actuator/blocks/state/restart', '')).status).toBe(404);
    expect((await sidecar.client.get('/actuator/blocks')).status).toBe(200);
    await logged(sidecar, 'Received Configuration UPDATED event: settings');
    await logged(sidecar, 'HTTP API Called');
    await logged(sidecar, 'gRPC API Called');
    expect((await sidecar.metadata())['enabledFeatures']).toContain('Own');
    writeFileSync(sidecar.configurationFile, configurationOf({ api: { denied: [{ name: 'state', version: 'v1', protocol: 'tcp' }] } }));
    await eventually('it is refused', async () => (await refused(sidecar)).some((text) => text.includes('spec.api.denied[0].protocol can be either http or grpc')));
    expect((await sidecar.client.get('/v1.0/state/memory/k')).status).toBe(404);
    writeFileSync(sidecar.configurationFile, configurationOf({}));
    await eventually('HTTP is admitted', async () => (await sidecar.client.get('/v1.0/state/memory/k')).status === 204);
    await grpc.call('GetState', getState('memory', 'k'));
    expect(await refused(sidecar)).toEqual([]);
  });

  it('a block is replaced by hand, and only where the API may be used', async () => {
    const before = (await sidecar.block('state')).life;
    const answer = await sidecar.client.post('/actuator/blocks/state/restart', '');
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({ name: 'state', life: before + 1, state: 'ready', restarts: 0, components: [{ name: 'memory', state: 'ready' }] });
    expect(await sidecar.client.post('/actuator/blocks/nothing/restart', '')).toMatchObject({ status: 404, body: expect.stringContaining('there is no block nothing; the blocks are state, pubsub') as string });
    expect(await sidecar.client.post('/actuator/blocks/state/nothing/restart', '')).toMatchObject({ status: 404 });
    expect(await publicHttp.get('/actuator/blocks')).toMatchObject({ status: 200 });
    expect(await publicHttp.post('/actuator/blocks/state/restart', '')).toMatchObject({ status: 404 });
    mkdirSync(join(sidecar.folder, 'data'));
    write(sidecar, 'sqlite.yaml', { name: 'sqlite', type: 'state.sqlite', metadata: { connectionString: 'data/own.db' } });
    await lists(sidecar, 'memory state.in-memory', 'pubsub pubsub.in-memory', 'sqlite state.sqlite');
    rmSync(join(sidecar.folder, 'data'), { recursive: true });
    const life = (await sidecar.block('state')).life;
    expect(await sidecar.client.post('/actuator/blocks/state/restart', '')).toMatchObject({ status: 409, body: expect.stringMatching(/ERR_RESTART_REFUSED.*its present life goes on: component sqlite \(state\.sqlite\/v1\): /) as string });
    expect((await sidecar.block('state')).life).toBe(life);
    expect((await sidecar.client.get('/v1.0/state/memory/k')).status).toBe(204);
    remove(sidecar, 'sqlite.yaml');
    await lists(sidecar, 'memory state.in-memory', 'pubsub pubsub.in-memory');
  });

  it('a Configuration ends all this, and SIGHUP begins anew with the files of then', async () => {
    const hangup = async (): Promise<number> => {
      const from = sidecar.logs.all.length;
      sidecar.signal('SIGHUP');
      await logged(sidecar, 'dapr initialized', from);
      return from;
    };
    writeFileSync(sidecar.configurationFile, configurationOf({ features: [{ name: 'HotReload', enabled: false }] }));
    await logged(sidecar, 'Hot reloading disabled by the Configuration');
    write(sidecar, 'other.yaml', { name: 'other', type: 'state.in-memory' });
    expect(sidecar.logs.all.slice(await hangup()).filter((line) => line.includes('Hot reloading'))).toEqual([]);
    expect(await listed(sidecar)).toEqual(['memory state.in-memory', 'other state.in-memory', 'pubsub pubsub.in-memory']);
    writeFileSync(sidecar.configurationFile, configurationOf({}));
    await logged(sidecar, 'Hot reloading enabled', await hangup());
    remove(sidecar, 'other.yaml');
    await lists(sidecar, 'memory state.in-memory', 'pubsub pubsub.in-memory');
  });
});
