// Which failures a retry policy retries, by the code they carry (contract: resiliency, matching semantics).
import type { CodeRange, RetryPolicy } from '../../proto/resiliency.ts';

const GRPC_CODES: CodeRange = [0, 16];
const HTTP_CODES: CodeRange = [100, 599];

/** @param code an HTTP status or a gRPC code; undefined: the failure has none, and is retried */
export function isRetried({ grpcStatusCodes, httpStatusCodes }: Pick<RetryPolicy, 'grpcStatusCodes' | 'httpStatusCodes'>, code: number | undefined): boolean {
  if (code === undefined) return true;
  if (isWithin(GRPC_CODES, code)) return isAmong(grpcStatusCodes, code);
  return isWithin(HTTP_CODES, code) && isAmong(httpStatusCodes, code);
}

/** No range at all stands for every code. */
function isAmong(ranges: readonly CodeRange[], code: number): boolean {
  return ranges.length === 0 || ranges.some((range) => isWithin(range, code));
}

function isWithin([first, last]: CodeRange, code: number): boolean {
  return code >= first && code <= last;
}
