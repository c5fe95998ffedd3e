// Generated from proto/dapr/proto/runtime/v1/workflow.proto by proto/generate.ts: do not edit, run `npm run proto`.
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { Timestamp } from "../../../../google/protobuf/timestamp.ts";

export interface GetWorkflowRequest {
  instanceId: string;
  /** not looked at; there is one engine */
  workflowComponent: string;
  appId?: string | undefined;
}

export interface GetWorkflowResponse {
  instanceId: string;
  workflowName: string;
  createdAt?: Timestamp | undefined;
  lastUpdatedAt?:
    | Timestamp
    | undefined;
  /** RUNNING, COMPLETED, FAILED, TERMINATED and so on */
  runtimeStatus: string;
  /** input, output, custom status and failure details, as JSON text */
  properties: Map<string, string>;
}

export interface GetWorkflowResponse_PropertiesEntry {
  key: string;
  value: string;
}

export interface StartWorkflowRequest {
  /** empty: one is made up */
  instanceId: string;
  workflowComponent: string;
  /** as registered by a worker */
  workflowName: string;
  options: Map<string, string>;
  /** JSON by convention; passed on untouched */
  input: Uint8Array;
  appId?: string | undefined;
}

export interface StartWorkflowRequest_OptionsEntry {
  key: string;
  value: string;
}

export interface StartWorkflowResponse {
  instanceId: string;
}

export interface TerminateWorkflowRequest {
  instanceId: string;
  workflowComponent: string;
  appId?: string | undefined;
}

export interface PauseWorkflowRequest {
  instanceId: string;
  workflowComponent: string;
  appId?: string | undefined;
}

export interface ResumeWorkflowRequest {
  instanceId: string;
  workflowComponent: string;
  appId?: string | undefined;
}

export interface RaiseEventWorkflowRequest {
  instanceId: string;
  workflowComponent: string;
  eventName: string;
  /** JSON by convention; passed on untouched */
  eventData: Uint8Array;
  appId?: string | undefined;
}

export interface PurgeWorkflowRequest {
  instanceId: string;
  workflowComponent: string;
  appId?: string | undefined;
}

function createBaseGetWorkflowRequest(): GetWorkflowRequest {
  return { instanceId: "", workflowComponent: "", appId: undefined };
}

