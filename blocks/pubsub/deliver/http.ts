// Delivery to an HTTP application: what it is sent, and what its answer means (contract: messaging §2.6 and §2.9).
import { randomUUID } from 'node:crypto';
import { messageOf } from '../../../proto/errors.ts';
import { quote, stringify } from '../../../proto/gojson.ts';
import { parseFirst } from '../../gojson.ts';
import { skipSpace } from '../../goscan.ts';
import { fieldOf, fields, GoDecoding } from '../../gostruct.ts';
import type { AppAnswer, AppRequest } from '../../kernel.ts';
import type { StringMap } from '../broker.ts';
import type { BulkEntry, DeliveryForm, DeliveryTarget, TopicEvent, Verdict } from './delivery.ts';
import { ACK, ASKED_TO_DROP, ASKED_TO_RETRY, CLOUD_EVENT, JSON_TYPE, NO_STATUS, OCTET_STREAM, OWN_HEADERS, unknownStatus, type FormOptions } from './forms.ts';

const NOT_FOUND = 404;
/** The application has no such path: nothing that it decided. */
export const NOT_FOUND_VERDICT: Verdict = { kind: 'drop', reason: 'the application answered with status 404' };
const LEFT_BRACE = 0x7b;

/** The requests have no deadline of their own: whoever sends them knows how long a delivery may take. */
export function httpForm(options: FormOptions): DeliveryForm {
  return new HttpForm(options);
}

class HttpForm implements DeliveryForm {
  /** There is but one way to deliver a batch over HTTP. */
  readonly bulkUnimplemented = ACK;
  readonly #options: FormOptions;

  constructor(options: FormOptions) {
    this.#options = options;
  }

