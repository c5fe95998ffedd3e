// Linux programs: which shared libraries one needs, and a copy of it without what only a debugger reads.
import { execFileSync } from 'node:child_process';

/** Where a 64-bit header keeps what is read or written here; all numbers are little-endian (the ELF specification's Elf64_Ehdr and Elf64_Phdr). */
const HEADER = { class: 4, order: 5, programs: 0x20, sections: 0x28, programSize: 0x36, programCount: 0x38, sectionCount: 0x3c, sectionNames: 0x3e };
const PROGRAM = { type: 0, offset: 8, fileBytes: 0x20 };
const INTERPRETER = 3;

interface Segment {
  readonly type: number;
  /** Bytes from the begin of the file. */
  readonly start: number;
  readonly end: number;
}

/**
 * The program without its section headers and what lies behind the last segment that is loaded: the symbol table, which is a fifth of Node's
 * binary. It runs as before; a native debugger no longer knows its functions' names.
 * @throws Error when it is no program for 64-bit Linux
 */
export function withoutSymbols(program: Buffer): Buffer {
  const end = Math.max(...segments(program).map((one) => one.end));
  const trimmed = Buffer.from(program.subarray(0, end));
  trimmed.writeBigUInt64LE(0n, HEADER.sections);
  trimmed.writeUInt16LE(0, HEADER.sectionCount);
  trimmed.writeUInt16LE(0, HEADER.sectionNames);
  return trimmed;
}

/** The path of the loader that starts it; undefined for a library. @throws Error when it is no program for 64-bit Linux */
export function interpreterOf(program: Buffer): string | undefined {
  const found = segments(program).find(({ type }) => type === INTERPRETER);
  return found === undefined ? undefined : program.toString('latin1', found.start, found.end - 1); // it ends with a zero
}

/** What the loader would load for it, itself included: paths on this machine. @throws Error naming a library that is not there */
export function librariesOf(path: string, loader: string): string[] {
  const listed = execFileSync(loader, ['--list', path], { encoding: 'utf8' });
  const missing = /^\s*(\S+) => not found/m.exec(listed)?.[1];
  if (missing !== undefined) throw new Error(`${path} needs ${missing}, which is not installed on this machine`);
  return [loader, ...Array.from(listed.matchAll(/=> (\/\S+) \(0x/g), ([, library = '']) => library)];
}

function segments(program: Buffer): Segment[] {
  const fits = program.length > 64 && program.readUInt32BE(0) === 0x7f454c46 && program[HEADER.class] === 2 && program[HEADER.order] === 1;
  if (!fits) throw new Error('it is no program for 64-bit Linux on a little-endian machine');
  const first = Number(program.readBigUInt64LE(HEADER.programs));
  const bytes = program.readUInt16LE(HEADER.programSize);
  return Array.from({ length: program.readUInt16LE(HEADER.programCount) }, (_, index) => {
    const at = first + index * bytes;
    const start = Number(program.readBigUInt64LE(at + PROGRAM.offset));
    return { type: program.readUInt32LE(at + PROGRAM.type), start, end: start + Number(program.readBigUInt64LE(at + PROGRAM.fileBytes)) };
  });
}
