// Generated from proto/dapr/proto/runtime/v1/appcallback.proto by proto/generate.ts: do not edit, run `npm run proto`.
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { Any } from "../../../../google/protobuf/any.ts";
import { Struct } from "../../../../google/protobuf/struct.ts";
import { HTTPExtension, StateItem } from "../../common/v1/common.ts";

/** A job that is due, shaped like an invocation. */
export interface JobEventRequest {
  /** the job's name */
  name: string;
  data?:
    | Any
    | undefined;
  /** "job/" and the name */
  method: string;
  /** MIME type of data */
  contentType: string;
  httpExtension?: HTTPExtension | undefined;
}

export interface JobEventResponse {
}

/** A message of a topic, taken out of its CloudEvents envelope. */
export interface TopicEventRequest {
  /** id of the event; unique per source */
  id: string;
  /** what published it */
  source: string;
  /** CloudEvents type */
  type: string;
  /** version of CloudEvents */
  specVersion: string;
  /** MIME type of data */
  dataContentType: string;
  topic: string;
  /** empty is a legal payload */
  data: Uint8Array;
  pubsubName: string;
  /** the route that the subscription's rules chose */
  path: string;
  /** members of the envelope that have no field here */
  extensions?: { [key: string]: unknown } | undefined;
}

/** The app's verdict. An answer without one is SUCCESS. */
export interface TopicEventResponse {
  status: TopicEventResponse_TopicEventResponseStatus;
}

/** SUCCESS is acknowledged, RETRY comes again, DROP goes to the dead letter topic if there is one. */
export const TopicEventResponse_TopicEventResponseStatus = { SUCCESS: 0, RETRY: 1, DROP: 2 } as const;

export type TopicEventResponse_TopicEventResponseStatus =
  typeof TopicEventResponse_TopicEventResponseStatus[keyof typeof TopicEventResponse_TopicEventResponseStatus];

export namespace TopicEventResponse_TopicEventResponseStatus {
  export type SUCCESS = typeof TopicEventResponse_TopicEventResponseStatus.SUCCESS;
  export type RETRY = typeof TopicEventResponse_TopicEventResponseStatus.RETRY;
  export type DROP = typeof TopicEventResponse_TopicEventResponseStatus.DROP;
}

/** TopicEventRequest without the members that are the same for a whole batch. The numbers differ from there. */
export interface TopicEventCERequest {
  id: string;
  source: string;
  type: string;
  specVersion: string;
  dataContentType: string;
  data: Uint8Array;
  extensions?: { [key: string]: unknown } | undefined;
}

export interface TopicEventBulkRequestEntry {
  /** to be repeated in the verdict */
  entryId: string;
  event?:
    | //
    /** the message as it came, for subscriptions to raw payloads */
    { $case: "bytes"; value: Uint8Array }
    | { $case: "cloudEvent"; value: TopicEventCERequest }
    | undefined;
  contentType: string;
  metadata: Map<string, string>;
}

export interface TopicEventBulkRequestEntry_MetadataEntry {
  key: string;
  value: string;
}

export interface TopicEventBulkRequest {
  id: string;
  entries: TopicEventBulkRequestEntry[];
  metadata: Map<string, string>;
  topic: string;
  pubsubName: string;
  type: string;
  path: string;
}

export interface TopicEventBulkRequest_MetadataEntry {
  key: string;
  value: string;
}

export interface TopicEventBulkResponseEntry {
  entryId: string;
  status: TopicEventResponse_TopicEventResponseStatus;
}

/** An entry without a verdict comes again. */
export interface TopicEventBulkResponse {
  statuses: TopicEventBulkResponseEntry[];
}

export interface BindingEventRequest {
  /** component the event comes from */
  name: string;
  data: Uint8Array;
  metadata: Map<string, string>;
}

export interface BindingEventRequest_MetadataEntry {
  key: string;
  value: string;
}

