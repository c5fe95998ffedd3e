// gRPC server reflection: lets grpcurl and the like list and call what the gRPC port serves. Everything is loaded with the
// first question; a sidecar that is never asked pays nothing. Both versions of the protocol have the same messages.
import { fromBinary, toBinary, type DescEnum, type DescMessage, type DescService, createFileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Grpc } from '../../proto/errors.ts';
import { descriptorSet } from '../../proto/gen/descriptors.ts';
import { ServerReflectionRequest, ServerReflectionResponse } from '../../proto/gen/grpc/reflection/v1/reflection.ts';

/** Answers one reflection request. @throws Error when the request can't be decoded */
export type AnswerReflection = (request: Uint8Array) => Uint8Array;

/** @param services full names of the services that the port serves. */
export function reflectionAnswers(services: readonly string[]): AnswerReflection {
  const set = fromBinary(FileDescriptorSetSchema, descriptorSet());
  const files = new Map(set.file.map((file) => [file.name, { bytes: toBinary(FileDescriptorProtoSchema, file), imports: file.dependency }]));
  const fileOf = indexSymbols(createFileRegistry(set));

  /** A file and all it imports, imports first: clients build their registry in that order. */
  const withImports = (name: string, seen = new Set<string>()): Uint8Array[] => {
    const file = files.get(name);
    if (file === undefined || seen.has(name)) return [];
    seen.add(name);
    return [...file.imports.flatMap((imported) => withImports(imported, seen)), file.bytes];
  };
  const fileAnswer = (name: string | undefined, asked: string): Answer => {
    const found = name === undefined ? [] : withImports(name);
    return found.length === 0 ? notFound(asked) : { $case: 'fileDescriptorResponse', value: { fileDescriptorProto: found } };
  };
  const answer = (question: ServerReflectionRequest['messageRequest']): Answer => {
    switch (question?.$case) {
      case 'listServices':
        return { $case: 'listServicesResponse', value: { service: services.map((name) => ({ name })) } };
      case 'fileByFilename':
        return fileAnswer(question.value, question.value);
      case 'fileContainingSymbol':
        return fileAnswer(fileOf.get(question.value), question.value);
      case 'allExtensionNumbersOfType':
        return fileOf.has(question.value) ? { $case: 'allExtensionNumbersResponse', value: { baseTypeName: question.value, extensionNumber: [] } } : notFound(question.value);
      case 'fileContainingExtension':
        return notFound(`extension ${question.value.extensionNumber} of ${question.value.containingType}`);
      default:
        return { $case: 'errorResponse', value: { errorCode: Grpc.INVALID_ARGUMENT, errorMessage: 'the request asks nothing' } };
    }
  };
  return (bytes) => {
    const request = ServerReflectionRequest.decode(bytes);
    return ServerReflectionResponse.encode({ validHost: request.host, originalRequest: request, messageResponse: answer(request.messageRequest) }).finish();
  };
}

type Answer = NonNullable<ServerReflectionResponse['messageResponse']>;

function notFound(what: string): Answer {
  return { $case: 'errorResponse', value: { errorCode: Grpc.NOT_FOUND, errorMessage: `${what} not found` } };
}

/** Full names of messages, enums, services and methods, each with the file that defines it. */
function indexSymbols(registry: ReturnType<typeof createFileRegistry>): ReadonlyMap<string, string> {
  const fileOf = new Map<string, string>();
  const add = (desc: DescMessage | DescEnum | DescService): void => void fileOf.set(desc.typeName, `${desc.file.name}.proto`);
  for (const desc of registry) {
    if (desc.kind === 'extension') continue;
    add(desc);
    if (desc.kind === 'service') for (const method of desc.methods) fileOf.set(`${desc.typeName}.${method.name}`, `${desc.file.name}.proto`);
  }
  return fileOf;
}
