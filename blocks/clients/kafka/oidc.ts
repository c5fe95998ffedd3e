// Access tokens for Kafka by OAuth's client credentials: fetched when first needed, kept until shortly before they expire.
import type { KafkaTokens } from './settings.ts';

const FETCH_MS = 10_000;
const MAX_ANSWER_BYTES = 1 << 20;
/** A token that doesn't say how long it is good for is good for this long. Seconds. */
const DEFAULT_LIFE_S = 300;
/** Fetched anew this long before the end, or at half of a shorter life. Milliseconds. */
const MARGIN_MS = 30_000;

export interface KafkaToken {
  readonly value: string;
  readonly extensions: Readonly<Record<string, string>>;
}

/** Gives the present token; calls at the same time share one request. @throws Error that says what the endpoint answered, without any secret */
export function kafkaTokens(tokens: KafkaTokens): () => Promise<KafkaToken> {
  let present: { readonly token: KafkaToken; readonly untilMs: number } | undefined;
  let fetching: Promise<KafkaToken> | undefined;
  return () => {
    if (present !== undefined && performance.now() < present.untilMs) return Promise.resolve(present.token);
    fetching ??= request(tokens).then(({ value, lifeMs }) => {
      const token = { value, extensions: tokens.extensions };
      present = { token, untilMs: performance.now() + Math.max(lifeMs - MARGIN_MS, lifeMs / 2) };
      return token;
    }).finally(() => { fetching = undefined; });
    return fetching;
  };
}

async function request({ endpoint, clientId, clientSecret, scopes }: KafkaTokens): Promise<{ readonly value: string; readonly lifeMs: number }> {
  const trouble = (what: string) => new Error(`no access token from ${endpoint.origin}${endpoint.pathname}: ${what}`);
  let status: number;
  let text: string;
  try {
    const answer = await fetch(endpoint, {
      method: 'POST',
      redirect: 'error', // a secret goes to the address it was given for
      headers: { 'accept': 'application/json', 'authorization': `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: scopes.join(' ') }),
      signal: AbortSignal.timeout(FETCH_MS),
    });
    status = answer.status;
    text = await bounded(answer);
  } catch (cause) {
    const { message, cause: inner } = cause as Error;
    throw trouble(inner instanceof Error ? inner.message : message);
  }
  const { access_token: value, expires_in: life, error } = parsed(text);
  if (status !== 200) throw trouble(`it answered ${status}${typeof error === 'string' ? ` (${error.slice(0, 100)})` : ''}`);
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) throw trouble('its answer has no access_token');
  const seconds = Number(life);
  return { value, lifeMs: (seconds > 0 ? Math.min(seconds, 86_400) : DEFAULT_LIFE_S) * 1000 };
}

async function bounded(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`its answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parsed(text: string): { readonly access_token?: unknown; readonly expires_in?: unknown; readonly error?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {}; // told as an answer without a token: the text itself may hold one
  }
}
