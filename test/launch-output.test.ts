// What a block says: whole lines, at a rate, as log lines; and what that costs the kernel, which has others to look after.
import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ChildOutput } from '../kernel/output.ts';
import { LINE_RATE, LineLimit } from '../proto/line-limit.ts';
import { SpokenLines } from '../proto/spoken-lines.ts';
import { eventually } from './harness/awaiting.ts';
import { Launched } from './harness/launched.ts';

const TEXT = 'time="2026-01-02T03:04:05Z" level=info msg=hello app_id=app';
const JSON_LINE = '{"level":"info","time":"2026-01-02T03:04:05Z","msg":"hello"}';

interface Said {
  readonly level: string;
  readonly text: string;
}

/** Takes what is written; `lines` are passed on as they are, `said` becomes log lines. */
function listener(json = false, rate = LINE_RATE, now = () => 0) {
  const lines: string[] = [];
  const said: Said[] = [];
  const at = (level: string) => (_fields: object, text: string): void => void said.push({ level, text });
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), fatal: at('fatal'), enabled: () => true, with: () => log };
  const dropped: number[] = [];
  const limit = new LineLimit((count) => dropped.push(count), rate, now);
  const spoken = (level: 'info' | 'error'): SpokenLines => new SpokenLines({ level, json, output: { write: (line) => (lines.push(line), true) }, log, limit });
  return { lines, said, dropped, limit, log, stdout: spoken('info'), stderr: spoken('error') };
}

describe('lines of a block', () => {
  it('go on as they are when they are log lines, however they are cut into pieces', () => {
    const { stdout, lines, said } = listener();
    for (const byte of Buffer.from(`${TEXT}\n${TEXT} error="ein Stück"\n`)) stdout.write(Buffer.of(byte));
    expect(lines).toEqual([`${TEXT}\n`, `${TEXT} error="ein Stück"\n`]);
    expect(said).toEqual([]);
  });

  it.each([
    [false, JSON_LINE], [true, TEXT], [true, `${JSON_LINE}}`], [true, JSON_LINE.slice(0, -1)], [false, `${TEXT}\u001b[2J`], [false, `\t${TEXT}`], [true, '{"level":"info", nothing'],
  ])('become log lines when they are none (JSON: %s): %s', (json, line) => {
    const { stdout, stderr, lines, said } = listener(json);
    stdout.write(Buffer.from(`${line}\n`));
    stderr.write(Buffer.from(`${line}\n`));
    expect(lines).toEqual([]);
    expect(said).toEqual([{ level: 'info', text: line }, { level: 'error', text: line }]);
  });

  it('are warnings where Node warns, and nothing where there is nothing', () => {
    const { stderr, said } = listener();
    stderr.write(Buffer.from('(node:17) ExperimentalWarning: news\n(Use `node --trace-warnings ...` to show where the warning was created)\n\n   \r\nthe end'));
    stderr.end();
    expect(said.map(({ level, text }) => `${level} ${text}`)).toEqual(['warn (node:17) ExperimentalWarning: news', 'warn (Use `node --trace-warnings ...` to show where the warning was created)', 'error the end']);
  });

  it('are cut where they are too long, and the next one is whole', () => {
    const { stdout, said, lines } = listener();
    const long = Buffer.alloc(300_000, 'x');
    for (let at = 0; at < long.length; at += 7_777) stdout.write(long.subarray(at, at + 7_777));
    stdout.write(Buffer.from(`\n${TEXT}\n`));
    expect(said).toEqual([{ level: 'info', text: `${'x'.repeat(65_536)}… (cut)` }]);
    expect(lines).toEqual([`${TEXT}\n`]);
  });

  it('have a burst and a rate; what is above is counted and said', () => {
    let now = 0;
    const { stdout, lines, limit, dropped } = listener(false, { burstLines: 10, burstBytes: 1 << 20, linesPerSecond: 5, bytesPerSecond: 1 << 20 }, () => now);
    const many = Buffer.from(`${TEXT}\n`.repeat(100));
    expect(stdout.write(many)).toBe(false);
    expect(lines).toHaveLength(10);
    now += 1_000;
    expect(stdout.write(many)).toBe(false);
    expect(lines).toHaveLength(15);
    now += 3_600_000;
    expect(stdout.write(Buffer.from(`${TEXT}\n`))).toBe(true);
    limit.settle();
    limit.settle();
    expect(dropped).toEqual([185]);
  });

  it('have a limit of bytes, too', () => {
    const { stdout, said } = listener(false, { ...LINE_RATE, burstBytes: 10_000 });
    for (let i = 0; i < 20; i++) stdout.write(Buffer.from(`${'y'.repeat(999)}\n`));
    expect(said).toHaveLength(10);
  });
});

