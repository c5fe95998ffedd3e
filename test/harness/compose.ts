// Reads deploy/compose.yaml as a compose program would: merged, and with its variables filled in.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { bytesIn, type Container } from './described.ts';

export const COMPOSE_FILE = join(import.meta.dirname, '..', '..', 'deploy', 'compose.yaml');

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, { readonly driver_opts: Readonly<Record<string, string>> }>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
}

export interface ComposeService {
  readonly image: string;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly mem_limit?: string;
  readonly network_mode?: string;
  readonly networks?: readonly string[];
  readonly depends_on?: readonly string[];
  readonly [field: string]: unknown;
}

/** @param env what the shell has set */
export function readCompose(text: string = readFileSync(COMPOSE_FILE, 'utf8'), env: Readonly<Record<string, string>> = {}): ComposeFile {
  return parse(interpolate(text, env), { merge: true }) as ComposeFile;
}

/** `${NAME:-default}`, which is all that the file uses: a form without a default would depend on who calls. */
function interpolate(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{?[^}\s]*\}?/g, (all) => {
    const [, name, fallback] = /^\$\{([A-Z_]+):-([^}]*)\}$/.exec(all) ?? [];
    if (name === undefined || fallback === undefined) throw new Error(`${all} in compose.yaml has no default`);
    return env[name] === undefined || env[name] === '' ? fallback : env[name];
  });
}

export function containersIn({ services }: ComposeFile): Container[] {
  return Object.entries(services).map(([name, raw]): Container => ({
    where: `compose.yaml ${name}`, name, image: raw.image, raw, entryPoint: raw.entrypoint, args: raw.command ?? [], env: raw.environment ?? {},
    mounts: (raw.volumes ?? []).map((short) => {
      const [source = '', path = '', mode = 'rw'] = short.split(':');
      return { source, path, readOnly: mode === 'ro' };
    }),
    probes: raw.healthcheck === undefined ? [] : [raw.healthcheck.test.slice(1)],
    memoryLimit: bytesIn(raw.mem_limit),
  }));
}
