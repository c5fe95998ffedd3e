// Kubernetes quantities (`4Mi`, `1500m`, `2e3`): how sizes are written in flags and manifests.

const FACTORS: Readonly<Record<string, readonly [numerator: bigint, denominator: bigint]>> = {
  n: [1n, 10n ** 9n], u: [1n, 10n ** 6n], m: [1n, 1_000n], '': [1n, 1n],
  k: [10n ** 3n, 1n], M: [10n ** 6n, 1n], G: [10n ** 9n, 1n], T: [10n ** 12n, 1n], P: [10n ** 15n, 1n], E: [10n ** 18n, 1n],
  Ki: [2n ** 10n, 1n], Mi: [2n ** 20n, 1n], Gi: [2n ** 30n, 1n], Ti: [2n ** 40n, 1n], Pi: [2n ** 50n, 1n], Ei: [2n ** 60n, 1n],
};
const FORM = /^([+-]?)(\d*)(?:\.(\d*))?(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?\d{1,3}))?$/;
/** Longer texts are refused unread. */
const LONGEST_TEXT = 64;
const BINARY = ['Ei', 'Pi', 'Ti', 'Gi', 'Mi', 'Ki'] as const;

/** The text is not a quantity, or not one that fits a number exactly. */
export class InvalidQuantity extends Error {
  override readonly name = 'InvalidQuantity';
}

/**
 * The quantity as a whole number, rounded away from zero as Kubernetes rounds it.
 * @throws InvalidQuantity
 */
export function parseQuantity(text: string): number {
  const quoted = JSON.stringify(text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text);
  const [, sign, whole = '', fraction = '', suffix = '', exponent = '0'] = (text.length <= LONGEST_TEXT && FORM.exec(text)) || [];
  if (sign === undefined || whole + fraction === '') {
    throw new InvalidQuantity(`${quoted} is not a quantity: expected a number with an optional suffix such as Ki, Mi, Gi, k, M or G`);
  }
  const [factor, divisor] = FACTORS[suffix] ?? [1n, 1n];
  const power = Number(exponent);
  const numerator = BigInt(whole + fraction) * factor * 10n ** BigInt(Math.max(power, 0));
  const denominator = divisor * 10n ** BigInt(fraction.length + Math.max(-power, 0));
  const value = Number((numerator + denominator - 1n) / denominator);
  if (!Number.isSafeInteger(value)) throw new InvalidQuantity(`${quoted} is out of range: the largest quantity is ${Number.MAX_SAFE_INTEGER}`);
  return sign === '-' && value !== 0 ? -value : value;
}

/** The shortest binary form: `4194304` is `4Mi`; a number that no binary suffix divides is printed plainly. */
export function formatQuantity(value: number): string {
  if (value === 0) return '0';
  for (const suffix of BINARY) {
    const factor = Number(FACTORS[suffix]?.[0] ?? 1n);
    if (value % factor === 0) return `${value / factor}${suffix}`;
  }
  return String(value);
}
