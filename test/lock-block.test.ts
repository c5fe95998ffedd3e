// The lock API over a store that the test decides: every answer to the letter in both protocols (contract: sidecar §2.3,
// §2.7, §3.4 and §6), and what is beyond Dapr: renewal on request, and tokens.
import { describe, expect, it } from 'vitest';
import { RenewLockRequest, RenewLockResponse } from '../proto/gen/bulkhead/v1/lock.ts';
import { TryLockRequest, TryLockResponse, UnlockRequest, UnlockResponse } from '../proto/gen/dapr/proto/runtime/v1/lock.ts';
import { openLockSidecar, TroubledStore, type GrpcReply, type HttpReply, type LockSidecar } from './lock-harness.ts';

type Name = 'TryLockAlpha1' | 'UnlockAlpha1' | 'RenewLock';
interface Fields {
  readonly store?: string;
  readonly resource?: string;
  readonly owner?: string;
  readonly expiry?: number;
}

/** The same call over HTTP and over gRPC. */
async function both(sidecar: LockSidecar, name: Name, { store = 'S', resource = 'R', owner = 'O', expiry = 60 }: Fields): Promise<[HttpReply, GrpcReply]> {
  const message = { storeName: store, resourceId: resource, lockOwner: owner, expiryInSeconds: expiry };
  const codec = { TryLockAlpha1: TryLockRequest, UnlockAlpha1: UnlockRequest, RenewLock: RenewLockRequest }[name];
  return [await sidecar.http(name, store, message), await sidecar.grpc(name, codec.encode(message).finish())];
}

const LEASES = ['TryLockAlpha1', 'RenewLock'] as const;
const ALL = ['TryLockAlpha1', 'UnlockAlpha1', 'RenewLock'] as const;
const ILLEGAL = `input key/keyPrefix 'a||b' can't contain '||'`;

describe('checks, each after the ones before it', () => {
  const expiry = { store: 'none', resource: '', owner: '', expiry: 0 };
  const rows: [what: string, names: readonly Name[], stores: boolean, fields: Fields, http: number, code: string, grpc: string, message: (name: Name) => string][] = [
    ['an expiry of 0', LEASES, false, expiry, 400, 'ERR_MALFORMED_REQUEST', 'InvalidArgument', () => 'ExpiryInSeconds is not positive in lock store none'],
    ['a negative expiry', LEASES, true, { ...expiry, expiry: -5 }, 400, 'ERR_MALFORMED_REQUEST', 'InvalidArgument', () => 'ExpiryInSeconds is not positive in lock store none'],
    ['no stores', ALL, false, { store: 'none', resource: '', owner: '' }, 500, 'ERR_LOCK_STORE_NOT_CONFIGURED', 'FailedPrecondition', () => 'lock store is not configured'],
    ['no resource', ALL, true, { store: 'none', resource: '', owner: '' }, 400, 'ERR_MALFORMED_REQUEST', 'InvalidArgument', () => 'ResourceId is empty in lock store none'],
    ['no owner', ALL, true, { store: 'none', resource: 'a||b', owner: '' }, 400, 'ERR_MALFORMED_REQUEST', 'InvalidArgument', () => 'LockOwner is empty in lock store none'],
    ['an unknown store', ALL, true, { store: 'none', resource: 'a||b' }, 400, 'ERR_LOCK_STORE_NOT_FOUND', 'InvalidArgument', () => 'lock store none not found'],
    ['two bars in the resource', ['TryLockAlpha1'], true, { resource: 'a||b' }, 500, 'ERR_TRY_LOCK', 'Internal', () => `failed to try acquiring lock: ${ILLEGAL}`],
    ['two bars in the resource', ['UnlockAlpha1'], true, { resource: 'a||b' }, 500, 'ERR_UNLOCK', 'Internal', () => `failed to release lock: ${ILLEGAL}`],
    ['two bars in the resource', ['RenewLock'], true, { resource: 'a||b' }, 500, 'ERR_RENEW_LOCK', 'Internal', () => `failed to renew lock: ${ILLEGAL}`],
  ];

  it.each(rows.flatMap(([what, names, ...rest]) => names.map((name) => [what, name, ...rest] as const)))('%s: %s', async (_, name, stores, fields, status, errorCode, code, message) => {
    const store = new TroubledStore();
    const sidecar = openLockSidecar(stores ? { S: store } : {});
    const [http, grpc] = await both(sidecar, name, fields);
    expect(http).toEqual({ status, headers: {}, body: JSON.stringify({ errorCode, message: message(name) }) });
    expect(grpc).toMatchObject({ code, message: message(name), details: false });
    expect(store.calls).toEqual([]);
    await sidecar.close();
  });

  it.each(ALL)('a store that can\'t start: %s is told why', async (name) => {
    const sidecar = openLockSidecar({ S: { store: new TroubledStore(), metadata: { keyPrefix: 'a||b' } } });
    const [http, grpc] = await both(sidecar, name, { resource: 'a||b' });
    expect(http).toMatchObject({ status: 503, body: expect.stringContaining(ILLEGAL) });
    expect(grpc).toMatchObject({ code: 'Unavailable', message: expect.stringContaining(ILLEGAL) });
    expect(sidecar.reason('S')).toContain(ILLEGAL);
    await sidecar.close();
  });

  it.each<[Name, string, string]>([
    ['TryLockAlpha1', 'ERR_TRY_LOCK', 'failed to try acquiring lock: the store is away'],
    ['UnlockAlpha1', 'ERR_UNLOCK', 'failed to release lock: the store is away'],
    ['RenewLock', 'ERR_RENEW_LOCK', 'failed to renew lock: the store is away'],
  ])('%s tells what the store said, thrown or rejected', async (name, errorCode, message) => {
    const store = new TroubledStore();
    const sidecar = openLockSidecar({ S: store });
    for (const trouble of [() => new Error('the store is away'), () => Promise.reject(new Error('the store is away'))]) {
      store.trouble = trouble;
      const [http, grpc] = await both(sidecar, name, {});
      expect(http).toEqual({ status: 500, headers: {}, body: JSON.stringify({ errorCode, message }) });
      expect(grpc).toMatchObject({ code: 'Internal', message, details: false });
    }
    await sidecar.close();
  });
});

