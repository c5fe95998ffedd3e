// What a quick start prints when it is ready: where it is, what it runs, and something to try.
import type { Config } from './config.ts';
import type { Bound } from './gateway.ts';

export function greeting({ http, grpc }: Bound, { api: { tls }, blocks }: Config): string {
  const url = `${tls === undefined ? 'http' : 'https'}://${(http[0] ?? '').replace('*', '127.0.0.1')}/v1.0`;
  const curl = tls === undefined ? 'curl' : `curl --cacert ${tls.cert}`;
  const of = (block: string, ...lines: string[]): string[] => (blocks.some(({ name }) => name === block) ? lines : []);
  return [
    '',
    'bulkhead is ready.',
    `  HTTP    ${http.join(', ')}`,
    `  gRPC    ${grpc.join(', ')}`,
    `  blocks  ${blocks.map(({ name, isolation }) => `${name} (${isolation})`).join(', ')}`,
    ...of('state', '  stores  statestore (memory), statestore-sqlite (.bulkhead/state.db)'),
    ...of('pubsub', '  broker  pubsub (memory)'),
    ...of('config', '  config  configstore (.bulkhead/configuration.yaml)'),
    ...of('lock', '  locks   lockstore (memory)'),
    ...of('sequencer', '  ids     ids (memory)'),
    '',
    'Try it:',
    ...of(
      'state',
      `  ${curl} -X POST ${url}/state/statestore -H 'Content-Type: application/json' -d '[{"key":"hello","value":"world"}]'`,
      `  ${curl} ${url}/state/statestore/hello`,
    ),
    ...of('pubsub', `  ${curl} -X POST ${url}/publish/pubsub/orders -H 'Content-Type: application/json' -d '{"orderId":1}'`),
    ...of('config', `  ${curl} '${url}/configuration/configstore?key=greeting'`),
    ...of('lock', `  ${curl} -X POST ${url}-alpha1/lock/lockstore -d '{"resourceId":"door","lockOwner":"me","expiryInSeconds":30}'`),
    ...of('sequencer', `  ${curl} -X POST ${url}-bulkhead/sequencer/ids/orders`),
    `  ${curl} ${url.replace('/v1.0', '')}/actuator/blocks`,
    '',
  ].join('\n');
}
