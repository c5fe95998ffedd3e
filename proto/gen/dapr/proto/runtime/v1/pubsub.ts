// Generated from proto/dapr/proto/runtime/v1/pubsub.proto by proto/generate.ts: do not edit, run `npm run proto`.
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { TopicEventRequest, TopicEventResponse } from "./appcallback.ts";

export interface PublishEventRequest {
  pubsubName: string;
  topic: string;
  data: Uint8Array;
  /** MIME type of data; a CloudEvents type means that data is an envelope already */
  dataContentType: string;
  /** rawPayload or ttlInSeconds for instance */
  metadata: Map<string, string>;
}

export interface PublishEventRequest_MetadataEntry {
  key: string;
  value: string;
}

export interface BulkPublishRequest {
  pubsubName: string;
  topic: string;
  /** published in any order, each on its own */
  entries: BulkPublishRequestEntry[];
  /** for all entries; an entry's own metadata wins */
  metadata: Map<string, string>;
}

export interface BulkPublishRequest_MetadataEntry {
  key: string;
  value: string;
}

export interface BulkPublishRequestEntry {
  /** unique within the request */
  entryId: string;
  event: Uint8Array;
  /** MIME type of event */
  contentType: string;
  metadata: Map<string, string>;
}

export interface BulkPublishRequestEntry_MetadataEntry {
  key: string;
  value: string;
}

/** An empty list means that all went well. */
export interface BulkPublishResponse {
  failedEntries: BulkPublishResponseFailedEntry[];
}

export interface BulkPublishResponseFailedEntry {
  entryId: string;
  error: string;
}

/** App to sidecar: initial_request comes first and once, then a verdict per message, in any order. */
export interface SubscribeTopicEventsRequestAlpha1 {
  subscribeTopicEventsRequestType?: { $case: "initialRequest"; value: SubscribeTopicEventsRequestInitialAlpha1 } | {
    $case: "eventProcessed";
    value: SubscribeTopicEventsRequestProcessedAlpha1;
  } | undefined;
}

export interface SubscribeTopicEventsRequestInitialAlpha1 {
  pubsubName: string;
  topic: string;
  metadata: Map<string, string>;
  /** absent: messages nobody could handle are gone */
  deadLetterTopic?: string | undefined;
}

export interface SubscribeTopicEventsRequestInitialAlpha1_MetadataEntry {
  key: string;
  value: string;
}

export interface SubscribeTopicEventsRequestProcessedAlpha1 {
  /** of the event that is settled */
  id: string;
  status?: TopicEventResponse | undefined;
}

/** Sidecar to app: initial_response comes first and says that the subscription stands. */
export interface SubscribeTopicEventsResponseAlpha1 {
  subscribeTopicEventsResponseType?: { $case: "initialResponse"; value: SubscribeTopicEventsResponseInitialAlpha1 } | {
    $case: "eventMessage";
    value: TopicEventRequest;
  } | undefined;
}

export interface SubscribeTopicEventsResponseInitialAlpha1 {
}

function createBasePublishEventRequest(): PublishEventRequest {
  return { pubsubName: "", topic: "", data: new Uint8Array(0), dataContentType: "", metadata: new Map() };
}

