// A gate over HTTP.
import type { HttpBody, HttpClient, HttpReply } from '../../harness/http.ts';
import { acquisitionOf, failureOf, NotDone, releaseOf, renewalOf, STORES, type Gate } from './gate.ts';

const TOKEN = 'bulkhead-fencing-token';
const CONFLICT = 409;
const JSON_BODY = { 'Content-Type': 'application/json' } as const;

/**
 * @param client of the sidecar's present life; undefined while it has none
 * @param timeoutMs for a call; what it asked for may happen yet
 */
export function httpGate(sidecar: string, client: () => HttpClient | undefined, timeoutMs: number): Gate {
  const send = async (method: string, path: string, expected: readonly number[], body?: object, headers: HttpBody['headers'] = {}): Promise<HttpReply> => {
    const present = client();
    if (present === undefined) throw new NotDone('the sidecar does not run');
    const sent = body === undefined ? { headers } : { headers: { ...JSON_BODY, ...headers }, body: JSON.stringify(body) };
    let reply: HttpReply;
    try {
      reply = await present.send(method, path, { ...sent, timeoutMs });
    } catch (cause) {
      throw failureOf(String(cause));
    }
    if (expected.includes(reply.status)) return reply;
    const text = `${method} ${path}: ${reply.status} ${reply.body}`;
    throw reply.status >= 500 ? failureOf(text) : new Error(text);
  };
  return {
    sidecar,
    protocol: 'HTTP',
    async lock(key, call) {
      const name = { resourceId: key, lockOwner: call.owner };
      if (call.kind === 'unlock') return releaseOf(statusIn(await send('POST', `/v1.0-alpha1/unlock/${STORES.locks}`, [200], name)));
      const lease = { ...name, expiryInSeconds: call.expirySeconds };
      if (call.kind === 'renew') {
        const reply = await send('POST', `/v1.0-bulkhead/lock/${STORES.locks}/renew`, [200], lease);
        return renewalOf(statusIn(reply), BigInt((JSON.parse(reply.body) as { fencingToken?: string }).fencingToken ?? 0));
      }
      const { body, headers } = await send('POST', `/v1.0-alpha1/lock/${STORES.locks}`, [200], lease);
      return acquisitionOf((JSON.parse(body) as { success: boolean }).success, headers[TOKEN] as string | undefined);
    },
    async register(key, call) {
      const path = `/v1.0/state/${STORES.registers}`;
      if (call.kind === 'get') {
        const { status, body, headers } = await send('GET', `${path}/${key}`, [200, 204]);
        return { found: status === 204 ? undefined : { value: JSON.parse(body) as string, etag: headers.etag ?? '' } };
      }
      const etag = call.over?.etag;
      const { status } = call.kind === 'delete'
        ? await send('DELETE', `${path}/${key}`, [204, CONFLICT], undefined, etag === undefined ? {} : { 'If-Match': etag })
        : await send('POST', path, [204, CONFLICT], [{ key, value: call.value, etag, options: call.firstWrite === true ? { concurrency: 'first-write' } : undefined }]);
      return status === CONFLICT ? 'mismatch' : 'done';
    },
    async ids(key, { increment, count }) {
      const { body } = await send('POST', `/v1.0-bulkhead/sequencer/${STORES.ids}/${key}`, [200], { increment: `INCREMENT_${increment.toUpperCase()}`, count });
      return (JSON.parse(body) as { ids: string[] }).ids.map(BigInt);
    },
  };
}

function statusIn({ body }: HttpReply): number {
  return (JSON.parse(body) as { status: number }).status;
}
