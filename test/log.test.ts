// Log lines: daprd's two forms to the letter, one line per record whatever is in it, and no secret in any.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../kernel/secret.ts';
import type { LogSettings } from '../proto/init.ts';
import { openLog, openLogFile, type Log, type LogOptions, type LogOutput } from '../proto/log.ts';
import { goQuote } from '../proto/quote.ts';

const SETTINGS: LogSettings = { level: 'info', json: false, appId: 'my-app', instance: 'host 1', version: '1.2.3' };
const NOW = new Date('2026-08-01T10:20:30.120Z');

/** Any code points, lone surrogates too. (fast-check's own units take a second to set up.) */
const anyText = fc.array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 20 }).map((codes) => String.fromCodePoint(...codes));

function capture(settings: Partial<LogSettings> = {}, options: LogOptions = {}): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const output: LogOutput = { write: (line) => lines.push(line) > 0 };
  return { log: openLog({ ...SETTINGS, ...settings }, { output, now: () => NOW, ...options }), lines };
}

describe('text lines', () => {
  it('are those of daprd', () => {
    const { log, lines } = capture();
    log.info({}, 'Component loaded: s (state.redis/v1)');
    expect(lines).toEqual(['time="2026-08-01T10:20:30.12Z" level=info msg="Component loaded: s (state.redis/v1)" app_id=my-app instance="host 1" scope=dapr.runtime type=log ver=1.2.3\n']);
  });

  it('quote as Go does', () => {
    const { log, lines } = capture();
    log.warn({ empty: '', count: 3, on: true, path: '/a/b@c^d+e', gone: undefined, scope: 'x.y' }, 'a "b"\nduplicate definition');
    expect(lines[0]).toContain(' level=warning msg="a \\"b\\"\\nduplicate definition" app_id=my-app count=3 empty= instance="host 1" on=true path=/a/b@c^d+e scope=x.y type=log');
    log.info({}, 'metric spec: {"increasedCardinality":false}');
    expect(lines[1]).toContain('increasedCardinality\\":false');
    expect(goQuote('é\u0000\u200b\u{1F600}\u{E0001}\x7f\\')).toBe('"é\\x00\\u200b\u{1F600}\\U000e0001\\x7f\\\\"');
  });

  it('carry bound fields and rename those that the line has already', () => {
    const { log, lines } = capture({}, { fields: { block: 'state' } });
    log.with({ component: 'a b', msg: 'x' }).error({ level: 1 }, 'm');
    expect(lines[0]).toMatch(/^time="[^"]*" level=error msg=m app_id=my-app block=state component="a b" fields\.level=1 fields\.msg=x instance/);
  });
});

describe('JSON lines', () => {
  it('have the same keys', () => {
    const { log, lines } = capture({ json: true });
    log.fatal({ size: 7, cause: new Error('boom'), deep: { a: [1n] } }, 'no "way"');
    expect(lines[0]?.endsWith('}\n')).toBe(true);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      time: '2026-08-01T10:20:30.12Z', level: 'fatal', msg: 'no "way"', app_id: 'my-app', cause: 'boom', deep: '{"a":["1"]}', instance: 'host 1', scope: 'dapr.runtime', size: 7, type: 'log', ver: '1.2.3',
    });
  });
});

