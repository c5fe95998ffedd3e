// Generated from proto/dapr/proto/runtime/v1/actors.proto by proto/generate.ts: do not edit, run `npm run proto`.
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { Any } from "../../../../google/protobuf/any.ts";
import { Duration } from "../../../../google/protobuf/duration.ts";
import { JobFailurePolicy } from "../../common/v1/common.ts";

/** A timer lives in the memory of the actor's host: it dies with the actor's activation. */
export interface RegisterActorTimerRequest {
  actorType: string;
  actorId: string;
  name: string;
  /** when it fires first; empty means now */
  dueTime: string;
  /** empty fires once */
  period: string;
  /** handed to the actor each time it fires */
  callback: string;
  data: Uint8Array;
  /** when it stops firing */
  ttl: string;
}

export interface UnregisterActorTimerRequest {
  actorType: string;
  actorId: string;
  name: string;
}

/** A reminder is stored: it outlives activation, host and sidecar. */
export interface RegisterActorReminderRequest {
  actorType: string;
  actorId: string;
  name: string;
  /** when it fires first; empty means now */
  dueTime: string;
  /** empty fires once */
  period: string;
  data: Uint8Array;
  /** when it is deleted */
  ttl: string;
  /** absent means true: a reminder of the same name is replaced */
  overwrite?:
    | boolean
    | undefined;
  /** absent means the scheduler's default */
  failurePolicy?: JobFailurePolicy | undefined;
}

export interface UnregisterActorReminderRequest {
  actorType: string;
  actorId: string;
  name: string;
}

export interface GetActorReminderRequest {
  actorType: string;
  actorId: string;
  name: string;
}

export interface GetActorReminderResponse {
  actorType: string;
  actorId: string;
  dueTime?: string | undefined;
  period?: string | undefined;
  data?: Any | undefined;
  ttl?: string | undefined;
}

/** Lists the reminders of one actor, or of all actors of a type when actor_id is absent. */
export interface ListActorRemindersRequest {
  actorType: string;
  actorId?: string | undefined;
}

export interface ListActorRemindersResponse {
  reminders: NamedActorReminder[];
}

export interface NamedActorReminder {
  name: string;
  reminder?: ActorReminder | undefined;
}

export interface ActorReminder {
  actorType: string;
  actorId: string;
  dueTime?: string | undefined;
  period?: string | undefined;
  data?: Any | undefined;
  ttl?: string | undefined;
}

/** Deletes the reminders of one actor, or of all actors of a type when actor_id is absent. */
export interface UnregisterActorRemindersByTypeRequest {
  actorType: string;
  actorId?: string | undefined;
}

export interface UnregisterActorRemindersByTypeResponse {
}

export interface GetActorStateRequest {
  actorType: string;
  actorId: string;
  key: string;
}

/** Empty data means that the key does not exist. */
export interface GetActorStateResponse {
  data: Uint8Array;
  /** ttlExpireTime for one, when the key expires */
  metadata: Map<string, string>;
}

export interface GetActorStateResponse_MetadataEntry {
  key: string;
  value: string;
}

/** All operations or none. */
export interface ExecuteActorStateTransactionRequest {
  actorType: string;
  actorId: string;
  operations: TransactionalActorStateOperation[];
}

export interface TransactionalActorStateOperation {
  /** "upsert" or "delete" */
  operationType: string;
  key: string;
  /** absent for a delete; the payload is in Any.value, type_url is not looked at */
  value?:
    | Any
    | undefined;
  /** ttlInSeconds for one */
  metadata: Map<string, string>;
}

export interface TransactionalActorStateOperation_MetadataEntry {
  key: string;
  value: string;
}

export interface InvokeActorRequest {
  actorType: string;
  actorId: string;
  method: string;
  data: Uint8Array;
  /** becomes headers of the call to the actor */
  metadata: Map<string, string>;
}

export interface InvokeActorRequest_MetadataEntry {
  key: string;
  value: string;
}

export interface InvokeActorResponse {
  data: Uint8Array;
}

/**
 * App to sidecar, over the stream that makes an app a host of actors. initial_request comes first and once; every other
 * message answers the request of the same id.
 */
export interface SubscribeActorEventsRequestAlpha1 {
  requestType?:
    | { $case: "initialRequest"; value: SubscribeActorEventsRequestInitialAlpha1 }
    | { $case: "invokeResponse"; value: SubscribeActorEventsRequestInvokeResponseAlpha1 }
    | { $case: "reminderResponse"; value: SubscribeActorEventsRequestReminderResponseAlpha1 }
    | { $case: "timerResponse"; value: SubscribeActorEventsRequestReminderResponseAlpha1 }
    | { $case: "deactivateResponse"; value: SubscribeActorEventsRequestDeactivateResponseAlpha1 }
    | { $case: "requestFailed"; value: SubscribeActorEventsRequestFailedAlpha1 }
    | undefined;
}

/** The types this app hosts and how they live. What is absent keeps the runtime's default. */
export interface SubscribeActorEventsRequestInitialAlpha1 {
  /** actor types */
  entities: string[];
  /** an actor nobody called for so long is deactivated */
  actorIdleTimeout?:
    | Duration
    | undefined;
  /** How long a call may still run once its actor moves to another host. */
  drainOngoingCallTimeout?:
    | Duration
    | undefined;
  /** false deactivates at once */
  drainRebalancedActors?: boolean | undefined;
  reentrancy?:
    | ActorReentrancyConfig
    | undefined;
  /** overrides for some of the types */
  entitiesConfig: ActorEntityConfig[];
}

