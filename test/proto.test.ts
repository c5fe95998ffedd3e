/** The vocabulary against the official SDK: every message, field, enum and rpc that both know is the same on both sides. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, type DescriptorProto, type EnumDescriptorProto, type FieldDescriptorProto, type FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import { file_dapr_proto_common_v1_common } from '@dapr/dapr/proto/dapr/proto/common/v1/common_pb.js';
import { file_dapr_proto_runtime_v1_appcallback } from '@dapr/dapr/proto/dapr/proto/runtime/v1/appcallback_pb.js';
import { file_dapr_proto_runtime_v1_dapr } from '@dapr/dapr/proto/dapr/proto/runtime/v1/dapr_pb.js';
import { describe, expect, it } from 'vitest';
import { descriptorSet } from '../proto/gen/descriptors.ts';

const root = resolve(import.meta.dirname, '..');

/** What the SDK does not know yet. Whoever updates the SDK strikes out what it has learnt. */
const OURS_ONLY = {
  messages: [
    'ActorEntityConfig', 'ActorReentrancyConfig', 'DeleteJobsByPrefixRequest', 'DeleteJobsByPrefixResponse', 'ListJobsRequest', 'ListJobsResponse',
    'MetadataMCPServer', 'MetadataResiliency', 'MetadataWorkflowAccessPolicy', 'SubscribeActorEventsRequestAlpha1',
    'SubscribeActorEventsRequestDeactivateResponseAlpha1', 'SubscribeActorEventsRequestFailedAlpha1', 'SubscribeActorEventsRequestInitialAlpha1',
    'SubscribeActorEventsRequestInvokeResponseAlpha1', 'SubscribeActorEventsRequestReminderResponseAlpha1', 'SubscribeActorEventsResponseAlpha1',
    'SubscribeActorEventsResponseDeactivateRequestAlpha1', 'SubscribeActorEventsResponseInitialAlpha1',
    'SubscribeActorEventsResponseInvokeRequestAlpha1', 'SubscribeActorEventsResponseReminderRequestAlpha1',
    'SubscribeActorEventsResponseTimerRequestAlpha1',
  ],
  /** Of messages that the SDK has. */
  fields: [
    'GetMetadataResponse.mcp_servers', 'GetMetadataResponse.resiliencies', 'GetMetadataResponse.workflow_access_policies',
    'GetWorkflowRequest.app_id', 'PauseWorkflowRequest.app_id', 'PurgeWorkflowRequest.app_id', 'RaiseEventWorkflowRequest.app_id',
    'ResumeWorkflowRequest.app_id', 'StartWorkflowRequest.app_id', 'TerminateWorkflowRequest.app_id',
  ],
  rpcs: [
    'AppCallback/OnJobEvent', 'Dapr/DeleteJob', 'Dapr/DeleteJobsByPrefix', 'Dapr/GetJob', 'Dapr/ListJobs', 'Dapr/ScheduleJob',
    'Dapr/SubscribeActorEventsAlpha1',
  ],
};

/** Known to both, and not the same. The label makes no difference on the wire: a message always says whether it is there. */
const DIFFERENT = ['Job.data: 6 message google.protobuf.Any data / 6 optional message google.protobuf.Any data'];

const TYPES = ['', 'double', 'float', 'int64', 'uint64', 'int32', 'fixed64', 'fixed32', 'bool', 'string', 'group', 'message', 'bytes', 'uint32', 'enum', 'sfixed32', 'sfixed64', 'sint32', 'sint64'];

/** Each name (`Message`, `Message.field`, `Enum.VALUE`, `Service/Rpc`) with all that matters about it, as text. */
type Facts = Map<string, string>;

function factsOf(files: readonly FileDescriptorProto[]): Facts {
  const facts: Facts = new Map();
  for (const file of files.filter(({ package: name }) => /^dapr\.proto\.(common|runtime)\.v1$/.test(name))) {
    for (const message of file.messageType) addMessage(facts, '', message);
    for (const each of file.enumType) addEnum(facts, '', each);
    for (const service of file.service) {
      for (const { name, inputType, clientStreaming, outputType, serverStreaming } of service.method) {
        facts.set(`${service.name}/${name}`, `${clientStreaming ? 'stream ' : ''}${inputType} -> ${serverStreaming ? 'stream ' : ''}${outputType}`);
      }
    }
  }
  return facts;
}

function addMessage(facts: Facts, scope: string, message: DescriptorProto): void {
  const name = scope + message.name;
  facts.set(name, message.options?.mapEntry ? 'map entry' : 'message');
  for (const field of message.field) facts.set(`${name}.${field.name}`, factOf(field, message));
  for (const nested of message.nestedType) addMessage(facts, `${name}.`, nested);
  for (const nested of message.enumType) addEnum(facts, `${name}.`, nested);
}

function factOf(field: FieldDescriptorProto, { oneofDecl }: DescriptorProto): string {
  const oneof = Object.hasOwn(field, 'oneofIndex') ? `oneof ${oneofDecl[field.oneofIndex]!.name}` : '';
  const label = field.label === 3 ? 'repeated' : field.proto3Optional ? 'optional' : oneof;
  return [field.number, label, TYPES[field.type], field.typeName.replace(/^\./, ''), field.jsonName].filter((part) => part !== '').join(' ');
}

