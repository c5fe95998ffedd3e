// The HTTP form of the sequencer API: URL and a JSON body, which may be absent, to typed requests, and answers back.
import { FAIL } from '../../proto/failures.ts';
import type { Method } from '../block.ts';
import { INT32, protoJson, ProtoJsonError, TEXT, type ProtoJsonField } from '../protojson.ts';
import type { Run } from './ids.ts';
import { STRONG, WEAK, type NextIdRequest } from './requests.ts';

type Form = Pick<Method<NextIdRequest, readonly Run[]>, 'decodeHttp' | 'encodeHttp'>;

/** Words with and without what the proto file puts in front of them. */
const INCREMENTS: Readonly<Record<string, number>> = { INCREMENT_WEAK: WEAK, INCREMENT_STRONG: STRONG, WEAK, STRONG };

/** A number that is no increment is an increment here: the operation refuses it, as it does over gRPC. */
const INCREMENT: ProtoJsonField<number> = {
  type: 'enum',
  unset: WEAK,
  read: (json) => {
    if (!json.startsWith('"')) return INT32.read(json);
    const word = JSON.parse(json) as string;
    return Object.hasOwn(INCREMENTS, word) ? INCREMENTS[word] : undefined;
  },
};

/** Nobody reads them yet; wrong ones are refused all the same, as over gRPC. */
const TEXTS: ProtoJsonField<Readonly<Record<string, unknown>>> = {
  type: 'map',
  unset: {},
  read: (json) => {
    if (!json.startsWith('{')) return undefined;
    const texts = JSON.parse(json) as Readonly<Record<string, unknown>>;
    return Object.values(texts).every((text) => typeof text === 'string') ? texts : undefined;
  },
};

// Store and key are members too: wrong ones in the body are an error, right ones give way to the path's.
const readBody = protoJson({ storeName: TEXT, key: TEXT, increment: INCREMENT, count: INT32, metadata: TEXTS });

export const nextIdForm: Form = {
  decodeHttp: (head, body) => {
    const { increment, count } = decoded(body);
    return { store: head.params[0] ?? '', key: head.params[1] ?? '', increment, count };
  },
  encodeHttp: (runs) => ({ status: 200, body: idsJson(runs) }),
};

function decoded(body: Uint8Array): ReturnType<typeof readBody> {
  try {
    return readBody(body);
  } catch (cause) {
    throw cause instanceof ProtoJsonError ? FAIL.malformedBody(cause.message).because(cause) : cause;
  }
}

/** 64-bit numbers are text in protobuf's JSON. */
function idsJson(runs: readonly Run[]): string {
  const ids: string[] = [];
  for (const { first, count } of runs) {
    if (typeof first === 'number') for (let id = first, end = first + count; id < end; id++) ids.push(`"${id}"`);
    else for (let id = first, end = first + BigInt(count); id < end; id++) ids.push(`"${id}"`);
  }
  return `{"ids":[${ids.join(',')}]}`;
}
