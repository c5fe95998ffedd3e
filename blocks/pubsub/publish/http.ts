// The HTTP form of publishing: URL, headers and JSON bodies to typed requests, and answers back.
import { quote } from '../../../proto/gojson.ts';
import type { HttpAnswer, HttpHead, Method } from '../../block.ts';
import { GoJsonError } from '../../gojson.ts';
import { metadataParams, queryParams } from '../../urlquery.ts';
import { bulkBody } from './bulk-body.ts';
import type { BulkOutcome } from './publish-bulk.ts';
import type { BulkItem, BulkPublishRequest, FailedItem, PublishRequest } from './requests.ts';
import { incomingTrace } from '../tracing.ts';

type Form<Request, Response> = Pick<Method<Request, Response>, 'decodeHttp' | 'encodeHttp'>;

const NO_CONTENT: HttpAnswer = { status: 204 };
const NO_ITEMS: readonly BulkItem[] = [];
/** Clients refuse an answer whose headers are much longer than this all together. Bytes. */
const MAX_HEADER = 4_096;

export const publishForm: Form<PublishRequest, void> = {
  decodeHttp: (head, body) => ({
    ...target(head),
    data: new Uint8Array(body),
    contentType: head.headers['content-type'] ?? '',
    traceInMetadata: false,
  }),
  encodeHttp: () => NO_CONTENT,
};

export const bulkPublishForm: Form<BulkPublishRequest, BulkOutcome> = {
  decodeHttp: (head, body) => {
    try {
      return { ...target(head), items: bulkBody(body), broken: '' };
    } catch (cause) {
      if (!(cause instanceof GoJsonError)) throw cause;
      return { ...target(head), items: NO_ITEMS, broken: cause.message };
    }
  },
  encodeHttp: ({ failed, failure }) => {
    if (failure === undefined) return NO_CONTENT;
    const body = `{"failedEntries":[${failed.map(failedJson).join(',')}],"errorCode":${quote(failure.failure.code)}}`;
    return { status: failure.failure.http, headers: [...header('metadata.responseData', body), ...header('metadata.error', String(failure))], body };
  },
};

function target(head: HttpHead): Pick<PublishRequest, 'pubsub' | 'topic' | 'metadata' | 'trace'> {
  const [pubsub = '', topic = ''] = head.params;
  return { pubsub, topic, metadata: metadataParams(queryParams(head.query)), trace: incomingTrace(head.headers) };
}

function failedJson({ entryId, error }: FailedItem): string {
  return `{"entryId":${quote(entryId)},"error":${quote(error)}}`;
}

/**
 * Its name and value; nothing at all for a value that is too long, which the body has as well. A header is bytes: UTF-8,
 * each byte as the character of its number, with spaces for what would end it.
 */
function header(name: string, text: string): string[] {
  const value = Buffer.from(text.replace(/\p{Cc}/gu, ' ')).toString('latin1');
  return value.length > MAX_HEADER ? [] : [name, value];
}
