// The HTTP form of the configuration API: URLs to typed requests, and answers as Go's JSON (contract: sidecar §2.3).
import { quote } from '../../proto/gojson.ts';
import type { HttpAnswer, HttpHead, Method } from '../block.ts';
import { metadataParams, queryParams, type QueryParams } from '../urlquery.ts';
import { itemsJson } from './known-item.ts';
import type { GetAnswer, GetRequest, SubscribeRequest, UnsubscribeAnswer, UnsubscribeRequest } from './requests.ts';

type Form<Request, Response> = Pick<Method<Request, Response>, 'decodeHttp' | 'encodeHttp'>;

const HIT = ['bulkhead-cache', 'hit'];
const MISS = ['bulkhead-cache', 'miss'];
const NOTHING_HIT: HttpAnswer = { status: 204, headers: HIT };
const NOTHING_MISS: HttpAnswer = { status: 204, headers: MISS };
const ENDED: HttpAnswer = { status: 200, body: '{"ok":true}' };

export const getForm: Form<GetRequest, GetAnswer> = {
  decodeHttp: (head) => {
    const params = queryParams(head.query);
    return { store: param(head, 0), keys: keyParams(params), metadata: metadataParams(params) };
  },
  encodeHttp: ({ items, hit }) => {
    if (items.length === 0) return hit ? NOTHING_HIT : NOTHING_MISS;
    return { status: 200, headers: hit ? HIT : MISS, body: `${itemsJson(items)}\n` };
  },
};

export const subscribeForm: Form<SubscribeRequest, string> = {
  decodeHttp: (head) => ({ store: param(head, 0), keys: keyParams(queryParams(head.query)) }),
  encodeHttp: (id) => ({ status: 200, body: `{"id":${quote(id)}}` }),
};

export const unsubscribeForm: Form<UnsubscribeRequest, UnsubscribeAnswer> = {
  decodeHttp: (head) => ({ store: param(head, 0), id: param(head, 1) }),
  encodeHttp: ({ ok, id }) => {
    if (ok) return ENDED;
    return { status: 500, body: `{"message":${quote(`failed to unsubscribe to configuration request ${id}: subscription with id ${id} does not exist`)}}` };
  },
};

function param(head: HttpHead, index: number): string {
  return head.params[index] ?? '';
}

function keyParams(params: QueryParams): string[] {
  const keys: string[] = [];
  for (const [name, value] of params) if (name === 'key') keys.push(value);
  return keys;
}
