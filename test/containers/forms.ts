// The forms of one container: everything in one process, and each block in a process of its own.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Container, interfacesOf, memoryGroupOf, segmentsOf, statusOf, type Engine } from '../harness/podman-container.ts';
import { manifestOf, type BlockRow, type ComponentManifest } from '../harness/sidecar.ts';
import { freePort } from '../servers/process.ts';

const MEMORY_MB = 384;
const COMPONENTS: readonly ComponentManifest[] = [
  { name: 'memory', type: 'state.in-memory' }, { name: 'file', type: 'state.sqlite', metadata: { connectionString: 'state.db' } }, { name: 'topics', type: 'pubsub.in-memory' },
  { name: 'settings', type: 'configuration.in-memory', metadata: { items: 'color: red' } }, { name: 'locks', type: 'lock.in-memory' }, { name: 'ids', type: 'sequencer.in-memory' },
];
/** SIGTERM until its end. */
const STOP_MS = 5_000;

export function formsSuite(engine: () => Engine): void {
  describe.each(['monolith', 'process'] as const)('a container of kernel and blocks with --isolation %s', (isolation) => {
    let container: Container;
    let api = '';
    beforeAll(async () => {
      const { folder } = engine();
      const resources = join(folder, `resources-${isolation}`);
      mkdirSync(resources);
      for (const component of COMPONENTS) writeFileSync(join(resources, `${component.name}.yaml`), manifestOf(component));
      const [http, grpc] = [await freePort(), await freePort()];
      api = `http://127.0.0.1:${http}`;
      const started = performance.now();
      container = await Container.start(isolation, engine(), {
        args: ['serve', '--app-id=app', `--isolation=${isolation}`, `--dapr-http-port=${http}`, `--dapr-grpc-port=${grpc}`, '--dapr-listen-addresses=127.0.0.1', '--enable-metrics=false', '--resources-path=/etc/bulkhead'],
        network: 'host', memory: `${MEMORY_MB}m`, volumes: [`${resources}:/etc/bulkhead:ro`, `data-${isolation}:/var/lib/bulkhead`],
      });
      const running = performance.now();
      await container.says(/msg="dapr initialized\./);
      process.stdout.write(`containers: ${isolation}: started by podman in ${Math.round(running - started)} ms, ready ${Math.round(performance.now() - running)} ms later\n`);
    });
    afterAll(() => container?.remove());

    it('serves every block', async () => {
      const json = { 'content-type': 'application/json' };
      for (const store of ['memory', 'file']) {
        expect((await fetch(`${api}/v1.0/state/${store}`, { method: 'POST', headers: json, body: JSON.stringify([{ key: 'k', value: isolation }]) })).status).toBe(204);
        expect(await (await fetch(`${api}/v1.0/state/${store}/k`)).json()).toBe(isolation);
      }
      expect((await fetch(`${api}/v1.0/publish/topics/t`, { method: 'POST', headers: json, body: '{}' })).status).toBe(204);
      expect(await (await fetch(`${api}/v1.0/configuration/settings?key=color`)).json()).toMatchObject({ color: { value: 'red' } });
      expect(await (await fetch(`${api}/v1.0-alpha1/lock/locks`, { method: 'POST', body: JSON.stringify({ resourceId: 'r', lockOwner: 'me', expiryInSeconds: 9 }) })).json()).toEqual({ success: true });
      expect(await (await fetch(`${api}/v1.0-bulkhead/sequencer/ids/k`, { method: 'POST', body: '{}' })).json()).toEqual({ ids: ['1'] });
    });

    it('runs as nobody, with no capability, on a root file system that can\'t be written to', () => {
      const { pid, children } = container;
      expect(children).toHaveLength(isolation === 'process' ? 5 : 0);
      for (const one of [pid, ...children]) {
        expect([statusOf(one, 'Uid'), statusOf(one, 'CapEff'), statusOf(one, 'CapBnd'), statusOf(one, 'NoNewPrivs'), statusOf(one, 'Seccomp')]).toEqual(['65532\t65532\t65532\t65532', '0000000000000000', '0000000000000000', '1', '2']);
        expect(/^\S+ \/ \S+ (\w+)/m.exec(readFileSync(`/proc/${one}/mounts`, 'utf8'))?.[1]).toBe('ro');
        expect(memoryGroupOf(one).limit).toBe(MEMORY_MB * 2 ** 20);
        expect(interfacesOf(one)).toContain('lo');
      }
    });

    it.runIf(isolation === 'process')('has rings in memory that kernel and block both map', async () => {
      const { blocks } = (await (await fetch(`${api}/actuator/blocks`)).json()) as { readonly blocks: readonly BlockRow[] };
      expect(blocks.map(({ transport }) => transport)).toEqual(blocks.map(() => 'ring'));
      const kernel = segmentsOf(container.pid);
      for (const child of container.children) expect([...segmentsOf(child)].filter((segment) => kernel.has(segment)).length).toBeGreaterThan(0);
    });

    it('ends with 0 when it is told to, in time', async () => {
      const began = performance.now();
      expect(await container.end()).toBe(0);
      expect(performance.now() - began).toBeLessThan(STOP_MS);
      expect(container.log).toContain('msg="Daprd shutdown gracefully"');
    }, 60_000);
  });
}
