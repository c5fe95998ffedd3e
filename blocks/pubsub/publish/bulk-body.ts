// The JSON body of a bulk publish: decoded by the rules and with the words of Go's encoding/json, each event turned into
// the bytes that its content type asks for (contract: messaging §1.4).
import { rawElements, rawFirst, rawMembers } from '../../goraw.ts';
import { fieldOf, fields, GoDecoding } from '../../gostruct.ts';
import type { StringMap } from '../broker.ts';
import { isBinaryData, isJsonType, isStringType } from '../content-types.ts';
import type { BulkItem } from './requests.ts';

const ENTRY = fields('entryId', 'event', 'contentType', 'metadata');
const EMPTY = new Uint8Array(0);
const MISMATCH = 'error: mismatch between contentType and event';

/** @throws GoJsonError */
export function bulkBody(body: Uint8Array): readonly BulkItem[] {
  const go = new GoDecoding(body);
  const json = rawFirst(body);
  const elements = rawElements(json);
  if (elements === undefined) go.list(JSON.parse(json), '[]http.bulkPublishMessageEntry');
  const items = (elements ?? []).map((element) => bulkItem(go, element));
  go.finish();
  return items;
}

function bulkItem(go: GoDecoding, json: string): BulkItem {
  const members = rawMembers(json);
  if (members === undefined) go.object(JSON.parse(json), 'http.bulkPublishMessageEntry');
  let entryId = '', contentType = '', event = 'null';
  let metadata: StringMap | undefined;
  for (const [name, member] of members ?? []) {
    switch (fieldOf(ENTRY, name)) {
      case 'entryId': entryId = go.text(JSON.parse(member), 'bulkPublishMessageEntry.entryId') ?? entryId; break;
      case 'event': event = member; break;
      case 'contentType': contentType = go.text(JSON.parse(member), 'bulkPublishMessageEntry.contentType') ?? contentType; break;
      case 'metadata': metadata = go.texts(JSON.parse(member), 'bulkPublishMessageEntry.metadata'); break;
      case undefined: break;
    }
  }
  return { entryId, contentType, metadata, ...bytesOf(event, contentType) };
}

/** @param event JSON; binary data is a string in base64 */
function bytesOf(event: string, contentType: string): Pick<BulkItem, 'data' | 'misfit'> {
  // What is binary by its bytes alone can't be told here, before there are any.
  if (isBinaryData(contentType, EMPTY)) return event.startsWith('"') ? decodeBase64(JSON.parse(event) as string) : { data: EMPTY, misfit: MISMATCH };
  if (isStringType(contentType)) return event.startsWith('"') ? { data: Buffer.from(JSON.parse(event) as string), misfit: '' } : { data: EMPTY, misfit: MISMATCH };
  return isJsonType(contentType) ? { data: Buffer.from(event), misfit: '' } : { data: EMPTY, misfit: MISMATCH };
}

/** Strict, as Go is, but for line breaks. */
function decodeBase64(text: string): Pick<BulkItem, 'data' | 'misfit'> {
  const base64 = text.replace(/[\r\n]/g, '');
  if (base64.length % 4 === 0 && /^[A-Za-z\d+/]*={0,2}$/.test(base64)) return { data: Buffer.from(base64, 'base64'), misfit: '' };
  const wrong = text.search(/[^A-Za-z\d+/=\r\n]/);
  const at = wrong < 0 ? base64.length - (base64.length % 4) : wrong;
  return { data: EMPTY, misfit: `error: unable to decode base64 application/octect-stream data: illegal base64 data at input byte ${at}` };
}
