// Generated from proto/dapr/proto/runtime/v1/ai.proto by proto/generate.ts: do not edit, run `npm run proto`.
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { Any } from "../../../../google/protobuf/any.ts";
import { Duration } from "../../../../google/protobuf/duration.ts";
import { Struct } from "../../../../google/protobuf/struct.ts";

/** Alpha1, superseded by ConversationRequestAlpha2. */
export interface ConversationRequest {
  /** component to ask */
  name: string;
  /** an earlier conversation to go on with; absent starts a new one */
  contextID?: string | undefined;
  inputs: ConversationInput[];
  /** passed to the component as they are */
  parameters: Map<string, Any>;
  metadata: Map<string, string>;
  /** true removes personal data from what comes back */
  scrubPII?:
    | boolean
    | undefined;
  /** 0 is the most predictable; absent leaves it to the model */
  temperature?: number | undefined;
}

export interface ConversationRequest_ParametersEntry {
  key: string;
  value?: Any | undefined;
}

export interface ConversationRequest_MetadataEntry {
  key: string;
  value: string;
}

export interface ConversationInput {
  content: string;
  /** absent means "user" */
  role?:
    | string
    | undefined;
  /** true removes personal data from this input before the model sees it */
  scrubPII?: boolean | undefined;
}

export interface ConversationResult {
  result: string;
  parameters: Map<string, Any>;
}

export interface ConversationResult_ParametersEntry {
  key: string;
  value?: Any | undefined;
}

export interface ConversationResponse {
  contextID?:
    | string
    | undefined;
  /** one per input */
  outputs: ConversationResult[];
}

export interface ConversationRequestAlpha2 {
  /** component to ask */
  name: string;
  /** an earlier conversation to go on with; absent starts a new one */
  contextId?: string | undefined;
  inputs: ConversationInputAlpha2[];
  /** passed to the component as they are */
  parameters: Map<string, Any>;
  metadata: Map<string, string>;
  /** true removes personal data from what comes back */
  scrubPii?:
    | boolean
    | undefined;
  /** 0 is the most predictable; absent leaves it to the model */
  temperature?:
    | number
    | undefined;
  /** what the model may ask us to call; the app makes the call, not the sidecar */
  tools: ConversationTools[];
  /** "none", "auto", "required" or the name of a tool; absent means auto if there are tools */
  toolChoice?:
    | string
    | undefined;
  /** JSON Schema that the answer is to follow */
  responseFormat?:
    | { [key: string]: unknown }
    | undefined;
  /** how long the provider may keep the prompt for reuse */
  promptCacheRetention?: Duration | undefined;
}

export interface ConversationRequestAlpha2_ParametersEntry {
  key: string;
  value?: Any | undefined;
}

export interface ConversationRequestAlpha2_MetadataEntry {
  key: string;
  value: string;
}

export interface ConversationInputAlpha2 {
  messages: ConversationMessage[];
  /** true removes personal data from this input before the model sees it */
  scrubPii?: boolean | undefined;
}

/** One turn; the member that is set is the role that speaks. */
export interface ConversationMessage {
  messageTypes?:
    | { $case: "ofDeveloper"; value: ConversationMessageOfDeveloper }
    | { $case: "ofSystem"; value: ConversationMessageOfSystem }
    | { $case: "ofUser"; value: ConversationMessageOfUser }
    | { $case: "ofAssistant"; value: ConversationMessageOfAssistant }
    | { $case: "ofTool"; value: ConversationMessageOfTool }
    | undefined;
}

export interface ConversationMessageOfDeveloper {
  name?: string | undefined;
  content: ConversationMessageContent[];
}

export interface ConversationMessageOfSystem {
  name?: string | undefined;
  content: ConversationMessageContent[];
}

export interface ConversationMessageOfUser {
  name?: string | undefined;
  content: ConversationMessageContent[];
}

export interface ConversationMessageOfAssistant {
  name?: string | undefined;
  content: ConversationMessageContent[];
  toolCalls: ConversationToolCalls[];
}

/** What a tool answered to the call of that id. */
export interface ConversationMessageOfTool {
  toolId?: string | undefined;
  name: string;
  content: ConversationMessageContent[];
}

