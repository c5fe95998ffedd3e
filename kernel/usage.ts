// The usage: the flag table as a page to read.
import { formatDurationMs } from '../proto/duration.ts';
import type { AnyFlag, FlagTable } from './flag.ts';
import { FLAGS } from './flags.ts';

const WIDTH = 110;
const INDENT = 8;

/** The sidecar's. */
export function usage(): string {
  return usageOf(FLAGS, `Usage: bulkhead [serve|version|help] [flags]
       bulkhead block <name> --listen <address> [flags]   serves one block to kernels elsewhere
       bulkhead probe <address> [flags]                   asks whether such a block answers

Without flags: a sidecar with a component of each kind, in memory or in .bulkhead/, for a quick start.
`);
}

/** @param head what stands before the flags. */
export function usageOf(table: FlagTable, head: string): string {
  const groups = new Map<string, string[]>();
  for (const [name, flag] of Object.entries(table)) {
    if (flag.hidden) continue;
    const lines = groups.get(flag.group) ?? [];
    groups.set(flag.group, lines);
    lines.push(`  --${name}${flag.noun === '' ? '' : ` <${flag.noun}>`}`, ...wrapped(`${flag.help}${note(flag)}`));
  }
  return [head, ...[...groups].map(([group, lines]) => `${group}:\n${lines.join('\n')}\n`)].join('\n');
}

function note({ value, deprecated, noun }: Pick<AnyFlag, 'value' | 'deprecated' | 'noun'>): string {
  if (deprecated !== '') return ` (deprecated: use ${deprecated})`;
  const isUnset = value === '' || value === false || (noun === 'duration' && value === 0) || (Array.isArray(value) && value.length === 0);
  if (isUnset) return '';
  return ` (default: ${noun === 'duration' && typeof value === 'number' ? formatDurationMs(value) : String(value)})`;
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && INDENT + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((one) => ' '.repeat(INDENT) + one);
}
