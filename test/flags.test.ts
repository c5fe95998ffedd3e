// The command line: daprd's flags as daprd reads them, our own, the exit codes, and that nothing typed crashes it.
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCommandLine, type CommandLine, type Config } from '../kernel/config.ts';
import { parseCsv } from '../kernel/flag.ts';
import { FLAGS } from '../kernel/flags.ts';
import { Secret } from '../kernel/secret.ts';
import { nearest } from '../kernel/suggest.ts';
import { formatDurationMs, InvalidDuration, parseDurationMs } from '../proto/duration.ts';
import { formatQuantity, InvalidQuantity, parseQuantity } from '../proto/quantity.ts';

const BLOCKS = { blocks: ['state', 'pubsub'] };

/** Any code points, lone surrogates too. (fast-check's own units take a second to set up.) */
const anyText = fc.array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 20 }).map((codes) => String.fromCodePoint(...codes));

function served(argv: readonly string[], env: Record<string, string> = {}): Config {
  const answer = parseCommandLine(argv, env, BLOCKS);
  if ('exit' in answer) throw new Error(`exit ${answer.exit}: ${answer.fatal?.text ?? answer.stderr?.split('\n').at(-2) ?? ''}`);
  return answer.config;
}

function ended(argv: readonly string[]): Extract<CommandLine, { exit: number }> {
  const answer = parseCommandLine(argv, {}, BLOCKS);
  if (!('exit' in answer)) throw new Error('the command line was accepted');
  return answer;
}

const lastLine = (argv: readonly string[]) => ended(argv).stderr?.trimEnd().split('\n').at(-1);