describe('answers', () => {
  it('of a lock: always success, and the token when it was given', async () => {
    const sidecar = openLockSidecar({ S: new TroubledStore() });
    const given = await sidecar.http('TryLockAlpha1', 'S', { resourceId: 'R', lockOwner: 'a', expiryInSeconds: 60 });
    expect(given).toEqual({ status: 200, headers: { 'bulkhead-fencing-token': expect.stringMatching(/^[1-9]\d*$/) }, body: '{"success":true}' });
    const refused = await sidecar.http('TryLockAlpha1', 'S', { resourceId: 'R', lockOwner: 'b', expiryInSeconds: 60 });
    expect(refused).toEqual({ status: 200, headers: {}, body: '{"success":false}' });

    const message = { storeName: 'S', resourceId: 'Q', lockOwner: 'a', expiryInSeconds: 60 };
    const first = await sidecar.grpc('TryLockAlpha1', TryLockRequest.encode(message).finish());
    expect(TryLockResponse.decode(first.body)).toEqual({ success: true });
    expect(BigInt(first.metadata['bulkhead-fencing-token'] ?? 0)).toBeGreaterThan(BigInt(given.headers['bulkhead-fencing-token'] ?? 0));
    const second = await sidecar.grpc('TryLockAlpha1', TryLockRequest.encode(message).finish());
    expect(TryLockResponse.decode(second.body)).toEqual({ success: false });
    expect(second.metadata).toEqual({});
    await sidecar.close();
  });

  it.each<[owner: string, resource: string, status: number]>([['a', 'R', 0], ['a', 'none', 1], ['b', 'R', 2]])('of an unlock by %s of %s: status %i', async (lockOwner, resourceId, status) => {
    const sidecar = openLockSidecar({ S: new TroubledStore() });
    const lock = (): Promise<HttpReply> => sidecar.http('TryLockAlpha1', 'S', { resourceId: 'R', lockOwner: 'a', expiryInSeconds: 60 });
    await lock();
    expect(await sidecar.http('UnlockAlpha1', 'S', { resourceId, lockOwner })).toEqual({ status: 200, headers: {}, body: `{"status":${status}}` });
    await lock();
    const { code, body, metadata } = await sidecar.grpc('UnlockAlpha1', UnlockRequest.encode({ storeName: 'S', resourceId, lockOwner }).finish());
    expect([code, UnlockResponse.decode(body).status, metadata]).toEqual(['OK', status, {}]);
    await sidecar.close();
  });

  it.each<[owner: string, resource: string, status: number]>([['a', 'R', 0], ['a', 'none', 1], ['b', 'R', 2]])('of a renewal by %s of %s: status %i, and the token', async (lockOwner, resourceId, status) => {
    const sidecar = openLockSidecar({ S: new TroubledStore() });
    const { headers } = await sidecar.http('TryLockAlpha1', 'S', { resourceId: 'R', lockOwner: 'a', expiryInSeconds: 60 });
    const token = headers['bulkhead-fencing-token'];
    const http = await sidecar.http('RenewLock', 'S', { resourceId, lockOwner, expiryInSeconds: 30 });
    expect(http).toEqual(status === 0 ? { status: 200, headers, body: `{"status":0,"fencingToken":"${token}"}` } : { status: 200, headers: {}, body: `{"status":${status}}` });
    const grpc = await sidecar.grpc('RenewLock', RenewLockRequest.encode({ storeName: 'S', resourceId, lockOwner, expiryInSeconds: 30 }).finish());
    expect(RenewLockResponse.decode(grpc.body)).toEqual({ status, fencingToken: status === 0 ? BigInt(token ?? 0) : 0n });
    expect(grpc.metadata).toEqual(status === 0 ? headers : {});
    await sidecar.close();
  });

  it('say that a message can\'t be read', async () => {
    const sidecar = openLockSidecar({ S: new TroubledStore() });
    for (const name of ALL) expect(await sidecar.grpc(name, Uint8Array.of(0x0a, 0x05, 0x41))).toMatchObject({ code: 'Internal', message: expect.stringMatching(/^grpc: error unmarshalling request: /) });
    await sidecar.close();
  });
});

