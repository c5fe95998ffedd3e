// The image in real containers: built once, run by podman as a cluster would, with no right that it does not need. What is told of each form
// lies in test/containers.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { buildImage } from '../tools/image.ts';
import { formsSuite } from './containers/forms.ts';
import { imageSuite } from './containers/image.ts';
import { podSuite } from './containers/pod.ts';
import type { Engine } from './harness/podman-container.ts';
import { openPodman } from './servers/podman.ts';

const TAG = 'localhost/bulkhead:test';
const BUILD_MS = 120_000;
const SUITE = 'the image in containers';

const podman = await openPodman(SUITE);

describe.skipIf(podman === undefined)(SUITE, () => {
  let engine: Engine;
  beforeAll(async () => {
    if (podman === undefined) return;
    engine = { podman, image: TAG, folder: mkdtempSync(join(tmpdir(), 'bulkhead-containers-')) };
    const started = performance.now();
    await buildImage({ tags: [TAG], engine: podman.engine, sbom: join(engine.folder, 'sbom.json') });
    process.stdout.write(`containers: the image was built in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
  }, BUILD_MS);
  afterAll(() => {
    podman?.close();
    if (engine !== undefined) rmSync(engine.folder, { recursive: true, force: true });
  }, BUILD_MS);

  describe('the image', () => imageSuite(() => engine));
  formsSuite(() => engine);
  podSuite(() => engine);
});
