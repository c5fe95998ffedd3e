// Generated from proto/dapr/proto/runtime/v1/metadata.proto by proto/generate.ts: do not edit, run `npm run proto`.
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

/** Where a subscription was made: in a manifest, in the app's answer at start, or by an open stream. */
export const PubsubSubscriptionType = { UNKNOWN: 0, DECLARATIVE: 1, PROGRAMMATIC: 2, STREAMING: 3 } as const;

export type PubsubSubscriptionType = typeof PubsubSubscriptionType[keyof typeof PubsubSubscriptionType];

export namespace PubsubSubscriptionType {
  export type UNKNOWN = typeof PubsubSubscriptionType.UNKNOWN;
  export type DECLARATIVE = typeof PubsubSubscriptionType.DECLARATIVE;
  export type PROGRAMMATIC = typeof PubsubSubscriptionType.PROGRAMMATIC;
  export type STREAMING = typeof PubsubSubscriptionType.STREAMING;
}

export interface GetMetadataRequest {
}

/** Several members have an explicit json_name, which is what the HTTP API says too. */
export interface GetMetadataResponse {
  /** app id */
  id: string;
  /** Older copy of actor_runtime.active_actors, kept for old clients. */
  activeActorsCount: ActiveActorsCount[];
  /** Those that initialised; failed and ignored ones are not listed. */
  registeredComponents: RegisteredComponents[];
  /** labels set by SetMetadata, and daprRuntimeVersion always */
  extendedMetadata: Map<string, string>;
  /** declarative ones in load order, then programmatic, then streams */
  subscriptions: PubsubSubscription[];
  httpEndpoints: MetadataHTTPEndpoint[];
  /** absent when there is no app */
  appConnectionProperties?: AppConnectionProperties | undefined;
  runtimeVersion: string;
  /** names of feature gates */
  enabledFeatures: string[];
  actorRuntime?:
    | ActorRuntime
    | undefined;
  /** absent without a scheduler */
  scheduler?:
    | MetadataScheduler
    | undefined;
  /** present in gRPC even when nobody is connected */
  workflows?:
    | MetadataWorkflows
    | undefined;
  /** names only, as in the three lists that follow here */
  mcpServers: MetadataMCPServer[];
  workflowAccessPolicies: MetadataWorkflowAccessPolicy[];
  resiliencies: MetadataResiliency[];
}

export interface GetMetadataResponse_ExtendedMetadataEntry {
  key: string;
  value: string;
}

/** Workers are app streams that ask for workflow work. */
export interface MetadataWorkflows {
  connectedWorkers: number;
}

export interface MetadataScheduler {
  /** host:port of each stream that is up */
  connectedAddresses: string[];
}

/** State of the actor host inside this sidecar. */
export interface ActorRuntime {
  runtimeStatus: ActorRuntime_ActorRuntimeStatus;
  /** empty while the runtime is not RUNNING */
  activeActors: ActiveActorsCount[];
  /** true once calls to actors can be served here */
  hostReady: boolean;
  /** one line for humans, "placement: connected" for instance */
  placement: string;
}

/** DISABLED means no placement service is configured. */
export const ActorRuntime_ActorRuntimeStatus = { INITIALIZING: 0, DISABLED: 1, RUNNING: 2 } as const;

export type ActorRuntime_ActorRuntimeStatus =
  typeof ActorRuntime_ActorRuntimeStatus[keyof typeof ActorRuntime_ActorRuntimeStatus];

export namespace ActorRuntime_ActorRuntimeStatus {
  export type INITIALIZING = typeof ActorRuntime_ActorRuntimeStatus.INITIALIZING;
  export type DISABLED = typeof ActorRuntime_ActorRuntimeStatus.DISABLED;
  export type RUNNING = typeof ActorRuntime_ActorRuntimeStatus.RUNNING;
}

export interface ActiveActorsCount {
  /** actor type */
  type: string;
  count: number;
}

export interface RegisteredComponents {
  name: string;
  /** with its family, as in the manifest: "state.redis" */
  type: string;
  version: string;
  /** what the driver can do beyond the minimum, "ETAG" or "TRANSACTIONAL" for instance */
  capabilities: string[];
}

export interface MetadataHTTPEndpoint {
  name: string;
}

