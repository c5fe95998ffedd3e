// Generated from proto/dapr/proto/common/v1/common.proto by proto/generate.ts: do not edit, run `npm run proto`.
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { Any } from "../../../../google/protobuf/any.ts";
import { Duration } from "../../../../google/protobuf/duration.ts";

/** What an HTTP request says that gRPC has no place for. An app that speaks HTTP cannot be called without it. */
export interface HTTPExtension {
  /** NONE and CONNECT are refused */
  verb: HTTPExtension_Verb;
  /** as it stands after the '?', already encoded; empty when there is none */
  querystring: string;
}

export const HTTPExtension_Verb = {
  NONE: 0,
  GET: 1,
  HEAD: 2,
  POST: 3,
  PUT: 4,
  DELETE: 5,
  CONNECT: 6,
  OPTIONS: 7,
  TRACE: 8,
  PATCH: 9,
} as const;

export type HTTPExtension_Verb = typeof HTTPExtension_Verb[keyof typeof HTTPExtension_Verb];

export namespace HTTPExtension_Verb {
  export type NONE = typeof HTTPExtension_Verb.NONE;
  export type GET = typeof HTTPExtension_Verb.GET;
  export type HEAD = typeof HTTPExtension_Verb.HEAD;
  export type POST = typeof HTTPExtension_Verb.POST;
  export type PUT = typeof HTTPExtension_Verb.PUT;
  export type DELETE = typeof HTTPExtension_Verb.DELETE;
  export type CONNECT = typeof HTTPExtension_Verb.CONNECT;
  export type OPTIONS = typeof HTTPExtension_Verb.OPTIONS;
  export type TRACE = typeof HTTPExtension_Verb.TRACE;
  export type PATCH = typeof HTTPExtension_Verb.PATCH;
}

/** A call to a method of an app, in either direction across the sidecar. */
export interface InvokeRequest {
  method: string;
  /** the body as it was sent; type_url is only set by callers that packed a message */
  data?:
    | Any
    | undefined;
  /** MIME type of data; empty means application/json */
  contentType: string;
  httpExtension?: HTTPExtension | undefined;
}

/** The answer to an InvokeRequest. Headers and status travel beside it, as gRPC metadata. */
export interface InvokeResponse {
  data?:
    | Any
    | undefined;
  /** MIME type of data */
  contentType: string;
}

/** One chunk of a byte stream that is too big for a single message. */
export interface StreamPayload {
  /** may be empty, in the last chunk for instance */
  data: Uint8Array;
  /** position in the stream: starts at 0 and grows by exactly one per chunk */
  seq: bigint;
}

/** One key as a client writes it. Reads answer with flatter messages, see runtime/v1/state.proto. */
export interface StateItem {
  /** the app's own key; the prefix that separates apps is added later and never seen on the wire */
  key: string;
  /** stored as it is, whatever it holds; empty is stored as null */
  value: Uint8Array;
  /** absent: no check of the stored version */
  etag?:
    | Etag
    | undefined;
  /** wishes to the store, such as ttlInSeconds or contentType */
  metadata: Map<string, string>;
  /** absent: the store's defaults */
  options?: StateOptions | undefined;
}

export interface StateItem_MetadataEntry {
  key: string;
  value: string;
}

/**
 * A version of an item, opaque to everyone but the store that gave it out.
 * A message and not a string, so that absence can be said; an empty value counts as absent.
 */
export interface Etag {
  value: string;
}

/** How strictly a read or a write is to be treated. */
export interface StateOptions {
  /** FIRST_WRITE without an etag succeeds only if the key does not exist yet */
  concurrency: StateOptions_StateConcurrency;
  consistency: StateOptions_StateConsistency;
}

/** What happens when two clients write the same key. */
export const StateOptions_StateConcurrency = {
  CONCURRENCY_UNSPECIFIED: 0,
  CONCURRENCY_FIRST_WRITE: 1,
  CONCURRENCY_LAST_WRITE: 2,
} as const;

export type StateOptions_StateConcurrency =
  typeof StateOptions_StateConcurrency[keyof typeof StateOptions_StateConcurrency];

export namespace StateOptions_StateConcurrency {
  export type CONCURRENCY_UNSPECIFIED = typeof StateOptions_StateConcurrency.CONCURRENCY_UNSPECIFIED;
  export type CONCURRENCY_FIRST_WRITE = typeof StateOptions_StateConcurrency.CONCURRENCY_FIRST_WRITE;
  export type CONCURRENCY_LAST_WRITE = typeof StateOptions_StateConcurrency.CONCURRENCY_LAST_WRITE;
}