describe('keys', () => {
  it.each<[prefix: string | undefined, appId: string, key: string]>([
    [undefined, 'A', 'lock||A||R'], ['', 'A', 'lock||A||R'], ['appid', 'A', 'lock||A||R'], ['AppId', 'A', 'lock||A||R'], ['appid', '', 'lock||R'], [undefined, '', 'lock||R'],
    ['name', 'A', 'lock||S||R'], ['NAME', 'A', 'lock||S||R'], ['none', 'A', 'lock||R'], ['None', 'A', 'lock||R'],
    ['namespace', 'A', 'lock||namespace||R'], ['Team One', 'A', 'lock||team one||R'], ['a|b', 'A', 'lock||a|b||R'],
  ])('keyPrefix %j of app %j: %s', async (keyPrefix, appId, key) => {
    const store = new TroubledStore();
    const sidecar = openLockSidecar({ S: { store, metadata: keyPrefix === undefined ? {} : { KEYPREFIX: keyPrefix } } }, { appId });
    for (const name of ALL) await both(sidecar, name, { owner: 'o' });
    expect(new Set(store.calls.map((call) => call.key))).toEqual(new Set([key]));
    expect(new Set(store.calls.map((call) => call.owner))).toEqual(new Set(['o']));
    await sidecar.close();
  });
});

