// Generated from proto/dapr/proto/runtime/v1/state.proto by proto/generate.ts: do not edit, run `npm run proto`.
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { Etag, StateItem, StateOptions, StateOptions_StateConsistency } from "../../common/v1/common.ts";

export interface GetStateRequest {
  storeName: string;
  /** may not contain "||", which separates the prefix in stored keys */
  key: string;
  /** UNSPECIFIED leaves it to the store */
  consistency: StateOptions_StateConsistency;
  /** wishes to the store */
  metadata: Map<string, string>;
}

export interface GetStateRequest_MetadataEntry {
  key: string;
  value: string;
}

/** A key that does not exist gives empty data and an empty etag. An empty etag alone says nothing: not every store has them. */
export interface GetStateResponse {
  /** as it was written */
  data: Uint8Array;
  etag: string;
  /** ttlExpireTime for one: RFC 3339 in UTC, to the second, when the key expires */
  metadata: Map<string, string>;
}

export interface GetStateResponse_MetadataEntry {
  key: string;
  value: string;
}

export interface GetBulkStateRequest {
  storeName: string;
  keys: string[];
  /** reads at once, where the store has no bulk read of its own; 0 or less means without limit */
  parallelism: number;
  /** for every key */
  metadata: Map<string, string>;
}

export interface GetBulkStateRequest_MetadataEntry {
  key: string;
  value: string;
}

/** In the order of the request's keys. */
export interface GetBulkStateResponse {
  items: BulkStateItem[];
}

/** Either data or error; neither means that the key does not exist. */
export interface BulkStateItem {
  key: string;
  data: Uint8Array;
  etag: string;
  /** text for humans; the others are not affected */
  error: string;
  metadata: Map<string, string>;
}

export interface BulkStateItem_MetadataEntry {
  key: string;
  value: string;
}

export interface DeleteStateRequest {
  storeName: string;
  key: string;
  /** absent or empty: delete whatever is there */
  etag?: Etag | undefined;
  options?: StateOptions | undefined;
  metadata: Map<string, string>;
}

export interface DeleteStateRequest_MetadataEntry {
  key: string;
  value: string;
}

export interface DeleteBulkStateRequest {
  storeName: string;
  /** the values in them are not looked at */
  states: StateItem[];
}

export interface SaveStateRequest {
  storeName: string;
  states: StateItem[];
}

/** All operations or none, in their order. */
export interface ExecuteStateTransactionRequest {
  storeName: string;
  operations: TransactionalStateOperation[];
  /** passed to the store with the transaction; also where some clients put the ttl */
  metadata: Map<string, string>;
}

export interface ExecuteStateTransactionRequest_MetadataEntry {
  key: string;
  value: string;
}

export interface TransactionalStateOperation {
  /** "upsert" or "delete"; anything else fails the call */
  operationType: string;
  request?: StateItem | undefined;
}

export interface QueryStateRequest {
  storeName: string;
  /** JSON text: filter, sort and page */
  query: string;
  metadata: Map<string, string>;
}

export interface QueryStateRequest_MetadataEntry {
  key: string;
  value: string;
}

export interface QueryStateResponse {
  results: QueryStateItem[];
  /** where the next page starts; empty on the last one */
  token: string;
  metadata: Map<string, string>;
}

export interface QueryStateResponse_MetadataEntry {
  key: string;
  value: string;
}

export interface QueryStateItem {
  key: string;
  data: Uint8Array;
  etag: string;
  /** text for humans; the others are not affected */
  error: string;
}

function createBaseGetStateRequest(): GetStateRequest {
  return { storeName: "", key: "", consistency: 0, metadata: new Map() };
}

