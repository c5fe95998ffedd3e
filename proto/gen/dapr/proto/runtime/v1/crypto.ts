// Generated from proto/dapr/proto/runtime/v1/crypto.proto by proto/generate.ts: do not edit, run `npm run proto`.
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { StreamPayload } from "../../common/v1/common.ts";

/** Public keys only; there is no way to read a private one. */
export interface SubtleGetKeyRequest {
  componentName: string;
  /** may carry a version, "name/version" */
  name: string;
  format: SubtleGetKeyRequest_KeyFormat;
}

export const SubtleGetKeyRequest_KeyFormat = { PEM: 0, JSON: 1 } as const;

export type SubtleGetKeyRequest_KeyFormat =
  typeof SubtleGetKeyRequest_KeyFormat[keyof typeof SubtleGetKeyRequest_KeyFormat];

export namespace SubtleGetKeyRequest_KeyFormat {
  export type PEM = typeof SubtleGetKeyRequest_KeyFormat.PEM;
  export type JSON = typeof SubtleGetKeyRequest_KeyFormat.JSON;
}

export interface SubtleGetKeyResponse {
  /** with the version, where the vault has versions */
  name: string;
  /** in the format asked for */
  publicKey: string;
}

export interface SubtleEncryptRequest {
  componentName: string;
  plaintext: Uint8Array;
  algorithm: string;
  keyName: string;
  /** of the length the algorithm asks for; empty where it takes none */
  nonce: Uint8Array;
  /** authenticated, not encrypted */
  associatedData: Uint8Array;
}

export interface SubtleEncryptResponse {
  ciphertext: Uint8Array;
  /** empty unless the algorithm authenticates */
  tag: Uint8Array;
}

export interface SubtleDecryptRequest {
  componentName: string;
  ciphertext: Uint8Array;
  algorithm: string;
  keyName: string;
  nonce: Uint8Array;
  tag: Uint8Array;
  associatedData: Uint8Array;
}

export interface SubtleDecryptResponse {
  plaintext: Uint8Array;
}

/** Encrypts a key with a key. */
export interface SubtleWrapKeyRequest {
  componentName: string;
  plaintextKey: Uint8Array;
  algorithm: string;
  keyName: string;
  nonce: Uint8Array;
  associatedData: Uint8Array;
}

export interface SubtleWrapKeyResponse {
  wrappedKey: Uint8Array;
  tag: Uint8Array;
}

export interface SubtleUnwrapKeyRequest {
  componentName: string;
  wrappedKey: Uint8Array;
  algorithm: string;
  keyName: string;
  nonce: Uint8Array;
  tag: Uint8Array;
  associatedData: Uint8Array;
}

export interface SubtleUnwrapKeyResponse {
  plaintextKey: Uint8Array;
}

/** The caller hashes; the vault signs the digest. */
export interface SubtleSignRequest {
  componentName: string;
  digest: Uint8Array;
  algorithm: string;
  keyName: string;
}

export interface SubtleSignResponse {
  signature: Uint8Array;
}

export interface SubtleVerifyRequest {
  componentName: string;
  digest: Uint8Array;
  algorithm: string;
  keyName: string;
  signature: Uint8Array;
}

export interface SubtleVerifyResponse {
  valid: boolean;
}

/** options in the first message only; payload in any, the first included. */
export interface EncryptRequest {
  options?: EncryptRequestOptions | undefined;
  payload?: StreamPayload | undefined;
}

export interface EncryptRequestOptions {
  componentName: string;
  keyName: string;
  /** how the key of this document is wrapped, "A256KW" or "RSA-OAEP-256" for instance */
  keyWrapAlgorithm: string;
  /** "aes-gcm" (also when empty) or "chacha20-poly1305" */
  dataEncryptionCipher: string;
  /** true keeps the key's name out of the document: whoever decrypts must know it */
  omitDecryptionKeyName: boolean;
  /** the name to write down instead of key_name; empty means key_name */
  decryptionKeyName: string;
}