describe('bodies', () => {
  const open = (): [LockSidecar, TroubledStore] => {
    const store = new TroubledStore();
    return [openLockSidecar({ S: store }), store];
  };

  it.each<[body: string, key: string, owner: string, seconds: number]>([
    ['{"resourceId":"r","lockOwner":"o","expiryInSeconds":7}', 'r', 'o', 7],
    ['{"resource_id":"r","lock_owner":"o","expiry_in_seconds":7}', 'r', 'o', 7],
    [' \n{ "resource_id" : "r" ,\t"lockOwner":"o", "expiryInSeconds" :7 } \r\n', 'r', 'o', 7],
    ['{"resourceId":"r","lockOwner":"o","expiryInSeconds":"7"}', 'r', 'o', 7],
    ['{"resourceId":"r","lockOwner":"o","expiryInSeconds":7.0}', 'r', 'o', 7],
    ['{"resourceId":"r","lockOwner":"o","expiryInSeconds":"70e-1"}', 'r', 'o', 7],
    ['{"resourceId":"r","lockOwner":"o","expiryInSeconds":0.7e1}', 'r', 'o', 7],
    ['{"resourceId":"r","lockOwner":"o","expiryInSeconds":0.0700E+2}', 'r', 'o', 7],
    ['{"resourceId":"r","lockOwner":"o","expiryInSeconds":2147483647}', 'r', 'o', 2_147_483_647],
    ['{"resourceId":"r","lockOwner":"o","expiryInSeconds":"2.147483647e9"}', 'r', 'o', 2_147_483_647],
    ['{"storeName":"other","resourceId":"r","lockOwner":"o","expiryInSeconds":7}', 'r', 'o', 7],
    ['{"store_name":null,"resourceId":"r","lockOwner":"o","expiryInSeconds":7}', 'r', 'o', 7],
    ['{"x":1,"ResourceID":"no","__proto__":{"a":[]},"[a.b]":"}","y":{"resourceId":"no","z":["\\"]",{}]},"resourceId":"r","lockOwner":"o","expiryInSeconds":7,"lockowner":"no"}', 'r', 'o', 7],
    ['{"resourceId":"\\u00fc\\n\\ud83d\\udd12\\"","lockOwner":"\\/ <&>","expiryInSeconds":7}', 'ü\n🔒"', '/ <&>', 7],
    ['{"res\\u006furceId":"r","lockOwner":"o","expiryInSeconds":7}', 'r', 'o', 7],
  ])('%s is read', async (body, resource, owner, expirySeconds) => {
    const [sidecar, store] = open();
    expect(await sidecar.http('TryLockAlpha1', 'S', body)).toMatchObject({ status: 200 });
    expect(store.calls).toEqual([{ method: 'tryLock', key: `lock||A||${resource}`, owner, expirySeconds }]);
    await sidecar.close();
  });

  it.each<[what: string, body: string, message: string]>([
    ['no body', '', 'ExpiryInSeconds is not positive in lock store S'],
    ['no members', '{}', 'ExpiryInSeconds is not positive in lock store S'],
    ['nulls', '{"expiryInSeconds":null,"resourceId":null}', 'ExpiryInSeconds is not positive in lock store S'],
    ['a null resource', '{"expiryInSeconds":1,"resourceId":null}', 'ResourceId is empty in lock store S'],
    ['minus zero', '{"expiryInSeconds":-0.0e5}', 'ExpiryInSeconds is not positive in lock store S'],
    ['a negative expiry in a text', '{"expiryInSeconds":"-3"}', 'ExpiryInSeconds is not positive in lock store S'],
  ])('%s leaves members unset', async (_, body, message) => {
    const [sidecar] = open();
    expect(await sidecar.http('TryLockAlpha1', 'S', body)).toMatchObject({ status: 400, body: JSON.stringify({ errorCode: 'ERR_MALFORMED_REQUEST', message }) });
    await sidecar.close();
  });

  it.each<[body: string | Uint8Array, reason: string]>([
    ...['7.5', '"7.5"', '"7 "', '" 7"', '"+7"', '"07"', '""', '"seven"', '"0x7"', '2147483648', '-2147483649', '1e10', '1e999', '1e-1', '0.99999999999999999999', '7.00000000000000000001', 'true', '[7]', '{}', '"7e"', '"7."', '".7"']
      .map((value): [string, string] => [`{"expiryInSeconds":${value}}`, `proto: (line 1:20): invalid value for int32 field expiryInSeconds: ${value}`]),
    ['{"resourceId":7}', 'proto: (line 1:15): invalid value for string field resourceId: 7'],
    ['{"lock_owner":["a"]}', 'proto: (line 1:15): invalid value for string field lockOwner: ["a"]'],
    ['{"storeName":1}', 'proto: (line 1:14): invalid value for string field storeName: 1'],
    ['{\n  "ü": 1, "resourceId": false}', 'proto: (line 2:25): invalid value for string field resourceId: false'],
    ['{"resourceId":"a\\ud800"}', 'proto: (line 1:15): invalid value for string field resourceId: "a\\ud800"'],
    ['{"resourceId":"a","resource_id":"b"}', 'proto: (line 1:19): duplicate field "resource_id"'],
    ['{"resourceId":null,"resourceId":"b"}', 'proto: (line 1:20): duplicate field "resourceId"'],
    ['[]', 'proto: syntax error (line 1:1): unexpected token ['],
    [' "a"', 'proto: syntax error (line 1:2): unexpected token "a"'],
    ['null', 'proto: syntax error (line 1:1): unexpected token null'],
    ['{"resourceId":', 'proto: syntax error: unexpected end of JSON input'],
    ['{"resourceId":"a"} {}', 'proto: syntax error: invalid character \'{\' after top-level value'],
    ['{"resourceId":"a",}', 'proto: syntax error: invalid character \'}\' looking for beginning of object key string'],
    [' ', 'proto: syntax error: unexpected end of JSON input'],
    ['resourceId=a', 'proto: syntax error: invalid character \'r\' looking for beginning of value'],
    [Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d), 'proto: syntax error: invalid UTF-8'],
    [`{"resourceId":[${'1'.repeat(500)}]}`, `proto: (line 1:15): invalid value for string field resourceId: [${'1'.repeat(99)}...`],
  ])('%s is no message', async (body, reason) => {
    const [sidecar, store] = open();
    const names = String(body).includes('expiryInSeconds') ? LEASES : ALL;
    for (const name of names) {
      expect(await sidecar.http(name, 'none', body)).toEqual({
        status: 400, headers: {}, body: JSON.stringify({ errorCode: 'ERR_MALFORMED_REQUEST', message: `failed deserializing HTTP body: ${reason}` }),
      });
    }
    expect(store.calls).toEqual([]);
    await sidecar.close();
  });

  it('of an unlock may have an expiry, whatever it is', async () => {
    const [sidecar] = open();
    expect(await sidecar.http('UnlockAlpha1', 'S', '{"resourceId":"r","lockOwner":"o","expiryInSeconds":"never"}')).toMatchObject({ status: 200, body: '{"status":1}' });
    await sidecar.close();
  });
});

