// The route table: one row for each method of the API. Listeners match rows, the kernel dispatches by them, blocks key
// their methods by id. A new API method is one row here and one Method in its block.

export type Kind = 'unary' | 'server-stream' | 'client-stream' | 'bidi';
/** `kernel` answers without a child; `none` means that no block serves the method yet. */
export type Owner = 'kernel' | 'state' | 'pubsub' | 'config' | 'lock' | 'sequencer' | 'none';

/**
 * `request`: the next life gets the request again, which is the only message. `first-message`: it gets the first message again,
 * which is the request; later ones are about what one life has sent, and mean nothing to another. Both with RESUME's metadata.
 * `idle`: every message is a request of its own with one answer, so the stream goes on where none is unanswered.
 */
export type Resumption = 'request' | 'first-message' | 'idle';

export interface Route {
  /** Travels in frames and outlives versions: never reuse a number. */
  readonly id: number;
  /** The rpc's name, or the endpoint's name where HTTP alone has it. Dapr's obfuscated API log prints it. */
  readonly name: string;
  /** The full gRPC path; absent for methods of HTTP alone. */
  readonly rpc?: string;
  /** Patterns: verbs by comma, then the path; `:x` is one segment, `*x` the rest of the path. With `?` it and all after it may be absent, and is empty then. */
  readonly http: readonly string[];
  readonly owner: Owner;
  readonly kind: Kind;
  /** True: running it twice is the same as running it once, so a call lost with its block is opened again. */
  readonly safe: boolean;
  /** Name of the endpoint group in `api.allowed` and `api.denied`, without the version. */
  readonly group: string;
  /** How a stream that loses the block's life under it goes on with the next one, unheard by its client. Absent: it ends. */
  readonly resumable?: Resumption;
  /** The group's version for gRPC; over HTTP the path's prefix says it. */
  readonly version: string;
  /** How Dapr's handler words a body that can't be read: the reason alone, or as bad JSON; absent: as ERR_BODY_READ. */
  readonly bodyFault?: 'alone' | 'deserializing';
  /**
   * Where a gRPC call has the name of its component. `initial`: in field 1 of field 1 of a stream's first message. Absent: in
   * field 1 of the request, or of a stream's first message. Over HTTP it is always the pattern's first parameter.
   */
  readonly componentIn?: 'initial';
  /** Request headers, lower case, that travel in the head of an HTTP call. */
  readonly headers?: readonly string[];
  /** Request metadata, lower case, that travels in the head of a gRPC call; `-bin` in base64. */
  readonly metadata?: readonly string[];
}

const dapr = (rpc: string): string => `/dapr.proto.runtime.v1.Dapr/${rpc}`;

/** A method both protocols have, or gRPC alone when no pattern is given. */
function both(id: number, name: string, group: string, owner: Owner, safe: boolean, ...http: string[]): Route {
  const [groupName = '', version = 'v1'] = group.split('.');
  return { id, name, rpc: dapr(name), http, owner, kind: 'unary', safe, group: groupName, version };
}
/** A method of a service of our own (proto/bulkhead/v1). */
function own(id: number, service: string, rpc: string, group: string, owner: Owner, safe: boolean, ...http: string[]): Route {
  return { id, name: `${service}.${rpc}`, rpc: `/bulkhead.v1.${service}/${rpc}`, http, owner, kind: 'unary', safe, group, version: OWN_VERSION };
}
/** A method of HTTP alone. */
function httpOnly(id: number, name: string, group: string, owner: Owner, safe: boolean, ...http: string[]): Route {
  return { id, name, http, owner, kind: 'unary', safe, group, version: 'v1' };
}
const stream = (route: Route, kind: Kind): Route => ({ ...route, kind });
const resumable = (route: Route, how: Resumption): Route => ({ ...route, resumable: how });
const faulting = (route: Route, bodyFault: Route['bodyFault']): Route => ({ ...route, bodyFault });
const initially = (route: Route): Route => ({ ...route, componentIn: 'initial' });
const withHeaders = (route: Route, ...headers: string[]): Route => ({ ...route, headers });
const withMetadata = (route: Route, ...metadata: string[]): Route => ({ ...route, metadata });

