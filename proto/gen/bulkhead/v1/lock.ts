// Generated from proto/bulkhead/v1/lock.proto by proto/generate.ts: do not edit, run `npm run proto`.
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

export interface RenewLockRequest {
  storeName: string;
  resourceId: string;
  lockOwner: string;
  /** must be positive */
  expiryInSeconds: number;
}

export interface RenewLockResponse {
  status: RenewLockResponse_Status;
  /** as when the lock was taken; 0 unless the status is SUCCESS */
  fencingToken: bigint;
}

/** The numbers are those of dapr.proto.runtime.v1.UnlockResponse.Status. */
export const RenewLockResponse_Status = {
  STATUS_SUCCESS: 0,
  STATUS_LOCK_DOES_NOT_EXIST: 1,
  STATUS_LOCK_BELONGS_TO_OTHERS: 2,
} as const;

export type RenewLockResponse_Status = typeof RenewLockResponse_Status[keyof typeof RenewLockResponse_Status];

export namespace RenewLockResponse_Status {
  export type STATUS_SUCCESS = typeof RenewLockResponse_Status.STATUS_SUCCESS;
  export type STATUS_LOCK_DOES_NOT_EXIST = typeof RenewLockResponse_Status.STATUS_LOCK_DOES_NOT_EXIST;
  export type STATUS_LOCK_BELONGS_TO_OTHERS = typeof RenewLockResponse_Status.STATUS_LOCK_BELONGS_TO_OTHERS;
}

export interface HoldLockRequest {
  storeName: string;
  resourceId: string;
  lockOwner: string;
  /** must be positive; renewed after a third of it */
  expiryInSeconds: number;
  /** true: unlocked when the stream ends, whoever ends it; false: left to expire */
  releaseOnClose: boolean;
}

export interface HoldLockResponse {
  event?:
    | { $case: "acquired"; value: HoldLockResponse_Acquired }
    | { $case: "notAcquired"; value: HoldLockResponse_NotAcquired }
    | { $case: "lost"; value: HoldLockResponse_Lost }
    | undefined;
}

export interface HoldLockResponse_Acquired {
  /** grows with each owner that the lock has */
  fencingToken: bigint;
}

export interface HoldLockResponse_NotAcquired {
}

export interface HoldLockResponse_Lost {
  /** for people */
  reason: string;
}

export interface LockLostEvent {
  storeName: string;
  resourceId: string;
  lockOwner: string;
  fencingToken: bigint;
  /** for people */
  reason: string;
}

function createBaseRenewLockRequest(): RenewLockRequest {
  return { storeName: "", resourceId: "", lockOwner: "", expiryInSeconds: 0 };
}

