// The status codes of a retry policy's `matching`: a comma list of codes and ranges (contract: resiliency, policies).
import type { CodeRange } from '../../proto/resiliency.ts';
import { ShapeError } from '../shape.ts';

/** The codes there are. */
export const HTTP_CODES: CodeRange = [100, 599];
export const GRPC_CODES: CodeRange = [0, 16];

/**
 * `429,500-599` as ranges; `''` as none, which means all. Blanks are no part of the form.
 * @throws ShapeError in daprd's words
 */
export function codeRanges(text: string, allowed: CodeRange): CodeRange[] {
  return text.split(',').filter((pattern) => pattern !== '').map((pattern) => codeRange(pattern, allowed));
}

function codeRange(pattern: string, [lowest, highest]: CodeRange): CodeRange {
  const ends = pattern.split('-');
  if (ends.length > 2) throw new ShapeError(`invalid pattern ${pattern}, more than one '-' exists`);
  const code = (end: string, which: 'start' | 'end'): number => {
    if (!/^\+?\d{1,9}$/.test(end)) throw new ShapeError(`failed to parse ${which} code ${end} from pattern ${pattern} to int: give codes from ${lowest} to ${highest}`);
    const number = Number(end);
    if (number < lowest || number > highest) throw new ShapeError(`invalid pattern ${pattern}, ${which} code ${number} is not valid: codes go from ${lowest} to ${highest}`);
    return number;
  };
  const [start = '', end = start] = ends;
  const first = code(start, 'start');
  const last = code(end, 'end');
  if (last < first) throw new ShapeError(`invalid pattern ${pattern}, start value should not bigger than end value`);
  return [first, last];
}
