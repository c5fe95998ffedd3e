// Server reflection answers: the services of the port, and every file a client needs to call one.
import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { reflectionAnswers } from '../kernel/grpc/reflection.ts';
import { ServerReflectionRequest, ServerReflectionResponse } from '../proto/gen/grpc/reflection/v1/reflection.ts';

const answer = reflectionAnswers(['dapr.proto.runtime.v1.Dapr']);

function ask(messageRequest: ServerReflectionRequest['messageRequest']): ServerReflectionResponse['messageResponse'] {
  const request = { host: 'h', messageRequest };
  const response = ServerReflectionResponse.decode(answer(ServerReflectionRequest.encode(request).finish()));
  expect(response.originalRequest).toEqual(request);
  return response.messageResponse;
}

describe('server reflection', () => {
  it('lists the services', () => {
    expect(ask({ $case: 'listServices', value: '' })).toEqual({ $case: 'listServicesResponse', value: { service: [{ name: 'dapr.proto.runtime.v1.Dapr' }] } });
  });

  it.each(['dapr.proto.runtime.v1.Dapr', 'dapr.proto.runtime.v1.Dapr.GetState', 'dapr.proto.runtime.v1.GetStateRequest'])('gives the file of %s with all its imports, in an order that can be built', (symbol) => {
    const response = ask({ $case: 'fileContainingSymbol', value: symbol });
    if (response?.$case !== 'fileDescriptorResponse') throw new Error(`unexpected ${response?.$case}`);
    const files = response.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
    const seen = new Set<string>();
    for (const file of files) {
      for (const imported of file.dependency) expect(seen).toContain(imported);
      seen.add(file.name);
    }
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: files }));
    expect(registry.getService('dapr.proto.runtime.v1.Dapr') ?? registry.getMessage('dapr.proto.runtime.v1.GetStateRequest')).toBeDefined();
  });

  it('gives a file by its name', () => {
    expect(ask({ $case: 'fileByFilename', value: 'dapr/proto/common/v1/common.proto' })?.$case).toBe('fileDescriptorResponse');
  });

  it('says what it does not know', () => {
    const response = ask({ $case: 'fileContainingSymbol', value: 'no.such.Thing' });
    expect(response).toEqual({ $case: 'errorResponse', value: { errorCode: 5, errorMessage: 'no.such.Thing not found' } });
    expect(ask(undefined)?.$case).toBe('errorResponse');
    expect(() => answer(Buffer.from([0xff]))).toThrow();
  });
});