export interface ConversationMessageContent {
  text: string;
}

/** The model asks for a tool to be called. */
export interface ConversationToolCalls {
  /** to be repeated in the tool's answer */
  id?: string | undefined;
  toolTypes?: { $case: "function"; value: ConversationToolCallsOfFunction } | undefined;
}

export interface ConversationToolCallsOfFunction {
  name: string;
  /** a JSON object as text, written by the model: check it before use */
  arguments: string;
}

/** A tool as it is offered to the model. */
export interface ConversationTools {
  toolTypes?: { $case: "function"; value: ConversationToolsFunction } | undefined;
}

export interface ConversationToolsFunction {
  name: string;
  description?:
    | string
    | undefined;
  /** JSON Schema of the arguments */
  parameters?: { [key: string]: unknown } | undefined;
}

export interface ConversationResponseAlpha2 {
  contextId?:
    | string
    | undefined;
  /** one per input */
  outputs: ConversationResultAlpha2[];
}

export interface ConversationResultAlpha2 {
  choices: ConversationResultChoices[];
  /** the model that answered, where the provider says so */
  model?: string | undefined;
  usage?: ConversationResultAlpha2CompletionUsage | undefined;
}

/** Figures are tokens, as counted by the provider. */
export interface ConversationResultAlpha2CompletionUsage {
  completionTokens: bigint;
  promptTokens: bigint;
  totalTokens: bigint;
  completionTokensDetails?: ConversationResultAlpha2CompletionUsageCompletionTokensDetails | undefined;
  promptTokensDetails?: ConversationResultAlpha2CompletionUsagePromptTokensDetails | undefined;
}

export interface ConversationResultAlpha2CompletionUsageCompletionTokensDetails {
  acceptedPredictionTokens: bigint;
  audioTokens: bigint;
  reasoningTokens: bigint;
  rejectedPredictionTokens: bigint;
}

export interface ConversationResultAlpha2CompletionUsagePromptTokensDetails {
  audioTokens: bigint;
  cachedTokens: bigint;
}

export interface ConversationResultChoices {
  /** why the model stopped: "stop", "length", "tool_calls", "content_filter" */
  finishReason: string;
  index: bigint;
  message?: ConversationResultMessage | undefined;
}

export interface ConversationResultMessage {
  content: string;
  toolCalls: ConversationToolCalls[];
}

function createBaseConversationRequest(): ConversationRequest {
  return {
    name: "",
    contextID: undefined,
    inputs: [],
    parameters: new Map(),
    metadata: new Map(),
    scrubPII: undefined,
    temperature: undefined,
  };
}