export const RenewLockRequest: MessageFns<RenewLockRequest> = {
  encode(message: RenewLockRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.storeName !== "") {
      writer.uint32(10).string(message.storeName);
    }
    if (message.resourceId !== "") {
      writer.uint32(18).string(message.resourceId);
    }
    if (message.lockOwner !== "") {
      writer.uint32(26).string(message.lockOwner);
    }
    if (message.expiryInSeconds !== 0) {
      writer.uint32(32).int32(message.expiryInSeconds);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): RenewLockRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseRenewLockRequest();
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

            message.resourceId = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.lockOwner = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.expiryInSeconds = reader.int32();
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

function createBaseRenewLockResponse(): RenewLockResponse {
  return { status: 0, fencingToken: 0n };
}

export const RenewLockResponse: MessageFns<RenewLockResponse> = {
  encode(message: RenewLockResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.status !== 0) {
      writer.uint32(8).int32(message.status);
    }
    if (message.fencingToken !== 0n) {
      if (BigInt.asIntN(64, message.fencingToken) !== message.fencingToken) {
        throw new globalThis.Error("value provided for field message.fencingToken of type int64 too large");
      }
      writer.uint32(16).int64(message.fencingToken);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): RenewLockResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseRenewLockResponse();
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
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.fencingToken = reader.int64() as bigint;
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

function createBaseHoldLockRequest(): HoldLockRequest {
  return { storeName: "", resourceId: "", lockOwner: "", expiryInSeconds: 0, releaseOnClose: false };
}

export const HoldLockRequest: MessageFns<HoldLockRequest> = {
  encode(message: HoldLockRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.storeName !== "") {
      writer.uint32(10).string(message.storeName);
    }
    if (message.resourceId !== "") {
      writer.uint32(18).string(message.resourceId);
    }
    if (message.lockOwner !== "") {
      writer.uint32(26).string(message.lockOwner);
    }
    if (message.expiryInSeconds !== 0) {
      writer.uint32(32).int32(message.expiryInSeconds);
    }
    if (message.releaseOnClose !== false) {
      writer.uint32(40).bool(message.releaseOnClose);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): HoldLockRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseHoldLockRequest();
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

            message.resourceId = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.lockOwner = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.expiryInSeconds = reader.int32();
            continue;
          }
          case 5: {
            if (tag !== 40) {
              break;
            }

            message.releaseOnClose = reader.bool();
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

function createBaseHoldLockResponse(): HoldLockResponse {
  return { event: undefined };
}

export const HoldLockResponse: MessageFns<HoldLockResponse> = {
  encode(message: HoldLockResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    switch (message.event?.$case) {
      case "acquired":
        HoldLockResponse_Acquired.encode(message.event.value, writer.uint32(10).fork()).join();
        break;
      case "notAcquired":
        HoldLockResponse_NotAcquired.encode(message.event.value, writer.uint32(18).fork()).join();
        break;
      case "lost":
        HoldLockResponse_Lost.encode(message.event.value, writer.uint32(26).fork()).join();
        break;
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): HoldLockResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseHoldLockResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.event = { $case: "acquired", value: HoldLockResponse_Acquired.decode(reader, reader.uint32()) };
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.event = {
              $case: "notAcquired",
              value: HoldLockResponse_NotAcquired.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.event = { $case: "lost", value: HoldLockResponse_Lost.decode(reader, reader.uint32()) };
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

function createBaseHoldLockResponse_Acquired(): HoldLockResponse_Acquired {
  return { fencingToken: 0n };
}

export const HoldLockResponse_Acquired: MessageFns<HoldLockResponse_Acquired> = {
  encode(message: HoldLockResponse_Acquired, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.fencingToken !== 0n) {
      if (BigInt.asIntN(64, message.fencingToken) !== message.fencingToken) {
        throw new globalThis.Error("value provided for field message.fencingToken of type int64 too large");
      }
      writer.uint32(8).int64(message.fencingToken);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): HoldLockResponse_Acquired {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseHoldLockResponse_Acquired();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.fencingToken = reader.int64() as bigint;
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

function createBaseHoldLockResponse_NotAcquired(): HoldLockResponse_NotAcquired {
  return {};
}

export const HoldLockResponse_NotAcquired: MessageFns<HoldLockResponse_NotAcquired> = {
  encode(_: HoldLockResponse_NotAcquired, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): HoldLockResponse_NotAcquired {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseHoldLockResponse_NotAcquired();
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

function createBaseHoldLockResponse_Lost(): HoldLockResponse_Lost {
  return { reason: "" };
}

export const HoldLockResponse_Lost: MessageFns<HoldLockResponse_Lost> = {
  encode(message: HoldLockResponse_Lost, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.reason !== "") {
      writer.uint32(10).string(message.reason);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): HoldLockResponse_Lost {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseHoldLockResponse_Lost();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.reason = reader.string();
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

function createBaseLockLostEvent(): LockLostEvent {
  return { storeName: "", resourceId: "", lockOwner: "", fencingToken: 0n, reason: "" };
}

export const LockLostEvent: MessageFns<LockLostEvent> = {
  encode(message: LockLostEvent, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.storeName !== "") {
      writer.uint32(10).string(message.storeName);
    }
    if (message.resourceId !== "") {
      writer.uint32(18).string(message.resourceId);
    }
    if (message.lockOwner !== "") {
      writer.uint32(26).string(message.lockOwner);
    }
    if (message.fencingToken !== 0n) {
      if (BigInt.asIntN(64, message.fencingToken) !== message.fencingToken) {
        throw new globalThis.Error("value provided for field message.fencingToken of type int64 too large");
      }
      writer.uint32(32).int64(message.fencingToken);
    }
    if (message.reason !== "") {
      writer.uint32(42).string(message.reason);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LockLostEvent {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLockLostEvent();
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

            message.resourceId = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.lockOwner = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.fencingToken = reader.int64() as bigint;
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.reason = reader.string();
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