export const PublishEventRequest: MessageFns<PublishEventRequest> = {
  encode(message: PublishEventRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.pubsubName !== "") {
      writer.uint32(10).string(message.pubsubName);
    }
    if (message.topic !== "") {
      writer.uint32(18).string(message.topic);
    }
    if (message.data.length !== 0) {
      writer.uint32(26).bytes(message.data);
    }
    if (message.dataContentType !== "") {
      writer.uint32(34).string(message.dataContentType);
    }
    message.metadata.forEach((value, key) => {
      PublishEventRequest_MetadataEntry.encode({ key: key as any, value }, writer.uint32(42).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): PublishEventRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBasePublishEventRequest();
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

            message.data = reader.bytes();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.dataContentType = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            const entry5 = PublishEventRequest_MetadataEntry.decode(reader, reader.uint32());
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

function createBasePublishEventRequest_MetadataEntry(): PublishEventRequest_MetadataEntry {
  return { key: "", value: "" };
}

export const PublishEventRequest_MetadataEntry: MessageFns<PublishEventRequest_MetadataEntry> = {
  encode(message: PublishEventRequest_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): PublishEventRequest_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBasePublishEventRequest_MetadataEntry();
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

function createBaseBulkPublishRequest(): BulkPublishRequest {
  return { pubsubName: "", topic: "", entries: [], metadata: new Map() };
}

export const BulkPublishRequest: MessageFns<BulkPublishRequest> = {
  encode(message: BulkPublishRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.pubsubName !== "") {
      writer.uint32(10).string(message.pubsubName);
    }
    if (message.topic !== "") {
      writer.uint32(18).string(message.topic);
    }
    for (const v of message.entries) {
      BulkPublishRequestEntry.encode(v!, writer.uint32(26).fork()).join();
    }
    message.metadata.forEach((value, key) => {
      BulkPublishRequest_MetadataEntry.encode({ key: key as any, value }, writer.uint32(34).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): BulkPublishRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseBulkPublishRequest();
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

            message.entries.push(BulkPublishRequestEntry.decode(reader, reader.uint32()));
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            const entry4 = BulkPublishRequest_MetadataEntry.decode(reader, reader.uint32());
            if (entry4.value !== undefined) {
              message.metadata.set(entry4.key, entry4.value);
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

function createBaseBulkPublishRequest_MetadataEntry(): BulkPublishRequest_MetadataEntry {
  return { key: "", value: "" };
}

export const BulkPublishRequest_MetadataEntry: MessageFns<BulkPublishRequest_MetadataEntry> = {
  encode(message: BulkPublishRequest_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): BulkPublishRequest_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseBulkPublishRequest_MetadataEntry();
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

function createBaseBulkPublishRequestEntry(): BulkPublishRequestEntry {
  return { entryId: "", event: new Uint8Array(0), contentType: "", metadata: new Map() };
}

export const BulkPublishRequestEntry: MessageFns<BulkPublishRequestEntry> = {
  encode(message: BulkPublishRequestEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.entryId !== "") {
      writer.uint32(10).string(message.entryId);
    }
    if (message.event.length !== 0) {
      writer.uint32(18).bytes(message.event);
    }
    if (message.contentType !== "") {
      writer.uint32(26).string(message.contentType);
    }
    message.metadata.forEach((value, key) => {
      BulkPublishRequestEntry_MetadataEntry.encode({ key: key as any, value }, writer.uint32(34).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): BulkPublishRequestEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseBulkPublishRequestEntry();
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

            message.event = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.contentType = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            const entry4 = BulkPublishRequestEntry_MetadataEntry.decode(reader, reader.uint32());
            if (entry4.value !== undefined) {
              message.metadata.set(entry4.key, entry4.value);
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

function createBaseBulkPublishRequestEntry_MetadataEntry(): BulkPublishRequestEntry_MetadataEntry {
  return { key: "", value: "" };
}

export const BulkPublishRequestEntry_MetadataEntry: MessageFns<BulkPublishRequestEntry_MetadataEntry> = {
  encode(message: BulkPublishRequestEntry_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): BulkPublishRequestEntry_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseBulkPublishRequestEntry_MetadataEntry();
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

function createBaseBulkPublishResponse(): BulkPublishResponse {
  return { failedEntries: [] };
}

export const BulkPublishResponse: MessageFns<BulkPublishResponse> = {
  encode(message: BulkPublishResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.failedEntries) {
      BulkPublishResponseFailedEntry.encode(v!, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): BulkPublishResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseBulkPublishResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.failedEntries.push(BulkPublishResponseFailedEntry.decode(reader, reader.uint32()));
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

function createBaseBulkPublishResponseFailedEntry(): BulkPublishResponseFailedEntry {
  return { entryId: "", error: "" };
}

export const BulkPublishResponseFailedEntry: MessageFns<BulkPublishResponseFailedEntry> = {
  encode(message: BulkPublishResponseFailedEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.entryId !== "") {
      writer.uint32(10).string(message.entryId);
    }
    if (message.error !== "") {
      writer.uint32(18).string(message.error);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): BulkPublishResponseFailedEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseBulkPublishResponseFailedEntry();
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

            message.error = reader.string();
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

function createBaseSubscribeTopicEventsRequestAlpha1(): SubscribeTopicEventsRequestAlpha1 {
  return { subscribeTopicEventsRequestType: undefined };
}

export const SubscribeTopicEventsRequestAlpha1: MessageFns<SubscribeTopicEventsRequestAlpha1> = {
  encode(message: SubscribeTopicEventsRequestAlpha1, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    switch (message.subscribeTopicEventsRequestType?.$case) {
      case "initialRequest":
        SubscribeTopicEventsRequestInitialAlpha1.encode(
          message.subscribeTopicEventsRequestType.value,
          writer.uint32(10).fork(),
        ).join();
        break;
      case "eventProcessed":
        SubscribeTopicEventsRequestProcessedAlpha1.encode(
          message.subscribeTopicEventsRequestType.value,
          writer.uint32(18).fork(),
        ).join();
        break;
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeTopicEventsRequestAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeTopicEventsRequestAlpha1();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.subscribeTopicEventsRequestType = {
              $case: "initialRequest",
              value: SubscribeTopicEventsRequestInitialAlpha1.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.subscribeTopicEventsRequestType = {
              $case: "eventProcessed",
              value: SubscribeTopicEventsRequestProcessedAlpha1.decode(reader, reader.uint32()),
            };
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

function createBaseSubscribeTopicEventsRequestInitialAlpha1(): SubscribeTopicEventsRequestInitialAlpha1 {
  return { pubsubName: "", topic: "", metadata: new Map(), deadLetterTopic: undefined };
}

export const SubscribeTopicEventsRequestInitialAlpha1: MessageFns<SubscribeTopicEventsRequestInitialAlpha1> = {
  encode(message: SubscribeTopicEventsRequestInitialAlpha1, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.pubsubName !== "") {
      writer.uint32(10).string(message.pubsubName);
    }
    if (message.topic !== "") {
      writer.uint32(18).string(message.topic);
    }
    message.metadata.forEach((value, key) => {
      SubscribeTopicEventsRequestInitialAlpha1_MetadataEntry.encode(
        { key: key as any, value },
        writer.uint32(26).fork(),
      ).join();
    });
    if (message.deadLetterTopic !== undefined) {
      writer.uint32(34).string(message.deadLetterTopic);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeTopicEventsRequestInitialAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeTopicEventsRequestInitialAlpha1();
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

            const entry3 = SubscribeTopicEventsRequestInitialAlpha1_MetadataEntry.decode(reader, reader.uint32());
            if (entry3.value !== undefined) {
              message.metadata.set(entry3.key, entry3.value);
            }
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.deadLetterTopic = reader.string();
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

function createBaseSubscribeTopicEventsRequestInitialAlpha1_MetadataEntry(): SubscribeTopicEventsRequestInitialAlpha1_MetadataEntry {
  return { key: "", value: "" };
}

export const SubscribeTopicEventsRequestInitialAlpha1_MetadataEntry: MessageFns<
  SubscribeTopicEventsRequestInitialAlpha1_MetadataEntry
> = {
  encode(
    message: SubscribeTopicEventsRequestInitialAlpha1_MetadataEntry,
    writer: BinaryWriter = new BinaryWriter(),
  ): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeTopicEventsRequestInitialAlpha1_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeTopicEventsRequestInitialAlpha1_MetadataEntry();
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

function createBaseSubscribeTopicEventsRequestProcessedAlpha1(): SubscribeTopicEventsRequestProcessedAlpha1 {
  return { id: "", status: undefined };
}

export const SubscribeTopicEventsRequestProcessedAlpha1: MessageFns<SubscribeTopicEventsRequestProcessedAlpha1> = {
  encode(message: SubscribeTopicEventsRequestProcessedAlpha1, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.id !== "") {
      writer.uint32(10).string(message.id);
    }
    if (message.status !== undefined) {
      TopicEventResponse.encode(message.status, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeTopicEventsRequestProcessedAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeTopicEventsRequestProcessedAlpha1();
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

            message.status = TopicEventResponse.decode(reader, reader.uint32());
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

function createBaseSubscribeTopicEventsResponseAlpha1(): SubscribeTopicEventsResponseAlpha1 {
  return { subscribeTopicEventsResponseType: undefined };
}

export const SubscribeTopicEventsResponseAlpha1: MessageFns<SubscribeTopicEventsResponseAlpha1> = {
  encode(message: SubscribeTopicEventsResponseAlpha1, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    switch (message.subscribeTopicEventsResponseType?.$case) {
      case "initialResponse":
        SubscribeTopicEventsResponseInitialAlpha1.encode(
          message.subscribeTopicEventsResponseType.value,
          writer.uint32(10).fork(),
        ).join();
        break;
      case "eventMessage":
        TopicEventRequest.encode(message.subscribeTopicEventsResponseType.value, writer.uint32(18).fork()).join();
        break;
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeTopicEventsResponseAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeTopicEventsResponseAlpha1();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.subscribeTopicEventsResponseType = {
              $case: "initialResponse",
              value: SubscribeTopicEventsResponseInitialAlpha1.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.subscribeTopicEventsResponseType = {
              $case: "eventMessage",
              value: TopicEventRequest.decode(reader, reader.uint32()),
            };
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

function createBaseSubscribeTopicEventsResponseInitialAlpha1(): SubscribeTopicEventsResponseInitialAlpha1 {
  return {};
}

export const SubscribeTopicEventsResponseInitialAlpha1: MessageFns<SubscribeTopicEventsResponseInitialAlpha1> = {
  encode(_: SubscribeTopicEventsResponseInitialAlpha1, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeTopicEventsResponseInitialAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeTopicEventsResponseInitialAlpha1();
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