export interface SubscribeActorEventsRequestInvokeResponseAlpha1 {
  id: string;
  data: Uint8Array;
  metadata: Map<string, string>;
  /** true: data describes an error of the actor's, not a result */
  error: boolean;
}

export interface SubscribeActorEventsRequestInvokeResponseAlpha1_MetadataEntry {
  key: string;
  value: string;
}

/** Serves reminders and timers alike. */
export interface SubscribeActorEventsRequestReminderResponseAlpha1 {
  id: string;
  /** true: do not fire again */
  cancel: boolean;
}

export interface SubscribeActorEventsRequestDeactivateResponseAlpha1 {
  id: string;
}

/** The request of this id could not be served at all. */
export interface SubscribeActorEventsRequestFailedAlpha1 {
  id: string;
  /** a gRPC status code */
  code: number;
  message: string;
}

/** Sidecar to app. initial_response comes first and says that the app is now a host. */
export interface SubscribeActorEventsResponseAlpha1 {
  responseType?:
    | { $case: "initialResponse"; value: SubscribeActorEventsResponseInitialAlpha1 }
    | { $case: "invokeRequest"; value: SubscribeActorEventsResponseInvokeRequestAlpha1 }
    | { $case: "reminderRequest"; value: SubscribeActorEventsResponseReminderRequestAlpha1 }
    | { $case: "timerRequest"; value: SubscribeActorEventsResponseTimerRequestAlpha1 }
    | { $case: "deactivateRequest"; value: SubscribeActorEventsResponseDeactivateRequestAlpha1 }
    | undefined;
}

export interface SubscribeActorEventsResponseInitialAlpha1 {
}

export interface SubscribeActorEventsResponseInvokeRequestAlpha1 {
  id: string;
  actorType: string;
  actorId: string;
  method: string;
  data: Uint8Array;
  metadata: Map<string, string>;
}

export interface SubscribeActorEventsResponseInvokeRequestAlpha1_MetadataEntry {
  key: string;
  value: string;
}

export interface SubscribeActorEventsResponseReminderRequestAlpha1 {
  id: string;
  actorType: string;
  actorId: string;
  name: string;
  dueTime: string;
  period: string;
  data?: Any | undefined;
}

export interface SubscribeActorEventsResponseTimerRequestAlpha1 {
  id: string;
  actorType: string;
  actorId: string;
  name: string;
  dueTime: string;
  period: string;
  callback: string;
  data?: Any | undefined;
}

export interface SubscribeActorEventsResponseDeactivateRequestAlpha1 {
  id: string;
  actorType: string;
  actorId: string;
}

/** Settings for the listed types only; the members mean what they mean in the initial request. */
export interface ActorEntityConfig {
  entities: string[];
  actorIdleTimeout?: Duration | undefined;
  drainOngoingCallTimeout?: Duration | undefined;
  drainRebalancedActors?: boolean | undefined;
  reentrancy?: ActorReentrancyConfig | undefined;
}

/** Whether an actor may be called again, through others, by the call it is serving. */
export interface ActorReentrancyConfig {
  enabled: boolean;
  /** how deep such a chain may grow; absent means the runtime's default */
  maxStackDepth?: number | undefined;
}

function createBaseRegisterActorTimerRequest(): RegisterActorTimerRequest {
  return {
    actorType: "",
    actorId: "",
    name: "",
    dueTime: "",
    period: "",
    callback: "",
    data: new Uint8Array(0),
    ttl: "",
  };
}

