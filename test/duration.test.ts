// Go durations: vectors from Go's documented behaviour, and properties.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, formatDurationMs, InvalidDuration, parseDuration, parseDurationMs } from '../proto/duration.ts';

const SECOND = 1_000_000_000n;
const LIMIT = 1n << 63n;

describe('parseDuration', () => {
  it.each<[string, bigint]>([
    ['0', 0n], ['+0', 0n], ['-0', 0n], ['0s', 0n],
    ['5s', 5n * SECOND], ['30s', 30n * SECOND], ['1478s', 1478n * SECOND], ['-5s', -5n * SECOND], ['+5s', 5n * SECOND],
    ['5.s', 5n * SECOND], ['.5s', SECOND / 2n], ['1.004s', 1_004_000_000n], ['100.00100s', 100_001_000_000n],
    ['10ns', 10n], ['11us', 11_000n], ['12µs', 12_000n], ['12μs', 12_000n], ['13ms', 13_000_000n], ['14m', 840n * SECOND], ['16h', 57_600n * SECOND],
    ['3h30m', 12_600n * SECOND], ['10.5s4m', 250_500_000_000n], ['-2m3.4s', -123_400_000_000n],
    ['1h15m30.918273645s', 4_530_918_273_645n], ['1h2m3s4ms5us6ns', 3_723_004_005_006n],
    ['0.100000000000000000000h', 360n * SECOND], ['9223372036854775807ns', LIMIT - 1n], ['-2562047h47m16.854775808s', -LIMIT], ['0.9ns', 0n],
  ])('reads %s', (text, nanoseconds) => expect(parseDuration(text)).toBe(nanoseconds));

  it.each<[string, string]>([
    ['', 'time: invalid duration ""'], ['-', 'time: invalid duration "-"'], ['s', 'time: invalid duration "s"'], ['.', 'time: invalid duration "."'],
    ['-.s', 'time: invalid duration "-.s"'], ['3', 'time: missing unit in duration "3"'], ['1h30', 'time: missing unit in duration "1h30"'],
    ['1d', 'time: unknown unit "d" in duration "1d"'], ['1 s', 'time: unknown unit " s" in duration "1 s"'], ['5S', 'time: unknown unit "S" in duration "5S"'],
    ['9223372036854775808ns', 'time: invalid duration "9223372036854775808ns"'], ['3000000h', 'time: invalid duration "3000000h"'], ['1constructor', 'time: unknown unit "constructor" in duration "1constructor"'],
  ])('refuses %j with the text of Go', (text, message) => {
    expect(() => parseDuration(text)).toThrow(new InvalidDuration(message));
  });

  it('refuses a text too long to be honest without computing it', () => {
    expect(() => parseDuration(`${'9'.repeat(100_000)}s`)).toThrow(InvalidDuration);
  });

  it('gives milliseconds with their fraction', () => {
    expect(parseDurationMs('1m30.5s')).toBe(90_500);
    expect(parseDurationMs('-1.5ms')).toBe(-1.5);
    expect(parseDurationMs('250us')).toBe(0.25);
  });
});

describe('formatDuration', () => {
  it.each<[bigint, string]>([
    [0n, '0s'], [1n, '1ns'], [1_100n, '1.1µs'], [2_200_000n, '2.2ms'], [3_300_000_000n, '3.3s'], [245n * SECOND, '4m5s'], [245_001_000_000n, '4m5.001s'],
    [18_367_001_000_000n, '5h6m7.001s'], [480_000_000_001n, '8m0.000000001s'], [180n * SECOND, '3m0s'], [3600n * SECOND, '1h0m0s'], [-90n * SECOND, '-1m30s'],
    [LIMIT - 1n, '2562047h47m16.854775807s'], [-LIMIT, '-2562047h47m16.854775808s'],
  ])('writes %d ns', (nanoseconds, text) => expect(formatDuration(nanoseconds)).toBe(text));

  it('writes milliseconds', () => {
    expect(formatDurationMs(1500)).toBe('1.5s');
    expect(formatDurationMs(0.25)).toBe('250µs');
    expect(formatDurationMs(-180_000)).toBe('-3m0s');
  });

  it('is read back as the same duration, whatever it is', () => {
    fc.assert(fc.property(fc.bigInt({ min: -LIMIT, max: LIMIT - 1n }), (nanoseconds) => parseDuration(formatDuration(nanoseconds)) === nanoseconds));
  });
});

describe('any sum of parts', () => {
  const units = { ns: 1n, us: 1_000n, ms: 1_000_000n, s: SECOND, m: 60n * SECOND, h: 3600n * SECOND };
  const part = fc.record({ count: fc.nat(10_000), unit: fc.constantFrom<keyof typeof units>('ns', 'us', 'ms', 's', 'm', 'h') });

  it('adds up, in any order, with either sign', () => {
    fc.assert(fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), fc.boolean(), (parts, negative) => {
      const sum = parts.reduce((total, { count, unit }) => total + BigInt(count) * units[unit], 0n);
      const text = parts.map(({ count, unit }) => `${count}${unit}`).join('');
      expect(parseDuration(`${negative ? '-' : ''}${text}`)).toBe(negative ? -sum : sum);
    }));
  });

  it('survives any text: a duration or InvalidDuration, nothing else', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-+]?[\d.nuµmsh]{0,20}$/)), (text) => {
      try {
        expect(typeof parseDuration(text)).toBe('bigint');
      } catch (cause) {
        expect(cause).toBeInstanceOf(InvalidDuration);
      }
    }));
  });
});
