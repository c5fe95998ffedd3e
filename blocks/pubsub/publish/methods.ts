// The API methods of publishing: each is a gRPC form, an HTTP form and one operation on an open broker.
import type { TracingSettings } from '../../../proto/init.ts';
import { ROUTE } from '../../../proto/routes.ts';
import type { CallScope, Method } from '../../block.ts';
import type { Awaitable } from '../../driver.ts';
import type { Brokers, OpenBroker } from '../brokers.ts';
import * as grpc from './grpc.ts';
import * as http from './http.ts';
import { publish } from './publish.ts';
import { publishBulk } from './publish-bulk.ts';
import type { PublishRequest } from './requests.ts';
import { Tracer } from '../tracing.ts';

type Operation<Request, Response> = (broker: OpenBroker, request: Request, tracer: Tracer, scope: CallScope) => Awaitable<Response>;

/** By route id. */
export function publishMethods(brokers: Brokers, tracing: TracingSettings): ReadonlyMap<number, Method> {
  const tracer = new Tracer(tracing);

  /** The method of two forms and an operation. The broker comes first: what else is wrong shows only if there is one. */
  const method = <Request extends Pick<PublishRequest, 'pubsub' | 'metadata'>, Response>(
    forms: Omit<Method<Request, Response>, 'run'>, operation: Operation<Request, Response>,
  ): Method<Request, Response> => ({
    decodeGrpc: forms.decodeGrpc, encodeGrpc: forms.encodeGrpc, decodeHttp: forms.decodeHttp, encodeHttp: forms.encodeHttp,
    run: (request, scope) => {
      const broker = brokers.find(request.pubsub, request.metadata);
      return broker instanceof Promise ? later(broker, operation, request, tracer, scope) : operation(broker, request, tracer, scope);
    },
  });

  const bulk: Method = method({ ...grpc.bulkPublishForm, ...http.bulkPublishForm }, publishBulk);
  return new Map<number, Method>([
    [ROUTE.PublishEvent.id, method({ ...grpc.publishForm, ...http.publishForm }, publish)],
    [ROUTE.BulkPublishEvent.id, bulk],
    [ROUTE.BulkPublishEventAlpha1.id, bulk],
  ]);
}

/** Apart from `run`, so that the common case makes no closure. */
function later<Request, Response>(broker: Promise<OpenBroker>, operation: Operation<Request, Response>, request: Request, tracer: Tracer, scope: CallScope): Promise<Response> {
  return broker.then((open) => operation(open, request, tracer, scope));
}