describe('bulkhead-renew', () => {
  it.each<[value: string, app: 'probed' | 'unprobed' | 'none', why: string]>([
    ['always', 'probed', 'it must be "app": renewed while the application is healthy'],
    ['', 'probed', 'it must be "app": renewed while the application is healthy'],
    ['App', 'probed', 'it must be "app": renewed while the application is healthy'],
    ['app', 'none', 'no application is configured: start the sidecar with --app-port'],
    ['app', 'unprobed', 'whether the application is healthy is not looked at: start the sidecar with --enable-app-health-check'],
  ])('of %j where the application is %s is refused, and no lock is taken', async (value, app, why) => {
    const store = new TroubledStore();
    const sidecar = openLockSidecar({ S: store }, app === 'none' ? {} : { app: 'http', probed: app === 'probed' });
    const message = `invalid bulkhead-renew ${JSON.stringify(value)}: ${why}`;
    const fields = { resourceId: 'R', lockOwner: 'o', expiryInSeconds: 60 };
    expect(await sidecar.http('TryLockAlpha1', 'S', fields, { 'bulkhead-renew': value })).toMatchObject({ status: 400, body: JSON.stringify({ errorCode: 'ERR_MALFORMED_REQUEST', message }) });
    expect(await sidecar.grpc('TryLockAlpha1', TryLockRequest.encode({ storeName: 'S', ...fields }).finish(), { 'bulkhead-renew': value })).toMatchObject({ code: 'InvalidArgument', message, details: false });
    expect(store.calls).toEqual([]);
    await sidecar.close();
  });

  it('comes after all that Dapr checks', async () => {
    const sidecar = openLockSidecar({ S: new TroubledStore() });
    const reply = await sidecar.http('TryLockAlpha1', 'none', { resourceId: 'R', lockOwner: 'o', expiryInSeconds: 60 }, { 'bulkhead-renew': 'x' });
    expect(reply.body).toContain('lock store none not found');
    await sidecar.close();
  });

  it('has no room for names that are too long to be kept', async () => {
    const sidecar = openLockSidecar({ S: new TroubledStore() }, { app: 'http' });
    const reply = await sidecar.http('TryLockAlpha1', 'S', { resourceId: 'r'.repeat(600), lockOwner: 'o', expiryInSeconds: 60 }, { 'bulkhead-renew': 'app' });
    expect(reply).toMatchObject({ status: 400, body: expect.stringContaining('store, resource and owner have more than 512 characters together') });
    await sidecar.close();
  });
});