export interface EncryptResponse {
  payload?: StreamPayload | undefined;
}

/** options in the first message only; payload in any, the first included. */
export interface DecryptRequest {
  options?: DecryptRequestOptions | undefined;
  payload?: StreamPayload | undefined;
}

export interface DecryptRequestOptions {
  componentName: string;
  /** empty means the one written in the document */
  keyName: string;
}

export interface DecryptResponse {
  payload?: StreamPayload | undefined;
}

function createBaseSubtleGetKeyRequest(): SubtleGetKeyRequest {
  return { componentName: "", name: "", format: 0 };
}

export const SubtleGetKeyRequest: MessageFns<SubtleGetKeyRequest> = {
  encode(message: SubtleGetKeyRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.componentName !== "") {
      writer.uint32(10).string(message.componentName);
    }
    if (message.name !== "") {
      writer.uint32(18).string(message.name);
    }
    if (message.format !== 0) {
      writer.uint32(24).int32(message.format);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubtleGetKeyRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubtleGetKeyRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.componentName = reader.string();
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
            if (tag !== 24) {
              break;
            }

            message.format = reader.int32() as any;
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

function createBaseSubtleGetKeyResponse(): SubtleGetKeyResponse {
  return { name: "", publicKey: "" };
}

export const SubtleGetKeyResponse: MessageFns<SubtleGetKeyResponse> = {
  encode(message: SubtleGetKeyResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    if (message.publicKey !== "") {
      writer.uint32(18).string(message.publicKey);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubtleGetKeyResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubtleGetKeyResponse();
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

            message.publicKey = reader.string();
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

function createBaseSubtleEncryptRequest(): SubtleEncryptRequest {
  return {
    componentName: "",
    plaintext: new Uint8Array(0),
    algorithm: "",
    keyName: "",
    nonce: new Uint8Array(0),
    associatedData: new Uint8Array(0),
  };
}

export const SubtleEncryptRequest: MessageFns<SubtleEncryptRequest> = {
  encode(message: SubtleEncryptRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.componentName !== "") {
      writer.uint32(10).string(message.componentName);
    }
    if (message.plaintext.length !== 0) {
      writer.uint32(18).bytes(message.plaintext);
    }
    if (message.algorithm !== "") {
      writer.uint32(26).string(message.algorithm);
    }
    if (message.keyName !== "") {
      writer.uint32(34).string(message.keyName);
    }
    if (message.nonce.length !== 0) {
      writer.uint32(42).bytes(message.nonce);
    }
    if (message.associatedData.length !== 0) {
      writer.uint32(50).bytes(message.associatedData);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubtleEncryptRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubtleEncryptRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.componentName = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.plaintext = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.algorithm = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.keyName = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.nonce = reader.bytes();
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.associatedData = reader.bytes();
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

function createBaseSubtleEncryptResponse(): SubtleEncryptResponse {
  return { ciphertext: new Uint8Array(0), tag: new Uint8Array(0) };
}

export const SubtleEncryptResponse: MessageFns<SubtleEncryptResponse> = {
  encode(message: SubtleEncryptResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.ciphertext.length !== 0) {
      writer.uint32(10).bytes(message.ciphertext);
    }
    if (message.tag.length !== 0) {
      writer.uint32(18).bytes(message.tag);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubtleEncryptResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubtleEncryptResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.ciphertext = reader.bytes();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.tag = reader.bytes();
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

function createBaseSubtleDecryptRequest(): SubtleDecryptRequest {
  return {
    componentName: "",
    ciphertext: new Uint8Array(0),
    algorithm: "",
    keyName: "",
    nonce: new Uint8Array(0),
    tag: new Uint8Array(0),
    associatedData: new Uint8Array(0),
  };
}

export const SubtleDecryptRequest: MessageFns<SubtleDecryptRequest> = {
  encode(message: SubtleDecryptRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.componentName !== "") {
      writer.uint32(10).string(message.componentName);
    }
    if (message.ciphertext.length !== 0) {
      writer.uint32(18).bytes(message.ciphertext);
    }
    if (message.algorithm !== "") {
      writer.uint32(26).string(message.algorithm);
    }
    if (message.keyName !== "") {
      writer.uint32(34).string(message.keyName);
    }
    if (message.nonce.length !== 0) {
      writer.uint32(42).bytes(message.nonce);
    }
    if (message.tag.length !== 0) {
      writer.uint32(50).bytes(message.tag);
    }
    if (message.associatedData.length !== 0) {
      writer.uint32(58).bytes(message.associatedData);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubtleDecryptRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubtleDecryptRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.componentName = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.ciphertext = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.algorithm = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.keyName = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.nonce = reader.bytes();
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.tag = reader.bytes();
            continue;
          }
          case 7: {
            if (tag !== 58) {
              break;
            }

            message.associatedData = reader.bytes();
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

function createBaseSubtleDecryptResponse(): SubtleDecryptResponse {
  return { plaintext: new Uint8Array(0) };
}

export const SubtleDecryptResponse: MessageFns<SubtleDecryptResponse> = {
  encode(message: SubtleDecryptResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.plaintext.length !== 0) {
      writer.uint32(10).bytes(message.plaintext);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubtleDecryptResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubtleDecryptResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.plaintext = reader.bytes();
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

function createBaseSubtleWrapKeyRequest(): SubtleWrapKeyRequest {
  return {
    componentName: "",
    plaintextKey: new Uint8Array(0),
    algorithm: "",
    keyName: "",
    nonce: new Uint8Array(0),
    associatedData: new Uint8Array(0),
  };
}

export const SubtleWrapKeyRequest: MessageFns<SubtleWrapKeyRequest> = {
  encode(message: SubtleWrapKeyRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.componentName !== "") {
      writer.uint32(10).string(message.componentName);
    }
    if (message.plaintextKey.length !== 0) {
      writer.uint32(18).bytes(message.plaintextKey);
    }
    if (message.algorithm !== "") {
      writer.uint32(26).string(message.algorithm);
    }
    if (message.keyName !== "") {
      writer.uint32(34).string(message.keyName);
    }
    if (message.nonce.length !== 0) {
      writer.uint32(42).bytes(message.nonce);
    }
    if (message.associatedData.length !== 0) {
      writer.uint32(50).bytes(message.associatedData);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubtleWrapKeyRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubtleWrapKeyRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.componentName = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.plaintextKey = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.algorithm = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.keyName = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.nonce = reader.bytes();
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.associatedData = reader.bytes();
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

function createBaseSubtleWrapKeyResponse(): SubtleWrapKeyResponse {
  return { wrappedKey: new Uint8Array(0), tag: new Uint8Array(0) };
}

export const SubtleWrapKeyResponse: MessageFns<SubtleWrapKeyResponse> = {
  encode(message: SubtleWrapKeyResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.wrappedKey.length !== 0) {
      writer.uint32(10).bytes(message.wrappedKey);
    }
    if (message.tag.length !== 0) {
      writer.uint32(18).bytes(message.tag);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubtleWrapKeyResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubtleWrapKeyResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.wrappedKey = reader.bytes();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.tag = reader.bytes();
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

function createBaseSubtleUnwrapKeyRequest(): SubtleUnwrapKeyRequest {
  return {
    componentName: "",
    wrappedKey: new Uint8Array(0),
    algorithm: "",
    keyName: "",
    nonce: new Uint8Array(0),
    tag: new Uint8Array(0),
    associatedData: new Uint8Array(0),
  };
}

export const SubtleUnwrapKeyRequest: MessageFns<SubtleUnwrapKeyRequest> = {
  encode(message: SubtleUnwrapKeyRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.componentName !== "") {
      writer.uint32(10).string(message.componentName);
    }
    if (message.wrappedKey.length !== 0) {
      writer.uint32(18).bytes(message.wrappedKey);
    }
    if (message.algorithm !== "") {
      writer.uint32(26).string(message.algorithm);
    }
    if (message.keyName !== "") {
      writer.uint32(34).string(message.keyName);
    }
    if (message.nonce.length !== 0) {
      writer.uint32(42).bytes(message.nonce);
    }
    if (message.tag.length !== 0) {
      writer.uint32(50).bytes(message.tag);
    }
    if (message.associatedData.length !== 0) {
      writer.uint32(58).bytes(message.associatedData);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubtleUnwrapKeyRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubtleUnwrapKeyRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.componentName = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.wrappedKey = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.algorithm = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.keyName = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.nonce = reader.bytes();
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.tag = reader.bytes();
            continue;
          }
          case 7: {
            if (tag !== 58) {
              break;
            }

            message.associatedData = reader.bytes();
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

function createBaseSubtleUnwrapKeyResponse(): SubtleUnwrapKeyResponse {
  return { plaintextKey: new Uint8Array(0) };
}

export const SubtleUnwrapKeyResponse: MessageFns<SubtleUnwrapKeyResponse> = {
  encode(message: SubtleUnwrapKeyResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.plaintextKey.length !== 0) {
      writer.uint32(10).bytes(message.plaintextKey);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubtleUnwrapKeyResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubtleUnwrapKeyResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.plaintextKey = reader.bytes();
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

function createBaseSubtleSignRequest(): SubtleSignRequest {
  return { componentName: "", digest: new Uint8Array(0), algorithm: "", keyName: "" };
}

export const SubtleSignRequest: MessageFns<SubtleSignRequest> = {
  encode(message: SubtleSignRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.componentName !== "") {
      writer.uint32(10).string(message.componentName);
    }
    if (message.digest.length !== 0) {
      writer.uint32(18).bytes(message.digest);
    }
    if (message.algorithm !== "") {
      writer.uint32(26).string(message.algorithm);
    }
    if (message.keyName !== "") {
      writer.uint32(34).string(message.keyName);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubtleSignRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubtleSignRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.componentName = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.digest = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.algorithm = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.keyName = reader.string();
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

function createBaseSubtleSignResponse(): SubtleSignResponse {
  return { signature: new Uint8Array(0) };
}

export const SubtleSignResponse: MessageFns<SubtleSignResponse> = {
  encode(message: SubtleSignResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.signature.length !== 0) {
      writer.uint32(10).bytes(message.signature);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubtleSignResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubtleSignResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.signature = reader.bytes();
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

function createBaseSubtleVerifyRequest(): SubtleVerifyRequest {
  return { componentName: "", digest: new Uint8Array(0), algorithm: "", keyName: "", signature: new Uint8Array(0) };
}

export const SubtleVerifyRequest: MessageFns<SubtleVerifyRequest> = {
  encode(message: SubtleVerifyRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.componentName !== "") {
      writer.uint32(10).string(message.componentName);
    }
    if (message.digest.length !== 0) {
      writer.uint32(18).bytes(message.digest);
    }
    if (message.algorithm !== "") {
      writer.uint32(26).string(message.algorithm);
    }
    if (message.keyName !== "") {
      writer.uint32(34).string(message.keyName);
    }
    if (message.signature.length !== 0) {
      writer.uint32(42).bytes(message.signature);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubtleVerifyRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubtleVerifyRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.componentName = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.digest = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.algorithm = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.keyName = reader.string();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.signature = reader.bytes();
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

function createBaseSubtleVerifyResponse(): SubtleVerifyResponse {
  return { valid: false };
}

export const SubtleVerifyResponse: MessageFns<SubtleVerifyResponse> = {
  encode(message: SubtleVerifyResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.valid !== false) {
      writer.uint32(8).bool(message.valid);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SubtleVerifyResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSubtleVerifyResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.valid = reader.bool();
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

function createBaseEncryptRequest(): EncryptRequest {
  return { options: undefined, payload: undefined };
}

export const EncryptRequest: MessageFns<EncryptRequest> = {
  encode(message: EncryptRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.options !== undefined) {
      EncryptRequestOptions.encode(message.options, writer.uint32(10).fork()).join();
    }
    if (message.payload !== undefined) {
      StreamPayload.encode(message.payload, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): EncryptRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseEncryptRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.options = EncryptRequestOptions.decode(reader, reader.uint32());
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.payload = StreamPayload.decode(reader, reader.uint32());
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

function createBaseEncryptRequestOptions(): EncryptRequestOptions {
  return {
    componentName: "",
    keyName: "",
    keyWrapAlgorithm: "",
    dataEncryptionCipher: "",
    omitDecryptionKeyName: false,
    decryptionKeyName: "",
  };
}

export const EncryptRequestOptions: MessageFns<EncryptRequestOptions> = {
  encode(message: EncryptRequestOptions, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.componentName !== "") {
      writer.uint32(10).string(message.componentName);
    }
    if (message.keyName !== "") {
      writer.uint32(18).string(message.keyName);
    }
    if (message.keyWrapAlgorithm !== "") {
      writer.uint32(26).string(message.keyWrapAlgorithm);
    }
    if (message.dataEncryptionCipher !== "") {
      writer.uint32(82).string(message.dataEncryptionCipher);
    }
    if (message.omitDecryptionKeyName !== false) {
      writer.uint32(88).bool(message.omitDecryptionKeyName);
    }
    if (message.decryptionKeyName !== "") {
      writer.uint32(98).string(message.decryptionKeyName);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): EncryptRequestOptions {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseEncryptRequestOptions();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.componentName = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.keyName = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.keyWrapAlgorithm = reader.string();
            continue;
          }
          case 10: {
            if (tag !== 82) {
              break;
            }

            message.dataEncryptionCipher = reader.string();
            continue;
          }
          case 11: {
            if (tag !== 88) {
              break;
            }

            message.omitDecryptionKeyName = reader.bool();
            continue;
          }
          case 12: {
            if (tag !== 98) {
              break;
            }

            message.decryptionKeyName = reader.string();
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

function createBaseEncryptResponse(): EncryptResponse {
  return { payload: undefined };
}

export const EncryptResponse: MessageFns<EncryptResponse> = {
  encode(message: EncryptResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.payload !== undefined) {
      StreamPayload.encode(message.payload, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): EncryptResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseEncryptResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.payload = StreamPayload.decode(reader, reader.uint32());
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

function createBaseDecryptRequest(): DecryptRequest {
  return { options: undefined, payload: undefined };
}

export const DecryptRequest: MessageFns<DecryptRequest> = {
  encode(message: DecryptRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.options !== undefined) {
      DecryptRequestOptions.encode(message.options, writer.uint32(10).fork()).join();
    }
    if (message.payload !== undefined) {
      StreamPayload.encode(message.payload, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): DecryptRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseDecryptRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.options = DecryptRequestOptions.decode(reader, reader.uint32());
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.payload = StreamPayload.decode(reader, reader.uint32());
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

function createBaseDecryptRequestOptions(): DecryptRequestOptions {
  return { componentName: "", keyName: "" };
}

export const DecryptRequestOptions: MessageFns<DecryptRequestOptions> = {
  encode(message: DecryptRequestOptions, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.componentName !== "") {
      writer.uint32(10).string(message.componentName);
    }
    if (message.keyName !== "") {
      writer.uint32(98).string(message.keyName);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): DecryptRequestOptions {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseDecryptRequestOptions();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.componentName = reader.string();
            continue;
          }
          case 12: {
            if (tag !== 98) {
              break;
            }

            message.keyName = reader.string();
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

function createBaseDecryptResponse(): DecryptResponse {
  return { payload: undefined };
}

export const DecryptResponse: MessageFns<DecryptResponse> = {
  encode(message: DecryptResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.payload !== undefined) {
      StreamPayload.encode(message.payload, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): DecryptResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseDecryptResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.payload = StreamPayload.decode(reader, reader.uint32());
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
