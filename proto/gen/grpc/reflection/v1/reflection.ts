// Generated from proto/grpc/reflection/v1/reflection.proto by proto/generate.ts: do not edit, run `npm run proto`.
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

export interface ServerReflectionRequest {
  /** not looked at */
  host: string;
  messageRequest?:
    | //
    /** path as it stands in an import */
    { $case: "fileByFilename"; value: string }
    | //
    /** full name of a message, enum, service or method, without a leading dot */
    { $case: "fileContainingSymbol"; value: string }
    | { $case: "fileContainingExtension"; value: ExtensionRequest }
    | //
    /** full name of a message */
    { $case: "allExtensionNumbersOfType"; value: string }
    | //
    /** the text is not looked at */
    { $case: "listServices"; value: string }
    | undefined;
}

/** Extensions exist in proto2 only: we have none. */
export interface ExtensionRequest {
  containingType: string;
  extensionNumber: number;
}

export interface ServerReflectionResponse {
  /** host of the request */
  validHost: string;
  originalRequest?: ServerReflectionRequest | undefined;
  messageResponse?:
    | //
    /** to file_by_filename and file_containing_* */
    { $case: "fileDescriptorResponse"; value: FileDescriptorResponse }
    | { $case: "allExtensionNumbersResponse"; value: ExtensionNumberResponse }
    | { $case: "listServicesResponse"; value: ListServiceResponse }
    | { $case: "errorResponse"; value: ErrorResponse }
    | undefined;
}

export interface FileDescriptorResponse {
  /** FileDescriptorProto each; may bring along the files it imports */
  fileDescriptorProto: Uint8Array[];
}

export interface ExtensionNumberResponse {
  baseTypeName: string;
  extensionNumber: number[];
}

export interface ListServiceResponse {
  service: ServiceResponse[];
}

export interface ServiceResponse {
  /** full name, package included */
  name: string;
}

export interface ErrorResponse {
  /** a gRPC status code */
  errorCode: number;
  errorMessage: string;
}

function createBaseServerReflectionRequest(): ServerReflectionRequest {
  return { host: "", messageRequest: undefined };
}

