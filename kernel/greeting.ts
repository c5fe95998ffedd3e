// What a quick start prints when it is ready: where it is, what it runs, and something to try.
import type { Config } from './config.ts';
import type { Bound } from './gateway.ts';

export function greeting({ http, grpc }: Bound, { blocks }: Config): string {
  const url = `http://${(http[0] ?? '').replace('*', '127.0.0.1')}/v1.0`;
  return [
    '',
    'bulkhead is ready.',
    `  HTTP    ${http.join(', ')}`,
    `  gRPC    ${grpc.join(', ')}`,
    `  blocks  ${blocks.map(({ name, isolation }) => `${name} (${isolation})`).join(', ')}`,
    '  stores  statestore (memory), statestore-sqlite (.bulkhead/state.db)',
    '',
    'Try it:',
    `  curl -X POST ${url}/state/statestore -H 'Content-Type: application/json' -d '[{"key":"hello","value":"world"}]'`,
    `  curl ${url}/state/statestore/hello`,
    `  curl ${url.replace('/v1.0', '')}/actuator/blocks`,
    '',
  ].join('\n');
}