function addEnum(facts: Facts, scope: string, { name, value }: EnumDescriptorProto): void {
  for (const each of value) facts.set(`${scope}${name}.${each.name}`, String(each.number));
}

function compare(ours: Facts, theirs: Facts): { oursOnly: string[]; theirsOnly: string[]; different: string[] } {
  return {
    oursOnly: [...ours.keys()].filter((name) => !theirs.has(name)).sort(),
    theirsOnly: [...theirs.keys()].filter((name) => !ours.has(name)).sort(),
    different: [...theirs].filter(([name, fact]) => ours.has(name) && ours.get(name) !== fact).map(([name, fact]) => `${name}: ${fact} / ${ours.get(name)}`),
  };
}

const set = fromBinary(FileDescriptorSetSchema, descriptorSet());
const ours = factsOf(set.file);

/** The SDK ships the .proto files it was made from; buf reads them as it reads ours. */
function sdkSources(): Facts {
  const folder = join(dirname(createRequire(import.meta.url).resolve('@dapr/dapr')), 'proto');
  const built = execFileSync(join(root, 'node_modules/.bin/buf'), ['build', folder, '--as-file-descriptor-set', '--output', '-#format=binpb'], { maxBuffer: 1 << 26 });
  return factsOf(fromBinary(FileDescriptorSetSchema, built).file);
}

describe('our descriptors', () => {
  it('are those of the .proto files in the official SDK, but for what is listed', () => {
    const theirs = sdkSources();
    const { oursOnly, theirsOnly, different } = compare(ours, theirs);
    expect(theirsOnly).toEqual([]);
    expect(different).toEqual(DIFFERENT);
    const within = (name: string): boolean => OURS_ONLY.messages.some((message) => name.startsWith(`${message}.`));
    expect(oursOnly.filter((name) => !within(name))).toEqual([...OURS_ONLY.messages, ...OURS_ONLY.fields, ...OURS_ONLY.rpcs].sort());
    // 188 messages and their 43 map entries of three names each, 548 fields, 34 enum values, 82 rpcs; counted, so that nothing drops out on both sides.
    expect({ ours: ours.size, theirs: theirs.size, oursOnly: oursOnly.length }).toEqual({ ours: 188 + 548 + 34 + 82 + 43 * 3, theirs: 874, oursOnly: 107 });
  });

  it.each([
    ['dapr', file_dapr_proto_runtime_v1_dapr, 649],
    ['appcallback', file_dapr_proto_runtime_v1_appcallback, 104],
    ['common', file_dapr_proto_common_v1_common, 58],
  ])('are those compiled into the client of the official SDK: %s', (_, file, names) => {
    const theirs = factsOf([file.proto]);
    const { theirsOnly, different } = compare(ours, theirs);
    expect(theirsOnly).toEqual([]);
    expect(different.filter((line) => !DIFFERENT.includes(line))).toEqual([]);
    expect(theirs.size).toBe(names);
  });

  it('put a text into field 1 of every unary request that is routed by the name of a component', () => {
    const blocks = /State|PublishEvent|InvokeBinding|GetSecret|GetBulkSecret|Configuration|[Ll]ockAlpha1|Subtle|Converse/;
    const named = [...ours].filter(([name, fact]) => name.startsWith('Dapr/') && blocks.test(name) && !fact.startsWith('stream') && !/ActorState/.test(name));
    expect(named).toHaveLength(30);
    for (const [, fact] of named) {
      const request = /^\.dapr\.proto\.runtime\.v1\.(\w+) /.exec(fact)![1]!;
      expect([...ours].filter(([name, field]) => name.split('.')[0] === request && name.split('.').length === 2 && field.startsWith('1 string ')), request).toHaveLength(1);
    }
  });

  it('come with everything they import, imports first', () => {
    const seen = new Set<string>();
    for (const { name, dependency } of set.file) {
      for (const needed of dependency) expect(seen, `${name} needs ${needed}`).toContain(needed);
      seen.add(name);
    }
    for (const name of ['dapr/proto/runtime/v1/dapr.proto', 'google/rpc/error_details.proto', 'grpc/reflection/v1/reflection.proto', 'grpc/reflection/v1alpha/reflection.proto']) {
      expect(seen).toContain(name);
    }
  });
});

describe('the generated code', () => {
  it('of the state block loads the shared messages and nothing else', () => {
    const loaded = new Set<string>();
    const load = (file: string): void => {
      if (loaded.has(file)) return;
      loaded.add(file);
      for (const [, path] of readFileSync(file, 'utf8').matchAll(/^import .* from "(\..*)";$/gm)) load(resolve(dirname(file), path!));
    };
    const gen = join(root, 'proto/gen');
    load(join(gen, 'dapr/proto/runtime/v1/state.ts'));
    expect([...loaded].map((file) => relative(gen, file)).sort()).toEqual([
      'dapr/proto/common/v1/common.ts', 'dapr/proto/runtime/v1/state.ts', 'google/protobuf/any.ts', 'google/protobuf/duration.ts',
    ]);
  });
});
