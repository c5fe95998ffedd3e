// Generated from proto/dapr/proto/runtime/v1/lock.proto by proto/generate.ts: do not edit, run `npm run proto`.
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

export interface TryLockRequest {
  storeName: string;
  resourceId: string;
  /** must be new for each attempt: whoever knows it can unlock */
  lockOwner: string;
  /** the lease; must be positive, and nothing renews it */
  expiryInSeconds: number;
}

export interface TryLockResponse {
  /** false: somebody else has it */
  success: boolean;
}

export interface UnlockRequest {
  storeName: string;
  resourceId: string;
  lockOwner: string;
}

export interface UnlockResponse {
  status: UnlockResponse_Status;
}

/** The first three are answers; INTERNAL_ERROR comes with a failed call and is seldom seen. */
export const UnlockResponse_Status = {
  SUCCESS: 0,
  LOCK_DOES_NOT_EXIST: 1,
  LOCK_BELONGS_TO_OTHERS: 2,
  INTERNAL_ERROR: 3,
} as const;

export type UnlockResponse_Status = typeof UnlockResponse_Status[keyof typeof UnlockResponse_Status];

export namespace UnlockResponse_Status {
  export type SUCCESS = typeof UnlockResponse_Status.SUCCESS;
  export type LOCK_DOES_NOT_EXIST = typeof UnlockResponse_Status.LOCK_DOES_NOT_EXIST;
  export type LOCK_BELONGS_TO_OTHERS = typeof UnlockResponse_Status.LOCK_BELONGS_TO_OTHERS;
  export type INTERNAL_ERROR = typeof UnlockResponse_Status.INTERNAL_ERROR;
}

function createBaseTryLockRequest(): TryLockRequest {
  return { storeName: "", resourceId: "", lockOwner: "", expiryInSeconds: 0 };
}

export const TryLockRequest: MessageFns<TryLockRequest> = {
  encode(message: TryLockRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
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

  decode(input: BinaryReader | Uint8Array, length?: number): TryLockRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTryLockRequest();
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

function createBaseTryLockResponse(): TryLockResponse {
  return { success: false };
}

export const TryLockResponse: MessageFns<TryLockResponse> = {
  encode(message: TryLockResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.success !== false) {
      writer.uint32(8).bool(message.success);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TryLockResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTryLockResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.success = reader.bool();
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

function createBaseUnlockRequest(): UnlockRequest {
  return { storeName: "", resourceId: "", lockOwner: "" };
}

export const UnlockRequest: MessageFns<UnlockRequest> = {
  encode(message: UnlockRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.storeName !== "") {
      writer.uint32(10).string(message.storeName);
    }
    if (message.resourceId !== "") {
      writer.uint32(18).string(message.resourceId);
    }
    if (message.lockOwner !== "") {
      writer.uint32(26).string(message.lockOwner);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): UnlockRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseUnlockRequest();
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

function createBaseUnlockResponse(): UnlockResponse {
  return { status: 0 };
}

export const UnlockResponse: MessageFns<UnlockResponse> = {
  encode(message: UnlockResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.status !== 0) {
      writer.uint32(8).int32(message.status);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): UnlockResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseUnlockResponse();
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

interface MessageFns<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
}