describe('a logger', () => {
  it('leaves out what is below its level', () => {
    const { log, lines } = capture({ level: 'warn' });
    for (const level of ['debug', 'info', 'warn', 'error', 'fatal'] as const) log[level]({}, level);
    expect(lines).toHaveLength(3);
    expect(log.enabled('info')).toBe(false);
  });

  it('survives fields that throw, lack a text or go round in circles', () => {
    const { log, lines } = capture();
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    log.info({ circle, get bad() { throw new Error('no'); }, nothing: Object.create(null) as object, symbol: Symbol('s'), null: null, 'odd key\n=': 1 }, 'still here');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('msg="still here"');
    expect(lines[0]).toContain(' odd_key__=1 ');
  });

  it('cuts what a peer made long', () => {
    const { log, lines } = capture();
    log.info({ peer: 'x'.repeat(1_000_000) }, 'y'.repeat(1_000_000));
    expect(lines[0]?.length).toBeLessThan(70_000);
    expect(lines[0]).toContain('more characters');
  });

  it('never lets a token into a line, whatever carries it', () => {
    const token = anyText.map((text) => `${text}#"\\tok`);
    const around = fc.string({ maxLength: 10 });
    fc.assert(fc.property(token, around, around, fc.boolean(), (secret, before, after, json) => {
      const { log, lines } = capture({ json, appId: `${before}${secret}` }, { conceal: [secret] });
      const text = `${before}${secret}${after}`;
      log.with({ bound: text }).error({ text, list: [text], error: new Error(text), [text]: 1, wrapped: new Secret(secret), 'dapr-api-token': secret }, text);
      const line = lines[0] ?? '';
      for (const form of [secret, JSON.stringify(secret).slice(1, -1), goQuote(secret).slice(1, -1)]) expect(line.includes(form)).toBe(false);
      expect(line.indexOf('\n')).toBe(line.length - 1);
    }));
  });

  it('redacts sensitive fields without being told their values', () => {
    const { log, lines } = capture();
    log.info({ password: 'p', redisPassword: 'q', authorization: 'r', secretStore: 'vault', token: new Secret('s'), connectionString: 'u' }, 'm');
    expect(lines[0]).toMatch(/authorization="\[redacted\]" connectionString="\[redacted\]".* password="\[redacted\]" redisPassword="\[redacted\]" .*secretStore=vault token="\[redacted\]"/);
  });

  it('writes one parsable line for any record', () => {
    const value = fc.oneof(anyText, fc.anything());
    fc.assert(fc.property(fc.dictionary(fc.string(), value), anyText, (fields, text) => {
      const json = capture({ json: true });
      json.log.info(fields, text);
      expect(JSON.parse(json.lines[0] ?? '')).toMatchObject({ level: 'info', type: 'log' });
      const plain = capture();
      plain.log.info(fields, text);
      expect(plain.lines[0]).toMatch(/^time="[^"]+" level=info msg=.*\n$/);
    }), { numRuns: 500 });
  });

  it('counts lost lines and says so when lines get through again', () => {
    const lines: string[] = [];
    let open = false;
    const { log } = capture({}, { output: { write: (line) => open && lines.push(line) > 0 } });
    log.info({}, 'one');
    log.info({}, 'two');
    open = true;
    log.info({}, 'three');
    log.info({}, 'four');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain('2 log lines were lost');
  });
});

describe('outputs', () => {
  it('append to a file that only its owner may read', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'bulkhead-log-')), 'log');
    for (const text of ['one', 'two']) openLog(SETTINGS, { output: openLogFile(path) }).info({}, text);
    expect(readFileSync(path, 'utf8').match(/msg=\w+/g)).toEqual(['msg=one', 'msg=two']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(() => openLogFile('/does/not/exist')).toThrow('ENOENT');
  });

  const script = (body: string) => `
    import { openLog } from ${JSON.stringify(join(import.meta.dirname, '../proto/log.ts'))};
    const log = openLog(${JSON.stringify(SETTINGS)});
    ${body}`;
  const start = (body: string) => spawn(process.execPath, ['--input-type=module-typescript', '-e', script(body)], { stdio: ['ignore', 'pipe', 'pipe'] });

  it('outlive their reader', async () => {
    const child = start(`
      log.info({}, 'first');
      setTimeout(() => { for (let i = 0; i < 100; i++) log.info({}, 'more'); process.exit(7); }, 100);`);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const [code] = await once(child, 'exit') as [number];
    expect(code).toBe(7);
  });

  it('lose nothing to a reader that is merely slow', async () => {
    const child = start(`for (let i = 0; i < 2000; i++) log.info({ i }, 'x'.repeat(200));`);
    let text = '';
    const slow = new Writable({ highWaterMark: 1, write: (chunk: Buffer, _, done) => { text += chunk.toString(); setTimeout(done, 1); } });
    child.stdout.pipe(slow);
    await once(slow, 'finish');
    expect(text.match(/ i=\d+ /g)).toHaveLength(2_000);
  });
});
