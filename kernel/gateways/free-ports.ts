// Whether addresses are free. Gateways share ports with one another, and would with any other program of this user that shares its
// own: two sidecars that are given one port by mistake must be told so, as ever, and not get every other connection each.
import { createServer } from 'node:net';
import { bindWithRetry } from '../bind.ts';
import { describeAddress, type Address } from '../listener.ts';

/** @throws FatalError that names the one which isn't */
export async function assertFree(addresses: readonly Address[]): Promise<void> {
  for (const address of addresses) if (address.kind === 'tcp' && address.port !== 0) await assertOneFree(address);
}

async function assertOneFree(address: Extract<Address, { readonly kind: 'tcp' }>): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  await bindWithRetry((done) => {
    const failed = (cause: Error): void => done(cause);
    server.once('error', failed).listen({ port: address.port, ...(address.host === '' ? {} : { host: address.host }) }, () => {
      server.off('error', failed);
      done(undefined);
    });
  }, describeAddress(address));
  await new Promise<void>((resolve) => void server.close(() => resolve()));
}