export const ServerReflectionRequest: MessageFns<ServerReflectionRequest> = {
  encode(message: ServerReflectionRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.host !== "") {
      writer.uint32(10).string(message.host);
    }
    switch (message.messageRequest?.$case) {
      case "fileByFilename":
        writer.uint32(26).string(message.messageRequest.value);
        break;
      case "fileContainingSymbol":
        writer.uint32(34).string(message.messageRequest.value);
        break;
      case "fileContainingExtension":
        ExtensionRequest.encode(message.messageRequest.value, writer.uint32(42).fork()).join();
        break;
      case "allExtensionNumbersOfType":
        writer.uint32(50).string(message.messageRequest.value);
        break;
      case "listServices":
        writer.uint32(58).string(message.messageRequest.value);
        break;
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ServerReflectionRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseServerReflectionRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.host = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.messageRequest = { $case: "fileByFilename", value: reader.string() };
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.messageRequest = { $case: "fileContainingSymbol", value: reader.string() };
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.messageRequest = {
              $case: "fileContainingExtension",
              value: ExtensionRequest.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.messageRequest = { $case: "allExtensionNumbersOfType", value: reader.string() };
            continue;
          }
          case 7: {
            if (tag !== 58) {
              break;
            }

            message.messageRequest = { $case: "listServices", value: reader.string() };
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

function createBaseExtensionRequest(): ExtensionRequest {
  return { containingType: "", extensionNumber: 0 };
}

export const ExtensionRequest: MessageFns<ExtensionRequest> = {
  encode(message: ExtensionRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.containingType !== "") {
      writer.uint32(10).string(message.containingType);
    }
    if (message.extensionNumber !== 0) {
      writer.uint32(16).int32(message.extensionNumber);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ExtensionRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseExtensionRequest();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.containingType = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.extensionNumber = reader.int32();
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

function createBaseServerReflectionResponse(): ServerReflectionResponse {
  return { validHost: "", originalRequest: undefined, messageResponse: undefined };
}

export const ServerReflectionResponse: MessageFns<ServerReflectionResponse> = {
  encode(message: ServerReflectionResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.validHost !== "") {
      writer.uint32(10).string(message.validHost);
    }
    if (message.originalRequest !== undefined) {
      ServerReflectionRequest.encode(message.originalRequest, writer.uint32(18).fork()).join();
    }
    switch (message.messageResponse?.$case) {
      case "fileDescriptorResponse":
        FileDescriptorResponse.encode(message.messageResponse.value, writer.uint32(34).fork()).join();
        break;
      case "allExtensionNumbersResponse":
        ExtensionNumberResponse.encode(message.messageResponse.value, writer.uint32(42).fork()).join();
        break;
      case "listServicesResponse":
        ListServiceResponse.encode(message.messageResponse.value, writer.uint32(50).fork()).join();
        break;
      case "errorResponse":
        ErrorResponse.encode(message.messageResponse.value, writer.uint32(58).fork()).join();
        break;
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ServerReflectionResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseServerReflectionResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.validHost = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.originalRequest = ServerReflectionRequest.decode(reader, reader.uint32());
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.messageResponse = {
              $case: "fileDescriptorResponse",
              value: FileDescriptorResponse.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.messageResponse = {
              $case: "allExtensionNumbersResponse",
              value: ExtensionNumberResponse.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.messageResponse = {
              $case: "listServicesResponse",
              value: ListServiceResponse.decode(reader, reader.uint32()),
            };
            continue;
          }
          case 7: {
            if (tag !== 58) {
              break;
            }

            message.messageResponse = { $case: "errorResponse", value: ErrorResponse.decode(reader, reader.uint32()) };
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

function createBaseFileDescriptorResponse(): FileDescriptorResponse {
  return { fileDescriptorProto: [] };
}

export const FileDescriptorResponse: MessageFns<FileDescriptorResponse> = {
  encode(message: FileDescriptorResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.fileDescriptorProto) {
      writer.uint32(10).bytes(v!);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): FileDescriptorResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseFileDescriptorResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.fileDescriptorProto.push(reader.bytes());
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

function createBaseExtensionNumberResponse(): ExtensionNumberResponse {
  return { baseTypeName: "", extensionNumber: [] };
}

export const ExtensionNumberResponse: MessageFns<ExtensionNumberResponse> = {
  encode(message: ExtensionNumberResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.baseTypeName !== "") {
      writer.uint32(10).string(message.baseTypeName);
    }
    if (message.extensionNumber.length !== 0) {
      writer.uint32(18).fork();
      for (const v of message.extensionNumber) {
        writer.int32(v);
      }
      writer.join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ExtensionNumberResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseExtensionNumberResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.baseTypeName = reader.string();
            continue;
          }
          case 2: {
            if (tag === 16) {
              message.extensionNumber.push(reader.int32());

              continue;
            }

            if (tag === 18) {
              const end2 = reader.uint32() + reader.pos;
              while (reader.pos < end2) {
                message.extensionNumber.push(reader.int32());
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

function createBaseListServiceResponse(): ListServiceResponse {
  return { service: [] };
}

export const ListServiceResponse: MessageFns<ListServiceResponse> = {
  encode(message: ListServiceResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.service) {
      ServiceResponse.encode(v!, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ListServiceResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseListServiceResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.service.push(ServiceResponse.decode(reader, reader.uint32()));
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

function createBaseServiceResponse(): ServiceResponse {
  return { name: "" };
}

export const ServiceResponse: MessageFns<ServiceResponse> = {
  encode(message: ServiceResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ServiceResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseServiceResponse();
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

function createBaseErrorResponse(): ErrorResponse {
  return { errorCode: 0, errorMessage: "" };
}

export const ErrorResponse: MessageFns<ErrorResponse> = {
  encode(message: ErrorResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.errorCode !== 0) {
      writer.uint32(8).int32(message.errorCode);
    }
    if (message.errorMessage !== "") {
      writer.uint32(18).string(message.errorMessage);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ErrorResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseErrorResponse();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.errorCode = reader.int32();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.errorMessage = reader.string();
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
