// Go durations as text (`1h15m30.9s`, `500ms`): the form of every interval in Dapr's resources, flags and metadata.

const NANOSECONDS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  '\u00b5s': 1_000n, // micro sign
  '\u03bcs': 1_000n, // Greek letter mu
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const MILLISECOND = 1_000_000n;
/** A Go duration is a signed 64-bit number of nanoseconds; this is the largest magnitude (of a negative one). */
const MAGNITUDE_LIMIT = 1n << 63n;
/** Digits cost quadratic time as big integers; no honest duration is longer than this many characters. */
const MAX_LENGTH = 256;
const PART = /(\d*)(?:\.(\d*))?([^\d.]*)/y;

/** The text is not a Go duration. Messages are Go's, because they end up in Dapr's error texts. */
export class InvalidDuration extends Error {
  override readonly name = 'InvalidDuration';
}

/**
 * The duration in nanoseconds, exact. A sign may lead, `0` needs no unit, parts may repeat and come in any order.
 * @throws InvalidDuration
 */
export function parseDuration(text: string): bigint {
  if (text.length > MAX_LENGTH) throw invalid(`${text.slice(0, MAX_LENGTH)}...`);
  const negative = text.startsWith('-');
  const start = negative || text.startsWith('+') ? 1 : 0;
  if (text.slice(start) === '0') return 0n;
  if (text.length === start) throw invalid(text);
  let total = 0n;
  for (let at = start; at < text.length; at = PART.lastIndex) {
    PART.lastIndex = at;
    const [, whole = '', fraction = '', unit = ''] = PART.exec(text) ?? [];
    if (whole === '' && fraction === '') throw invalid(text);
    if (unit === '') throw new InvalidDuration(`time: missing unit in duration ${JSON.stringify(text)}`);
    const size = Object.hasOwn(NANOSECONDS, unit) ? NANOSECONDS[unit] : undefined;
    if (size === undefined) throw new InvalidDuration(`time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`);
    total += BigInt(whole) * size;
    if (fraction !== '') total += (BigInt(fraction) * size) / 10n ** BigInt(fraction.length); // truncates below a nanosecond
    if (total > MAGNITUDE_LIMIT) throw invalid(text);
  }
  if (!negative && total === MAGNITUDE_LIMIT) throw invalid(text);
  return negative ? -total : total;
}

/** The duration in milliseconds, with a fraction where there is one. @throws InvalidDuration */
export function parseDurationMs(text: string): number {
  const nanoseconds = parseDuration(text);
  return Number(nanoseconds / MILLISECOND) + Number(nanoseconds % MILLISECOND) / 1e6;
}

/** Go's text for a number of nanoseconds: `0s`, `1.5ms`, `3m0s`, `1h15m30.918273645s`. */
export function formatDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return '0s';
  const sign = nanoseconds < 0n ? '-' : '';
  const magnitude = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  if (magnitude < 1_000n) return `${sign}${magnitude}ns`;
  if (magnitude < 1_000_000n) return `${sign}${decimal(magnitude, 3)}\u00b5s`;
  if (magnitude < 1_000_000_000n) return `${sign}${decimal(magnitude, 6)}ms`;
  const minutes = magnitude / 60_000_000_000n;
  const seconds = `${decimal(magnitude % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return `${sign}${seconds}`;
  if (minutes < 60n) return `${sign}${minutes}m${seconds}`;
  return `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** Go's text for a number of milliseconds, rounded to a nanosecond. */
export function formatDurationMs(milliseconds: number): string {
  const whole = Math.trunc(milliseconds);
  return formatDuration(BigInt(whole) * MILLISECOND + BigInt(Math.round((milliseconds - whole) * 1e6)));
}

/** `value / 10^digits` without trailing zeros. */
function decimal(value: bigint, digits: number): string {
  const scale = 10n ** BigInt(digits);
  const fraction = (value % scale).toString().padStart(digits, '0').replace(/0+$/, '');
  return fraction === '' ? `${value / scale}` : `${value / scale}.${fraction}`;
}

function invalid(text: string): InvalidDuration {
  return new InvalidDuration(`time: invalid duration ${JSON.stringify(text)}`);
}
