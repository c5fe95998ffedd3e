// What ends a connection over its header compression.

/**
 * Bytes that are no header block, or not one that our table can follow. The two ends disagree about the dynamic table from
 * here on: the connection ends with COMPRESSION_ERROR (RFC 9113 section 4.3). The message names no header's content.
 */
export class HpackError extends Error {
  override readonly name = 'HpackError';
}
