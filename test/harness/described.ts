// A container as compose and Kubernetes both describe one: what it runs, what it sees of others, what it may take.
export interface Container {
  /** Where it is described, for messages. */
  readonly where: string;
  readonly name: string;
  readonly image: string;
  /** Behind the image's entry point, variables filled in. */
  readonly args: readonly string[];
  /** Undefined: the image's. */
  readonly entryPoint: readonly string[] | undefined;
  /** Plain ones, and those that the downward API gives. */
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  /** Commands that look after it. */
  readonly probes: readonly (readonly string[])[];
  /** In bytes; undefined: none. */
  readonly memoryLimit: number | undefined;
  /** As it was written. */
  readonly raw: Readonly<Record<string, unknown>>;
}

export interface Mount {
  readonly path: string;
  /** The same for two containers that see the same folder: its volume, and where in it. */
  readonly source: string;
  readonly readOnly: boolean;
}

/** A file as all containers would name it: its volume, and the path in that. Undefined: on no volume. */
export function fileOf({ mounts }: Container, path: string): string | undefined {
  const [mount] = mounts.filter((one) => path === one.path || path.startsWith(`${one.path}/`)).sort((a, b) => b.path.length - a.path.length);
  return mount === undefined ? undefined : `${mount.source}${path.slice(mount.path.length)}`;
}

export const isKernel = ({ args, entryPoint, image }: Container): boolean => image.startsWith('bulkhead') && entryPoint === undefined && args[0] === 'serve';
export const isBlockServer = ({ args, entryPoint, image }: Container): boolean => image.startsWith('bulkhead') && entryPoint === undefined && args[0] === 'block';

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 };

/** `384Mi`, and compose's `384m`, which means the same. */
export function bytesIn(quantity: unknown): number | undefined {
  if (quantity === undefined) return undefined;
  const [, digits, unit = ''] = /^(\d+)(\w*)$/.exec(String(quantity)) ?? [];
  const factor = UNITS[unit];
  if (digits === undefined || factor === undefined) throw new Error(`${String(quantity)} is no amount of memory that this test knows`);
  return Number(digits) * factor;
}