export const ConversationRequest: MessageFns<ConversationRequest> = {
  encode(message: ConversationRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    if (message.contextID !== undefined) {
      writer.uint32(18).string(message.contextID);
    }
    for (const v of message.inputs) {
      ConversationInput.encode(v!, writer.uint32(26).fork()).join();
    }
    message.parameters.forEach((value, key) => {
      ConversationRequest_ParametersEntry.encode({ key: key as any, value }, writer.uint32(34).fork()).join();
    });
    message.metadata.forEach((value, key) => {
      ConversationRequest_MetadataEntry.encode({ key: key as any, value }, writer.uint32(42).fork()).join();
    });
    if (message.scrubPII !== undefined) {
      writer.uint32(48).bool(message.scrubPII);
    }
    if (message.temperature !== undefined) {
      writer.uint32(57).double(message.temperature);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationRequest();
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

            message.contextID = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.inputs.push(ConversationInput.decode(reader, reader.uint32()));
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            const entry4 = ConversationRequest_ParametersEntry.decode(reader, reader.uint32());
            if (entry4.value !== undefined) {
              message.parameters.set(entry4.key, entry4.value);
            }
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            const entry5 = ConversationRequest_MetadataEntry.decode(reader, reader.uint32());
            if (entry5.value !== undefined) {
              message.metadata.set(entry5.key, entry5.value);
            }
            continue;
          }
          case 6: {
            if (tag !== 48) {
              break;
            }

            message.scrubPII = reader.bool();
            continue;
          }
          case 7: {
            if (tag !== 57) {
              break;
            }

            message.temperature = reader.double();
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

function createBaseConversationRequest_ParametersEntry(): ConversationRequest_ParametersEntry {
  return { key: "", value: undefined };
}

export const ConversationRequest_ParametersEntry: MessageFns<ConversationRequest_ParametersEntry> = {
  encode(message: ConversationRequest_ParametersEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== undefined) {
      Any.encode(message.value, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationRequest_ParametersEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationRequest_ParametersEntry();
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

            message.value = Any.decode(reader, reader.uint32());
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

function createBaseConversationRequest_MetadataEntry(): ConversationRequest_MetadataEntry {
  return { key: "", value: "" };
}

export const ConversationRequest_MetadataEntry: MessageFns<ConversationRequest_MetadataEntry> = {
  encode(message: ConversationRequest_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationRequest_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationRequest_MetadataEntry();
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

function createBaseConversationInput(): ConversationInput {
  return { content: "", role: undefined, scrubPII: undefined };
}

export const ConversationInput: MessageFns<ConversationInput> = {
  encode(message: ConversationInput, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.content !== "") {
      writer.uint32(10).string(message.content);
    }
    if (message.role !== undefined) {
      writer.uint32(18).string(message.role);
    }
    if (message.scrubPII !== undefined) {
      writer.uint32(24).bool(message.scrubPII);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationInput {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationInput();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.content = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.role = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.scrubPII = reader.bool();
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

function createBaseConversationResult(): ConversationResult {
  return { result: "", parameters: new Map() };
}

export const ConversationResult: MessageFns<ConversationResult> = {
  encode(message: ConversationResult, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.result !== "") {
      writer.uint32(10).string(message.result);
    }
    message.parameters.forEach((value, key) => {
      ConversationResult_ParametersEntry.encode({ key: key as any, value }, writer.uint32(18).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationResult {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationResult();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.result = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            const entry2 = ConversationResult_ParametersEntry.decode(reader, reader.uint32());
            if (entry2.value !== undefined) {
              message.parameters.set(entry2.key, entry2.value);
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

function createBaseConversationResult_ParametersEntry(): ConversationResult_ParametersEntry {
  return { key: "", value: undefined };
}

export const ConversationResult_ParametersEntry: MessageFns<ConversationResult_ParametersEntry> = {
  encode(message: ConversationResult_ParametersEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== undefined) {
      Any.encode(message.value, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationResult_ParametersEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationResult_ParametersEntry();
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

            message.value = Any.decode(reader, reader.uint32());
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

function createBaseConversationResponse(): ConversationResponse {
  return { contextID: undefined, outputs: [] };
}

export const ConversationResponse: MessageFns<ConversationResponse> = {
  encode(message: ConversationResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.contextID !== undefined) {
      writer.uint32(10).string(message.contextID);
    }
    for (const v of message.outputs) {
      ConversationResult.encode(v!, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.contextID = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.outputs.push(ConversationResult.decode(reader, reader.uint32()));
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

function createBaseConversationRequestAlpha2(): ConversationRequestAlpha2 {
  return {
    name: "",
    contextId: undefined,
    inputs: [],
    parameters: new Map(),
    metadata: new Map(),
    scrubPii: undefined,
    temperature: undefined,
    tools: [],
    toolChoice: undefined,
    responseFormat: undefined,
    promptCacheRetention: undefined,
  };
}

export const ConversationRequestAlpha2: MessageFns<ConversationRequestAlpha2> = {
  encode(message: ConversationRequestAlpha2, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    if (message.contextId !== undefined) {
      writer.uint32(18).string(message.contextId);
    }
    for (const v of message.inputs) {
      ConversationInputAlpha2.encode(v!, writer.uint32(26).fork()).join();
    }
    message.parameters.forEach((value, key) => {
      ConversationRequestAlpha2_ParametersEntry.encode({ key: key as any, value }, writer.uint32(34).fork()).join();
    });
    message.metadata.forEach((value, key) => {
      ConversationRequestAlpha2_MetadataEntry.encode({ key: key as any, value }, writer.uint32(42).fork()).join();
    });
    if (message.scrubPii !== undefined) {
      writer.uint32(48).bool(message.scrubPii);
    }
    if (message.temperature !== undefined) {
      writer.uint32(57).double(message.temperature);
    }
    for (const v of message.tools) {
      ConversationTools.encode(v!, writer.uint32(66).fork()).join();
    }
    if (message.toolChoice !== undefined) {
      writer.uint32(74).string(message.toolChoice);
    }
    if (message.responseFormat !== undefined) {
      Struct.encode(Struct.wrap(message.responseFormat), writer.uint32(82).fork()).join();
    }
    if (message.promptCacheRetention !== undefined) {
      Duration.encode(message.promptCacheRetention, writer.uint32(90).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationRequestAlpha2 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationRequestAlpha2();
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

            message.contextId = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.inputs.push(ConversationInputAlpha2.decode(reader, reader.uint32()));
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            const entry4 = ConversationRequestAlpha2_ParametersEntry.decode(reader, reader.uint32());
            if (entry4.value !== undefined) {
              message.parameters.set(entry4.key, entry4.value);
            }
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            const entry5 = ConversationRequestAlpha2_MetadataEntry.decode(reader, reader.uint32());
            if (entry5.value !== undefined) {
              message.metadata.set(entry5.key, entry5.value);
            }
            continue;
          }
          case 6: {
            if (tag !== 48) {
              break;
            }

            message.scrubPii = reader.bool();
            continue;
          }
          case 7: {
            if (tag !== 57) {
              break;
            }

            message.temperature = reader.double();
            continue;
          }
          case 8: {
            if (tag !== 66) {
              break;
            }

            message.tools.push(ConversationTools.decode(reader, reader.uint32()));
            continue;
          }
          case 9: {
            if (tag !== 74) {
              break;
            }

            message.toolChoice = reader.string();
            continue;
          }
          case 10: {
            if (tag !== 82) {
              break;
            }

            message.responseFormat = Struct.unwrap(Struct.decode(reader, reader.uint32()));
            continue;
          }
          case 11: {
            if (tag !== 90) {
              break;
            }

            message.promptCacheRetention = Duration.decode(reader, reader.uint32());
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

function createBaseConversationRequestAlpha2_ParametersEntry(): ConversationRequestAlpha2_ParametersEntry {
  return { key: "", value: undefined };
}

export const ConversationRequestAlpha2_ParametersEntry: MessageFns<ConversationRequestAlpha2_ParametersEntry> = {
  encode(message: ConversationRequestAlpha2_ParametersEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== undefined) {
      Any.encode(message.value, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationRequestAlpha2_ParametersEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationRequestAlpha2_ParametersEntry();
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

            message.value = Any.decode(reader, reader.uint32());
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

function createBaseConversationRequestAlpha2_MetadataEntry(): ConversationRequestAlpha2_MetadataEntry {
  return { key: "", value: "" };
}

export const ConversationRequestAlpha2_MetadataEntry: MessageFns<ConversationRequestAlpha2_MetadataEntry> = {
  encode(message: ConversationRequestAlpha2_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationRequestAlpha2_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationRequestAlpha2_MetadataEntry();
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

function createBaseConversationInputAlpha2(): ConversationInputAlpha2 {
  return { messages: [], scrubPii: undefined };
}

export const ConversationInputAlpha2: MessageFns<ConversationInputAlpha2> = {
  encode(message: ConversationInputAlpha2, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.messages) {
      ConversationMessage.encode(v!, writer.uint32(10).fork()).join();
    }
    if (message.scrubPii !== undefined) {
      writer.uint32(16).bool(message.scrubPii);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationInputAlpha2 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationInputAlpha2();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.messages.push(ConversationMessage.decode(reader, reader.uint32()));
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.scrubPii = reader.bool();
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

function createBaseConversationMessage(): ConversationMessage {
  return { messageTypes: undefined };
}

export const ConversationMessage: MessageFns<ConversationMessage> = {
  encode(message: ConversationMessage, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    switch (message.messageTypes?.$case) {
      case "ofDeveloper":
        ConversationMessageOfDeveloper.encode(message.messageTypes.value, writer.uint32(10).fork()).join();
        break;
      case "ofSystem":
        ConversationMessageOfSystem.encode(message.messageTypes.value, writer.uint32(18).fork()).join();
        break;
      case "ofUser":
        ConversationMessageOfUser.encode(message.messageTypes.value, writer.uint32(26).fork()).join();
        break;
      case "ofAssistant":
        ConversationMessageOfAssistant.encode(message.messageTypes.value, writer.uint32(34).fork()).join();
        break;
      case "ofTool":
        ConversationMessageOfTool.encode(message.messageTypes.value, writer.uint32(42).fork()).join();
        break;
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationMessage {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationMessage();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.messageTypes = {
              $case: "ofDeveloper",
              value: ConversationMessageOfDeveloper.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.messageTypes = {
              $case: "ofSystem",
              value: ConversationMessageOfSystem.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.messageTypes = {
              $case: "ofUser",
              value: ConversationMessageOfUser.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.messageTypes = {
              $case: "ofAssistant",
              value: ConversationMessageOfAssistant.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.messageTypes = {
              $case: "ofTool",
              value: ConversationMessageOfTool.decode(reader, reader.uint32()),
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

function createBaseConversationMessageOfDeveloper(): ConversationMessageOfDeveloper {
  return { name: undefined, content: [] };
}

export const ConversationMessageOfDeveloper: MessageFns<ConversationMessageOfDeveloper> = {
  encode(message: ConversationMessageOfDeveloper, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== undefined) {
      writer.uint32(10).string(message.name);
    }
    for (const v of message.content) {
      ConversationMessageContent.encode(v!, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationMessageOfDeveloper {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationMessageOfDeveloper();
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

            message.content.push(ConversationMessageContent.decode(reader, reader.uint32()));
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

function createBaseConversationMessageOfSystem(): ConversationMessageOfSystem {
  return { name: undefined, content: [] };
}

export const ConversationMessageOfSystem: MessageFns<ConversationMessageOfSystem> = {
  encode(message: ConversationMessageOfSystem, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== undefined) {
      writer.uint32(10).string(message.name);
    }
    for (const v of message.content) {
      ConversationMessageContent.encode(v!, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationMessageOfSystem {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationMessageOfSystem();
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

            message.content.push(ConversationMessageContent.decode(reader, reader.uint32()));
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

function createBaseConversationMessageOfUser(): ConversationMessageOfUser {
  return { name: undefined, content: [] };
}

export const ConversationMessageOfUser: MessageFns<ConversationMessageOfUser> = {
  encode(message: ConversationMessageOfUser, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== undefined) {
      writer.uint32(10).string(message.name);
    }
    for (const v of message.content) {
      ConversationMessageContent.encode(v!, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationMessageOfUser {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationMessageOfUser();
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

            message.content.push(ConversationMessageContent.decode(reader, reader.uint32()));
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

function createBaseConversationMessageOfAssistant(): ConversationMessageOfAssistant {
  return { name: undefined, content: [], toolCalls: [] };
}

export const ConversationMessageOfAssistant: MessageFns<ConversationMessageOfAssistant> = {
  encode(message: ConversationMessageOfAssistant, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== undefined) {
      writer.uint32(10).string(message.name);
    }
    for (const v of message.content) {
      ConversationMessageContent.encode(v!, writer.uint32(18).fork()).join();
    }
    for (const v of message.toolCalls) {
      ConversationToolCalls.encode(v!, writer.uint32(26).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationMessageOfAssistant {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationMessageOfAssistant();
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

            message.content.push(ConversationMessageContent.decode(reader, reader.uint32()));
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.toolCalls.push(ConversationToolCalls.decode(reader, reader.uint32()));
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

function createBaseConversationMessageOfTool(): ConversationMessageOfTool {
  return { toolId: undefined, name: "", content: [] };
}

export const ConversationMessageOfTool: MessageFns<ConversationMessageOfTool> = {
  encode(message: ConversationMessageOfTool, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.toolId !== undefined) {
      writer.uint32(10).string(message.toolId);
    }
    if (message.name !== "") {
      writer.uint32(18).string(message.name);
    }
    for (const v of message.content) {
      ConversationMessageContent.encode(v!, writer.uint32(26).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationMessageOfTool {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationMessageOfTool();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.toolId = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.name = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.content.push(ConversationMessageContent.decode(reader, reader.uint32()));
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

function createBaseConversationMessageContent(): ConversationMessageContent {
  return { text: "" };
}

export const ConversationMessageContent: MessageFns<ConversationMessageContent> = {
  encode(message: ConversationMessageContent, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.text !== "") {
      writer.uint32(10).string(message.text);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationMessageContent {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationMessageContent();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.text = reader.string();
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

function createBaseConversationToolCalls(): ConversationToolCalls {
  return { id: undefined, toolTypes: undefined };
}

export const ConversationToolCalls: MessageFns<ConversationToolCalls> = {
  encode(message: ConversationToolCalls, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.id !== undefined) {
      writer.uint32(10).string(message.id);
    }
    switch (message.toolTypes?.$case) {
      case "function":
        ConversationToolCallsOfFunction.encode(message.toolTypes.value, writer.uint32(18).fork()).join();
        break;
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationToolCalls {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationToolCalls();
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

            message.toolTypes = {
              $case: "function",
              value: ConversationToolCallsOfFunction.decode(reader, reader.uint32()),
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

function createBaseConversationToolCallsOfFunction(): ConversationToolCallsOfFunction {
  return { name: "", arguments: "" };
}

export const ConversationToolCallsOfFunction: MessageFns<ConversationToolCallsOfFunction> = {
  encode(message: ConversationToolCallsOfFunction, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    if (message.arguments !== "") {
      writer.uint32(18).string(message.arguments);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationToolCallsOfFunction {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationToolCallsOfFunction();
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

            message.arguments = reader.string();
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

function createBaseConversationTools(): ConversationTools {
  return { toolTypes: undefined };
}

export const ConversationTools: MessageFns<ConversationTools> = {
  encode(message: ConversationTools, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    switch (message.toolTypes?.$case) {
      case "function":
        ConversationToolsFunction.encode(message.toolTypes.value, writer.uint32(10).fork()).join();
        break;
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationTools {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationTools();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.toolTypes = { $case: "function", value: ConversationToolsFunction.decode(reader, reader.uint32()) };
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

function createBaseConversationToolsFunction(): ConversationToolsFunction {
  return { name: "", description: undefined, parameters: undefined };
}

export const ConversationToolsFunction: MessageFns<ConversationToolsFunction> = {
  encode(message: ConversationToolsFunction, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    if (message.description !== undefined) {
      writer.uint32(18).string(message.description);
    }
    if (message.parameters !== undefined) {
      Struct.encode(Struct.wrap(message.parameters), writer.uint32(26).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationToolsFunction {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationToolsFunction();
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

            message.description = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.parameters = Struct.unwrap(Struct.decode(reader, reader.uint32()));
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

function createBaseConversationResponseAlpha2(): ConversationResponseAlpha2 {
  return { contextId: undefined, outputs: [] };
}

export const ConversationResponseAlpha2: MessageFns<ConversationResponseAlpha2> = {
  encode(message: ConversationResponseAlpha2, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.contextId !== undefined) {
      writer.uint32(10).string(message.contextId);
    }
    for (const v of message.outputs) {
      ConversationResultAlpha2.encode(v!, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationResponseAlpha2 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationResponseAlpha2();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.contextId = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.outputs.push(ConversationResultAlpha2.decode(reader, reader.uint32()));
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

function createBaseConversationResultAlpha2(): ConversationResultAlpha2 {
  return { choices: [], model: undefined, usage: undefined };
}

export const ConversationResultAlpha2: MessageFns<ConversationResultAlpha2> = {
  encode(message: ConversationResultAlpha2, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.choices) {
      ConversationResultChoices.encode(v!, writer.uint32(10).fork()).join();
    }
    if (message.model !== undefined) {
      writer.uint32(18).string(message.model);
    }
    if (message.usage !== undefined) {
      ConversationResultAlpha2CompletionUsage.encode(message.usage, writer.uint32(26).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationResultAlpha2 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationResultAlpha2();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.choices.push(ConversationResultChoices.decode(reader, reader.uint32()));
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.model = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.usage = ConversationResultAlpha2CompletionUsage.decode(reader, reader.uint32());
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

function createBaseConversationResultAlpha2CompletionUsage(): ConversationResultAlpha2CompletionUsage {
  return {
    completionTokens: 0n,
    promptTokens: 0n,
    totalTokens: 0n,
    completionTokensDetails: undefined,
    promptTokensDetails: undefined,
  };
}

export const ConversationResultAlpha2CompletionUsage: MessageFns<ConversationResultAlpha2CompletionUsage> = {
  encode(message: ConversationResultAlpha2CompletionUsage, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.completionTokens !== 0n) {
      if (BigInt.asUintN(64, message.completionTokens) !== message.completionTokens) {
        throw new globalThis.Error("value provided for field message.completionTokens of type uint64 too large");
      }
      writer.uint32(8).uint64(message.completionTokens);
    }
    if (message.promptTokens !== 0n) {
      if (BigInt.asUintN(64, message.promptTokens) !== message.promptTokens) {
        throw new globalThis.Error("value provided for field message.promptTokens of type uint64 too large");
      }
      writer.uint32(16).uint64(message.promptTokens);
    }
    if (message.totalTokens !== 0n) {
      if (BigInt.asUintN(64, message.totalTokens) !== message.totalTokens) {
        throw new globalThis.Error("value provided for field message.totalTokens of type uint64 too large");
      }
      writer.uint32(24).uint64(message.totalTokens);
    }
    if (message.completionTokensDetails !== undefined) {
      ConversationResultAlpha2CompletionUsageCompletionTokensDetails.encode(
        message.completionTokensDetails,
        writer.uint32(34).fork(),
      ).join();
    }
    if (message.promptTokensDetails !== undefined) {
      ConversationResultAlpha2CompletionUsagePromptTokensDetails.encode(
        message.promptTokensDetails,
        writer.uint32(42).fork(),
      ).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationResultAlpha2CompletionUsage {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationResultAlpha2CompletionUsage();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.completionTokens = reader.uint64() as bigint;
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.promptTokens = reader.uint64() as bigint;
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.totalTokens = reader.uint64() as bigint;
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.completionTokensDetails = ConversationResultAlpha2CompletionUsageCompletionTokensDetails.decode(
              reader,
              reader.uint32(),
            );
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.promptTokensDetails = ConversationResultAlpha2CompletionUsagePromptTokensDetails.decode(
              reader,
              reader.uint32(),
            );
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

function createBaseConversationResultAlpha2CompletionUsageCompletionTokensDetails(): ConversationResultAlpha2CompletionUsageCompletionTokensDetails {
  return { acceptedPredictionTokens: 0n, audioTokens: 0n, reasoningTokens: 0n, rejectedPredictionTokens: 0n };
}

export const ConversationResultAlpha2CompletionUsageCompletionTokensDetails: MessageFns<
  ConversationResultAlpha2CompletionUsageCompletionTokensDetails
> = {
  encode(
    message: ConversationResultAlpha2CompletionUsageCompletionTokensDetails,
    writer: BinaryWriter = new BinaryWriter(),
  ): BinaryWriter {
    if (message.acceptedPredictionTokens !== 0n) {
      if (BigInt.asUintN(64, message.acceptedPredictionTokens) !== message.acceptedPredictionTokens) {
        throw new globalThis.Error(
          "value provided for field message.acceptedPredictionTokens of type uint64 too large",
        );
      }
      writer.uint32(8).uint64(message.acceptedPredictionTokens);
    }
    if (message.audioTokens !== 0n) {
      if (BigInt.asUintN(64, message.audioTokens) !== message.audioTokens) {
        throw new globalThis.Error("value provided for field message.audioTokens of type uint64 too large");
      }
      writer.uint32(16).uint64(message.audioTokens);
    }
    if (message.reasoningTokens !== 0n) {
      if (BigInt.asUintN(64, message.reasoningTokens) !== message.reasoningTokens) {
        throw new globalThis.Error("value provided for field message.reasoningTokens of type uint64 too large");
      }
      writer.uint32(24).uint64(message.reasoningTokens);
    }
    if (message.rejectedPredictionTokens !== 0n) {
      if (BigInt.asUintN(64, message.rejectedPredictionTokens) !== message.rejectedPredictionTokens) {
        throw new globalThis.Error(
          "value provided for field message.rejectedPredictionTokens of type uint64 too large",
        );
      }
      writer.uint32(32).uint64(message.rejectedPredictionTokens);
    }
    return writer;
  },

  decode(
    input: BinaryReader | Uint8Array,
    length?: number,
  ): ConversationResultAlpha2CompletionUsageCompletionTokensDetails {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationResultAlpha2CompletionUsageCompletionTokensDetails();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.acceptedPredictionTokens = reader.uint64() as bigint;
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.audioTokens = reader.uint64() as bigint;
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.reasoningTokens = reader.uint64() as bigint;
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.rejectedPredictionTokens = reader.uint64() as bigint;
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

function createBaseConversationResultAlpha2CompletionUsagePromptTokensDetails(): ConversationResultAlpha2CompletionUsagePromptTokensDetails {
  return { audioTokens: 0n, cachedTokens: 0n };
}

export const ConversationResultAlpha2CompletionUsagePromptTokensDetails: MessageFns<
  ConversationResultAlpha2CompletionUsagePromptTokensDetails
> = {
  encode(
    message: ConversationResultAlpha2CompletionUsagePromptTokensDetails,
    writer: BinaryWriter = new BinaryWriter(),
  ): BinaryWriter {
    if (message.audioTokens !== 0n) {
      if (BigInt.asUintN(64, message.audioTokens) !== message.audioTokens) {
        throw new globalThis.Error("value provided for field message.audioTokens of type uint64 too large");
      }
      writer.uint32(8).uint64(message.audioTokens);
    }
    if (message.cachedTokens !== 0n) {
      if (BigInt.asUintN(64, message.cachedTokens) !== message.cachedTokens) {
        throw new globalThis.Error("value provided for field message.cachedTokens of type uint64 too large");
      }
      writer.uint32(16).uint64(message.cachedTokens);
    }
    return writer;
  },

  decode(
    input: BinaryReader | Uint8Array,
    length?: number,
  ): ConversationResultAlpha2CompletionUsagePromptTokensDetails {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationResultAlpha2CompletionUsagePromptTokensDetails();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.audioTokens = reader.uint64() as bigint;
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.cachedTokens = reader.uint64() as bigint;
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

function createBaseConversationResultChoices(): ConversationResultChoices {
  return { finishReason: "", index: 0n, message: undefined };
}

export const ConversationResultChoices: MessageFns<ConversationResultChoices> = {
  encode(message: ConversationResultChoices, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.finishReason !== "") {
      writer.uint32(10).string(message.finishReason);
    }
    if (message.index !== 0n) {
      if (BigInt.asIntN(64, message.index) !== message.index) {
        throw new globalThis.Error("value provided for field message.index of type int64 too large");
      }
      writer.uint32(16).int64(message.index);
    }
    if (message.message !== undefined) {
      ConversationResultMessage.encode(message.message, writer.uint32(26).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationResultChoices {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationResultChoices();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.finishReason = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.index = reader.int64() as bigint;
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.message = ConversationResultMessage.decode(reader, reader.uint32());
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

function createBaseConversationResultMessage(): ConversationResultMessage {
  return { content: "", toolCalls: [] };
}

export const ConversationResultMessage: MessageFns<ConversationResultMessage> = {
  encode(message: ConversationResultMessage, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.content !== "") {
      writer.uint32(10).string(message.content);
    }
    for (const v of message.toolCalls) {
      ConversationToolCalls.encode(v!, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConversationResultMessage {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConversationResultMessage();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.content = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.toolCalls.push(ConversationToolCalls.decode(reader, reader.uint32()));
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