describe('the end of what a process says', () => {
  const open = () => {
    const { lines, said, log } = listener();
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    return { stdout, stderr, lines, said, output: new ChildOutput(stdout, stderr, { name: 'state', json: false, output: { write: (line) => (lines.push(line), true) }, log }) };
  };

  it('is there in whole, with the last lines of standard error', async () => {
    const { stdout, stderr, output, lines, said } = open();
    stdout.end(`${TEXT}\n${TEXT}`);
    stderr.end(Array.from({ length: 50 }, (_, i) => `line ${i}`).join('\n'));
    expect(await output.rest()).toBe(Array.from({ length: 20 }, (_, i) => `line ${i + 30}`).join('\n'));
    expect(lines).toEqual([`${TEXT}\n`, `${TEXT}\n`]);
    expect(said).toHaveLength(50);
  });

  it('names what was fatal, whatever was said after it', async () => {
    const { stdout, stderr, output } = open();
    stdout.end();
    stderr.end(`before\nFATAL ERROR: heap out of memory\n${' 1: 0xb7a940 node::Abort() [node]\n'.repeat(30)}`);
    const said = await output.rest();
    expect(said.split('\n')).toHaveLength(20);
    expect(said.startsWith('FATAL ERROR: heap out of memory\n')).toBe(true);
  });

  it('is not waited for where somebody else holds the pipe', async () => {
    const { stderr, output } = open();
    stderr.write('alone');
    expect(await output.rest()).toBe('alone');
    expect(stderr.destroyed).toBe(true);
  });

  it('is its end also after a flood', async () => {
    const { stdout, stderr, output } = open();
    stdout.end();
    for (let i = 0; i < 10_000; i++) stderr.write(`line ${i}\n`);
    stderr.end('x'.repeat(100_000));
    expect((await output.rest()).split('\n').slice(-2)).toEqual(['line 9999', 'x'.repeat(400)]);
  });
});

describe('a flood of lines', () => {
  it('is read in pieces, with turns for others in between', async () => {
    const { lines, log } = listener();
    const piece = Buffer.from(`${'z'.repeat(127)}\n`.repeat(512));
    let pieces = 0;
    const endless = new Readable({ read() { pieces++; this.push(piece); } });
    const output = new ChildOutput(endless, new PassThrough(), { name: 'state', json: false, output: { write: (line) => (lines.push(line), true) }, log });
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => void setImmediate(resolve));
    const before = pieces;
    const began = performance.now();
    let turns = 0;
    for (; pieces - before < 10; turns++) await new Promise((resolve) => void setImmediate(resolve)); // it goes on
    expect(turns).toBeGreaterThanOrEqual(10 / 2); // two at a time at most: what the stream has read ahead, and the next
    expect(performance.now() - began).toBeGreaterThan(10 / 2 - 1); // and a pause after them
    endless.destroy();
    await output.rest();
  });

  it('from a process costs no memory, stops neither it nor the kernel, and ends as lines that were too many', async () => {
    const before = process.memoryUsage.rss();
    const launched = new Launched('process', { code: `
      const line = Buffer.from("${'z'.repeat(127)}\\n".repeat(512)); const fs = process.getBuiltinModule('node:fs');
      let turns = 0; const flood = () => { for (let i = 0; i < 4; i++) fs.writeSync(1, line); turns++; setImmediate(flood); }; flood();
      setTimeout(() => { fs.writeSync(2, 'turns ' + turns + '\\n'); process.exit(3); }, 1200);` });
    let ticks = 0;
    const clock = setInterval(() => ticks++, 10);
    const { reason, said, lines } = await launched.end();
    clearInterval(clock);
    expect({ reason, said }).toEqual({ reason: 'exit code 3', said: expect.stringMatching(/^turns \d+$/) });
    expect(Number(said.slice(6))).toBeGreaterThan(10); // of 256 KiB each
    expect(ticks).toBeGreaterThan(20);
    const dropped = lines.flatMap((line) => /msg="the state block wrote (\d+) lines too many; they were dropped"/.exec(line)?.slice(1) ?? []).map(Number);
    expect(dropped.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(10_000);
    expect(lines.filter((line) => line.includes('zzzz')).length).toBeLessThan(LINE_RATE.burstLines + 10 * LINE_RATE.linesPerSecond);
    expect(lines.every((line) => line.startsWith('time="'))).toBe(true);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 2 ** 20);
  });

  it.each(['thread', 'process'] as const)('that a driver prints with console.log is limited, in a %s', async (mode) => {
    const launched = new Launched(mode, { json: true, code: 'for (let i = 0; i < 5_000; i++) console.log("here I am", i); console.error("and there"); setTimeout(() => process.exit(4), 50);' });
    const { lines, reason } = await launched.end();
    expect(reason).toBe('exit code 4');
    const records = lines.map((line) => JSON.parse(line) as { msg: string; level: string; block: string });
    expect(records[0]).toMatchObject({ msg: 'here I am 0', level: 'info', block: 'state' });
    expect(records.length).toBeGreaterThanOrEqual(LINE_RATE.burstLines);
    expect(records.length).toBeLessThan(4_900);
  });

  it.each(['thread', 'process'] as const)('is over when it is over: what is said later is heard, in a %s', async (mode) => {
    const launched = new Launched(mode, { name: 'state/orders', code: 'process.stdout.write("flood\\n".repeat(4_000)); setTimeout(() => console.error("late"), 1_200);' });
    await eventually('the late line is there', () => launched.lines.some((line) => line.includes('level=error msg=late') && line.includes('block=state/orders')));
    await eventually('the dropped ones were counted', () => launched.lines.some((line) => /level=warning msg="the state\/orders block wrote \d+ lines too many/.test(line)));
    await launched.kill();
  });
});
