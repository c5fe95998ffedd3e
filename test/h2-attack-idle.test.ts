// Thousands of connections that are opened and rest, ten thousand in the nightly form: what each costs the kernel, and that an innocent one beside them notices nothing,
// neither when they come nor when they go, all at once.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventually } from './harness/awaiting.ts';
import { expectHarmless, NIGHTLY } from './harness/h2-attack.ts';
import { Attacked, STORE } from './harness/h2-attacked.ts';
import { Lines } from './harness/lines.ts';
import { descriptorsOf, residentBytesOf } from './harness/processes.ts';

const CONNECTIONS = NIGHTLY ? 10_000 : 3_000;
/** Of the kernel's resident memory for each, buffers of the system not counted. */
const MOST_KIB = 16;
const READY_MS = 60_000;

const attacked = new Attacked();

const socketsOfKernel = (): number => descriptorsOf(attacked.sidecar.pid).filter((name) => name === 'socket').length;

it(`${CONNECTIONS} idle connections cost little, and nobody else anything`, { timeout: 180_000 }, async () => {
  const socketsBefore = socketsOfKernel();
  const residentBefore = residentBytesOf(attacked.sidecar.pid);
  const clients = spawn(process.execPath, [join(import.meta.dirname, 'fixtures', 'h2-idle-clients.ts'), String(attacked.port), String(CONNECTIONS)], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const said = new Lines();
    said.follow(clients.stdout);
    clients.once('exit', (code) => said.end(`the clients ended with ${code}`));
    const coming = await attacked.during(() => said.match(/^ready$/, READY_MS));
    expect(socketsOfKernel() - socketsBefore).toBeGreaterThanOrEqual(CONNECTIONS);
    const kib = (residentBytesOf(attacked.sidecar.pid) - residentBefore) / 1024 / CONNECTIONS;
    process.stdout.write(`  ${CONNECTIONS} idle connections: ${kib.toFixed(1)} KiB of the kernel's memory each\n`);
    expect(kib).toBeLessThan(MOST_KIB);
    expectHarmless('while they come', coming.toll, { grownMiB: MOST_KIB * CONNECTIONS / 1024, cpuMs: 10_000 });

    await using connection = await attacked.connect();
    expect((await connection.reply(connection.getState(STORE, 'k'))).fields.get('grpc-status')).toBe('0');

    const going = await attacked.during(async () => {
      clients.stdin.end();
      expect(await said.match(/^lost (\d+)$/, READY_MS)).toBe('0');
      await eventually('the kernel has closed them', () => socketsOfKernel() - socketsBefore < 50);
    });
    expectHarmless('while they go', going.toll, { grownMiB: 64, cpuMs: 10_000 });
  } finally {
    clients.kill('SIGKILL');
  }
});
