// "Memory and descriptors after an hour's worth of crashes": hundreds of kills, as fast as compartments come back, and what the
// kernel holds before, meanwhile and after. Many compartments, because one that dies too often in a minute is restarted slowly.
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../harness/awaiting.ts';
import { childrenOf, descriptorsOf, residentBytesOf, sharedMappingsOf } from '../harness/processes.ts';
import { startSidecar, type ComponentManifest, type Sidecar } from '../harness/sidecar.ts';
import { rssMib } from './campaign.ts';
import { killNow } from './inject.ts';

export interface CrashesOptions {
  readonly kills: number;
  readonly onProgress: (line: string) => void;
}

/** What the kernel holds. */
export interface Holdings {
  readonly kills: number;
  /** After a collection: the JavaScript heap, and memory of objects outside it. */
  readonly heapMib: number;
  readonly externalMib: number;
  readonly rssMib: number;
  readonly pssMib: number;
  readonly descriptors: number;
  readonly threads: number;
  /** Mappings of segments, one for each life. */
  readonly segments: number;
  readonly children: number;
  readonly zombies: number;
}

export interface CrashesResult {
  readonly compartments: number;
  readonly samples: readonly Holdings[];
  /** Over the last two thirds of the kills, by least squares: KiB a kill of the heap after collections, and of resident memory, which moves in steps. */
  readonly heapSlopeKib: number;
  readonly residentSlopeKib: number;
  /** What there is more of in the end than in the beginning; empty: nothing. Memory is judged by what its last two thirds add. */
  readonly grown: readonly string[];
}

/** So many that none dies more often than is restarted at once (10 times a minute). */
const MOST_DEATHS = 10;
const AT_A_TIME = 4;
const SAMPLE_EVERY = 20;
const SETTLE_MS = 300;
/** What is garbage is not held: the kernel collects it when it is told to, and says what is left. */
const COLLECTING = ['--expose-gc', '--import', 'data:text/javascript,process.on("SIGUSR2",()=>{globalThis.gc();process.stderr.write(`in use: ${JSON.stringify(process.memoryUsage())}\\n`)})'] as const;
/** More than this a kill is growth: an hour of such crashes would show. KiB of heap after a collection. */
const STEEPEST_KIB = 8;
/** Resident memory holds what the allocator keeps for later, too. MiB over the last two thirds of the kills. */
const MOST_RESIDENT_MIB = 32;

export async function doCrashes({ kills, onProgress }: CrashesOptions): Promise<CrashesResult> {
  const needed = Math.ceil(kills / MOST_DEATHS);
  const components: ComponentManifest[] = Array.from({ length: needed }, (_, index) => ({ name: `store-${index}`, type: 'state.in-memory' }));
  const isolate = components.map(({ name }) => name).join(',');
  await using sidecar = await startSidecar({ components, nodeArgs: COLLECTING, flags: [`--isolate=${isolate}`, '--blocks=state'] });
  const names = (await sidecar.blocks()).filter(({ pid }) => pid > 0).map(({ name }) => name);
  if (names.length < needed) throw new Error(`${names.length} compartments where ${needed} were asked for`);
  await Promise.all(Array.from({ length: 2 * AT_A_TIME }, () => sidecar.blocks())); // our own connections are there from the start
  const samples = [await holdings(sidecar, 0)];
  for (let done = 0; done < kills;) {
    const some = Array.from({ length: Math.min(AT_A_TIME, kills - done) }, (_, index) => names[(done + index) % names.length] as string);
    await Promise.all(some.map((name) => killAndWait(sidecar, name)));
    done += some.length;
    if (done % SAMPLE_EVERY === 0 || done === kills) {
      const sample = await holdings(sidecar, done);
      samples.push(sample);
      onProgress(`${done} kills: heap ${sample.heapMib.toFixed(2)} MiB, external ${sample.externalMib.toFixed(2)} MiB, resident ${sample.rssMib.toFixed(1)} MiB, ${sample.descriptors} descriptors`);
    }
  }
  const late = samples.slice(Math.floor(samples.length / 3));
  const slopeOf = (of: (sample: Holdings) => number): number => slope(late.map(({ kills: x }) => x), late.map((sample) => of(sample) * 1024));
  const slopes = { heapSlopeKib: slopeOf(({ heapMib }) => heapMib), residentSlopeKib: slopeOf(({ rssMib: mib }) => mib) };
  return { compartments: names.length, samples, ...slopes, grown: grownIn(samples[0] as Holdings, late, slopes.heapSlopeKib) };
}

function grownIn(first: Holdings, late: readonly Holdings[], heapSlopeKib: number): string[] {
  const last = late.at(-1) as Holdings;
  const grown = (['descriptors', 'threads', 'segments', 'children', 'zombies'] as const).filter((name) => last[name] > first[name]).map((name) => `${name}: ${first[name]} to ${last[name]}`);
  if (heapSlopeKib > STEEPEST_KIB) grown.push(`heap: ${heapSlopeKib.toFixed(1)} KiB a kill`);
  const added = last.rssMib - (late[0] as Holdings).rssMib;
  if (added > MOST_RESIDENT_MIB) grown.push(`resident memory: ${added.toFixed(0)} MiB over the last two thirds`);
  return grown;
}

async function killAndWait(sidecar: Sidecar, name: string): Promise<void> {
  const { life } = await sidecar.block(name);
  await killNow(sidecar, name);
  await eventually(`${name} is there again`, async () => {
    const now = await sidecar.block(name);
    return now.life > life && now.state === 'ready';
  }, 30_000);
}

async function holdings(sidecar: Sidecar, kills: number): Promise<Holdings> {
  await sleep(SETTLE_MS); // pipes and sockets of the last deaths are closed by then
  const seen = sidecar.logs.all.length;
  sidecar.signal('SIGUSR2');
  const { heapUsed, external } = JSON.parse(await sidecar.logs.match(/^in use: (.*)$/, 10_000, seen)) as NodeJS.MemoryUsage;
  const { pid } = sidecar;
  const children = childrenOf(pid);
  return {
    kills, heapMib: heapUsed / 2 ** 20, externalMib: external / 2 ** 20, rssMib: residentBytesOf(pid) / 2 ** 20, pssMib: rssMib(pid), descriptors: descriptorsOf(pid).length, threads: readdirSync(`/proc/${pid}/task`).length,
    segments: sharedMappingsOf(pid).length, children: children.length, zombies: children.filter(({ state }) => state === 'Z').length,
  };
}

function slope(xs: readonly number[], ys: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(xs), mean(ys)];
  const above = xs.reduce((sum, x, index) => sum + (x - mx) * ((ys[index] as number) - my), 0);
  const below = xs.reduce((sum, x) => sum + (x - mx) ** 2, 0);
  return below === 0 ? 0 : above / below;
}
