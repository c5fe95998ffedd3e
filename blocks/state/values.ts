// What a gRPC client's value is to a store: bytes as they came, or JSON text in Go's form.
import { FAIL } from '../../proto/failures.ts';
import { GoJsonError, parseWhole } from '../gojson.ts';
import { GoDecoding } from '../gostruct.ts';
import type { ItemValue } from './requests.ts';

/** As they came; null if there are none. */
export function bytesOf(value: Uint8Array): ItemValue {
  return { value: value.length === 0 ? undefined : value, isJson: false, plaintext: value, fault: undefined };
}

/** What a client calls JSON is stored in Go's form. */
export function jsonOf(value: Uint8Array): ItemValue {
  try {
    const go = new GoDecoding(value);
    const json = go.json(parseWhole(value), '');
    go.finish();
    return { value: Buffer.from(json), isJson: true, plaintext: value, fault: undefined };
  } catch (cause) {
    if (!(cause instanceof GoJsonError)) throw cause;
    return { value: undefined, isJson: false, plaintext: value, fault: FAIL.valueNotJson(cause.message).because(cause) };
  }
}