  single(event: TopicEvent, target: DeliveryTarget, path: string): AppRequest {
    // Our own come first: the channel stops taking headers where a server would.
    const headers = ['content-type', CLOUD_EVENT, 'traceparent', this.#options.span(event.traceparent)];
    if (event.tracestate !== '') headers.push('tracestate', event.tracestate);
    headers.push('pubsubName', target.pubsubName);
    addMetadata(headers, event.message.metadata);
    return { verb: 'POST', target: rooted(path), headers, body: event.body, deadlineMs: 0 };
  }

  verdict(answer: AppAnswer): Verdict {
    if (!isSuccess(answer.status)) return failed(answer);
    const status = statusOf(answer.body);
    return status === '' ? ACK : verdictOf(status);
  }

  bulk(entries: readonly BulkEntry[], target: DeliveryTarget, path: string): AppRequest {
    const head = `{"id":"${randomUUID()}","type":"com.dapr.event.sent.bulk","topic":${quote(target.topic)},"pubsubname":${quote(target.pubsubName)},"metadata":{},"entries":[`;
    const parts: Uint8Array[] = [Buffer.from(head)];
    for (let i = 0; i < entries.length; i++) addEntry(parts, entries[i]!, target.rawPayload, i === 0 ? '' : ',');
    parts.push(Buffer.from(']}'));
    return { verb: 'POST', target: rooted(path), headers: ['content-type', JSON_TYPE], body: Buffer.concat(parts), deadlineMs: 0 };
  }

  bulkVerdicts(answer: AppAnswer, entries: readonly BulkEntry[]): readonly Verdict[] {
    if (!isSuccess(answer.status)) return all(entries, failed(answer));
    let statuses: ReadonlyMap<string, string>;
    try {
      statuses = readStatuses(answer.body);
    } catch (cause) {
      return all(entries, { kind: 'retry', reason: `the application's answer to a batch can't be read: ${messageOf(cause)}` });
    }
    return entries.map(({ entryId }) => {
      const status = statuses.get(entryId);
      return status === undefined || status === '' ? NO_STATUS : verdictOf(status);
    });
  }
}

function rooted(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

function addMetadata(headers: string[], metadata: StringMap): void {
  for (const name of Object.keys(metadata)) {
    if (!OWN_HEADERS.has(name.toLowerCase())) headers.push(name, headerText(metadata[name]!));
  }
}

const ASCII = /^[\0-\x7f]*$/;

/** A header holds bytes, one to a character: text beyond ASCII goes as its UTF-8. */
function headerText(value: string): string {
  return ASCII.test(value) ? value : Buffer.from(value).toString('latin1');
}

/** An entry's event is the stored text in the middle of ours; a raw one is base64. */
function addEntry(parts: Uint8Array[], { entryId, event }: BulkEntry, raw: boolean, separator: string): void {
  const { message } = event;
  const contentType = message.contentType || (raw ? OCTET_STREAM : CLOUD_EVENT);
  parts.push(Buffer.from(`${separator}{"entryId":${quote(entryId)},"event":`));
  parts.push(raw ? Buffer.from(`"${Buffer.from(message.data).toString('base64')}"`) : event.body);
  parts.push(Buffer.from(`,"metadata":${stringify(message.metadata)},"contentType":${quote(contentType)}}`));
}

function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299;
}

function failed({ status, failure }: AppAnswer): Verdict {
  if (failure !== undefined) return { kind: 'retry', reason: `the application could not be asked: ${failure.message}`, unasked: failure.unasked === true };
  if (status === NOT_FOUND) return NOT_FOUND_VERDICT;
  return { kind: 'retry', reason: `the application answered with status ${status}`, code: status };
}

function verdictOf(status: string): Verdict {
  switch (status) {
    case 'SUCCESS': return ACK;
    case 'RETRY': return ASKED_TO_RETRY;
    case 'DROP': return ASKED_TO_DROP;
    default: return unknownStatus(status);
  }
}

function all(entries: readonly BulkEntry[], verdict: Verdict): Verdict[] {
  return entries.map(() => verdict);
}

const STATUS_FIELDS = fields('status');
const BULK_FIELDS = fields('statuses');
const ENTRY_FIELDS = fields('entryId', 'status');

/** The status in the answer to a single event; `''` for an answer that has none, whatever else it is. */
function statusOf(body: Uint8Array): string {
  if (body[skipSpace(body, 0)] !== LEFT_BRACE) return '';
  let answer: Record<string, unknown>;
  try {
    answer = parseFirst(body) as Record<string, unknown>;
  } catch {
    return ''; // not JSON: any 2xx is a success
  }
  let status = '';
  for (const name of Object.keys(answer)) {
    if (fieldOf(STATUS_FIELDS, name) === undefined || answer[name] === null) continue;
    if (typeof answer[name] !== 'string') return '';
    status = answer[name];
  }
  return status;
}

/** @throws GoJsonError */
function readStatuses(body: Uint8Array): ReadonlyMap<string, string> {
  const decoding = new GoDecoding(body);
  const statuses = new Map<string, string>();
  const answer = decoding.object(parseFirst(body), 'pubsub.AppBulkResponse') ?? {};
  for (const name of Object.keys(answer)) {
    if (fieldOf(BULK_FIELDS, name) === undefined) continue;
    for (const element of decoding.list(answer[name], '[]pubsub.AppBulkResponseEntry', 'AppBulkResponse.statuses') ?? []) {
      const entry = decoding.object(element, 'pubsub.AppBulkResponseEntry', 'AppBulkResponse.statuses') ?? {};
      let entryId = '';
      let status = '';
      for (const member of Object.keys(entry)) {
        const field = fieldOf(ENTRY_FIELDS, member);
        if (field === 'entryId') entryId = decoding.text(entry[member], 'AppBulkResponseEntry.statuses.entryId') ?? entryId;
        else if (field === 'status') status = decoding.text(entry[member], 'AppBulkResponseEntry.statuses.status') ?? status;
      }
      statuses.set(entryId, status);
    }
  }
  decoding.finish();
  return statuses;
}
