// What bench/codecs.ts measures: messages, each read or written in several ways.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  GetBulkStateRequestSchema, GetBulkStateResponseSchema, GetConfigurationRequestSchema, GetConfigurationResponseSchema, GetStateRequestSchema, GetStateResponseSchema,
  PublishEventRequestSchema, SaveStateRequestSchema,
} from '@dapr/dapr/proto/dapr/proto/runtime/v1/dapr_pb.js';
import * as config from '../blocks/config/grpc.ts';
import { KnownItem } from '../blocks/config/known-item.ts';
import * as pubsub from '../blocks/pubsub/publish/grpc.ts';
import * as state from '../blocks/state/grpc.ts';
import type { BulkItem } from '../blocks/state/requests.ts';
import { encodeFields } from '../proto/delimited.ts';
import { StateOptions_StateConsistency as Consistency } from '../proto/gen/dapr/proto/common/v1/common.ts';
import { GetConfigurationRequest, GetConfigurationResponse } from '../proto/gen/dapr/proto/runtime/v1/configuration.ts';
import { PublishEventRequest } from '../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { GetBulkStateRequest, GetBulkStateResponse, GetStateRequest, GetStateResponse, SaveStateRequest } from '../proto/gen/dapr/proto/runtime/v1/state.ts';
import type { Message } from '../proto/message-writer.ts';
import { CopyingReader } from '../proto/wire.ts';

/**
 * `generated`: over a reader that copies texts and bytes out of borrowed memory. `copied whole`: the same codec over a copy of the
 * message. `fields`: proto/delimited.ts. `SDK`: the runtime of the SDK for JavaScript, which needs a copy too. `by hand`: the blocks'.
 */
export const CANDIDATES = ['generated', 'copied whole', 'fields', 'SDK', 'by hand'] as const;
export type Candidate = (typeof CANDIDATES)[number];

export interface Question {
  readonly message: string;
  /** Of a value. */
  readonly bytes: number;
  readonly work: Readonly<Partial<Record<Candidate, () => void>>>;
}

const STORE = 'statestore';
const ETAG = '03d30766-11b9-43a5-b222-c17a52e69d42';
const KEYS = Array.from({ length: 10 }, (_, i) => `order-${i}`);
const NONE: Map<string, string> = new Map();
const NO_HEADERS = {};

/** Takes what was made, so that it has to be. */
let sink: unknown;
/** In place of a ring: the last copy of an answer, which every candidate needs. */
const ring = Buffer.alloc(4 << 20);

function send(message: Message): void {
  if (message instanceof Uint8Array) return ring.set(message);
  let at = 0;
  for (const piece of message) {
    ring.set(piece, at);
    at += piece.length;
  }
}

/** As a ring lends it: a Buffer within a larger memory. */
function lent(bytes: Uint8Array): Buffer {
  const memory = Buffer.alloc(bytes.length + 128);
  memory.set(bytes, 64);
  return memory.subarray(64, 64 + bytes.length);
}

interface Generated {
  decode(reader: CopyingReader | Uint8Array): unknown;
}

function reading(message: string, bytes: number, wire: Uint8Array, codec: Generated, schema: Parameters<typeof fromBinary>[0], byHand: (body: Uint8Array) => unknown): Question {
  const body = lent(wire);
  return {
    message, bytes,
    work: {
      generated: () => { sink = codec.decode(new CopyingReader(body)); },
      'copied whole': () => { sink = codec.decode(new Uint8Array(body)); },
      SDK: () => { sink = fromBinary(schema, new Uint8Array(body)); },
      'by hand': () => { sink = byHand(body); },
    },
  };
}