export interface MetadataMCPServer {
  name: string;
}

export interface MetadataWorkflowAccessPolicy {
  name: string;
}

export interface MetadataResiliency {
  name: string;
}

/** How the sidecar reaches its app. */
export interface AppConnectionProperties {
  port: number;
  /** as given on the command line: http, https, grpc, grpcs, h2c */
  protocol: string;
  channelAddress: string;
  /** calls in flight at once; 0 or less means without limit */
  maxConcurrency: number;
  /** absent when health checks are off */
  health?: AppConnectionHealthProperties | undefined;
}

/** Durations are text with a unit: "5s", "500ms". */
export interface AppConnectionHealthProperties {
  /** empty for gRPC apps, which have an rpc for it */
  healthCheckPath: string;
  healthProbeInterval: string;
  healthProbeTimeout: string;
  /** failures in a row that make the app unhealthy */
  healthThreshold: number;
}

export interface PubsubSubscription {
  pubsubName: string;
  topic: string;
  metadata: Map<string, string>;
  /** absent for a subscription without routes */
  rules?:
    | PubsubSubscriptionRules
    | undefined;
  /** empty when there is none */
  deadLetterTopic: string;
  type: PubsubSubscriptionType;
}

export interface PubsubSubscription_MetadataEntry {
  key: string;
  value: string;
}

/** A message around a list, where the HTTP API has the list itself. */
export interface PubsubSubscriptionRules {
  rules: PubsubSubscriptionRule[];
}

export interface PubsubSubscriptionRule {
  /** empty for the default route */
  match: string;
  /** "/" for streams */
  path: string;
}

export interface SetMetadataRequest {
  key: string;
  value: string;
}

function createBaseGetMetadataRequest(): GetMetadataRequest {
  return {};
}