export const GetStateRequest: MessageFns<GetStateRequest> = {
  encode(message: GetStateRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.storeName !== "") {
      writer.uint32(10).string(message.storeName);
    }
    if (message.key !== "") {
      writer.uint32(18).string(message.key);
    }
    if (message.consistency !== 0) {
      writer.uint32(24).int32(message.consistency);
    }
    message.metadata.forEach((value, key) => {
      GetStateRequest_MetadataEntry.encode({ key: key as any, value }, writer.uint32(34).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetStateRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetStateRequest();
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

            message.key = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.consistency = reader.int32() as any;
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            const entry4 = GetStateRequest_MetadataEntry.decode(reader, reader.uint32());
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

function createBaseGetStateRequest_MetadataEntry(): GetStateRequest_MetadataEntry {
  return { key: "", value: "" };
}

export const GetStateRequest_MetadataEntry: MessageFns<GetStateRequest_MetadataEntry> = {
  encode(message: GetStateRequest_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetStateRequest_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetStateRequest_MetadataEntry();
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

function createBaseGetStateResponse(): GetStateResponse {
  return { data: new Uint8Array(0), etag: "", metadata: new Map() };
}

export const GetStateResponse: MessageFns<GetStateResponse> = {
  encode(message: GetStateResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.data.length !== 0) {
      writer.uint32(10).bytes(message.data);
    }
    if (message.etag !== "") {
      writer.uint32(18).string(message.etag);
    }
    message.metadata.forEach((value, key) => {
      GetStateResponse_MetadataEntry.encode({ key: key as any, value }, writer.uint32(26).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetStateResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetStateResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.data = reader.bytes();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.etag = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            const entry3 = GetStateResponse_MetadataEntry.decode(reader, reader.uint32());
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

function createBaseGetStateResponse_MetadataEntry(): GetStateResponse_MetadataEntry {
  return { key: "", value: "" };
}

export const GetStateResponse_MetadataEntry: MessageFns<GetStateResponse_MetadataEntry> = {
  encode(message: GetStateResponse_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetStateResponse_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetStateResponse_MetadataEntry();
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

function createBaseGetBulkStateRequest(): GetBulkStateRequest {
  return { storeName: "", keys: [], parallelism: 0, metadata: new Map() };
}

export const GetBulkStateRequest: MessageFns<GetBulkStateRequest> = {
  encode(message: GetBulkStateRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.storeName !== "") {
      writer.uint32(10).string(message.storeName);
    }
    for (const v of message.keys) {
      writer.uint32(18).string(v!);
    }
    if (message.parallelism !== 0) {
      writer.uint32(24).int32(message.parallelism);
    }
    message.metadata.forEach((value, key) => {
      GetBulkStateRequest_MetadataEntry.encode({ key: key as any, value }, writer.uint32(34).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetBulkStateRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetBulkStateRequest();
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

            message.keys.push(reader.string());
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.parallelism = reader.int32();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            const entry4 = GetBulkStateRequest_MetadataEntry.decode(reader, reader.uint32());
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

function createBaseGetBulkStateRequest_MetadataEntry(): GetBulkStateRequest_MetadataEntry {
  return { key: "", value: "" };
}

export const GetBulkStateRequest_MetadataEntry: MessageFns<GetBulkStateRequest_MetadataEntry> = {
  encode(message: GetBulkStateRequest_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetBulkStateRequest_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetBulkStateRequest_MetadataEntry();
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

function createBaseGetBulkStateResponse(): GetBulkStateResponse {
  return { items: [] };
}

export const GetBulkStateResponse: MessageFns<GetBulkStateResponse> = {
  encode(message: GetBulkStateResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.items) {
      BulkStateItem.encode(v!, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetBulkStateResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetBulkStateResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.items.push(BulkStateItem.decode(reader, reader.uint32()));
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

function createBaseBulkStateItem(): BulkStateItem {
  return { key: "", data: new Uint8Array(0), etag: "", error: "", metadata: new Map() };
}

export const BulkStateItem: MessageFns<BulkStateItem> = {
  encode(message: BulkStateItem, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.data.length !== 0) {
      writer.uint32(18).bytes(message.data);
    }
    if (message.etag !== "") {
      writer.uint32(26).string(message.etag);
    }
    if (message.error !== "") {
      writer.uint32(34).string(message.error);
    }
    message.metadata.forEach((value, key) => {
      BulkStateItem_MetadataEntry.encode({ key: key as any, value }, writer.uint32(42).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): BulkStateItem {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseBulkStateItem();
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

            message.data = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.etag = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.error = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            const entry5 = BulkStateItem_MetadataEntry.decode(reader, reader.uint32());
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

function createBaseBulkStateItem_MetadataEntry(): BulkStateItem_MetadataEntry {
  return { key: "", value: "" };
}

export const BulkStateItem_MetadataEntry: MessageFns<BulkStateItem_MetadataEntry> = {
  encode(message: BulkStateItem_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): BulkStateItem_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseBulkStateItem_MetadataEntry();
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

function createBaseDeleteStateRequest(): DeleteStateRequest {
  return { storeName: "", key: "", etag: undefined, options: undefined, metadata: new Map() };
}

export const DeleteStateRequest: MessageFns<DeleteStateRequest> = {
  encode(message: DeleteStateRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.storeName !== "") {
      writer.uint32(10).string(message.storeName);
    }
    if (message.key !== "") {
      writer.uint32(18).string(message.key);
    }
    if (message.etag !== undefined) {
      Etag.encode(message.etag, writer.uint32(26).fork()).join();
    }
    if (message.options !== undefined) {
      StateOptions.encode(message.options, writer.uint32(34).fork()).join();
    }
    message.metadata.forEach((value, key) => {
      DeleteStateRequest_MetadataEntry.encode({ key: key as any, value }, writer.uint32(42).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): DeleteStateRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseDeleteStateRequest();
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

            message.key = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.etag = Etag.decode(reader, reader.uint32());
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.options = StateOptions.decode(reader, reader.uint32());
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            const entry5 = DeleteStateRequest_MetadataEntry.decode(reader, reader.uint32());
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

function createBaseDeleteStateRequest_MetadataEntry(): DeleteStateRequest_MetadataEntry {
  return { key: "", value: "" };
}

export const DeleteStateRequest_MetadataEntry: MessageFns<DeleteStateRequest_MetadataEntry> = {
  encode(message: DeleteStateRequest_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): DeleteStateRequest_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseDeleteStateRequest_MetadataEntry();
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

function createBaseDeleteBulkStateRequest(): DeleteBulkStateRequest {
  return { storeName: "", states: [] };
}

export const DeleteBulkStateRequest: MessageFns<DeleteBulkStateRequest> = {
  encode(message: DeleteBulkStateRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.storeName !== "") {
      writer.uint32(10).string(message.storeName);
    }
    for (const v of message.states) {
      StateItem.encode(v!, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): DeleteBulkStateRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseDeleteBulkStateRequest();
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

function createBaseSaveStateRequest(): SaveStateRequest {
  return { storeName: "", states: [] };
}

export const SaveStateRequest: MessageFns<SaveStateRequest> = {
  encode(message: SaveStateRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.storeName !== "") {
      writer.uint32(10).string(message.storeName);
    }
    for (const v of message.states) {
      StateItem.encode(v!, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SaveStateRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSaveStateRequest();
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

function createBaseExecuteStateTransactionRequest(): ExecuteStateTransactionRequest {
  return { storeName: "", operations: [], metadata: new Map() };
}

export const ExecuteStateTransactionRequest: MessageFns<ExecuteStateTransactionRequest> = {
  encode(message: ExecuteStateTransactionRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.storeName !== "") {
      writer.uint32(10).string(message.storeName);
    }
    for (const v of message.operations) {
      TransactionalStateOperation.encode(v!, writer.uint32(18).fork()).join();
    }
    message.metadata.forEach((value, key) => {
      ExecuteStateTransactionRequest_MetadataEntry.encode({ key: key as any, value }, writer.uint32(26).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ExecuteStateTransactionRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseExecuteStateTransactionRequest();
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

            message.operations.push(TransactionalStateOperation.decode(reader, reader.uint32()));
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            const entry3 = ExecuteStateTransactionRequest_MetadataEntry.decode(reader, reader.uint32());
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

function createBaseExecuteStateTransactionRequest_MetadataEntry(): ExecuteStateTransactionRequest_MetadataEntry {
  return { key: "", value: "" };
}

export const ExecuteStateTransactionRequest_MetadataEntry: MessageFns<ExecuteStateTransactionRequest_MetadataEntry> = {
  encode(
    message: ExecuteStateTransactionRequest_MetadataEntry,
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

  decode(input: BinaryReader | Uint8Array, length?: number): ExecuteStateTransactionRequest_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseExecuteStateTransactionRequest_MetadataEntry();
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

function createBaseTransactionalStateOperation(): TransactionalStateOperation {
  return { operationType: "", request: undefined };
}

export const TransactionalStateOperation: MessageFns<TransactionalStateOperation> = {
  encode(message: TransactionalStateOperation, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.operationType !== "") {
      writer.uint32(10).string(message.operationType);
    }
    if (message.request !== undefined) {
      StateItem.encode(message.request, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TransactionalStateOperation {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTransactionalStateOperation();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.operationType = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.request = StateItem.decode(reader, reader.uint32());
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

function createBaseQueryStateRequest(): QueryStateRequest {
  return { storeName: "", query: "", metadata: new Map() };
}

export const QueryStateRequest: MessageFns<QueryStateRequest> = {
  encode(message: QueryStateRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.storeName !== "") {
      writer.uint32(10).string(message.storeName);
    }
    if (message.query !== "") {
      writer.uint32(18).string(message.query);
    }
    message.metadata.forEach((value, key) => {
      QueryStateRequest_MetadataEntry.encode({ key: key as any, value }, writer.uint32(26).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): QueryStateRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseQueryStateRequest();
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

            message.query = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            const entry3 = QueryStateRequest_MetadataEntry.decode(reader, reader.uint32());
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

function createBaseQueryStateRequest_MetadataEntry(): QueryStateRequest_MetadataEntry {
  return { key: "", value: "" };
}

export const QueryStateRequest_MetadataEntry: MessageFns<QueryStateRequest_MetadataEntry> = {
  encode(message: QueryStateRequest_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): QueryStateRequest_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseQueryStateRequest_MetadataEntry();
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

function createBaseQueryStateResponse(): QueryStateResponse {
  return { results: [], token: "", metadata: new Map() };
}

export const QueryStateResponse: MessageFns<QueryStateResponse> = {
  encode(message: QueryStateResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.results) {
      QueryStateItem.encode(v!, writer.uint32(10).fork()).join();
    }
    if (message.token !== "") {
      writer.uint32(18).string(message.token);
    }
    message.metadata.forEach((value, key) => {
      QueryStateResponse_MetadataEntry.encode({ key: key as any, value }, writer.uint32(26).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): QueryStateResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseQueryStateResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.results.push(QueryStateItem.decode(reader, reader.uint32()));
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.token = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            const entry3 = QueryStateResponse_MetadataEntry.decode(reader, reader.uint32());
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

function createBaseQueryStateResponse_MetadataEntry(): QueryStateResponse_MetadataEntry {
  return { key: "", value: "" };
}

export const QueryStateResponse_MetadataEntry: MessageFns<QueryStateResponse_MetadataEntry> = {
  encode(message: QueryStateResponse_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): QueryStateResponse_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseQueryStateResponse_MetadataEntry();
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

function createBaseQueryStateItem(): QueryStateItem {
  return { key: "", data: new Uint8Array(0), etag: "", error: "" };
}

export const QueryStateItem: MessageFns<QueryStateItem> = {
  encode(message: QueryStateItem, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.data.length !== 0) {
      writer.uint32(18).bytes(message.data);
    }
    if (message.etag !== "") {
      writer.uint32(26).string(message.etag);
    }
    if (message.error !== "") {
      writer.uint32(34).string(message.error);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): QueryStateItem {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseQueryStateItem();
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

            message.data = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.etag = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
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

interface MessageFns<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
}