const V1 = '/v1.0';
const A1 = '/v1.0-alpha1';
const A2 = '/v1.0-alpha2';
/** What Dapr does not have: services of our own, at paths of our own. */
const OWN = '/v1.0-bulkhead';
const OWN_VERSION = 'v1bulkhead';
const B1 = '/v1.0-beta1';
const WORKFLOW_VERSIONS = [A1, B1, V1] as const;
/** What says which trace a published message belongs to; over HTTP the content type is the message's, over gRPC a field is. */
const publishing = (route: Route): Route => withMetadata(withHeaders(route, 'content-type', 'traceparent', 'tracestate'), 'grpc-trace-bin', 'traceparent', 'tracestate');
const workflowHttp = (verb: string, path: string): string[] => WORKFLOW_VERSIONS.map((version) => `${verb} ${version}/workflows/:component/${path}`);

const TABLE = {
  // State
  GetState: both(16, 'GetState', 'state.v1', 'state', true, `GET ${V1}/state/:store/:key`),
  GetBulkState: faulting(both(17, 'GetBulkState', 'state.v1', 'state', true, `POST,PUT ${V1}/state/:store/bulk`), 'deserializing'),
  SaveState: faulting(both(18, 'SaveState', 'state.v1', 'state', false, `POST,PUT ${V1}/state/:store`), 'alone'),
  DeleteState: withHeaders(both(19, 'DeleteState', 'state.v1', 'state', false, `DELETE ${V1}/state/:store/:key`), 'if-match'),
  DeleteBulkState: both(20, 'DeleteBulkState', 'state.v1', 'state', false),
  ExecuteStateTransaction: faulting(both(21, 'ExecuteStateTransaction', 'state.v1', 'state', false, `POST,PUT ${V1}/state/:store/transaction`), 'deserializing'),
  QueryStateAlpha1: both(22, 'QueryStateAlpha1', 'state.v1alpha1', 'state', true, `POST,PUT ${A1}/state/:store/query`),

  // Pub/sub
  PublishEvent: publishing(both(32, 'PublishEvent', 'publish.v1', 'pubsub', false, `POST,PUT ${V1}/publish/:pubsub?/*topic?`)),
  BulkPublishEvent: publishing(both(33, 'BulkPublishEvent', 'publish.v1', 'pubsub', false, `POST,PUT ${V1}/publish/bulk/:pubsub?/*topic?`)),
  BulkPublishEventAlpha1: publishing(both(34, 'BulkPublishEventAlpha1', 'publish.v1alpha1', 'pubsub', false, `POST,PUT ${A1}/publish/bulk/:pubsub?/*topic?`)),
  SubscribeTopicEventsAlpha1: resumable(initially(withMetadata(stream(both(35, 'SubscribeTopicEventsAlpha1', 'subscribe.v1alpha1', 'pubsub', false), 'bidi'), 'traceparent')), 'first-message'),

  // Configuration
  GetConfiguration: both(48, 'GetConfiguration', 'configuration.v1', 'config', true, `GET ${V1}/configuration/:store`),
  GetConfigurationAlpha1: both(49, 'GetConfigurationAlpha1', 'configuration.v1alpha1', 'config', true, `GET ${A1}/configuration/:store`),
  SubscribeConfiguration: resumable(stream(both(50, 'SubscribeConfiguration', 'configuration.v1', 'config', false, `GET ${V1}/configuration/:store/subscribe`), 'server-stream'), 'request'),
  SubscribeConfigurationAlpha1: resumable(stream(both(51, 'SubscribeConfigurationAlpha1', 'configuration.v1alpha1', 'config', false, `GET ${A1}/configuration/:store/subscribe`), 'server-stream'), 'request'),
  UnsubscribeConfiguration: both(52, 'UnsubscribeConfiguration', 'configuration.v1', 'config', false, `GET ${V1}/configuration/:store/:id/unsubscribe`),
  UnsubscribeConfigurationAlpha1: both(53, 'UnsubscribeConfigurationAlpha1', 'configuration.v1alpha1', 'config', false, `GET ${A1}/configuration/:store/:id/unsubscribe`),

  // Lock
  TryLockAlpha1: withMetadata(withHeaders(faulting(both(64, 'TryLockAlpha1', 'lock.v1alpha1', 'lock', false, `POST ${A1}/lock/:store`), 'deserializing'), 'bulkhead-renew'), 'bulkhead-renew'),
  UnlockAlpha1: faulting(both(65, 'UnlockAlpha1', 'unlock.v1alpha1', 'lock', false, `POST ${A1}/unlock/:store`), 'deserializing'),
  RenewLock: faulting(own(66, 'Lock', 'Renew', 'lock', 'lock', true, `POST ${OWN}/lock/:store/renew`), 'deserializing'),
  HoldLock: resumable(stream(own(67, 'Lock', 'Hold', 'lock', 'lock', false), 'server-stream'), 'request'),

  // Kernel: metadata, health, shutdown, actuator
  GetMetadata: both(80, 'GetMetadata', 'metadata.v1', 'kernel', true, `GET ${V1}/metadata`),
  SetMetadata: both(81, 'SetMetadata', 'metadata.v1', 'kernel', false, `PUT ${V1}/metadata/:key`),
  Healthz: httpOnly(82, 'Healthz', 'healthz', 'kernel', true, `GET ${V1}/healthz`),
  HealthzOutbound: httpOnly(83, 'HealthzOutbound', 'healthz', 'kernel', true, `GET ${V1}/healthz/outbound`),
  Shutdown: withMetadata(withHeaders(both(84, 'Shutdown', 'shutdown.v1', 'kernel', false, `POST ${V1}/shutdown`), 'dapr-force-shutdown'), 'dapr-force-shutdown'),
  ActuatorBlocks: httpOnly(85, 'ActuatorBlocks', 'actuator', 'kernel', true, 'GET /actuator/blocks'),
  RestartBlock: httpOnly(86, 'RestartBlock', 'actuator', 'kernel', false, 'POST /actuator/blocks/:block/restart', 'POST /actuator/blocks/:block/:component/restart'),

  // Secrets
  GetSecret: both(96, 'GetSecret', 'secrets.v1', 'none', true, `GET ${V1}/secrets/:store/:key`),
  GetBulkSecret: both(97, 'GetBulkSecret', 'secrets.v1', 'none', true, `GET ${V1}/secrets/:store/bulk`),

  // Service invocation and bindings
  InvokeService: both(112, 'InvokeService', 'invoke.v1', 'none', false, `GET,HEAD,POST,PUT,DELETE,CONNECT,OPTIONS,TRACE,PATCH ${V1}/invoke/:id/method/*method`),
  InvokeBinding: both(113, 'InvokeBinding', 'bindings.v1', 'none', false, `POST,PUT ${V1}/bindings/:name`),

  // Actors
  InvokeActor: both(128, 'InvokeActor', 'actors.v1', 'none', false, `GET,POST,PUT,DELETE ${V1}/actors/:type/:id/method/:method`),
  GetActorState: both(129, 'GetActorState', 'actors.v1', 'none', true, `GET ${V1}/actors/:type/:id/state/:key`),
  ExecuteActorStateTransaction: both(130, 'ExecuteActorStateTransaction', 'actors.v1', 'none', false, `POST,PUT ${V1}/actors/:type/:id/state`),
  RegisterActorTimer: both(131, 'RegisterActorTimer', 'actors.v1', 'none', false, `POST,PUT ${V1}/actors/:type/:id/timers/:name`),
  UnregisterActorTimer: both(132, 'UnregisterActorTimer', 'actors.v1', 'none', false, `DELETE ${V1}/actors/:type/:id/timers/:name`),
  RegisterActorReminder: both(133, 'RegisterActorReminder', 'actors.v1', 'none', false, `POST,PUT,PATCH ${V1}/actors/:type/:id/reminders/:name`),
  UnregisterActorReminder: both(134, 'UnregisterActorReminder', 'actors.v1', 'none', false, `DELETE ${V1}/actors/:type/:id/reminders/:name`),
  UnregisterActorRemindersByType: both(135, 'UnregisterActorRemindersByType', 'actors.v1', 'none', false),
  ListActorReminders: both(136, 'ListActorReminders', 'actors.v1', 'none', true),
  GetActorReminder: both(137, 'GetActorReminder', 'actors.v1', 'none', true, `GET ${V1}/actors/:type/:id/reminders/:name`),
  SubscribeActorEventsAlpha1: stream(both(138, 'SubscribeActorEventsAlpha1', 'actors.v1alpha1', 'none', false), 'bidi'),

  // Cryptography
  EncryptAlpha1: stream(both(144, 'EncryptAlpha1', 'crypto.v1alpha1', 'none', false, `PUT ${A1}/crypto/:name/encrypt`), 'bidi'),
  DecryptAlpha1: stream(both(145, 'DecryptAlpha1', 'crypto.v1alpha1', 'none', false, `PUT ${A1}/crypto/:name/decrypt`), 'bidi'),
  SubtleGetKeyAlpha1: both(146, 'SubtleGetKeyAlpha1', 'subtlecrypto.v1alpha1', 'none', true, `POST ${A1}/subtlecrypto/:name/getkey`),
  SubtleEncryptAlpha1: both(147, 'SubtleEncryptAlpha1', 'subtlecrypto.v1alpha1', 'none', true, `POST ${A1}/subtlecrypto/:name/encrypt`),
  SubtleDecryptAlpha1: both(148, 'SubtleDecryptAlpha1', 'subtlecrypto.v1alpha1', 'none', true, `POST ${A1}/subtlecrypto/:name/decrypt`),
  SubtleWrapKeyAlpha1: both(149, 'SubtleWrapKeyAlpha1', 'subtlecrypto.v1alpha1', 'none', true, `POST ${A1}/subtlecrypto/:name/wrapkey`),
  SubtleUnwrapKeyAlpha1: both(150, 'SubtleUnwrapKeyAlpha1', 'subtlecrypto.v1alpha1', 'none', true, `POST ${A1}/subtlecrypto/:name/unwrapkey`),
  SubtleSignAlpha1: both(151, 'SubtleSignAlpha1', 'subtlecrypto.v1alpha1', 'none', true, `POST ${A1}/subtlecrypto/:name/sign`),
  SubtleVerifyAlpha1: both(152, 'SubtleVerifyAlpha1', 'subtlecrypto.v1alpha1', 'none', true, `POST ${A1}/subtlecrypto/:name/verify`),

  // Workflow; over HTTP the three versions are one method each
  StartWorkflowAlpha1: both(160, 'StartWorkflowAlpha1', 'workflows.v1alpha1', 'none', false),
  GetWorkflowAlpha1: both(161, 'GetWorkflowAlpha1', 'workflows.v1alpha1', 'none', true),
  PurgeWorkflowAlpha1: both(162, 'PurgeWorkflowAlpha1', 'workflows.v1alpha1', 'none', false),
  TerminateWorkflowAlpha1: both(163, 'TerminateWorkflowAlpha1', 'workflows.v1alpha1', 'none', false),
  PauseWorkflowAlpha1: both(164, 'PauseWorkflowAlpha1', 'workflows.v1alpha1', 'none', false),
  ResumeWorkflowAlpha1: both(165, 'ResumeWorkflowAlpha1', 'workflows.v1alpha1', 'none', false),
  RaiseEventWorkflowAlpha1: both(166, 'RaiseEventWorkflowAlpha1', 'workflows.v1alpha1', 'none', false),
  StartWorkflowBeta1: both(168, 'StartWorkflowBeta1', 'workflows.v1beta1', 'none', false, ...workflowHttp('POST', ':workflow/start')),
  GetWorkflowBeta1: both(169, 'GetWorkflowBeta1', 'workflows.v1beta1', 'none', true, ...workflowHttp('GET', ':instance')),
  PurgeWorkflowBeta1: both(170, 'PurgeWorkflowBeta1', 'workflows.v1beta1', 'none', false, ...workflowHttp('POST', ':instance/purge')),
  TerminateWorkflowBeta1: both(171, 'TerminateWorkflowBeta1', 'workflows.v1beta1', 'none', false, ...workflowHttp('POST', ':instance/terminate')),
  PauseWorkflowBeta1: both(172, 'PauseWorkflowBeta1', 'workflows.v1beta1', 'none', false, ...workflowHttp('POST', ':instance/pause')),
  ResumeWorkflowBeta1: both(173, 'ResumeWorkflowBeta1', 'workflows.v1beta1', 'none', false, ...workflowHttp('POST', ':instance/resume')),
  RaiseEventWorkflowBeta1: both(174, 'RaiseEventWorkflowBeta1', 'workflows.v1beta1', 'none', false, ...workflowHttp('POST', ':instance/raiseEvent/:event')),

  // Jobs
  ScheduleJobAlpha1: both(176, 'ScheduleJobAlpha1', 'jobs.v1alpha1', 'none', false, `POST,PUT ${A1}/jobs/:name`),
  GetJobAlpha1: both(177, 'GetJobAlpha1', 'jobs.v1alpha1', 'none', true, `GET ${A1}/jobs/:name`),
  DeleteJobAlpha1: both(178, 'DeleteJobAlpha1', 'jobs.v1alpha1', 'none', false, `DELETE ${A1}/jobs/:name`),
  DeleteJobsByPrefixAlpha1: both(179, 'DeleteJobsByPrefixAlpha1', 'jobs.v1alpha1', 'none', false),
  ListJobsAlpha1: both(180, 'ListJobsAlpha1', 'jobs.v1alpha1', 'none', true),
  ScheduleJob: both(184, 'ScheduleJob', 'jobs.v1', 'none', false, `POST,PUT ${V1}/jobs/:name`),
  GetJob: both(185, 'GetJob', 'jobs.v1', 'none', true, `GET ${V1}/jobs/:name`),
  DeleteJob: both(186, 'DeleteJob', 'jobs.v1', 'none', false, `DELETE ${V1}/jobs/:name`),
  DeleteJobsByPrefix: both(187, 'DeleteJobsByPrefix', 'jobs.v1', 'none', false),
  ListJobs: both(188, 'ListJobs', 'jobs.v1', 'none', true),

  // Conversation
  ConverseAlpha1: both(192, 'ConverseAlpha1', 'conversation.v1alpha1', 'none', false, `POST ${A1}/conversation/:name/converse`),
  ConverseAlpha2: both(193, 'ConverseAlpha2', 'conversation.v1alpha2', 'none', false, `POST ${A2}/conversation/:name/converse`),

  // Sequencer. Safe: ids that got lost on their way are a gap, and gaps there may be.
  NextId: faulting(own(208, 'Sequencer', 'NextId', 'sequencer', 'sequencer', true, `POST,PUT ${OWN}/sequencer/:store/:key`), 'deserializing'),
  NextIds: resumable(stream(own(209, 'Sequencer', 'NextIds', 'sequencer', 'sequencer', false), 'bidi'), 'idle'),
} as const satisfies Readonly<Record<string, Route>>;

/** Rows by name. */
export const ROUTE: Readonly<Record<keyof typeof TABLE, Route>> = TABLE;
/** All rows. */
export const ROUTES: readonly Route[] = Object.values(TABLE);
export type RouteName = keyof typeof TABLE;