export const GetMetadataRequest: MessageFns<GetMetadataRequest> = {
  encode(_: GetMetadataRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetMetadataRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetMetadataRequest();
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

function createBaseGetMetadataResponse(): GetMetadataResponse {
  return {
    id: "",
    activeActorsCount: [],
    registeredComponents: [],
    extendedMetadata: new Map(),
    subscriptions: [],
    httpEndpoints: [],
    appConnectionProperties: undefined,
    runtimeVersion: "",
    enabledFeatures: [],
    actorRuntime: undefined,
    scheduler: undefined,
    workflows: undefined,
    mcpServers: [],
    workflowAccessPolicies: [],
    resiliencies: [],
  };
}

export const GetMetadataResponse: MessageFns<GetMetadataResponse> = {
  encode(message: GetMetadataResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.id !== "") {
      writer.uint32(10).string(message.id);
    }
    for (const v of message.activeActorsCount) {
      ActiveActorsCount.encode(v!, writer.uint32(18).fork()).join();
    }
    for (const v of message.registeredComponents) {
      RegisteredComponents.encode(v!, writer.uint32(26).fork()).join();
    }
    message.extendedMetadata.forEach((value, key) => {
      GetMetadataResponse_ExtendedMetadataEntry.encode({ key: key as any, value }, writer.uint32(34).fork()).join();
    });
    for (const v of message.subscriptions) {
      PubsubSubscription.encode(v!, writer.uint32(42).fork()).join();
    }
    for (const v of message.httpEndpoints) {
      MetadataHTTPEndpoint.encode(v!, writer.uint32(50).fork()).join();
    }
    if (message.appConnectionProperties !== undefined) {
      AppConnectionProperties.encode(message.appConnectionProperties, writer.uint32(58).fork()).join();
    }
    if (message.runtimeVersion !== "") {
      writer.uint32(66).string(message.runtimeVersion);
    }
    for (const v of message.enabledFeatures) {
      writer.uint32(74).string(v!);
    }
    if (message.actorRuntime !== undefined) {
      ActorRuntime.encode(message.actorRuntime, writer.uint32(82).fork()).join();
    }
    if (message.scheduler !== undefined) {
      MetadataScheduler.encode(message.scheduler, writer.uint32(90).fork()).join();
    }
    if (message.workflows !== undefined) {
      MetadataWorkflows.encode(message.workflows, writer.uint32(98).fork()).join();
    }
    for (const v of message.mcpServers) {
      MetadataMCPServer.encode(v!, writer.uint32(106).fork()).join();
    }
    for (const v of message.workflowAccessPolicies) {
      MetadataWorkflowAccessPolicy.encode(v!, writer.uint32(114).fork()).join();
    }
    for (const v of message.resiliencies) {
      MetadataResiliency.encode(v!, writer.uint32(122).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetMetadataResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetMetadataResponse();
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

            message.activeActorsCount.push(ActiveActorsCount.decode(reader, reader.uint32()));
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.registeredComponents.push(RegisteredComponents.decode(reader, reader.uint32()));
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            const entry4 = GetMetadataResponse_ExtendedMetadataEntry.decode(reader, reader.uint32());
            if (entry4.value !== undefined) {
              message.extendedMetadata.set(entry4.key, entry4.value);
            }
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.subscriptions.push(PubsubSubscription.decode(reader, reader.uint32()));
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.httpEndpoints.push(MetadataHTTPEndpoint.decode(reader, reader.uint32()));
            continue;
          }
          case 7: {
            if (tag !== 58) {
              break;
            }

            message.appConnectionProperties = AppConnectionProperties.decode(reader, reader.uint32());
            continue;
          }
          case 8: {
            if (tag !== 66) {
              break;
            }

            message.runtimeVersion = reader.string();
            continue;
          }
          case 9: {
            if (tag !== 74) {
              break;
            }

            message.enabledFeatures.push(reader.string());
            continue;
          }
          case 10: {
            if (tag !== 82) {
              break;
            }

            message.actorRuntime = ActorRuntime.decode(reader, reader.uint32());
            continue;
          }
          case 11: {
            if (tag !== 90) {
              break;
            }

            message.scheduler = MetadataScheduler.decode(reader, reader.uint32());
            continue;
          }
          case 12: {
            if (tag !== 98) {
              break;
            }

            message.workflows = MetadataWorkflows.decode(reader, reader.uint32());
            continue;
          }
          case 13: {
            if (tag !== 106) {
              break;
            }

            message.mcpServers.push(MetadataMCPServer.decode(reader, reader.uint32()));
            continue;
          }
          case 14: {
            if (tag !== 114) {
              break;
            }

            message.workflowAccessPolicies.push(MetadataWorkflowAccessPolicy.decode(reader, reader.uint32()));
            continue;
          }
          case 15: {
            if (tag !== 122) {
              break;
            }

            message.resiliencies.push(MetadataResiliency.decode(reader, reader.uint32()));
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

function createBaseGetMetadataResponse_ExtendedMetadataEntry(): GetMetadataResponse_ExtendedMetadataEntry {
  return { key: "", value: "" };
}

export const GetMetadataResponse_ExtendedMetadataEntry: MessageFns<GetMetadataResponse_ExtendedMetadataEntry> = {
  encode(message: GetMetadataResponse_ExtendedMetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): GetMetadataResponse_ExtendedMetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseGetMetadataResponse_ExtendedMetadataEntry();
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

function createBaseMetadataWorkflows(): MetadataWorkflows {
  return { connectedWorkers: 0 };
}

export const MetadataWorkflows: MessageFns<MetadataWorkflows> = {
  encode(message: MetadataWorkflows, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.connectedWorkers !== 0) {
      writer.uint32(8).int32(message.connectedWorkers);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MetadataWorkflows {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMetadataWorkflows();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.connectedWorkers = reader.int32();
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

function createBaseMetadataScheduler(): MetadataScheduler {
  return { connectedAddresses: [] };
}

export const MetadataScheduler: MessageFns<MetadataScheduler> = {
  encode(message: MetadataScheduler, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.connectedAddresses) {
      writer.uint32(10).string(v!);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MetadataScheduler {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMetadataScheduler();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.connectedAddresses.push(reader.string());
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

function createBaseActorRuntime(): ActorRuntime {
  return { runtimeStatus: 0, activeActors: [], hostReady: false, placement: "" };
}

export const ActorRuntime: MessageFns<ActorRuntime> = {
  encode(message: ActorRuntime, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.runtimeStatus !== 0) {
      writer.uint32(8).int32(message.runtimeStatus);
    }
    for (const v of message.activeActors) {
      ActiveActorsCount.encode(v!, writer.uint32(18).fork()).join();
    }
    if (message.hostReady !== false) {
      writer.uint32(24).bool(message.hostReady);
    }
    if (message.placement !== "") {
      writer.uint32(34).string(message.placement);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ActorRuntime {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseActorRuntime();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.runtimeStatus = reader.int32() as any;
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.activeActors.push(ActiveActorsCount.decode(reader, reader.uint32()));
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.hostReady = reader.bool();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.placement = reader.string();
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

function createBaseActiveActorsCount(): ActiveActorsCount {
  return { type: "", count: 0 };
}

export const ActiveActorsCount: MessageFns<ActiveActorsCount> = {
  encode(message: ActiveActorsCount, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.type !== "") {
      writer.uint32(10).string(message.type);
    }
    if (message.count !== 0) {
      writer.uint32(16).int32(message.count);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ActiveActorsCount {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseActiveActorsCount();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.type = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.count = reader.int32();
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

function createBaseRegisteredComponents(): RegisteredComponents {
  return { name: "", type: "", version: "", capabilities: [] };
}

export const RegisteredComponents: MessageFns<RegisteredComponents> = {
  encode(message: RegisteredComponents, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    if (message.type !== "") {
      writer.uint32(18).string(message.type);
    }
    if (message.version !== "") {
      writer.uint32(26).string(message.version);
    }
    for (const v of message.capabilities) {
      writer.uint32(34).string(v!);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): RegisteredComponents {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseRegisteredComponents();
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

            message.type = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.version = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.capabilities.push(reader.string());
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

function createBaseMetadataHTTPEndpoint(): MetadataHTTPEndpoint {
  return { name: "" };
}

export const MetadataHTTPEndpoint: MessageFns<MetadataHTTPEndpoint> = {
  encode(message: MetadataHTTPEndpoint, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MetadataHTTPEndpoint {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMetadataHTTPEndpoint();
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

function createBaseMetadataMCPServer(): MetadataMCPServer {
  return { name: "" };
}

export const MetadataMCPServer: MessageFns<MetadataMCPServer> = {
  encode(message: MetadataMCPServer, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MetadataMCPServer {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMetadataMCPServer();
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

function createBaseMetadataWorkflowAccessPolicy(): MetadataWorkflowAccessPolicy {
  return { name: "" };
}

export const MetadataWorkflowAccessPolicy: MessageFns<MetadataWorkflowAccessPolicy> = {
  encode(message: MetadataWorkflowAccessPolicy, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MetadataWorkflowAccessPolicy {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMetadataWorkflowAccessPolicy();
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

function createBaseMetadataResiliency(): MetadataResiliency {
  return { name: "" };
}

export const MetadataResiliency: MessageFns<MetadataResiliency> = {
  encode(message: MetadataResiliency, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MetadataResiliency {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMetadataResiliency();
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

function createBaseAppConnectionProperties(): AppConnectionProperties {
  return { port: 0, protocol: "", channelAddress: "", maxConcurrency: 0, health: undefined };
}

export const AppConnectionProperties: MessageFns<AppConnectionProperties> = {
  encode(message: AppConnectionProperties, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.port !== 0) {
      writer.uint32(8).int32(message.port);
    }
    if (message.protocol !== "") {
      writer.uint32(18).string(message.protocol);
    }
    if (message.channelAddress !== "") {
      writer.uint32(26).string(message.channelAddress);
    }
    if (message.maxConcurrency !== 0) {
      writer.uint32(32).int32(message.maxConcurrency);
    }
    if (message.health !== undefined) {
      AppConnectionHealthProperties.encode(message.health, writer.uint32(42).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AppConnectionProperties {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAppConnectionProperties();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.port = reader.int32();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.protocol = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.channelAddress = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.maxConcurrency = reader.int32();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.health = AppConnectionHealthProperties.decode(reader, reader.uint32());
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

function createBaseAppConnectionHealthProperties(): AppConnectionHealthProperties {
  return { healthCheckPath: "", healthProbeInterval: "", healthProbeTimeout: "", healthThreshold: 0 };
}

export const AppConnectionHealthProperties: MessageFns<AppConnectionHealthProperties> = {
  encode(message: AppConnectionHealthProperties, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.healthCheckPath !== "") {
      writer.uint32(10).string(message.healthCheckPath);
    }
    if (message.healthProbeInterval !== "") {
      writer.uint32(18).string(message.healthProbeInterval);
    }
    if (message.healthProbeTimeout !== "") {
      writer.uint32(26).string(message.healthProbeTimeout);
    }
    if (message.healthThreshold !== 0) {
      writer.uint32(32).int32(message.healthThreshold);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AppConnectionHealthProperties {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAppConnectionHealthProperties();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.healthCheckPath = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.healthProbeInterval = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.healthProbeTimeout = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.healthThreshold = reader.int32();
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

function createBasePubsubSubscription(): PubsubSubscription {
  return { pubsubName: "", topic: "", metadata: new Map(), rules: undefined, deadLetterTopic: "", type: 0 };
}

export const PubsubSubscription: MessageFns<PubsubSubscription> = {
  encode(message: PubsubSubscription, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.pubsubName !== "") {
      writer.uint32(10).string(message.pubsubName);
    }
    if (message.topic !== "") {
      writer.uint32(18).string(message.topic);
    }
    message.metadata.forEach((value, key) => {
      PubsubSubscription_MetadataEntry.encode({ key: key as any, value }, writer.uint32(26).fork()).join();
    });
    if (message.rules !== undefined) {
      PubsubSubscriptionRules.encode(message.rules, writer.uint32(34).fork()).join();
    }
    if (message.deadLetterTopic !== "") {
      writer.uint32(42).string(message.deadLetterTopic);
    }
    if (message.type !== 0) {
      writer.uint32(48).int32(message.type);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): PubsubSubscription {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBasePubsubSubscription();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.pubsubName = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.topic = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            const entry3 = PubsubSubscription_MetadataEntry.decode(reader, reader.uint32());
            if (entry3.value !== undefined) {
              message.metadata.set(entry3.key, entry3.value);
            }
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.rules = PubsubSubscriptionRules.decode(reader, reader.uint32());
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.deadLetterTopic = reader.string();
            continue;
          }
          case 6: {
            if (tag !== 48) {
              break;
            }

            message.type = reader.int32() as any;
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

function createBasePubsubSubscription_MetadataEntry(): PubsubSubscription_MetadataEntry {
  return { key: "", value: "" };
}

export const PubsubSubscription_MetadataEntry: MessageFns<PubsubSubscription_MetadataEntry> = {
  encode(message: PubsubSubscription_MetadataEntry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): PubsubSubscription_MetadataEntry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBasePubsubSubscription_MetadataEntry();
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

function createBasePubsubSubscriptionRules(): PubsubSubscriptionRules {
  return { rules: [] };
}

export const PubsubSubscriptionRules: MessageFns<PubsubSubscriptionRules> = {
  encode(message: PubsubSubscriptionRules, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.rules) {
      PubsubSubscriptionRule.encode(v!, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): PubsubSubscriptionRules {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBasePubsubSubscriptionRules();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.rules.push(PubsubSubscriptionRule.decode(reader, reader.uint32()));
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

function createBasePubsubSubscriptionRule(): PubsubSubscriptionRule {
  return { match: "", path: "" };
}

export const PubsubSubscriptionRule: MessageFns<PubsubSubscriptionRule> = {
  encode(message: PubsubSubscriptionRule, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.match !== "") {
      writer.uint32(10).string(message.match);
    }
    if (message.path !== "") {
      writer.uint32(18).string(message.path);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): PubsubSubscriptionRule {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBasePubsubSubscriptionRule();
      while (reader.pos < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.match = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.path = reader.string();
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

function createBaseSetMetadataRequest(): SetMetadataRequest {
  return { key: "", value: "" };
}

export const SetMetadataRequest: MessageFns<SetMetadataRequest> = {
  encode(message: SetMetadataRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SetMetadataRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const previousRecursionDepth = (reader as any).__tsProtoDecodeDepth ?? 0;
    if (previousRecursionDepth >= 100) {
      throw new globalThis.Error("protobuf decode recursion limit exceeded");
    }
    (reader as any).__tsProtoDecodeDepth = previousRecursionDepth + 1;
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSetMetadataRequest();
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

interface MessageFns<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
}