export const GetWorkflowRequest: MessageFns<GetWorkflowRequest> = {
  encode(message: GetWorkflowRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.instanceId !== "") {
      writer.uint32(10).string(message.instanceId);
    }
    if (message.workflowComponent !== "") {
      writer.uint32(18).string(message.workflowComponent);
    }
    if (message.appId !== undefined) {
      writer.uint32(26).string(message.appId);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetWorkflowRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetWorkflowRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.instanceId = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.workflowComponent = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.appId = reader.string();
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

function createBaseGetWorkflowResponse(): GetWorkflowResponse {
  return {
    instanceId: "",
    workflowName: "",
    createdAt: undefined,
    lastUpdatedAt: undefined,
    runtimeStatus: "",
    properties: new Map(),
  };
}

export const GetWorkflowResponse: MessageFns<GetWorkflowResponse> = {
  encode(message: GetWorkflowResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.instanceId !== "") {
      writer.uint32(10).string(message.instanceId);
    }
    if (message.workflowName !== "") {
      writer.uint32(18).string(message.workflowName);
    }
    if (message.createdAt !== undefined) {
      Timestamp.encode(message.createdAt, writer.uint32(26).fork()).join();
    }
    if (message.lastUpdatedAt !== undefined) {
      Timestamp.encode(message.lastUpdatedAt, writer.uint32(34).fork()).join();
    }
    if (message.runtimeStatus !== "") {
      writer.uint32(42).string(message.runtimeStatus);
    }
    message.properties.forEach((value, key) => {
      GetWorkflowResponse_PropertiesEntry.encode({ key: key as any, value }, writer.uint32(50).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetWorkflowResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetWorkflowResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.instanceId = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.workflowName = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.createdAt = Timestamp.decode(reader, reader.uint32());
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.lastUpdatedAt = Timestamp.decode(reader, reader.uint32());
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.runtimeStatus = reader.string();
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            const entry6 = GetWorkflowResponse_PropertiesEntry.decode(reader, reader.uint32());
            if (entry6.value !== undefined) {
              message.properties.set(entry6.key, entry6.value);
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

function createBaseGetWorkflowResponse_PropertiesEntry(): GetWorkflowResponse_PropertiesEntry {
  return { key: "", value: "" };
}

export const GetWorkflowResponse_PropertiesEntry: MessageFns<GetWorkflowResponse_PropertiesEntry> = {
  encode(message: GetWorkflowResponse_PropertiesEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetWorkflowResponse_PropertiesEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetWorkflowResponse_PropertiesEntry();
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

function createBaseStartWorkflowRequest(): StartWorkflowRequest {
  return {
    instanceId: "",
    workflowComponent: "",
    workflowName: "",
    options: new Map(),
    input: new Uint8Array(0),
    appId: undefined,
  };
}

export const StartWorkflowRequest: MessageFns<StartWorkflowRequest> = {
  encode(message: StartWorkflowRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.instanceId !== "") {
      writer.uint32(10).string(message.instanceId);
    }
    if (message.workflowComponent !== "") {
      writer.uint32(18).string(message.workflowComponent);
    }
    if (message.workflowName !== "") {
      writer.uint32(26).string(message.workflowName);
    }
    message.options.forEach((value, key) => {
      StartWorkflowRequest_OptionsEntry.encode({ key: key as any, value }, writer.uint32(34).fork()).join();
    });
    if (message.input.length !== 0) {
      writer.uint32(42).bytes(message.input);
    }
    if (message.appId !== undefined) {
      writer.uint32(50).string(message.appId);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): StartWorkflowRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseStartWorkflowRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.instanceId = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.workflowComponent = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.workflowName = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            const entry4 = StartWorkflowRequest_OptionsEntry.decode(reader, reader.uint32());
            if (entry4.value !== undefined) {
              message.options.set(entry4.key, entry4.value);
            }
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.input = reader.bytes();
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.appId = reader.string();
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

function createBaseStartWorkflowRequest_OptionsEntry(): StartWorkflowRequest_OptionsEntry {
  return { key: "", value: "" };
}

export const StartWorkflowRequest_OptionsEntry: MessageFns<StartWorkflowRequest_OptionsEntry> = {
  encode(message: StartWorkflowRequest_OptionsEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): StartWorkflowRequest_OptionsEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseStartWorkflowRequest_OptionsEntry();
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

function createBaseStartWorkflowResponse(): StartWorkflowResponse {
  return { instanceId: "" };
}

export const StartWorkflowResponse: MessageFns<StartWorkflowResponse> = {
  encode(message: StartWorkflowResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.instanceId !== "") {
      writer.uint32(10).string(message.instanceId);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): StartWorkflowResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseStartWorkflowResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.instanceId = reader.string();
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

function createBaseTerminateWorkflowRequest(): TerminateWorkflowRequest {
  return { instanceId: "", workflowComponent: "", appId: undefined };
}

export const TerminateWorkflowRequest: MessageFns<TerminateWorkflowRequest> = {
  encode(message: TerminateWorkflowRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.instanceId !== "") {
      writer.uint32(10).string(message.instanceId);
    }
    if (message.workflowComponent !== "") {
      writer.uint32(18).string(message.workflowComponent);
    }
    if (message.appId !== undefined) {
      writer.uint32(26).string(message.appId);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TerminateWorkflowRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTerminateWorkflowRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.instanceId = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.workflowComponent = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.appId = reader.string();
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

function createBasePauseWorkflowRequest(): PauseWorkflowRequest {
  return { instanceId: "", workflowComponent: "", appId: undefined };
}

export const PauseWorkflowRequest: MessageFns<PauseWorkflowRequest> = {
  encode(message: PauseWorkflowRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.instanceId !== "") {
      writer.uint32(10).string(message.instanceId);
    }
    if (message.workflowComponent !== "") {
      writer.uint32(18).string(message.workflowComponent);
    }
    if (message.appId !== undefined) {
      writer.uint32(26).string(message.appId);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): PauseWorkflowRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBasePauseWorkflowRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.instanceId = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.workflowComponent = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.appId = reader.string();
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

function createBaseResumeWorkflowRequest(): ResumeWorkflowRequest {
  return { instanceId: "", workflowComponent: "", appId: undefined };
}

export const ResumeWorkflowRequest: MessageFns<ResumeWorkflowRequest> = {
  encode(message: ResumeWorkflowRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.instanceId !== "") {
      writer.uint32(10).string(message.instanceId);
    }
    if (message.workflowComponent !== "") {
      writer.uint32(18).string(message.workflowComponent);
    }
    if (message.appId !== undefined) {
      writer.uint32(26).string(message.appId);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ResumeWorkflowRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseResumeWorkflowRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.instanceId = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.workflowComponent = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.appId = reader.string();
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

function createBaseRaiseEventWorkflowRequest(): RaiseEventWorkflowRequest {
  return { instanceId: "", workflowComponent: "", eventName: "", eventData: new Uint8Array(0), appId: undefined };
}

export const RaiseEventWorkflowRequest: MessageFns<RaiseEventWorkflowRequest> = {
  encode(message: RaiseEventWorkflowRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.instanceId !== "") {
      writer.uint32(10).string(message.instanceId);
    }
    if (message.workflowComponent !== "") {
      writer.uint32(18).string(message.workflowComponent);
    }
    if (message.eventName !== "") {
      writer.uint32(26).string(message.eventName);
    }
    if (message.eventData.length !== 0) {
      writer.uint32(34).bytes(message.eventData);
    }
    if (message.appId !== undefined) {
      writer.uint32(42).string(message.appId);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): RaiseEventWorkflowRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseRaiseEventWorkflowRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.instanceId = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.workflowComponent = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.eventName = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.eventData = reader.bytes();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.appId = reader.string();
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

function createBasePurgeWorkflowRequest(): PurgeWorkflowRequest {
  return { instanceId: "", workflowComponent: "", appId: undefined };
}

export const PurgeWorkflowRequest: MessageFns<PurgeWorkflowRequest> = {
  encode(message: PurgeWorkflowRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.instanceId !== "") {
      writer.uint32(10).string(message.instanceId);
    }
    if (message.workflowComponent !== "") {
      writer.uint32(18).string(message.workflowComponent);
    }
    if (message.appId !== undefined) {
      writer.uint32(26).string(message.appId);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): PurgeWorkflowRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBasePurgeWorkflowRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.instanceId = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.workflowComponent = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.appId = reader.string();
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