describe('flags', () => {
  it('has a quick start when nothing was asked for', () => {
    expect(served([])).toMatchObject({ quickStart: true, appId: 'bulkhead' });
    expect(served(['--dapr-http-port=3501'])).toMatchObject({ quickStart: true, appId: 'bulkhead', api: { httpPort: 3501 } });
    expect(served(['--app-id=a'])).toMatchObject({ quickStart: false, appId: 'a' });
    expect(ended(['--resources-path=/r']).fatal?.text).toBe('Fatal error from runtime: parameter app-id cannot be empty');
    expect(ended(['--app-id=']).fatal?.text).toBe('Fatal error from runtime: parameter app-id cannot be empty');
  });

  it("has daprd's defaults", () => {
    expect(served([])).toMatchObject({
      mode: 'standalone', shutdownMs: 5_000, blockShutdownMs: 0, reconcileMs: 60_000, initFailure: 'degrade', apiLogging: 'configured',
      api: { httpPort: 3500, grpcPort: 50001, internalGrpcPort: 0, publicPort: 0, listenAddresses: [], allowedOrigins: [], maxBodyBytes: 4_194_304, maxHeaderBytes: 4_096, h2c: true },
      app: { port: 0, protocol: 'http', address: '127.0.0.1', maxConcurrency: 0, health: { enabled: false, path: '/healthz', intervalMs: 5_000, timeoutMs: 500, threshold: 3 }, bindingOptionsTimeoutMs: 3_000, askConfig: true, askSubscriptions: true },
      log: { level: 'info', json: false, file: '' },
      metrics: { enabled: true, port: 9090, address: '0.0.0.0' },
      blocks: [{ name: 'state', isolation: 'process' }, { name: 'pubsub', isolation: 'process' }], holdMs: 5_000, ringBytes: 1_048_576, traceIpc: false,
    });
  });

  it('takes one dash or two, and a value behind an equals sign or a blank', () => {
    for (const argv of [['--app-id=a'], ['--app-id', 'a'], ['-app-id=a'], ['-app-id', 'a']]) expect(served(argv).appId).toBe('a');
    expect(served(['--app-id', 'a', '--app-max-concurrency', '-1']).app.maxConcurrency).toBe(0);
    expect(served(['--app-id==a=b']).appId).toBe('=a=b');
  });

  it('takes switches bare and with every spelling of a boolean', () => {
    expect(served(['--log-as-json']).log.json).toBe(true);
    for (const yes of ['1', 't', 'T', 'true', 'TRUE', 'True']) expect(served([`--log-as-json=${yes}`]).log.json).toBe(true);
    for (const no of ['0', 'f', 'F', 'false', 'FALSE', 'False']) expect(served([`--enable-metrics=${no}`]).metrics.enabled).toBe(false);
    expect(lastLine(['--log-as-json=yes'])).toBe('Error: invalid argument "yes" for "--log-as-json" flag: expected true or false');
    expect(lastLine(['--log-as-json', 'false'])).toContain('--log-as-json=false');
  });

  it('joins lists from CSV and repetition', () => {
    expect(served(['--app-id=a', '--config=1,2', '--config', '"a,""b",3']).configPaths).toEqual(['1', '2', 'a,"b', '3']);
    expect(served(['--app-id=a', '--resources-path=1', '--resources-path=2', '--components-path=3'])).toMatchObject({ resourcesPaths: ['1', '2'], resourcesFlag: 'resources-path' });
    expect(served(['--app-id=a', '--components-path=3'])).toMatchObject({ resourcesPaths: ['3'], resourcesFlag: 'components-path' });
  });

  it('keeps "not given" apart from false for API logging', () => {
    expect(served(['--enable-api-logging']).apiLogging).toBe('on');
    expect(served(['--enable-api-logging=false']).apiLogging).toBe('off');
  });

  it('accepts every flag that the integration framework passes', () => {
    const argv = ['--log-level=debug', '--app-id=a', '--app-protocol=http', '--dapr-grpc-port=1', '--dapr-http-port=2', '--dapr-internal-grpc-port=3',
      '--dapr-internal-grpc-listen-address=127.0.0.1', '--dapr-listen-addresses=127.0.0.1', '--dapr-public-port=4', '--dapr-public-listen-address=127.0.0.1',
      '--metrics-port=5', '--metrics-listen-address=127.0.0.1', '--profile-port=6', '--enable-app-health-check=false', '--app-health-probe-interval=0',
      '--app-health-threshold=0', '--mode=standalone', '--enable-mtls=false', '--enable-api-logging=true', '--enable-profiling', '--placement-host-address=x:1',
      '--scheduler-host-address=y:1', '--sentry-address=z:1', '--sentry-request-jwt-audiences=q', '--control-plane-address=w', '--control-plane-trust-domain=t',
      '--disable-builtin-k8s-secret-store', '--dapr-graceful-shutdown-seconds=0', '--dapr-block-shutdown-duration=180s', '--actors-disseminate-timeout=1s',
      '--hot-reload-reconcile-interval=1m', '--app-binding-options-timeout=2s', '--max-body-size=1Mi', '--allowed-origins=*', '--disable-init-endpoints=config,subscribe'];
    expect(served(argv)).toMatchObject({
      shutdownMs: 0, blockShutdownMs: 180_000, reconcileMs: 60_000, app: { askConfig: false, askSubscriptions: false, health: { intervalMs: 5_000, threshold: 3 } }, api: { allowedOrigins: ['*'] },
    });
  });

  it('ends with 2 and the usage when the line can\'t be read, naming what was probably meant', () => {
    const answer = ended(['--dapr-htp-port=1']);
    expect(answer.exit).toBe(2);
    expect(answer.stderr).toContain('Usage: bulkhead');
    expect(lastLine(['--dapr-htp-port=1'])).toBe('Error: unknown flag: --dapr-htp-port; did you mean --dapr-http-port?');
    expect(lastLine(['-zzzzzzzzzzzzzzzz'])).toBe('Error: unknown flag: -zzzzzzzzzzzzzzzz');
    expect(lastLine(['--app-id'])).toBe('Error: flag needs an argument: --app-id');
    expect(lastLine(['--app-max-concurrency=many'])).toContain('expected a whole number');
    expect(lastLine(['--dapr-block-shutdown-duration=5'])).toContain('time: missing unit in duration "5"');
    expect(lastLine(['--app-id=a', 'more'])).toBe('Error: unexpected argument "more"');
  });

  it('ends with 1 and a fatal record when a value can\'t be used', () => {
    const refusals: [string[], string][] = [
      [['--app-id=a.b'], 'Fatal error from runtime: parameter app-id cannot contain dots'],
      [['--app-id=a', '--dapr-http-port=x'], 'Fatal error from runtime: error parsing dapr-http-port flag: strconv.Atoi: parsing "x": invalid syntax'],
      [['--app-id=a', '--app-port=3500'], "Fatal error from runtime: the 'dapr-http-port' argument value 3500 conflicts with 'app-port'"],
      [['--app-id=a', '--app-port=50001'], "Fatal error from runtime: the 'dapr-grpc-port' argument value 50001 conflicts with 'app-port'"],
      [['--app-id=a', '--app-protocol=smtp'], "Fatal error from runtime: invalid value for 'app-protocol': smtp"],
      [['--app-id=a', '--app-health-probe-timeout=5001'], "Fatal error from runtime: value for 'health-probe-timeout' must be smaller than 'health-probe-interval'"],
      [['--app-id=a', '--actors-disseminate-timeout=0s'], 'Failed to parse flags: actors-disseminate-timeout must be greater than 0'],
      [['--app-id=a', '--max-body-size=0'], 'Failed to parse flags: max-body-size must be between 1 and 2147483647 bytes, not 0'],
      [['--app-id=a', '--log-level=loud'], 'invalid value for --log-level: loud'],
    ];
    for (const [argv, text] of refusals) expect(ended(argv)).toEqual({ exit: 1, fatal: { text, json: false } });
    expect(ended(['--app-id=a', '--max-body-size=4MB', '--log-as-json']).fatal).toMatchObject({ json: true, text: expect.stringMatching(/^Failed to parse flags: max-body-size: "4MB" is not a quantity/) });
    expect(ended(['--app-id=a', '--disable-init-endpoints=confg']).fatal?.text).toContain('allowed: config, subscribe');
  });

  it('prefers the new size flags to the deprecated ones, which it warns of', () => {
    expect(served(['--dapr-http-max-request-size=8']).api.maxBodyBytes).toBe(8 * 1024 * 1024);
    expect(served(['--dapr-http-max-request-size=8', '--max-body-size=1k']).api.maxBodyBytes).toBe(1_000);
    expect(served(['--dapr-http-read-buffer-size=16']).api.maxHeaderBytes).toBe(16 * 1024);
    expect(served(['--dapr-http-read-buffer-size=16']).warnings).toEqual(['Flag --dapr-http-read-buffer-size has been deprecated, use --read-buffer-size']);
    expect(served(['--app-ssl', '--app-protocol=grpc']).app.protocol).toBe('grpcs');
  });

  it('chooses blocks and their isolation', () => {
    expect(served(['--blocks=pubsub', '--isolation=monolith']).blocks).toMatchObject([{ name: 'pubsub', isolation: 'monolith' }]);
    expect(served(['--isolation', 'monolith', '--block', 'state=process']).blocks).toMatchObject([{ name: 'state', isolation: 'process' }, { name: 'pubsub', isolation: 'monolith' }]);
    expect(lastLine(['--blocks=stat'])).toBe('Error: invalid argument "stat" for "--blocks" flag: there is no block of that name; the blocks are state, pubsub');
    expect(lastLine(['--block=stat=process'])).toContain('the blocks are state, pubsub');
    expect(lastLine(['--block=state'])).toContain('expected <name>=<mode>');
    expect(lastLine(['--isolation=threads'])).toBe('Error: invalid argument "threads" for "--isolation" flag: expected one of monolith, thread, process');
    for (const size of ['3Mi', '1Ki', '512Mi', 'x']) expect(ended([`--ring-bytes=${size}`]).exit).toBe(2);
    expect(served(['--ring-bytes=64Ki']).ringBytes).toBe(65_536);
  });

  it('answers information requests and commands', () => {
    expect(ended(['--help'])).toMatchObject({ exit: 0, stdout: expect.stringContaining('--app-id') });
    expect(ended(['help']).stdout).toBe(ended(['-h']).stdout);
    expect(ended(['--version'])).toEqual({ exit: 0, stdout: 'edge\n' });
    expect(ended(['version'])).toEqual({ exit: 0, stdout: 'edge\n' });
    expect(ended(['--build-info']).stdout).toBe('Version: edge\nGit Commit: unknown\nGit Version: unknown\n');
    expect(parseCommandLine(['--wait', '--dapr-http-port=1'], {})).toMatchObject({ command: 'wait' });
    expect(parseCommandLine(['serve', '--app-id=a'], {})).toMatchObject({ command: 'serve' });
    expect(parseCommandLine(['./daprd', '--app-id=a'], {})).toMatchObject({ command: 'serve' });
    expect(ended(['sevre'])).toMatchObject({ exit: 2, stderr: expect.stringContaining('did you mean serve?') });
  });

  it('shows every flag in the usage, except hidden ones', () => {
    const page = ended(['help']).stdout ?? '';
    for (const [name, flag] of Object.entries(FLAGS)) expect(page.includes(`  --${name}`)).toBe(!flag.hidden);
    expect(Math.max(...page.split('\n').map((line) => line.length))).toBeLessThanOrEqual(110);
  });

  it('reads the environment, and never shows a token', () => {
    const config = served([], { DAPR_API_TOKEN: 'tok-1-tok', APP_API_TOKEN: 'tok-2-tok', NAMESPACE: 'ns', POD_NAME: 'pod', DAPR_ENV_KEYS: 'A  B', DAPR_HTTP_DISABLE_H2C: 'TRUE' });
    expect(config).toMatchObject({ namespace: 'ns', podName: 'pod', envKeys: ['A', 'B'], api: { h2c: false } });
    expect(config.api.token.reveal()).toBe('tok-1-tok');
    expect(config.api.token.matches('tok-1-tok')).toBe(true);
    expect(config.api.token.matches('tok-1-toc')).toBe(false);
    expect(new Secret('').matches('')).toBe(false);
    for (const shown of [inspect(config, { depth: 9, showHidden: true }), JSON.stringify(config), `${config.api.token}`, String(config.app.token)]) expect(shown).not.toMatch(/tok-\d-tok/);
  });

  it('answers any command line', () => {
    const word = fc.oneof(
      fc.constantFrom(...Object.keys(FLAGS)).map((name) => `--${name}`),
      fc.tuple(fc.constantFrom('-', '--', ''), fc.constantFrom(...Object.keys(FLAGS), 'x', ''), fc.constantFrom('', '='), fc.string()).map((parts) => parts.join('')),
      fc.constantFrom('__proto__', '--__proto__', '--constructor=1', '--', '-', '--=', '-1', '1e9', '5s', '0', 'state=process'),
      fc.string(),
    );
    fc.assert(fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
      const answer = parseCommandLine(argv, {}, BLOCKS);
      if (!('exit' in answer)) return;
      expect([0, 1, 2]).toContain(answer.exit);
      expect((answer.stdout ?? answer.stderr ?? answer.fatal?.text ?? '').length).toBeGreaterThan(0);
      if (answer.exit === 2) expect(answer.stderr?.trimEnd().split('\n').at(-1)).toMatch(/^Error: /);
    }), { numRuns: 1_000 });
  });
});