export const RegisterActorTimerRequest: MessageFns<RegisterActorTimerRequest> = {
  encode(message: RegisterActorTimerRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.actorType !== "") {
      writer.uint32(10).string(message.actorType);
    }
    if (message.actorId !== "") {
      writer.uint32(18).string(message.actorId);
    }
    if (message.name !== "") {
      writer.uint32(26).string(message.name);
    }
    if (message.dueTime !== "") {
      writer.uint32(34).string(message.dueTime);
    }
    if (message.period !== "") {
      writer.uint32(42).string(message.period);
    }
    if (message.callback !== "") {
      writer.uint32(50).string(message.callback);
    }
    if (message.data.length !== 0) {
      writer.uint32(58).bytes(message.data);
    }
    if (message.ttl !== "") {
      writer.uint32(66).string(message.ttl);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): RegisterActorTimerRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseRegisterActorTimerRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.actorType = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.actorId = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.name = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.dueTime = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.period = reader.string();
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.callback = reader.string();
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

            message.ttl = reader.string();
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

function createBaseUnregisterActorTimerRequest(): UnregisterActorTimerRequest {
  return { actorType: "", actorId: "", name: "" };
}

export const UnregisterActorTimerRequest: MessageFns<UnregisterActorTimerRequest> = {
  encode(message: UnregisterActorTimerRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.actorType !== "") {
      writer.uint32(10).string(message.actorType);
    }
    if (message.actorId !== "") {
      writer.uint32(18).string(message.actorId);
    }
    if (message.name !== "") {
      writer.uint32(26).string(message.name);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): UnregisterActorTimerRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseUnregisterActorTimerRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.actorType = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.actorId = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.name = reader.string();
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

function createBaseRegisterActorReminderRequest(): RegisterActorReminderRequest {
  return {
    actorType: "",
    actorId: "",
    name: "",
    dueTime: "",
    period: "",
    data: new Uint8Array(0),
    ttl: "",
    overwrite: undefined,
    failurePolicy: undefined,
  };
}

export const RegisterActorReminderRequest: MessageFns<RegisterActorReminderRequest> = {
  encode(message: RegisterActorReminderRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.actorType !== "") {
      writer.uint32(10).string(message.actorType);
    }
    if (message.actorId !== "") {
      writer.uint32(18).string(message.actorId);
    }
    if (message.name !== "") {
      writer.uint32(26).string(message.name);
    }
    if (message.dueTime !== "") {
      writer.uint32(34).string(message.dueTime);
    }
    if (message.period !== "") {
      writer.uint32(42).string(message.period);
    }
    if (message.data.length !== 0) {
      writer.uint32(50).bytes(message.data);
    }
    if (message.ttl !== "") {
      writer.uint32(58).string(message.ttl);
    }
    if (message.overwrite !== undefined) {
      writer.uint32(64).bool(message.overwrite);
    }
    if (message.failurePolicy !== undefined) {
      JobFailurePolicy.encode(message.failurePolicy, writer.uint32(74).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): RegisterActorReminderRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseRegisterActorReminderRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.actorType = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.actorId = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.name = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.dueTime = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.period = reader.string();
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

            message.ttl = reader.string();
            continue;
          }
          case 8: {
            if (tag !== 64) {
              break;
            }

            message.overwrite = reader.bool();
            continue;
          }
          case 9: {
            if (tag !== 74) {
              break;
            }

            message.failurePolicy = JobFailurePolicy.decode(reader, reader.uint32());
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

function createBaseUnregisterActorReminderRequest(): UnregisterActorReminderRequest {
  return { actorType: "", actorId: "", name: "" };
}

export const UnregisterActorReminderRequest: MessageFns<UnregisterActorReminderRequest> = {
  encode(message: UnregisterActorReminderRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.actorType !== "") {
      writer.uint32(10).string(message.actorType);
    }
    if (message.actorId !== "") {
      writer.uint32(18).string(message.actorId);
    }
    if (message.name !== "") {
      writer.uint32(26).string(message.name);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): UnregisterActorReminderRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseUnregisterActorReminderRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.actorType = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.actorId = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.name = reader.string();
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

function createBaseGetActorReminderRequest(): GetActorReminderRequest {
  return { actorType: "", actorId: "", name: "" };
}

export const GetActorReminderRequest: MessageFns<GetActorReminderRequest> = {
  encode(message: GetActorReminderRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.actorType !== "") {
      writer.uint32(10).string(message.actorType);
    }
    if (message.actorId !== "") {
      writer.uint32(18).string(message.actorId);
    }
    if (message.name !== "") {
      writer.uint32(26).string(message.name);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetActorReminderRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetActorReminderRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.actorType = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.actorId = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.name = reader.string();
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

function createBaseGetActorReminderResponse(): GetActorReminderResponse {
  return { actorType: "", actorId: "", dueTime: undefined, period: undefined, data: undefined, ttl: undefined };
}

export const GetActorReminderResponse: MessageFns<GetActorReminderResponse> = {
  encode(message: GetActorReminderResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.actorType !== "") {
      writer.uint32(10).string(message.actorType);
    }
    if (message.actorId !== "") {
      writer.uint32(18).string(message.actorId);
    }
    if (message.dueTime !== undefined) {
      writer.uint32(34).string(message.dueTime);
    }
    if (message.period !== undefined) {
      writer.uint32(42).string(message.period);
    }
    if (message.data !== undefined) {
      Any.encode(message.data, writer.uint32(50).fork()).join();
    }
    if (message.ttl !== undefined) {
      writer.uint32(58).string(message.ttl);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetActorReminderResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetActorReminderResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.actorType = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.actorId = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.dueTime = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.period = reader.string();
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.data = Any.decode(reader, reader.uint32());
            continue;
          }
          case 7: {
            if (tag !== 58) {
              break;
            }

            message.ttl = reader.string();
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

function createBaseListActorRemindersRequest(): ListActorRemindersRequest {
  return { actorType: "", actorId: undefined };
}

export const ListActorRemindersRequest: MessageFns<ListActorRemindersRequest> = {
  encode(message: ListActorRemindersRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.actorType !== "") {
      writer.uint32(10).string(message.actorType);
    }
    if (message.actorId !== undefined) {
      writer.uint32(18).string(message.actorId);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ListActorRemindersRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseListActorRemindersRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.actorType = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.actorId = reader.string();
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

function createBaseListActorRemindersResponse(): ListActorRemindersResponse {
  return { reminders: [] };
}

export const ListActorRemindersResponse: MessageFns<ListActorRemindersResponse> = {
  encode(message: ListActorRemindersResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.reminders) {
      NamedActorReminder.encode(v!, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ListActorRemindersResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseListActorRemindersResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.reminders.push(NamedActorReminder.decode(reader, reader.uint32()));
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

function createBaseNamedActorReminder(): NamedActorReminder {
  return { name: "", reminder: undefined };
}

export const NamedActorReminder: MessageFns<NamedActorReminder> = {
  encode(message: NamedActorReminder, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    if (message.reminder !== undefined) {
      ActorReminder.encode(message.reminder, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): NamedActorReminder {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseNamedActorReminder();
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

            message.reminder = ActorReminder.decode(reader, reader.uint32());
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

function createBaseActorReminder(): ActorReminder {
  return { actorType: "", actorId: "", dueTime: undefined, period: undefined, data: undefined, ttl: undefined };
}

export const ActorReminder: MessageFns<ActorReminder> = {
  encode(message: ActorReminder, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.actorType !== "") {
      writer.uint32(10).string(message.actorType);
    }
    if (message.actorId !== "") {
      writer.uint32(18).string(message.actorId);
    }
    if (message.dueTime !== undefined) {
      writer.uint32(34).string(message.dueTime);
    }
    if (message.period !== undefined) {
      writer.uint32(42).string(message.period);
    }
    if (message.data !== undefined) {
      Any.encode(message.data, writer.uint32(50).fork()).join();
    }
    if (message.ttl !== undefined) {
      writer.uint32(58).string(message.ttl);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ActorReminder {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseActorReminder();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.actorType = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.actorId = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.dueTime = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.period = reader.string();
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.data = Any.decode(reader, reader.uint32());
            continue;
          }
          case 7: {
            if (tag !== 58) {
              break;
            }

            message.ttl = reader.string();
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

function createBaseUnregisterActorRemindersByTypeRequest(): UnregisterActorRemindersByTypeRequest {
  return { actorType: "", actorId: undefined };
}

export const UnregisterActorRemindersByTypeRequest: MessageFns<UnregisterActorRemindersByTypeRequest> = {
  encode(message: UnregisterActorRemindersByTypeRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.actorType !== "") {
      writer.uint32(10).string(message.actorType);
    }
    if (message.actorId !== undefined) {
      writer.uint32(18).string(message.actorId);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): UnregisterActorRemindersByTypeRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseUnregisterActorRemindersByTypeRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.actorType = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.actorId = reader.string();
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

function createBaseUnregisterActorRemindersByTypeResponse(): UnregisterActorRemindersByTypeResponse {
  return {};
}

export const UnregisterActorRemindersByTypeResponse: MessageFns<UnregisterActorRemindersByTypeResponse> = {
  encode(_: UnregisterActorRemindersByTypeResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): UnregisterActorRemindersByTypeResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseUnregisterActorRemindersByTypeResponse();
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

function createBaseGetActorStateRequest(): GetActorStateRequest {
  return { actorType: "", actorId: "", key: "" };
}

export const GetActorStateRequest: MessageFns<GetActorStateRequest> = {
  encode(message: GetActorStateRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.actorType !== "") {
      writer.uint32(10).string(message.actorType);
    }
    if (message.actorId !== "") {
      writer.uint32(18).string(message.actorId);
    }
    if (message.key !== "") {
      writer.uint32(26).string(message.key);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetActorStateRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetActorStateRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.actorType = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.actorId = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.key = reader.string();
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

function createBaseGetActorStateResponse(): GetActorStateResponse {
  return { data: new Uint8Array(0), metadata: new Map() };
}

export const GetActorStateResponse: MessageFns<GetActorStateResponse> = {
  encode(message: GetActorStateResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.data.length !== 0) {
      writer.uint32(10).bytes(message.data);
    }
    message.metadata.forEach((value, key) => {
      GetActorStateResponse_MetadataEntry.encode({ key: key as any, value }, writer.uint32(18).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetActorStateResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetActorStateResponse();
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

            const entry2 = GetActorStateResponse_MetadataEntry.decode(reader, reader.uint32());
            if (entry2.value !== undefined) {
              message.metadata.set(entry2.key, entry2.value);
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

function createBaseGetActorStateResponse_MetadataEntry(): GetActorStateResponse_MetadataEntry {
  return { key: "", value: "" };
}

export const GetActorStateResponse_MetadataEntry: MessageFns<GetActorStateResponse_MetadataEntry> = {
  encode(message: GetActorStateResponse_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetActorStateResponse_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetActorStateResponse_MetadataEntry();
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

function createBaseExecuteActorStateTransactionRequest(): ExecuteActorStateTransactionRequest {
  return { actorType: "", actorId: "", operations: [] };
}

export const ExecuteActorStateTransactionRequest: MessageFns<ExecuteActorStateTransactionRequest> = {
  encode(message: ExecuteActorStateTransactionRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.actorType !== "") {
      writer.uint32(10).string(message.actorType);
    }
    if (message.actorId !== "") {
      writer.uint32(18).string(message.actorId);
    }
    for (const v of message.operations) {
      TransactionalActorStateOperation.encode(v!, writer.uint32(26).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ExecuteActorStateTransactionRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseExecuteActorStateTransactionRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.actorType = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.actorId = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.operations.push(TransactionalActorStateOperation.decode(reader, reader.uint32()));
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

function createBaseTransactionalActorStateOperation(): TransactionalActorStateOperation {
  return { operationType: "", key: "", value: undefined, metadata: new Map() };
}

export const TransactionalActorStateOperation: MessageFns<TransactionalActorStateOperation> = {
  encode(message: TransactionalActorStateOperation, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.operationType !== "") {
      writer.uint32(10).string(message.operationType);
    }
    if (message.key !== "") {
      writer.uint32(18).string(message.key);
    }
    if (message.value !== undefined) {
      Any.encode(message.value, writer.uint32(26).fork()).join();
    }
    message.metadata.forEach((value, key) => {
      TransactionalActorStateOperation_MetadataEntry.encode({ key: key as any, value }, writer.uint32(34).fork())
        .join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TransactionalActorStateOperation {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTransactionalActorStateOperation();
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

            message.key = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.value = Any.decode(reader, reader.uint32());
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            const entry4 = TransactionalActorStateOperation_MetadataEntry.decode(reader, reader.uint32());
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

function createBaseTransactionalActorStateOperation_MetadataEntry(): TransactionalActorStateOperation_MetadataEntry {
  return { key: "", value: "" };
}

export const TransactionalActorStateOperation_MetadataEntry: MessageFns<
  TransactionalActorStateOperation_MetadataEntry
> = {
  encode(
    message: TransactionalActorStateOperation_MetadataEntry,
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

  decode(input: BinaryReader | Uint8Array, length?: number): TransactionalActorStateOperation_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTransactionalActorStateOperation_MetadataEntry();
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

function createBaseInvokeActorRequest(): InvokeActorRequest {
  return { actorType: "", actorId: "", method: "", data: new Uint8Array(0), metadata: new Map() };
}

export const InvokeActorRequest: MessageFns<InvokeActorRequest> = {
  encode(message: InvokeActorRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.actorType !== "") {
      writer.uint32(10).string(message.actorType);
    }
    if (message.actorId !== "") {
      writer.uint32(18).string(message.actorId);
    }
    if (message.method !== "") {
      writer.uint32(26).string(message.method);
    }
    if (message.data.length !== 0) {
      writer.uint32(34).bytes(message.data);
    }
    message.metadata.forEach((value, key) => {
      InvokeActorRequest_MetadataEntry.encode({ key: key as any, value }, writer.uint32(42).fork()).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): InvokeActorRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseInvokeActorRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.actorType = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.actorId = reader.string();
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

            message.data = reader.bytes();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            const entry5 = InvokeActorRequest_MetadataEntry.decode(reader, reader.uint32());
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

function createBaseInvokeActorRequest_MetadataEntry(): InvokeActorRequest_MetadataEntry {
  return { key: "", value: "" };
}

export const InvokeActorRequest_MetadataEntry: MessageFns<InvokeActorRequest_MetadataEntry> = {
  encode(message: InvokeActorRequest_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): InvokeActorRequest_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseInvokeActorRequest_MetadataEntry();
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

function createBaseInvokeActorResponse(): InvokeActorResponse {
  return { data: new Uint8Array(0) };
}

export const InvokeActorResponse: MessageFns<InvokeActorResponse> = {
  encode(message: InvokeActorResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.data.length !== 0) {
      writer.uint32(10).bytes(message.data);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): InvokeActorResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseInvokeActorResponse();
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

function createBaseSubscribeActorEventsRequestAlpha1(): SubscribeActorEventsRequestAlpha1 {
  return { requestType: undefined };
}

export const SubscribeActorEventsRequestAlpha1: MessageFns<SubscribeActorEventsRequestAlpha1> = {
  encode(message: SubscribeActorEventsRequestAlpha1, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    switch (message.requestType?.$case) {
      case "initialRequest":
        SubscribeActorEventsRequestInitialAlpha1.encode(message.requestType.value, writer.uint32(10).fork()).join();
        break;
      case "invokeResponse":
        SubscribeActorEventsRequestInvokeResponseAlpha1.encode(message.requestType.value, writer.uint32(18).fork())
          .join();
        break;
      case "reminderResponse":
        SubscribeActorEventsRequestReminderResponseAlpha1.encode(message.requestType.value, writer.uint32(26).fork())
          .join();
        break;
      case "timerResponse":
        SubscribeActorEventsRequestReminderResponseAlpha1.encode(message.requestType.value, writer.uint32(34).fork())
          .join();
        break;
      case "deactivateResponse":
        SubscribeActorEventsRequestDeactivateResponseAlpha1.encode(message.requestType.value, writer.uint32(42).fork())
          .join();
        break;
      case "requestFailed":
        SubscribeActorEventsRequestFailedAlpha1.encode(message.requestType.value, writer.uint32(50).fork()).join();
        break;
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeActorEventsRequestAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeActorEventsRequestAlpha1();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.requestType = {
              $case: "initialRequest",
              value: SubscribeActorEventsRequestInitialAlpha1.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.requestType = {
              $case: "invokeResponse",
              value: SubscribeActorEventsRequestInvokeResponseAlpha1.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.requestType = {
              $case: "reminderResponse",
              value: SubscribeActorEventsRequestReminderResponseAlpha1.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.requestType = {
              $case: "timerResponse",
              value: SubscribeActorEventsRequestReminderResponseAlpha1.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.requestType = {
              $case: "deactivateResponse",
              value: SubscribeActorEventsRequestDeactivateResponseAlpha1.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.requestType = {
              $case: "requestFailed",
              value: SubscribeActorEventsRequestFailedAlpha1.decode(reader, reader.uint32()),
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

function createBaseSubscribeActorEventsRequestInitialAlpha1(): SubscribeActorEventsRequestInitialAlpha1 {
  return {
    entities: [],
    actorIdleTimeout: undefined,
    drainOngoingCallTimeout: undefined,
    drainRebalancedActors: undefined,
    reentrancy: undefined,
    entitiesConfig: [],
  };
}

export const SubscribeActorEventsRequestInitialAlpha1: MessageFns<SubscribeActorEventsRequestInitialAlpha1> = {
  encode(message: SubscribeActorEventsRequestInitialAlpha1, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.entities) {
      writer.uint32(10).string(v!);
    }
    if (message.actorIdleTimeout !== undefined) {
      Duration.encode(message.actorIdleTimeout, writer.uint32(18).fork()).join();
    }
    if (message.drainOngoingCallTimeout !== undefined) {
      Duration.encode(message.drainOngoingCallTimeout, writer.uint32(26).fork()).join();
    }
    if (message.drainRebalancedActors !== undefined) {
      writer.uint32(32).bool(message.drainRebalancedActors);
    }
    if (message.reentrancy !== undefined) {
      ActorReentrancyConfig.encode(message.reentrancy, writer.uint32(42).fork()).join();
    }
    for (const v of message.entitiesConfig) {
      ActorEntityConfig.encode(v!, writer.uint32(50).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeActorEventsRequestInitialAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeActorEventsRequestInitialAlpha1();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.entities.push(reader.string());
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.actorIdleTimeout = Duration.decode(reader, reader.uint32());
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.drainOngoingCallTimeout = Duration.decode(reader, reader.uint32());
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.drainRebalancedActors = reader.bool();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.reentrancy = ActorReentrancyConfig.decode(reader, reader.uint32());
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.entitiesConfig.push(ActorEntityConfig.decode(reader, reader.uint32()));
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

function createBaseSubscribeActorEventsRequestInvokeResponseAlpha1(): SubscribeActorEventsRequestInvokeResponseAlpha1 {
  return { id: "", data: new Uint8Array(0), metadata: new Map(), error: false };
}

export const SubscribeActorEventsRequestInvokeResponseAlpha1: MessageFns<
  SubscribeActorEventsRequestInvokeResponseAlpha1
> = {
  encode(
    message: SubscribeActorEventsRequestInvokeResponseAlpha1,
    writer: BinaryWriter = new BinaryWriter(),
  ): BinaryWriter {
    if (message.id !== "") {
      writer.uint32(10).string(message.id);
    }
    if (message.data.length !== 0) {
      writer.uint32(18).bytes(message.data);
    }
    message.metadata.forEach((value, key) => {
      SubscribeActorEventsRequestInvokeResponseAlpha1_MetadataEntry.encode(
        { key: key as any, value },
        writer.uint32(26).fork(),
      ).join();
    });
    if (message.error !== false) {
      writer.uint32(32).bool(message.error);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeActorEventsRequestInvokeResponseAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeActorEventsRequestInvokeResponseAlpha1();
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

            message.data = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            const entry3 = SubscribeActorEventsRequestInvokeResponseAlpha1_MetadataEntry.decode(
              reader,
              reader.uint32(),
            );
            if (entry3.value !== undefined) {
              message.metadata.set(entry3.key, entry3.value);
            }
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.error = reader.bool();
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

function createBaseSubscribeActorEventsRequestInvokeResponseAlpha1_MetadataEntry(): SubscribeActorEventsRequestInvokeResponseAlpha1_MetadataEntry {
  return { key: "", value: "" };
}

export const SubscribeActorEventsRequestInvokeResponseAlpha1_MetadataEntry: MessageFns<
  SubscribeActorEventsRequestInvokeResponseAlpha1_MetadataEntry
> = {
  encode(
    message: SubscribeActorEventsRequestInvokeResponseAlpha1_MetadataEntry,
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

  decode(
    input: BinaryReader | Uint8Array,
    length?: number,
  ): SubscribeActorEventsRequestInvokeResponseAlpha1_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeActorEventsRequestInvokeResponseAlpha1_MetadataEntry();
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

function createBaseSubscribeActorEventsRequestReminderResponseAlpha1(): SubscribeActorEventsRequestReminderResponseAlpha1 {
  return { id: "", cancel: false };
}

export const SubscribeActorEventsRequestReminderResponseAlpha1: MessageFns<
  SubscribeActorEventsRequestReminderResponseAlpha1
> = {
  encode(
    message: SubscribeActorEventsRequestReminderResponseAlpha1,
    writer: BinaryWriter = new BinaryWriter(),
  ): BinaryWriter {
    if (message.id !== "") {
      writer.uint32(10).string(message.id);
    }
    if (message.cancel !== false) {
      writer.uint32(16).bool(message.cancel);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeActorEventsRequestReminderResponseAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeActorEventsRequestReminderResponseAlpha1();
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
            if (tag !== 16) {
              break;
            }

            message.cancel = reader.bool();
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

function createBaseSubscribeActorEventsRequestDeactivateResponseAlpha1(): SubscribeActorEventsRequestDeactivateResponseAlpha1 {
  return { id: "" };
}

export const SubscribeActorEventsRequestDeactivateResponseAlpha1: MessageFns<
  SubscribeActorEventsRequestDeactivateResponseAlpha1
> = {
  encode(
    message: SubscribeActorEventsRequestDeactivateResponseAlpha1,
    writer: BinaryWriter = new BinaryWriter(),
  ): BinaryWriter {
    if (message.id !== "") {
      writer.uint32(10).string(message.id);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeActorEventsRequestDeactivateResponseAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeActorEventsRequestDeactivateResponseAlpha1();
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

function createBaseSubscribeActorEventsRequestFailedAlpha1(): SubscribeActorEventsRequestFailedAlpha1 {
  return { id: "", code: 0, message: "" };
}

export const SubscribeActorEventsRequestFailedAlpha1: MessageFns<SubscribeActorEventsRequestFailedAlpha1> = {
  encode(message: SubscribeActorEventsRequestFailedAlpha1, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.id !== "") {
      writer.uint32(10).string(message.id);
    }
    if (message.code !== 0) {
      writer.uint32(16).uint32(message.code);
    }
    if (message.message !== "") {
      writer.uint32(26).string(message.message);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeActorEventsRequestFailedAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeActorEventsRequestFailedAlpha1();
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
            if (tag !== 16) {
              break;
            }

            message.code = reader.uint32();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.message = reader.string();
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

function createBaseSubscribeActorEventsResponseAlpha1(): SubscribeActorEventsResponseAlpha1 {
  return { responseType: undefined };
}

export const SubscribeActorEventsResponseAlpha1: MessageFns<SubscribeActorEventsResponseAlpha1> = {
  encode(message: SubscribeActorEventsResponseAlpha1, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    switch (message.responseType?.$case) {
      case "initialResponse":
        SubscribeActorEventsResponseInitialAlpha1.encode(message.responseType.value, writer.uint32(10).fork()).join();
        break;
      case "invokeRequest":
        SubscribeActorEventsResponseInvokeRequestAlpha1.encode(message.responseType.value, writer.uint32(18).fork())
          .join();
        break;
      case "reminderRequest":
        SubscribeActorEventsResponseReminderRequestAlpha1.encode(message.responseType.value, writer.uint32(26).fork())
          .join();
        break;
      case "timerRequest":
        SubscribeActorEventsResponseTimerRequestAlpha1.encode(message.responseType.value, writer.uint32(34).fork())
          .join();
        break;
      case "deactivateRequest":
        SubscribeActorEventsResponseDeactivateRequestAlpha1.encode(message.responseType.value, writer.uint32(42).fork())
          .join();
        break;
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeActorEventsResponseAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeActorEventsResponseAlpha1();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.responseType = {
              $case: "initialResponse",
              value: SubscribeActorEventsResponseInitialAlpha1.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.responseType = {
              $case: "invokeRequest",
              value: SubscribeActorEventsResponseInvokeRequestAlpha1.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.responseType = {
              $case: "reminderRequest",
              value: SubscribeActorEventsResponseReminderRequestAlpha1.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.responseType = {
              $case: "timerRequest",
              value: SubscribeActorEventsResponseTimerRequestAlpha1.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.responseType = {
              $case: "deactivateRequest",
              value: SubscribeActorEventsResponseDeactivateRequestAlpha1.decode(reader, reader.uint32()),
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

function createBaseSubscribeActorEventsResponseInitialAlpha1(): SubscribeActorEventsResponseInitialAlpha1 {
  return {};
}

export const SubscribeActorEventsResponseInitialAlpha1: MessageFns<SubscribeActorEventsResponseInitialAlpha1> = {
  encode(_: SubscribeActorEventsResponseInitialAlpha1, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeActorEventsResponseInitialAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeActorEventsResponseInitialAlpha1();
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

function createBaseSubscribeActorEventsResponseInvokeRequestAlpha1(): SubscribeActorEventsResponseInvokeRequestAlpha1 {
  return { id: "", actorType: "", actorId: "", method: "", data: new Uint8Array(0), metadata: new Map() };
}

export const SubscribeActorEventsResponseInvokeRequestAlpha1: MessageFns<
  SubscribeActorEventsResponseInvokeRequestAlpha1
> = {
  encode(
    message: SubscribeActorEventsResponseInvokeRequestAlpha1,
    writer: BinaryWriter = new BinaryWriter(),
  ): BinaryWriter {
    if (message.id !== "") {
      writer.uint32(10).string(message.id);
    }
    if (message.actorType !== "") {
      writer.uint32(18).string(message.actorType);
    }
    if (message.actorId !== "") {
      writer.uint32(26).string(message.actorId);
    }
    if (message.method !== "") {
      writer.uint32(34).string(message.method);
    }
    if (message.data.length !== 0) {
      writer.uint32(42).bytes(message.data);
    }
    message.metadata.forEach((value, key) => {
      SubscribeActorEventsResponseInvokeRequestAlpha1_MetadataEntry.encode(
        { key: key as any, value },
        writer.uint32(50).fork(),
      ).join();
    });
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeActorEventsResponseInvokeRequestAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeActorEventsResponseInvokeRequestAlpha1();
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

            message.actorType = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.actorId = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.method = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.data = reader.bytes();
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            const entry6 = SubscribeActorEventsResponseInvokeRequestAlpha1_MetadataEntry.decode(
              reader,
              reader.uint32(),
            );
            if (entry6.value !== undefined) {
              message.metadata.set(entry6.key, entry6.value);
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

function createBaseSubscribeActorEventsResponseInvokeRequestAlpha1_MetadataEntry(): SubscribeActorEventsResponseInvokeRequestAlpha1_MetadataEntry {
  return { key: "", value: "" };
}

export const SubscribeActorEventsResponseInvokeRequestAlpha1_MetadataEntry: MessageFns<
  SubscribeActorEventsResponseInvokeRequestAlpha1_MetadataEntry
> = {
  encode(
    message: SubscribeActorEventsResponseInvokeRequestAlpha1_MetadataEntry,
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

  decode(
    input: BinaryReader | Uint8Array,
    length?: number,
  ): SubscribeActorEventsResponseInvokeRequestAlpha1_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeActorEventsResponseInvokeRequestAlpha1_MetadataEntry();
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

function createBaseSubscribeActorEventsResponseReminderRequestAlpha1(): SubscribeActorEventsResponseReminderRequestAlpha1 {
  return { id: "", actorType: "", actorId: "", name: "", dueTime: "", period: "", data: undefined };
}

export const SubscribeActorEventsResponseReminderRequestAlpha1: MessageFns<
  SubscribeActorEventsResponseReminderRequestAlpha1
> = {
  encode(
    message: SubscribeActorEventsResponseReminderRequestAlpha1,
    writer: BinaryWriter = new BinaryWriter(),
  ): BinaryWriter {
    if (message.id !== "") {
      writer.uint32(10).string(message.id);
    }
    if (message.actorType !== "") {
      writer.uint32(18).string(message.actorType);
    }
    if (message.actorId !== "") {
      writer.uint32(26).string(message.actorId);
    }
    if (message.name !== "") {
      writer.uint32(34).string(message.name);
    }
    if (message.dueTime !== "") {
      writer.uint32(42).string(message.dueTime);
    }
    if (message.period !== "") {
      writer.uint32(50).string(message.period);
    }
    if (message.data !== undefined) {
      Any.encode(message.data, writer.uint32(58).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeActorEventsResponseReminderRequestAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeActorEventsResponseReminderRequestAlpha1();
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

            message.actorType = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.actorId = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.name = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.dueTime = reader.string();
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.period = reader.string();
            continue;
          }
          case 7: {
            if (tag !== 58) {
              break;
            }

            message.data = Any.decode(reader, reader.uint32());
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

function createBaseSubscribeActorEventsResponseTimerRequestAlpha1(): SubscribeActorEventsResponseTimerRequestAlpha1 {
  return { id: "", actorType: "", actorId: "", name: "", dueTime: "", period: "", callback: "", data: undefined };
}

export const SubscribeActorEventsResponseTimerRequestAlpha1: MessageFns<
  SubscribeActorEventsResponseTimerRequestAlpha1
> = {
  encode(
    message: SubscribeActorEventsResponseTimerRequestAlpha1,
    writer: BinaryWriter = new BinaryWriter(),
  ): BinaryWriter {
    if (message.id !== "") {
      writer.uint32(10).string(message.id);
    }
    if (message.actorType !== "") {
      writer.uint32(18).string(message.actorType);
    }
    if (message.actorId !== "") {
      writer.uint32(26).string(message.actorId);
    }
    if (message.name !== "") {
      writer.uint32(34).string(message.name);
    }
    if (message.dueTime !== "") {
      writer.uint32(42).string(message.dueTime);
    }
    if (message.period !== "") {
      writer.uint32(50).string(message.period);
    }
    if (message.callback !== "") {
      writer.uint32(58).string(message.callback);
    }
    if (message.data !== undefined) {
      Any.encode(message.data, writer.uint32(66).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeActorEventsResponseTimerRequestAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeActorEventsResponseTimerRequestAlpha1();
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

            message.actorType = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.actorId = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.name = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.dueTime = reader.string();
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.period = reader.string();
            continue;
          }
          case 7: {
            if (tag !== 58) {
              break;
            }

            message.callback = reader.string();
            continue;
          }
          case 8: {
            if (tag !== 66) {
              break;
            }

            message.data = Any.decode(reader, reader.uint32());
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

function createBaseSubscribeActorEventsResponseDeactivateRequestAlpha1(): SubscribeActorEventsResponseDeactivateRequestAlpha1 {
  return { id: "", actorType: "", actorId: "" };
}

export const SubscribeActorEventsResponseDeactivateRequestAlpha1: MessageFns<
  SubscribeActorEventsResponseDeactivateRequestAlpha1
> = {
  encode(
    message: SubscribeActorEventsResponseDeactivateRequestAlpha1,
    writer: BinaryWriter = new BinaryWriter(),
  ): BinaryWriter {
    if (message.id !== "") {
      writer.uint32(10).string(message.id);
    }
    if (message.actorType !== "") {
      writer.uint32(18).string(message.actorType);
    }
    if (message.actorId !== "") {
      writer.uint32(26).string(message.actorId);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubscribeActorEventsResponseDeactivateRequestAlpha1 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubscribeActorEventsResponseDeactivateRequestAlpha1();
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

            message.actorType = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.actorId = reader.string();
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

function createBaseActorEntityConfig(): ActorEntityConfig {
  return {
    entities: [],
    actorIdleTimeout: undefined,
    drainOngoingCallTimeout: undefined,
    drainRebalancedActors: undefined,
    reentrancy: undefined,
  };
}

export const ActorEntityConfig: MessageFns<ActorEntityConfig> = {
  encode(message: ActorEntityConfig, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.entities) {
      writer.uint32(10).string(v!);
    }
    if (message.actorIdleTimeout !== undefined) {
      Duration.encode(message.actorIdleTimeout, writer.uint32(18).fork()).join();
    }
    if (message.drainOngoingCallTimeout !== undefined) {
      Duration.encode(message.drainOngoingCallTimeout, writer.uint32(26).fork()).join();
    }
    if (message.drainRebalancedActors !== undefined) {
      writer.uint32(32).bool(message.drainRebalancedActors);
    }
    if (message.reentrancy !== undefined) {
      ActorReentrancyConfig.encode(message.reentrancy, writer.uint32(42).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ActorEntityConfig {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseActorEntityConfig();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.entities.push(reader.string());
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.actorIdleTimeout = Duration.decode(reader, reader.uint32());
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.drainOngoingCallTimeout = Duration.decode(reader, reader.uint32());
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.drainRebalancedActors = reader.bool();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.reentrancy = ActorReentrancyConfig.decode(reader, reader.uint32());
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

function createBaseActorReentrancyConfig(): ActorReentrancyConfig {
  return { enabled: false, maxStackDepth: undefined };
}

export const ActorReentrancyConfig: MessageFns<ActorReentrancyConfig> = {
  encode(message: ActorReentrancyConfig, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.enabled !== false) {
      writer.uint32(8).bool(message.enabled);
    }
    if (message.maxStackDepth !== undefined) {
      writer.uint32(16).int32(message.maxStackDepth);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ActorReentrancyConfig {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseActorReentrancyConfig();
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

            message.maxStackDepth = reader.int32();
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
