// Shows what is in bench/results/modes.json once more: as Markdown for a page, or as the text and the plot, made anew.
//
//   node bench/modes-report.ts [--write] [modes.json]
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownFor, readResults, writeResults } from './modes/output.ts';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { write: { type: 'boolean', default: false } } });
const file = resolve(positionals[0] ?? join(import.meta.dirname, 'results', 'modes.json'));
const results = readResults(file);
if (values.write) writeResults(dirname(file), results);
else process.stdout.write(markdownFor(results));
