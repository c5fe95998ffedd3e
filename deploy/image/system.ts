// What of the operating system the image holds, and from which Debian packages that is: for the list of contents, and for the licences.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

export interface SystemPackage {
  readonly name: string;
  readonly version: string;
  /** e.g. `amd64` */
  readonly architecture: string;
  /** Its licence's text on this machine; undefined: there is none. */
  readonly copyright: string | undefined;
}

/** The packages that these files are from, each once. Empty where there is no dpkg. */
export function systemPackages(paths: readonly string[]): SystemPackage[] {
  if (!existsSync('/usr/bin/dpkg-query')) return [];
  return [...new Set(paths.map(owner))].filter((name) => name !== undefined).map((owned) => {
    const [version = '', architecture = ''] = query('-W', '-f', '${Version} ${Architecture}', owned).split(' ');
    const name = owned.split(':', 1)[0] as string;
    const copyright = `/usr/share/doc/${name}/copyright`;
    return { name, version, architecture, copyright: existsSync(copyright) ? copyright : undefined };
  });
}

/** dpkg knows a file by the path it was packed with; /lib has meanwhile become a link to /usr/lib. */
function owner(path: string): string | undefined {
  const moved = path.startsWith('/usr/') ? path.slice('/usr'.length) : `/usr${path}`;
  for (const known of [path, moved]) {
    const found = /^(.+): \//m.exec(attempt(known))?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

function attempt(path: string): string {
  try {
    return query('-S', path);
  } catch {
    return ''; // it is no package's, or not by this path
  }
}

function query(...args: string[]): string {
  return execFileSync('/usr/bin/dpkg-query', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
