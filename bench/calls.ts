// The state calls that the benchmarks make: which keys, which values, which requests.

export const APP_ID = 'bench';
export const STORE = 'statestore';
/** As many as there are connections, so that no two calls in flight need the same record. */
export const KEYS: readonly string[] = Array.from({ length: 64 }, (_, i) => `key-${i}`);

/** The key under which a record is in Redis. */
export const keyInRedis = (key: string): string => `${APP_ID}||${key}`;

/** A JSON text of so many bytes. */
export const valueOf = (bytes: number): string => JSON.stringify('v'.repeat(Math.max(0, bytes - 2)));

const saveBody = (key: string, bytes: number): string => `[{"key":"${key}","value":${valueOf(bytes)}}]`;

/** Whole HTTP requests, one a key. */
export const getRequests = (port: number): string[] =>
  KEYS.map((key) => `GET /v1.0/state/${STORE}/${key} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: keep-alive\r\n\r\n`);

export const setRequests = (port: number, bytes: number): string[] => KEYS.map((key) => {
  const body = saveBody(key, bytes);
  return `POST /v1.0/state/${STORE} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: keep-alive\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
});

/** Puts every key there. @throws Error when a server refuses */
export async function saveAll(port: number, bytes: number): Promise<void> {
  for (const key of KEYS) {
    const answer = await fetch(`http://127.0.0.1:${port}/v1.0/state/${STORE}`, { method: 'POST', headers: { 'content-type': 'application/json', connection: 'close' }, body: saveBody(key, bytes) });
    if (answer.status !== 204) throw new Error(`saving ${key} on port ${port} was answered with ${answer.status} ${await answer.text()}`);
  }
}