/** What the app may ask for in return: state to save and bindings to call. */
export interface BindingEventResponse {
  /** where states go; empty leaves them unsaved */
  storeName: string;
  states: StateItem[];
  /** output bindings that get data, with the operation "create" */
  to: string[];
  data: Uint8Array;
  concurrency: BindingEventResponse_BindingEventConcurrency;
}

/** Whether the bindings in `to` are called one after the other or all at once. */
export const BindingEventResponse_BindingEventConcurrency = { SEQUENTIAL: 0, PARALLEL: 1 } as const;

export type BindingEventResponse_BindingEventConcurrency =
  typeof BindingEventResponse_BindingEventConcurrency[keyof typeof BindingEventResponse_BindingEventConcurrency];

export namespace BindingEventResponse_BindingEventConcurrency {
  export type SEQUENTIAL = typeof BindingEventResponse_BindingEventConcurrency.SEQUENTIAL;
  export type PARALLEL = typeof BindingEventResponse_BindingEventConcurrency.PARALLEL;
}

export interface ListTopicSubscriptionsResponse {
  subscriptions: TopicSubscription[];
}

/** A subscription that the app declares in code. */
export interface TopicSubscription {
  pubsubName: string;
  topic: string;
  metadata: Map<string, string>;
  /** absent: one route, with an empty path */
  routes?:
    | TopicRoutes
    | undefined;
  /** where messages go that nobody could handle; empty means nowhere */
  deadLetterTopic: string;
  /** absent: one message per call */
  bulkSubscribe?: BulkSubscribeConfig | undefined;
}

export interface TopicSubscription_MetadataEntry {
  key: string;
  value: string;
}

/** The first rule that matches wins. */
export interface TopicRoutes {
  rules: TopicRule[];
  /** path for messages that no rule matches; empty drops them */
  default: string;
}

export interface TopicRule {
  /** a CEL expression over the event */
  match: string;
  path: string;
}

/** A batch is delivered when it is full or when its time is up. */
export interface BulkSubscribeConfig {
  enabled: boolean;
  /** 0 means the default, 100 */
  maxMessagesCount: number;
  /** 0 means the default, 1000 */
  maxAwaitDurationMs: number;
}

export interface ListInputBindingsResponse {
  bindings: string[];
}

export interface HealthCheckResponse {
}

function createBaseJobEventRequest(): JobEventRequest {
  return { name: "", data: undefined, method: "", contentType: "", httpExtension: undefined };
}