describe('CSV', () => {
  it('reads what it writes', () => {
    const field = fc.string().filter((text) => text !== '');
    fc.assert(fc.property(fc.array(field, { minLength: 1, maxLength: 5 }), (fields) => {
      expect(parseCsv(fields.map((text) => `"${text.replaceAll('"', '""')}"`).join(','))).toEqual(fields);
    }));
  });
});

describe('suggestions', () => {
  it('finds a word that is near and none that is far', () => {
    expect(nearest('satte', ['state', 'pubsub'])).toBe('state');
    expect(nearest('kafka', ['state', 'pubsub'])).toBeUndefined();
    expect(nearest('x'.repeat(1_000_000), ['state'])).toBeUndefined();
  });
});

describe('durations', () => {
  it("reads Go's notation", () => {
    const cases: [string, number][] = [['0', 0], ['5s', 5_000], ['1h2m3.5s', 3_723_500], ['-1.5h', -5_400_000], ['500ms', 500], ['.5s', 500], ['1.s', 1_000], ['10us', 0.01], ['+3m', 180_000], ['1µs', 0.001], ['1μs', 0.001]];
    for (const [text, milliseconds] of cases) expect(parseDurationMs(text)).toBe(milliseconds);
  });

  it("refuses in Go's words", () => {
    const cases: [string, string][] = [['', 'time: invalid duration ""'], ['5', 'time: missing unit in duration "5"'], ['5d', 'time: unknown unit "d" in duration "5d"'], ['.s', 'time: invalid duration ".s"'], ['s', 'time: invalid duration "s"'], ['1 s', 'time: unknown unit " s" in duration "1 s"'], ['9999999999h', 'time: invalid duration "9999999999h"'], ['1constructor', 'time: unknown unit "constructor" in duration "1constructor"']];
    for (const [text, message] of cases) expect(() => parseDurationMs(text)).toThrow(message);
  });

  it('prints as Go does', () => {
    const cases: [number, string][] = [[0, '0s'], [2_000, '2s'], [180_000, '3m0s'], [500, '500ms'], [1_500, '1.5s'], [3_600_000, '1h0m0s'], [0.001, '1µs'], [-90_000, '-1m30s'], [1e-6, '1ns']];
    for (const [milliseconds, text] of cases) expect(formatDurationMs(milliseconds)).toBe(text);
  });

  it('reads back what it printed', () => {
    fc.assert(fc.property(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), (milliseconds) => {
      expect(parseDurationMs(formatDurationMs(milliseconds)) - milliseconds).toBe(0);
    }));
  });

  it('answers any text', () => {
    const text = fc.oneof(anyText, fc.array(fc.constantFrom('1', '9', '.', '-', '+', 'h', 'm', 's', 'ms', 'µ', 'e', ' ')).map((parts) => parts.join('')));
    fc.assert(fc.property(text, (given) => {
      try {
        expect(parseDurationMs(given)).not.toBeNaN();
      } catch (cause) {
        expect(cause).toBeInstanceOf(InvalidDuration);
      }
    }), { numRuns: 1_000 });
  });
});

