// The two layouts of a record in etcd, as Dapr has them: v1 is the value and nothing else; v2 is a message that also says when
// the value was written, and for how long. The lease of a key is what ends it; v2 only lets readers know.
import { Value } from '../../proto/gen/dapr/proto/components/state/v2/value.ts';
import type { EtcdItem } from '../clients/etcd/etcd.ts';
import type { Item } from './store.ts';

export interface Layout {
  /** @param value undefined: null, which is stored as no bytes. @param ttlSeconds 0: for ever */
  encode(value: Uint8Array | undefined, ttlSeconds: number): Buffer;
  /** All but the etag. @throws Error for bytes that are not in this layout */
  decode(item: EtcdItem): Pick<Item, 'data' | 'metadata'>;
}

/** Year 9999: what RFC 3339 can say. Seconds since the epoch. */
const LATEST_SECONDS = 253_402_300_799n;
const NANOS_PER_SECOND = 1_000_000_000;

const V1: Layout = {
  encode: (value) => (value === undefined ? Buffer.alloc(0) : asBuffer(value)),
  decode: ({ value }) => ({ data: bytesOrNull(value) }),
};

const V2: Layout = {
  encode: (value, ttlSeconds) => {
    const nowMs = Date.now(); // a report: nothing expires by it
    const ts = { seconds: BigInt(Math.floor(nowMs / 1000)), nanos: (nowMs % 1000) * 1_000_000 };
    return asBuffer(Value.encode({ data: value ?? new Uint8Array(), ts, ttl: { seconds: BigInt(ttlSeconds), nanos: 0 } }).finish());
  },
  decode: (item) => {
    const { data, ts, ttl } = valueOf(item);
    // The time to live is always there, zero for none. daprd takes that for an expiry at the time of the write, and says so
    // of values that live for ever; clients that believe it forget what is still there. Only a lease makes a value expire.
    if (item.lease === '0' || ttl === undefined) return { data: bytesOrNull(data) };
    const { seconds, nanos } = ts ?? { seconds: 0n, nanos: 0 };
    return { data: bytesOrNull(data), metadata: { ttlExpireTime: rfc3339(seconds + ttl.seconds, nanos + ttl.nanos) } };
  },
};

/** The layout that a component's version stands for; undefined for a version that Dapr does not know. */
export function layoutOf(version: string): Layout | undefined {
  switch (version.toLowerCase()) {
    case '': case 'v0': case 'v1': return V1;
    case 'v2': return V2;
    default: return undefined;
  }
}

function valueOf({ key, value }: EtcdItem): Value {
  try {
    return Value.decode(value);
  } catch (cause) {
    throw new Error(`the value of ${key.toString()} is not in the layout of version v2: ${(cause as Error).message}`, { cause });
  }
}

/** In UTC, and whole seconds. */
function rfc3339(seconds: bigint, nanos: number): string {
  const whole = seconds + BigInt(Math.floor(nanos / NANOS_PER_SECOND));
  const shown = whole < 0n ? 0n : whole > LATEST_SECONDS ? LATEST_SECONDS : whole;
  return `${new Date(Number(shown) * 1000).toISOString().slice(0, 19)}Z`;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** No bytes are null: neither layout tells the two apart. */
function bytesOrNull(data: Uint8Array): Uint8Array | undefined {
  return data.length === 0 ? undefined : data;
}
