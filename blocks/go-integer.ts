// Integers as Go's strconv reads them, with its messages: Dapr's components put those into answers that clients see.

const MIN = -(1n << 63n);
const MAX = (1n << 63n) - 1n;
/** Longer than any 64-bit number with a sign; leading zeros beyond it are refused rather than computed. */
const MAX_LENGTH = 64;

/**
 * A decimal 64-bit integer, with an optional sign.
 * @param reader the Go function that the message names
 * @throws Error `strconv.<reader>: parsing "<text>": invalid syntax` or `... value out of range`
 */
export function parseGoInteger(reader: 'Atoi' | 'ParseInt', text: string): bigint {
  if (!/^[+-]?\d+$/.test(text)) throw new Error(`strconv.${reader}: parsing ${JSON.stringify(text)}: invalid syntax`);
  const value = text.length > MAX_LENGTH ? MAX + 1n : BigInt(text.replace('+', ''));
  if (value < MIN || value > MAX) throw new Error(`strconv.${reader}: parsing ${JSON.stringify(text)}: value out of range`);
  return value;
}
