// Generated from proto/bulkhead/v1/sequencer.proto by proto/generate.ts: do not edit, run `npm run proto`.
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

export interface NextIdRequest {
  storeName: string;
  /** each key has a sequence of its own; they begin with 1 */
  key: string;
  /** one key should see one kind only */
  increment: NextIdRequest_Increment;
  /** how many ids; 0 means one, at most 10000 */
  count: number;
  metadata: Map<string, string>;
}

export const NextIdRequest_Increment = {
  /** INCREMENT_WEAK - Unique, and rising as one sidecar gives them out; out of numbers that it took in advance, so fast, and with gaps. */
  INCREMENT_WEAK: 0,
  /**
   * INCREMENT_STRONG - Unique, and rising over all sidecars: above every id of a strong call that was answered before this one began. One
   * trip to the store for each call.
   */
  INCREMENT_STRONG: 1,
} as const;

export type NextIdRequest_Increment = typeof NextIdRequest_Increment[keyof typeof NextIdRequest_Increment];

export namespace NextIdRequest_Increment {
  export type INCREMENT_WEAK = typeof NextIdRequest_Increment.INCREMENT_WEAK;
  export type INCREMENT_STRONG = typeof NextIdRequest_Increment.INCREMENT_STRONG;
}

export interface NextIdRequest_MetadataEntry {
  key: string;
  value: string;
}

export interface NextIdResponse {
  /** rising; those of a strong call also without gaps */
  ids: bigint[];
}

function createBaseNextIdRequest(): NextIdRequest {
  return { storeName: "", key: "", increment: 0, count: 0, metadata: new Map() };
}

export const NextIdRequest: MessageFns<NextIdRequest> = {
  encode(message: NextIdRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.storeName !== "") {
      writer.uint32(10).string(message.storeName);
    }
    if (message.key !== "") {
      writer.uint32(18).string(message.key);
    }
    if (message.increment !== 0) {
      writer.uint32(24).int32(message.increment);
    }
    if (message.count !== 0) {
      writer.uint32(32).int32(message.count);
    }
    message.metadata.forEach((value, key) => {
      NextIdRequest_MetadataEntry.encode({ key: key as any, value }, writer.uint32(42).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): NextIdRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseNextIdRequest();
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

            message.increment = reader.int32() as any;
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.count = reader.int32();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            const entry5 = NextIdRequest_MetadataEntry.decode(reader, reader.uint32());
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

function createBaseNextIdRequest_MetadataEntry(): NextIdRequest_MetadataEntry {
  return { key: "", value: "" };
}

export const NextIdRequest_MetadataEntry: MessageFns<NextIdRequest_MetadataEntry> = {
  encode(message: NextIdRequest_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): NextIdRequest_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseNextIdRequest_MetadataEntry();
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

function createBaseNextIdResponse(): NextIdResponse {
  return { ids: [] };
}

export const NextIdResponse: MessageFns<NextIdResponse> = {
  encode(message: NextIdResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.ids.length !== 0) {
      writer.uint32(10).fork();
      for (const v of message.ids) {
        if (BigInt.asIntN(64, v) !== v) {
          throw new globalThis.Error("a value provided in array field ids of type int64 is too large");
        }
        writer.int64(v);
      }
      writer.join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): NextIdResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseNextIdResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag === 8) {
              message.ids.push(reader.int64() as bigint);

              continue;
            }

            if (tag === 10) {
              const end2 = reader.uint32() + reader.pos;
              while (reader.pos < end2) {
                message.ids.push(reader.int64() as bigint);
              }

              continue;
            }

            break;
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