export const JobEventRequest: MessageFns<JobEventRequest> = {
  encode(message: JobEventRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    if (message.data !== undefined) {
      Any.encode(message.data, writer.uint32(18).fork()).join();
    }
    if (message.method !== "") {
      writer.uint32(26).string(message.method);
    }
    if (message.contentType !== "") {
      writer.uint32(34).string(message.contentType);
    }
    if (message.httpExtension !== undefined) {
      HTTPExtension.encode(message.httpExtension, writer.uint32(42).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): JobEventRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseJobEventRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.name = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.data = Any.decode(reader, reader.uint32());
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.method = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.contentType = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.httpExtension = HTTPExtension.decode(reader, reader.uint32());
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseJobEventResponse(): JobEventResponse {
  return {};
}

export const JobEventResponse: MessageFns<JobEventResponse> = {
  encode(_: JobEventResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): JobEventResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseJobEventResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseTopicEventRequest(): TopicEventRequest {
  return {
    id: "",
    source: "",
    type: "",
    specVersion: "",
    dataContentType: "",
    topic: "",
    data: new Uint8Array(0),
    pubsubName: "",
    path: "",
    extensions: undefined,
  };
}

export const TopicEventRequest: MessageFns<TopicEventRequest> = {
  encode(message: TopicEventRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.id !== "") {
      writer.uint32(10).string(message.id);
    }
    if (message.source !== "") {
      writer.uint32(18).string(message.source);
    }
    if (message.type !== "") {
      writer.uint32(26).string(message.type);
    }
    if (message.specVersion !== "") {
      writer.uint32(34).string(message.specVersion);
    }
    if (message.dataContentType !== "") {
      writer.uint32(42).string(message.dataContentType);
    }
    if (message.topic !== "") {
      writer.uint32(50).string(message.topic);
    }
    if (message.data.length !== 0) {
      writer.uint32(58).bytes(message.data);
    }
    if (message.pubsubName !== "") {
      writer.uint32(66).string(message.pubsubName);
    }
    if (message.path !== "") {
      writer.uint32(74).string(message.path);
    }
    if (message.extensions !== undefined) {
      Struct.encode(Struct.wrap(message.extensions), writer.uint32(82).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TopicEventRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTopicEventRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.id = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.source = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.type = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.specVersion = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.dataContentType = reader.string();
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.topic = reader.string();
            continue;
          }
          case 7: {
            if (tag !== 58) {
              break;
            }

            message.data = reader.bytes();
            continue;
          }
          case 8: {
            if (tag !== 66) {
              break;
            }

            message.pubsubName = reader.string();
            continue;
          }
          case 9: {
            if (tag !== 74) {
              break;
            }

            message.path = reader.string();
            continue;
          }
          case 10: {
            if (tag !== 82) {
              break;
            }

            message.extensions = Struct.unwrap(Struct.decode(reader, reader.uint32()));
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseTopicEventResponse(): TopicEventResponse {
  return { status: 0 };
}

export const TopicEventResponse: MessageFns<TopicEventResponse> = {
  encode(message: TopicEventResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.status !== 0) {
      writer.uint32(8).int32(message.status);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TopicEventResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTopicEventResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.status = reader.int32() as any;
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseTopicEventCERequest(): TopicEventCERequest {
  return {
    id: "",
    source: "",
    type: "",
    specVersion: "",
    dataContentType: "",
    data: new Uint8Array(0),
    extensions: undefined,
  };
}

export const TopicEventCERequest: MessageFns<TopicEventCERequest> = {
  encode(message: TopicEventCERequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.id !== "") {
      writer.uint32(10).string(message.id);
    }
    if (message.source !== "") {
      writer.uint32(18).string(message.source);
    }
    if (message.type !== "") {
      writer.uint32(26).string(message.type);
    }
    if (message.specVersion !== "") {
      writer.uint32(34).string(message.specVersion);
    }
    if (message.dataContentType !== "") {
      writer.uint32(42).string(message.dataContentType);
    }
    if (message.data.length !== 0) {
      writer.uint32(50).bytes(message.data);
    }
    if (message.extensions !== undefined) {
      Struct.encode(Struct.wrap(message.extensions), writer.uint32(58).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TopicEventCERequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTopicEventCERequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.id = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.source = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.type = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.specVersion = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.dataContentType = reader.string();
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.data = reader.bytes();
            continue;
          }
          case 7: {
            if (tag !== 58) {
              break;
            }

            message.extensions = Struct.unwrap(Struct.decode(reader, reader.uint32()));
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseTopicEventBulkRequestEntry(): TopicEventBulkRequestEntry {
  return { entryId: "", event: undefined, contentType: "", metadata: new Map() };
}

export const TopicEventBulkRequestEntry: MessageFns<TopicEventBulkRequestEntry> = {
  encode(message: TopicEventBulkRequestEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.entryId !== "") {
      writer.uint32(10).string(message.entryId);
    }
    switch (message.event?.$case) {
      case "bytes":
        writer.uint32(18).bytes(message.event.value);
        break;
      case "cloudEvent":
        TopicEventCERequest.encode(message.event.value, writer.uint32(26).fork()).join();
        break;
    }
    if (message.contentType !== "") {
      writer.uint32(34).string(message.contentType);
    }
    message.metadata.forEach((value, key) => {
      TopicEventBulkRequestEntry_MetadataEntry.encode({ key: key as any, value }, writer.uint32(42).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TopicEventBulkRequestEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTopicEventBulkRequestEntry();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.entryId = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.event = { $case: "bytes", value: reader.bytes() };
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.event = { $case: "cloudEvent", value: TopicEventCERequest.decode(reader, reader.uint32()) };
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.contentType = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            const entry5 = TopicEventBulkRequestEntry_MetadataEntry.decode(reader, reader.uint32());
            if (entry5.value !== undefined) {
              message.metadata.set(entry5.key, entry5.value);
            }
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseTopicEventBulkRequestEntry_MetadataEntry(): TopicEventBulkRequestEntry_MetadataEntry {
  return { key: "", value: "" };
}

export const TopicEventBulkRequestEntry_MetadataEntry: MessageFns<TopicEventBulkRequestEntry_MetadataEntry> = {
  encode(message: TopicEventBulkRequestEntry_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TopicEventBulkRequestEntry_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTopicEventBulkRequestEntry_MetadataEntry();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.key = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.value = reader.string();
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseTopicEventBulkRequest(): TopicEventBulkRequest {
  return { id: "", entries: [], metadata: new Map(), topic: "", pubsubName: "", type: "", path: "" };
}

export const TopicEventBulkRequest: MessageFns<TopicEventBulkRequest> = {
  encode(message: TopicEventBulkRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.id !== "") {
      writer.uint32(10).string(message.id);
    }
    for (const v of message.entries) {
      TopicEventBulkRequestEntry.encode(v!, writer.uint32(18).fork()).join();
    }
    message.metadata.forEach((value, key) => {
      TopicEventBulkRequest_MetadataEntry.encode({ key: key as any, value }, writer.uint32(26).fork()).join();
    });
    if (message.topic !== "") {
      writer.uint32(34).string(message.topic);
    }
    if (message.pubsubName !== "") {
      writer.uint32(42).string(message.pubsubName);
    }
    if (message.type !== "") {
      writer.uint32(50).string(message.type);
    }
    if (message.path !== "") {
      writer.uint32(58).string(message.path);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TopicEventBulkRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTopicEventBulkRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.id = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.entries.push(TopicEventBulkRequestEntry.decode(reader, reader.uint32()));
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            const entry3 = TopicEventBulkRequest_MetadataEntry.decode(reader, reader.uint32());
            if (entry3.value !== undefined) {
              message.metadata.set(entry3.key, entry3.value);
            }
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.topic = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.pubsubName = reader.string();
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.type = reader.string();
            continue;
          }
          case 7: {
            if (tag !== 58) {
              break;
            }

            message.path = reader.string();
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseTopicEventBulkRequest_MetadataEntry(): TopicEventBulkRequest_MetadataEntry {
  return { key: "", value: "" };
}

export const TopicEventBulkRequest_MetadataEntry: MessageFns<TopicEventBulkRequest_MetadataEntry> = {
  encode(message: TopicEventBulkRequest_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TopicEventBulkRequest_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTopicEventBulkRequest_MetadataEntry();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.key = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.value = reader.string();
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseTopicEventBulkResponseEntry(): TopicEventBulkResponseEntry {
  return { entryId: "", status: 0 };
}

export const TopicEventBulkResponseEntry: MessageFns<TopicEventBulkResponseEntry> = {
  encode(message: TopicEventBulkResponseEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.entryId !== "") {
      writer.uint32(10).string(message.entryId);
    }
    if (message.status !== 0) {
      writer.uint32(16).int32(message.status);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TopicEventBulkResponseEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTopicEventBulkResponseEntry();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.entryId = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.status = reader.int32() as any;
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseTopicEventBulkResponse(): TopicEventBulkResponse {
  return { statuses: [] };
}

export const TopicEventBulkResponse: MessageFns<TopicEventBulkResponse> = {
  encode(message: TopicEventBulkResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.statuses) {
      TopicEventBulkResponseEntry.encode(v!, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TopicEventBulkResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTopicEventBulkResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.statuses.push(TopicEventBulkResponseEntry.decode(reader, reader.uint32()));
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseBindingEventRequest(): BindingEventRequest {
  return { name: "", data: new Uint8Array(0), metadata: new Map() };
}

export const BindingEventRequest: MessageFns<BindingEventRequest> = {
  encode(message: BindingEventRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    if (message.data.length !== 0) {
      writer.uint32(18).bytes(message.data);
    }
    message.metadata.forEach((value, key) => {
      BindingEventRequest_MetadataEntry.encode({ key: key as any, value }, writer.uint32(26).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): BindingEventRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseBindingEventRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.name = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.data = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            const entry3 = BindingEventRequest_MetadataEntry.decode(reader, reader.uint32());
            if (entry3.value !== undefined) {
              message.metadata.set(entry3.key, entry3.value);
            }
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseBindingEventRequest_MetadataEntry(): BindingEventRequest_MetadataEntry {
  return { key: "", value: "" };
}

export const BindingEventRequest_MetadataEntry: MessageFns<BindingEventRequest_MetadataEntry> = {
  encode(message: BindingEventRequest_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): BindingEventRequest_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseBindingEventRequest_MetadataEntry();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.key = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.value = reader.string();
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseBindingEventResponse(): BindingEventResponse {
  return { storeName: "", states: [], to: [], data: new Uint8Array(0), concurrency: 0 };
}

export const BindingEventResponse: MessageFns<BindingEventResponse> = {
  encode(message: BindingEventResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.storeName !== "") {
      writer.uint32(10).string(message.storeName);
    }
    for (const v of message.states) {
      StateItem.encode(v!, writer.uint32(18).fork()).join();
    }
    for (const v of message.to) {
      writer.uint32(26).string(v!);
    }
    if (message.data.length !== 0) {
      writer.uint32(34).bytes(message.data);
    }
    if (message.concurrency !== 0) {
      writer.uint32(40).int32(message.concurrency);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): BindingEventResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseBindingEventResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.storeName = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.states.push(StateItem.decode(reader, reader.uint32()));
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.to.push(reader.string());
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.data = reader.bytes();
            continue;
          }
          case 5: {
            if (tag !== 40) {
              break;
            }

            message.concurrency = reader.int32() as any;
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseListTopicSubscriptionsResponse(): ListTopicSubscriptionsResponse {
  return { subscriptions: [] };
}

export const ListTopicSubscriptionsResponse: MessageFns<ListTopicSubscriptionsResponse> = {
  encode(message: ListTopicSubscriptionsResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.subscriptions) {
      TopicSubscription.encode(v!, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ListTopicSubscriptionsResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseListTopicSubscriptionsResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.subscriptions.push(TopicSubscription.decode(reader, reader.uint32()));
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseTopicSubscription(): TopicSubscription {
  return {
    pubsubName: "",
    topic: "",
    metadata: new Map(),
    routes: undefined,
    deadLetterTopic: "",
    bulkSubscribe: undefined,
  };
}

export const TopicSubscription: MessageFns<TopicSubscription> = {
  encode(message: TopicSubscription, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.pubsubName !== "") {
      writer.uint32(10).string(message.pubsubName);
    }
    if (message.topic !== "") {
      writer.uint32(18).string(message.topic);
    }
    message.metadata.forEach((value, key) => {
      TopicSubscription_MetadataEntry.encode({ key: key as any, value }, writer.uint32(26).fork()).join();
    });
    if (message.routes !== undefined) {
      TopicRoutes.encode(message.routes, writer.uint32(42).fork()).join();
    }
    if (message.deadLetterTopic !== "") {
      writer.uint32(50).string(message.deadLetterTopic);
    }
    if (message.bulkSubscribe !== undefined) {
      BulkSubscribeConfig.encode(message.bulkSubscribe, writer.uint32(58).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TopicSubscription {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTopicSubscription();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.pubsubName = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.topic = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            const entry3 = TopicSubscription_MetadataEntry.decode(reader, reader.uint32());
            if (entry3.value !== undefined) {
              message.metadata.set(entry3.key, entry3.value);
            }
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.routes = TopicRoutes.decode(reader, reader.uint32());
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.deadLetterTopic = reader.string();
            continue;
          }
          case 7: {
            if (tag !== 58) {
              break;
            }

            message.bulkSubscribe = BulkSubscribeConfig.decode(reader, reader.uint32());
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseTopicSubscription_MetadataEntry(): TopicSubscription_MetadataEntry {
  return { key: "", value: "" };
}

export const TopicSubscription_MetadataEntry: MessageFns<TopicSubscription_MetadataEntry> = {
  encode(message: TopicSubscription_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TopicSubscription_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTopicSubscription_MetadataEntry();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.key = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.value = reader.string();
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseTopicRoutes(): TopicRoutes {
  return { rules: [], default: "" };
}

export const TopicRoutes: MessageFns<TopicRoutes> = {
  encode(message: TopicRoutes, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.rules) {
      TopicRule.encode(v!, writer.uint32(10).fork()).join();
    }
    if (message.default !== "") {
      writer.uint32(18).string(message.default);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TopicRoutes {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTopicRoutes();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.rules.push(TopicRule.decode(reader, reader.uint32()));
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.default = reader.string();
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseTopicRule(): TopicRule {
  return { match: "", path: "" };
}

export const TopicRule: MessageFns<TopicRule> = {
  encode(message: TopicRule, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.match !== "") {
      writer.uint32(10).string(message.match);
    }
    if (message.path !== "") {
      writer.uint32(18).string(message.path);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TopicRule {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTopicRule();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.match = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.path = reader.string();
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseBulkSubscribeConfig(): BulkSubscribeConfig {
  return { enabled: false, maxMessagesCount: 0, maxAwaitDurationMs: 0 };
}

export const BulkSubscribeConfig: MessageFns<BulkSubscribeConfig> = {
  encode(message: BulkSubscribeConfig, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.enabled !== false) {
      writer.uint32(8).bool(message.enabled);
    }
    if (message.maxMessagesCount !== 0) {
      writer.uint32(16).int32(message.maxMessagesCount);
    }
    if (message.maxAwaitDurationMs !== 0) {
      writer.uint32(24).int32(message.maxAwaitDurationMs);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): BulkSubscribeConfig {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseBulkSubscribeConfig();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.enabled = reader.bool();
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.maxMessagesCount = reader.int32();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.maxAwaitDurationMs = reader.int32();
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseListInputBindingsResponse(): ListInputBindingsResponse {
  return { bindings: [] };
}

export const ListInputBindingsResponse: MessageFns<ListInputBindingsResponse> = {
  encode(message: ListInputBindingsResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.bindings) {
      writer.uint32(10).string(v!);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ListInputBindingsResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseListInputBindingsResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.bindings.push(reader.string());
            continue;
          }
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

function createBaseHealthCheckResponse(): HealthCheckResponse {
  return {};
}

export const HealthCheckResponse: MessageFns<HealthCheckResponse> = {
  encode(_: HealthCheckResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): HealthCheckResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseHealthCheckResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
        }
        if ((tag & 7) === 4 || tag === 0) {
          break;
        }
        reader.skip(tag & 7);
      }
      if (reader.pos !== end) {
        throw new globalThis.RangeError("message does not end where its length says");
      }
      return message;
    } finally {
      (reader as any).__tsProtoDecodeDepth = previousRecursionDepth;
    }
  },
};

interface MessageFns<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
}