export function questions(bytes: number): Question[] {
  const value = Buffer.alloc(bytes, 'v');
  const states = (keys: readonly string[]): Uint8Array => SaveStateRequest.encode({ storeName: STORE, states: keys.map((key) => ({ key, value, metadata: NONE })) }).finish();
  const get = GetStateRequest.encode({ storeName: STORE, key: KEYS[0]!, consistency: Consistency.CONSISTENCY_UNSPECIFIED, metadata: NONE }).finish();
  const bulk = GetBulkStateRequest.encode({ storeName: STORE, keys: KEYS, parallelism: 0, metadata: NONE }).finish();
  const event = PublishEventRequest.encode({ pubsubName: 'pubsub', topic: 'orders', data: value, dataContentType: 'application/json', metadata: NONE }).finish();
  const settings = GetConfigurationRequest.encode({ storeName: 'configstore', keys: KEYS.slice(0, 2), metadata: NONE }).finish();
  return [
    reading('GetStateRequest', bytes, get, GetStateRequest, GetStateRequestSchema, (body) => state.getForm.decodeGrpc(body, NO_HEADERS)),
    getAnswer(bytes, value),
    reading('SaveStateRequest, 1 item', bytes, states(KEYS.slice(0, 1)), SaveStateRequest, SaveStateRequestSchema, (body) => state.saveForm.decodeGrpc(body, NO_HEADERS)),
    reading('SaveStateRequest, 10 items', bytes, states(KEYS), SaveStateRequest, SaveStateRequestSchema, (body) => state.saveForm.decodeGrpc(body, NO_HEADERS)),
    reading('GetBulkStateRequest, 10 keys', bytes, bulk, GetBulkStateRequest, GetBulkStateRequestSchema, (body) => state.bulkGetForm.decodeGrpc(body, NO_HEADERS)),
    bulkAnswer(bytes, value),
    reading('PublishEventRequest', bytes, event, PublishEventRequest, PublishEventRequestSchema, (body) => pubsub.publishForm.decodeGrpc(body, NO_HEADERS)),
    reading('GetConfigurationRequest, 2 keys', bytes, settings, GetConfigurationRequest, GetConfigurationRequestSchema, (body) => config.getForm.decodeGrpc(body, NO_HEADERS)),
    configurationAnswer(bytes, value.toString()),
  ];
}

function getAnswer(bytes: number, data: Buffer): Question {
  const item = { data, etag: ETAG };
  return {
    message: 'GetStateResponse', bytes,
    work: {
      generated: () => send(GetStateResponse.encode({ data, etag: ETAG, metadata: NONE }).finish()),
      fields: () => send(encodeFields([[1, data], [2, ETAG]])),
      SDK: () => send(toBinary(GetStateResponseSchema, create(GetStateResponseSchema, item))),
      'by hand': () => send(state.getForm.encodeGrpc(item)),
    },
  };
}

function bulkAnswer(bytes: number, data: Buffer): Question {
  const items = KEYS.map((key): BulkItem => ({ key, data, etag: ETAG, metadata: undefined, error: '' }));
  return {
    message: 'GetBulkStateResponse, 10 items', bytes,
    work: {
      generated: () => send(GetBulkStateResponse.encode({ items: items.map(({ key, error }) => ({ key, data, etag: ETAG, error, metadata: NONE })) }).finish()),
      SDK: () => send(toBinary(GetBulkStateResponseSchema, create(GetBulkStateResponseSchema, { items: KEYS.map((key) => ({ key, data, etag: ETAG })) }))),
      'by hand': () => send(state.bulkGetForm.encodeGrpc(items)),
    },
  };
}

/** Out of the block's memory, which keeps each item's bytes once they have been asked for. */
function configurationAnswer(bytes: number, text: string): Question {
  const items = KEYS.slice(0, 2).map((key) => new KnownItem(key, { value: text, version: '1', metadata: {} }));
  return {
    message: 'GetConfigurationResponse, 2 items', bytes,
    work: {
      generated: () => send(GetConfigurationResponse.encode({ items: new Map(items.map(({ key }) => [key, { value: text, version: '1', metadata: NONE }])) }).finish()),
      SDK: () => send(toBinary(GetConfigurationResponseSchema, create(GetConfigurationResponseSchema, { items: Object.fromEntries(items.map(({ key }) => [key, { value: text, version: '1' }])) }))),
      'by hand': () => send(config.getForm.encodeGrpc({ items, hit: true })),
    },
  };
}

/** What was made last; so that nothing takes the making for useless. */
export const lastMade = (): unknown => sink;
