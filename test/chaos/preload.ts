// Makes a sidecar breakable, without a line of its own code: `node --import test/chaos/preload.ts kernel/main.js`. Modules are
// changed as they are loaded: each block's table of drivers gets a row `<kind>.fault`, and what a block is served over is
// shown to the failures. The kernel loads this, too, and hands it on to its blocks with its other arguments for Node.
import { registerHooks } from 'node:module';
import { Orders } from './control.ts';
import { CHAOS, type Chaos } from './registry.ts';

const orders = new Orders(new URL(import.meta.url).searchParams.get('control') ?? undefined);
const chaos: Chaos = { orders, segment: undefined, channels: new Map() };
Object.assign(globalThis, { [CHAOS]: chaos });

interface Edit {
  readonly file: RegExp;
  change(source: string, file: RegExpExecArray): string;
}

const REGISTRY = `globalThis[Symbol.for('${CHAOS.description}')]`;
/** Component types by the folder of their block. */
const TYPES: Readonly<Record<string, string>> = { state: 'state', pubsub: 'pubsub', config: 'configuration', lock: 'lock', sequencer: 'sequencer' };
const NEVER = 'await new Promise(() => setInterval(() => {}, 2 ** 30));';

const EDITS: readonly Edit[] = [
  {
    file: /\/blocks\/(state|pubsub|config|lock|sequencer)\/drivers\.(?:ts|js)$/,
    change: (source, [, block = '']) => `${source}\nDRIVERS['${TYPES[block]}.fault'] = async () => (await import('${new URL('drivers.ts', import.meta.url).href}')).DRIVERS['${block}'];\n`,
  },
  {
    file: /\/blocks\/(state|pubsub|config|lock|sequencer)\/block\.(?:ts|js)$/,
    change: (source, [, block = '']) => (orders.claim(block, 'init-hang') ? `${NEVER}\n${source}` : source),
  },
  { file: /\/blocks\/host\.(?:ts|js)$/, change: (source) => inserted(source, /export async function serveBlock\(.*\{\n/, `${REGISTRY}.channels.set(name, channel);`) },
  { file: /\/ipc\/shared\.(?:ts|js)$/, change: (source) => inserted(source, /export function openShared\(.*\{\n/, `if (side === 'b') ${REGISTRY}.segment = buffer;`) },
];

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    for (const { file, change } of EDITS) {
      const found = file.exec(url);
      if (found !== null) return { ...loaded, source: change(String(loaded.source), found) };
    }
    return loaded;
  },
});

// A block's process knows its name from the start; in a thread the same is done where the block is loaded.
const [, main = '', block = ''] = process.argv;
if (/\/blocks\/main\.(?:ts|js)$/.test(main) && orders.claim(block, 'no-hello')) {
  const kernel = process.ppid;
  setInterval(() => { if (process.ppid !== kernel) process.exit(); }, 500); // nobody else would end it when the kernel is gone
  await new Promise(() => {});
}

function inserted(source: string, after: RegExp, line: string): string {
  const found = after.exec(source);
  if (found === null) throw new Error(`test/chaos/preload.ts knows no place in this module any more: ${after}`);
  const at = found.index + found[0].length;
  return `${source.slice(0, at)} ${line}${source.slice(at)}`;
}