/** When a write counts as done, and how fresh a read must be. */
export const StateOptions_StateConsistency = {
  CONSISTENCY_UNSPECIFIED: 0,
  CONSISTENCY_EVENTUAL: 1,
  CONSISTENCY_STRONG: 2,
} as const;

export type StateOptions_StateConsistency =
  typeof StateOptions_StateConsistency[keyof typeof StateOptions_StateConsistency];

export namespace StateOptions_StateConsistency {
  export type CONSISTENCY_UNSPECIFIED = typeof StateOptions_StateConsistency.CONSISTENCY_UNSPECIFIED;
  export type CONSISTENCY_EVENTUAL = typeof StateOptions_StateConsistency.CONSISTENCY_EVENTUAL;
  export type CONSISTENCY_STRONG = typeof StateOptions_StateConsistency.CONSISTENCY_STRONG;
}

/** A value of a configuration store. A deleted key is announced as an item without value and version. */
export interface ConfigurationItem {
  value: string;
  /** opaque to us; empty in stores that keep no versions */
  version: string;
  metadata: Map<string, string>;
}

export interface ConfigurationItem_MetadataEntry {
  key: string;
  value: string;
}

/** What to do with a job or reminder whose delivery failed. No policy set: the scheduler's default. */
export interface JobFailurePolicy {
  policy?:
    | { $case: "drop"; value: JobFailurePolicyDrop }
    | { $case: "constant"; value: JobFailurePolicyConstant }
    | undefined;
}

/** Give up on this occurrence at once; later ones are not affected. */
export interface JobFailurePolicyDrop {
}

/** Try again at a fixed pace. */
export interface JobFailurePolicyConstant {
  /** absent means at once */
  interval?:
    | Duration
    | undefined;
  /** absent means without limit */
  maxRetries?: number | undefined;
}

function createBaseHTTPExtension(): HTTPExtension {
  return { verb: 0, querystring: "" };
}

