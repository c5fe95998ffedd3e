// How every benchmark shows and keeps its figures: one table on the terminal, one JSON file in bench/results.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

export type Cell = string | number | undefined;
export type Row = Readonly<Record<string, Cell>>;

const FOLDER = join(import.meta.dirname, 'results');

/** Prints rows under the names of the first one's members. Numbers stand right, with as many digits as they mean. */
export function printTable(title: string, rows: readonly Row[]): void {
  process.stdout.write(tableText(title, rows));
}

/** The same as a text. */
export function tableText(title: string, rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const text = rows.map((row) => columns.map((column) => show(row[column])));
  const widths = columns.map((column, i) => Math.max(column.length, ...text.map((cells) => (cells[i] as string).length)));
  const isNumber = columns.map((column) => rows.every((row) => typeof row[column] !== 'string'));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (isNumber[i] ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number))).join('  ').trimEnd();
  return `\n${title}\n\n${[line(columns), line(widths.map((width) => '-'.repeat(width))), ...text.map(line)].join('\n')}\n`;
}

/** Writes bench/results/<name>.json: the rows and what they were measured on. */
export function writeResult(name: string, rows: readonly Row[], notes: Row = {}): void {
  mkdirSync(FOLDER, { recursive: true });
  const machine = { node: process.version, platform: `${process.platform} ${process.arch}`, cpu: cpus()[0]?.model.trim() ?? 'unknown', cpus: cpus().length };
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify({ at: new Date().toISOString(), machine, notes, rows }, undefined, 2)}\n`);
}

/** Writes bench/results/<name>.txt: what was printed. */
export function writeText(name: string, text: string): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, `${name}.txt`), text);
}

function show(cell: Cell): string {
  if (cell === undefined) return '';
  if (typeof cell === 'string') return cell;
  if (Number.isInteger(cell)) return cell.toLocaleString('en');
  return cell.toFixed(Math.abs(cell) < 10 ? 2 : Math.abs(cell) < 100 ? 1 : 0);
}