describe('quantities', () => {
  it("reads Kubernetes' notation", () => {
    const cases: [string, number][] = [['4Mi', 4_194_304], ['1k', 1_000], ['1.5Ki', 1_536], ['1500m', 2], ['2e3', 2_000], ['1E', 1e18], ['.5Gi', 536_870_912], ['-3', -3], ['0', 0], ['1e-3', 1], ['+7', 7]];
    for (const [text, value] of cases) {
      if (Number.isSafeInteger(value)) expect(parseQuantity(text)).toBe(value);
      else expect(() => parseQuantity(text)).toThrow(InvalidQuantity);
    }
  });

  it('refuses what is none', () => {
    for (const text of ['', '.', 'Mi', '4MB', '4 Mi', '1e', '1e99999', '0x10', '1,5', '9'.repeat(100), '1Ei', '--1']) expect(() => parseQuantity(text)).toThrow(InvalidQuantity);
  });

  it('reads back what it printed', () => {
    expect(formatQuantity(4_194_304)).toBe('4Mi');
    fc.assert(fc.property(fc.maxSafeInteger(), (value) => {
      expect(parseQuantity(formatQuantity(value)) - value).toBe(0);
    }));
  });

  it('answers any text', () => {
    const text = fc.oneof(anyText, fc.array(fc.constantFrom('1', '9', '.', '-', '+', 'K', 'i', 'm', 'M', 'E', 'e')).map((parts) => parts.join('')));
    fc.assert(fc.property(text, (given) => {
      try {
        expect(Number.isSafeInteger(parseQuantity(given))).toBe(true);
      } catch (cause) {
        expect(cause).toBeInstanceOf(InvalidQuantity);
      }
    }), { numRuns: 1_000 });
  });
});
