// The sidecars that a load is measured on: each isolation, of this checkout and of another one to compare it with.
import { saveAll } from './calls.ts';
import type { Options } from './options.ts';
import { isComparable, ISOLATIONS, type Place, type Server } from './place.ts';

/** All with every key in their store. */
export async function startSidecars(place: Place, { form, bytes, against }: Options, redisPort?: number): Promise<Server[]> {
  const servers: Server[] = [];
  for (const isolation of ISOLATIONS) {
    const name = redisPort === undefined ? isolation : `${isolation}, redis`;
    servers.push(await place.sidecar(name, { form, isolation, redisPort }));
    if (against !== undefined && isComparable(isolation)) servers.push(await place.sidecar(`${name} (other)`, { form: 'checkout', checkout: against, isolation, redisPort }));
  }
  for (const { port } of servers) await saveAll(port, bytes);
  return servers;
}
