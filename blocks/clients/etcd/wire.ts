// Between the client's own terms and etcd's messages as etcd3 writes and reads them: bytes are Buffers, 64-bit numbers are texts.
import { CompareResult, CompareTarget, type ICompare, type IKeyValue, type IRequestOp, type ITxnRequest } from 'etcd3';
import type { EtcdCompare, EtcdItem, EtcdOperation, EtcdRange, EtcdTransaction } from './etcd.ts';

/** etcd's way to say "the first key there can be" and, as an end, "to the last". */
const ZERO = Buffer.from([0]);

/** First key and the one after the last; without an end the one key alone. An empty end is another thing: etcd reads on to the last key then. */
export interface Bounds {
  readonly key: Buffer;
  readonly range_end?: Buffer;
}

export function boundsOf(range: EtcdRange): Bounds {
  if ('key' in range) return { key: Buffer.from(range.key) };
  if (range.prefix === '') return { key: ZERO, range_end: ZERO };
  const key = Buffer.from(range.prefix);
  return { key, range_end: afterPrefix(key) };
}

/** The first key after all that begin with these bytes. Bytes of UTF-8 are below 0xff, so there is always one. */
function afterPrefix(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  return end;
}

/** What a range reads after a page that ended with this key. */
export function boundsAfter(bounds: Bounds, last: Buffer): Bounds {
  return { ...bounds, key: Buffer.concat([last, ZERO]) };
}

export function itemOf(kv: IKeyValue): EtcdItem {
  return {
    key: kv.key,
    value: kv.value,
    createRevision: Number(kv.create_revision),
    modRevision: Number(kv.mod_revision),
    version: Number(kv.version),
    lease: kv.lease,
  };
}

export function txnRequest({ compare, success, failure = [] }: EtcdTransaction): ITxnRequest {
  return { compare: compare.map(compareOf), success: success.map(requestOf), failure: failure.map(requestOf) };
}

/** Whether it may change something, whichever way it goes. */
export function changes({ success, failure = [] }: EtcdTransaction): boolean {
  return success.some(({ kind }) => kind !== 'range') || failure.some(({ kind }) => kind !== 'range');
}

const RESULTS = { '=': CompareResult.Equal, '!=': CompareResult.NotEqual, '<': CompareResult.Less, '>': CompareResult.Greater } as const;

function compareOf(compare: EtcdCompare): ICompare {
  const common = { key: Buffer.from(compare.key), result: RESULTS[compare.is] };
  switch (compare.target) {
    case 'create':
      return { ...common, target: CompareTarget.Create, create_revision: compare.than };
    case 'mod':
      return { ...common, target: CompareTarget.Mod, mod_revision: compare.than };
    case 'version':
      return { ...common, target: CompareTarget.Version, version: compare.than };
    case 'value':
      return { ...common, target: CompareTarget.Value, value: compare.than };
  }
}

function requestOf(operation: EtcdOperation): IRequestOp {
  switch (operation.kind) {
    case 'put':
      return { request_put: { key: Buffer.from(operation.key), value: operation.value, ...(operation.lease === undefined ? {} : { lease: operation.lease }) } };
    case 'touch':
      return { request_put: { key: Buffer.from(operation.key), ignore_value: true, lease: operation.lease } };
    case 'delete':
      return { request_delete_range: boundsOf(operation.range) };
    case 'range':
      return { request_range: { ...boundsOf(operation.range), keys_only: operation.keysOnly ?? false } };
  }
}