export const HTTPExtension: MessageFns<HTTPExtension> = {
  encode(message: HTTPExtension, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.verb !== 0) {
      writer.uint32(8).int32(message.verb);
    }
    if (message.querystring !== "") {
      writer.uint32(18).string(message.querystring);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): HTTPExtension {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseHTTPExtension();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.verb = reader.int32() as any;
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.querystring = reader.string();
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

function createBaseInvokeRequest(): InvokeRequest {
  return { method: "", data: undefined, contentType: "", httpExtension: undefined };
}

export const InvokeRequest: MessageFns<InvokeRequest> = {
  encode(message: InvokeRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.method !== "") {
      writer.uint32(10).string(message.method);
    }
    if (message.data !== undefined) {
      Any.encode(message.data, writer.uint32(18).fork()).join();
    }
    if (message.contentType !== "") {
      writer.uint32(26).string(message.contentType);
    }
    if (message.httpExtension !== undefined) {
      HTTPExtension.encode(message.httpExtension, writer.uint32(34).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): InvokeRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseInvokeRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.method = reader.string();
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

            message.contentType = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
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

function createBaseInvokeResponse(): InvokeResponse {
  return { data: undefined, contentType: "" };
}

export const InvokeResponse: MessageFns<InvokeResponse> = {
  encode(message: InvokeResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.data !== undefined) {
      Any.encode(message.data, writer.uint32(10).fork()).join();
    }
    if (message.contentType !== "") {
      writer.uint32(18).string(message.contentType);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): InvokeResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseInvokeResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.data = Any.decode(reader, reader.uint32());
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.contentType = reader.string();
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

function createBaseStreamPayload(): StreamPayload {
  return { data: new Uint8Array(0), seq: 0n };
}

export const StreamPayload: MessageFns<StreamPayload> = {
  encode(message: StreamPayload, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.data.length !== 0) {
      writer.uint32(10).bytes(message.data);
    }
    if (message.seq !== 0n) {
      if (BigInt.asUintN(64, message.seq) !== message.seq) {
        throw new globalThis.Error("value provided for field message.seq of type uint64 too large");
      }
      writer.uint32(16).uint64(message.seq);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): StreamPayload {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseStreamPayload();
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
            if (tag !== 16) {
              break;
            }

            message.seq = reader.uint64() as bigint;
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

function createBaseStateItem(): StateItem {
  return { key: "", value: new Uint8Array(0), etag: undefined, metadata: new Map(), options: undefined };
}

export const StateItem: MessageFns<StateItem> = {
  encode(message: StateItem, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value.length !== 0) {
      writer.uint32(18).bytes(message.value);
    }
    if (message.etag !== undefined) {
      Etag.encode(message.etag, writer.uint32(26).fork()).join();
    }
    message.metadata.forEach((value, key) => {
      StateItem_MetadataEntry.encode({ key: key as any, value }, writer.uint32(34).fork()).join();
    });
    if (message.options !== undefined) {
      StateOptions.encode(message.options, writer.uint32(42).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): StateItem {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseStateItem();
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

            message.value = reader.bytes();
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

            const entry4 = StateItem_MetadataEntry.decode(reader, reader.uint32());
            if (entry4.value !== undefined) {
              message.metadata.set(entry4.key, entry4.value);
            }
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.options = StateOptions.decode(reader, reader.uint32());
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

function createBaseStateItem_MetadataEntry(): StateItem_MetadataEntry {
  return { key: "", value: "" };
}

export const StateItem_MetadataEntry: MessageFns<StateItem_MetadataEntry> = {
  encode(message: StateItem_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): StateItem_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseStateItem_MetadataEntry();
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

function createBaseEtag(): Etag {
  return { value: "" };
}

export const Etag: MessageFns<Etag> = {
  encode(message: Etag, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.value !== "") {
      writer.uint32(10).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): Etag {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseEtag();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
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

function createBaseStateOptions(): StateOptions {
  return { concurrency: 0, consistency: 0 };
}

export const StateOptions: MessageFns<StateOptions> = {
  encode(message: StateOptions, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.concurrency !== 0) {
      writer.uint32(8).int32(message.concurrency);
    }
    if (message.consistency !== 0) {
      writer.uint32(16).int32(message.consistency);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): StateOptions {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseStateOptions();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.concurrency = reader.int32() as any;
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.consistency = reader.int32() as any;
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

function createBaseConfigurationItem(): ConfigurationItem {
  return { value: "", version: "", metadata: new Map() };
}

export const ConfigurationItem: MessageFns<ConfigurationItem> = {
  encode(message: ConfigurationItem, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.value !== "") {
      writer.uint32(10).string(message.value);
    }
    if (message.version !== "") {
      writer.uint32(18).string(message.version);
    }
    message.metadata.forEach((value, key) => {
      ConfigurationItem_MetadataEntry.encode({ key: key as any, value }, writer.uint32(26).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConfigurationItem {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConfigurationItem();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.value = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.version = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            const entry3 = ConfigurationItem_MetadataEntry.decode(reader, reader.uint32());
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

function createBaseConfigurationItem_MetadataEntry(): ConfigurationItem_MetadataEntry {
  return { key: "", value: "" };
}

export const ConfigurationItem_MetadataEntry: MessageFns<ConfigurationItem_MetadataEntry> = {
  encode(message: ConfigurationItem_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConfigurationItem_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConfigurationItem_MetadataEntry();
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

function createBaseJobFailurePolicy(): JobFailurePolicy {
  return { policy: undefined };
}

export const JobFailurePolicy: MessageFns<JobFailurePolicy> = {
  encode(message: JobFailurePolicy, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    switch (message.policy?.$case) {
      case "drop":
        JobFailurePolicyDrop.encode(message.policy.value, writer.uint32(10).fork()).join();
        break;
      case "constant":
        JobFailurePolicyConstant.encode(message.policy.value, writer.uint32(18).fork()).join();
        break;
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): JobFailurePolicy {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseJobFailurePolicy();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.policy = { $case: "drop", value: JobFailurePolicyDrop.decode(reader, reader.uint32()) };
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.policy = { $case: "constant", value: JobFailurePolicyConstant.decode(reader, reader.uint32()) };
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

function createBaseJobFailurePolicyDrop(): JobFailurePolicyDrop {
  return {};
}

export const JobFailurePolicyDrop: MessageFns<JobFailurePolicyDrop> = {
  encode(_: JobFailurePolicyDrop, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): JobFailurePolicyDrop {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseJobFailurePolicyDrop();
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

function createBaseJobFailurePolicyConstant(): JobFailurePolicyConstant {
  return { interval: undefined, maxRetries: undefined };
}

export const JobFailurePolicyConstant: MessageFns<JobFailurePolicyConstant> = {
  encode(message: JobFailurePolicyConstant, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.interval !== undefined) {
      Duration.encode(message.interval, writer.uint32(10).fork()).join();
    }
    if (message.maxRetries !== undefined) {
      writer.uint32(16).uint32(message.maxRetries);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): JobFailurePolicyConstant {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseJobFailurePolicyConstant();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.interval = Duration.decode(reader, reader.uint32());
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.maxRetries = reader.uint32();
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
