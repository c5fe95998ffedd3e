// What the benchmark of configuration, locks and ids works with: components, keys, and the calls as bytes.
import { GetConfigurationRequest } from '../proto/gen/dapr/proto/runtime/v1/configuration.ts';
import { NextIdRequest } from '../proto/gen/bulkhead/v1/sequencer.ts';
import { APP_ID } from './calls.ts';

export const CONFIG = 'configstore';
export const LOCKS = 'lockstore';
export const IDS = 'ids';
/** As many as there are connections. */
export const CONFIG_KEYS: readonly string[] = Array.from({ length: 64 }, (_, i) => `config-${i}`);
/** Keys of one call where a call asks for several. */
export const MANY = 20;
/** Ids of one call where a call asks for several. */
export const BATCH = 100;

export const GET_CONFIGURATION = '/dapr.proto.runtime.v1.Dapr/GetConfiguration';
export const NEXT_ID = '/bulkhead.v1.Sequencer/NextId';

/** A key's text in Redis, as daprd lays it out. */
export const configText = (bytes: number): string => `${'v'.repeat(bytes)}||1`;

function component(name: string, type: string, metadata: Readonly<Record<string, string>>): object {
  return { apiVersion: 'dapr.io/v1alpha1', kind: 'Component', metadata: { name }, spec: { type, version: 'v1', metadata: Object.entries(metadata).map(([key, value]) => ({ name: key, value })) } };
}

/** One component of each kind on Redis. */
export function onRedis(port: number, more: Readonly<Record<string, string>> = {}): readonly object[] {
  const metadata = { redisHost: `127.0.0.1:${port}` };
  return [component(CONFIG, 'configuration.redis', { ...metadata, ...more }), component(LOCKS, 'lock.redis', metadata), component(IDS, 'sequencer.redis', metadata)];
}


const request = (port: number, verb: string, target: string, body = ''): string =>
  `${verb} ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: keep-alive\r\n${verb === 'GET' ? '' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`}\r\n${body}`;

export const getRequests = (port: number): string[] => CONFIG_KEYS.map((key) => request(port, 'GET', `/v1.0/configuration/${CONFIG}?key=${key}`));

export const getManyRequest = (port: number): string => request(port, 'GET', `/v1.0/configuration/${CONFIG}?${CONFIG_KEYS.slice(0, MANY).map((key) => `key=${key}`).join('&')}`);

const getMessage = (keys: readonly string[]): string => Buffer.from(GetConfigurationRequest.encode({ storeName: CONFIG, keys: [...keys], metadata: new Map() }).finish()).toString('base64');
export const getMessages = (): string[] => CONFIG_KEYS.map((key) => getMessage([key]));
export const getManyMessage = (): string => getMessage(CONFIG_KEYS.slice(0, MANY));

/** For each connection a lock of its own: taken, given back, and so on. */
export const lockRequests = (port: number, connections: number): string[][] => Array.from({ length: connections }, (_, i) => {
  const lock = { resourceId: `resource-${i}`, lockOwner: `owner-${i}` };
  return [request(port, 'POST', `/v1.0-alpha1/lock/${LOCKS}`, JSON.stringify({ ...lock, expiryInSeconds: 60 })), request(port, 'POST', `/v1.0-alpha1/unlock/${LOCKS}`, JSON.stringify(lock))];
});

export const idRequest = (port: number): string => request(port, 'POST', `/v1.0-bulkhead/sequencer/${IDS}/orders`);

export const idMessage = (count: number, strong = false): string =>
  Buffer.from(NextIdRequest.encode({ storeName: IDS, key: 'orders', increment: strong ? 1 : 0, count, metadata: new Map() }).finish()).toString('base64');

/** Where a lock that is taken without a sidecar lies. */
export const directLock = (i: number): string => `lock||${APP_ID}||direct-${i}`;
