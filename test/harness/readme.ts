// README.md as its readers follow it: the commands under a heading.
import { readFileSync } from 'node:fs';

/** The texts of all ```sh blocks between `## <heading>` and the next heading of its rank. @throws Error where there are none */
export function commandsUnder(heading: string): string[] {
  const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, section = ''] = text.split(`\n## ${heading}\n`);
  const blocks = Array.from((section.split('\n## ', 1)[0] ?? '').matchAll(/^```sh\n(.*?)^```$/gms), ([, commands = '']) => commands);
  if (blocks.length === 0) throw new Error(`README.md has no commands under "## ${heading}"`);
  return blocks;
}
