// Go durations (`1h2m3.5s`, `500ms`): parsing and formatting as Go's time package does, because manifests and flags are
// written in that notation and log lines print it.

const NANOSECONDS: Readonly<Record<string, bigint>> = {
  ns: 1n, us: 1_000n, 'µs': 1_000n, 'μs': 1_000n, // both spellings of micro: U+00B5 and U+03BC
  ms: 1_000_000n, s: 1_000_000_000n, m: 60_000_000_000n, h: 3_600_000_000_000n,
};
/** Go keeps a duration in 64 bits of nanoseconds, about 292 years. */
const LARGEST = 2n ** 63n - 1n;
/** Longer texts are refused unread: no duration needs more, and digits cost time to convert. */
const LONGEST_TEXT = 128;

/** The text is not a Go duration. The message is the one Go gives. */
export class InvalidDuration extends Error {
  override readonly name = 'InvalidDuration';
}

/**
 * Milliseconds, with a fraction where the text has one.
 * @throws InvalidDuration
 */
export function parseDuration(text: string): number {
  const quoted = JSON.stringify(text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text);
  const invalid = () => new InvalidDuration(`time: invalid duration ${quoted}`);
  if (text.length > LONGEST_TEXT) throw invalid();
  const negative = text.startsWith('-');
  let rest = negative || text.startsWith('+') ? text.slice(1) : text;
  if (rest === '0') return 0; // the one number that needs no unit
  if (rest === '') throw invalid();
  let total = 0n;
  while (rest !== '') {
    const [number = '', whole = '', fraction = ''] = /^(\d*)(?:\.(\d*))?/.exec(rest) ?? [];
    if (whole === '' && fraction === '') throw invalid();
    rest = rest.slice(number.length);
    const [unit = ''] = /^[^.\d]*/.exec(rest) ?? [];
    if (unit === '') throw new InvalidDuration(`time: missing unit in duration ${quoted}`);
    const nanoseconds = Object.hasOwn(NANOSECONDS, unit) ? NANOSECONDS[unit] : undefined;
    if (nanoseconds === undefined) throw new InvalidDuration(`time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`);
    rest = rest.slice(unit.length);
    total += BigInt(whole) * nanoseconds;
    if (fraction !== '') total += (BigInt(fraction) * nanoseconds) / 10n ** BigInt(fraction.length);
    if (total > LARGEST) throw invalid();
  }
  const milliseconds = Number(total / 1_000_000n) + Number(total % 1_000_000n) / 1e6;
  return negative ? -milliseconds : milliseconds;
}

/** As Go prints it: `3m0s`, `1.5s`, `500ms`, `0s`. Anything finer than a nanosecond is rounded. */
export function formatDuration(milliseconds: number): string {
  const size = Math.abs(milliseconds);
  const nanoseconds = BigInt(Math.trunc(size)) * 1_000_000n + BigInt(Math.round((size % 1) * 1e6)); // apart, or a double loses digits
  if (nanoseconds === 0n) return '0s';
  const sign = milliseconds < 0 ? '-' : '';
  if (nanoseconds < 1_000n) return `${sign}${nanoseconds}ns`;
  if (nanoseconds < 1_000_000n) return `${sign}${decimal(nanoseconds, 3)}µs`;
  if (nanoseconds < 1_000_000_000n) return `${sign}${decimal(nanoseconds, 6)}ms`;
  const minutes = nanoseconds / 60_000_000_000n;
  const seconds = `${decimal(nanoseconds % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return `${sign}${seconds}`;
  const hours = minutes / 60n;
  return hours === 0n ? `${sign}${minutes}m${seconds}` : `${sign}${hours}h${minutes % 60n}m${seconds}`;
}

/** `value / 10^places` without trailing zeros. */
function decimal(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, '0');
  const fraction = digits.slice(-places).replace(/0+$/, '');
  return fraction === '' ? digits.slice(0, -places) : `${digits.slice(0, -places)}.${fraction}`;
}
