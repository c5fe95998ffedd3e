// Kinds of content, as publishing tells them apart (contract: messaging §1.3 and §1.4). Names match whatever their case;
// what follows a `;` does not count.
import { CopyingReader } from '../../proto/wire.ts';

/** A CloudEvent in JSON. */
export function isCloudEventType(contentType: string): boolean {
  return mediaType(contentType) === 'application/cloudevents+json';
}

/** JSON of any kind, CloudEvents in JSON included. */
export function isJsonType(contentType: string): boolean {
  const type = mediaType(contentType);
  return type === 'application/json' || type.endsWith('+json');
}

export function isStringType(contentType: string): boolean {
  const type = mediaType(contentType);
  return type.startsWith('text/') || type === 'application/xml';
}

/** Whether data of this type are bytes to an envelope. Of protobuf only a CloudEvent is. */
export function isBinaryData(contentType: string, data: Uint8Array): boolean {
  const type = mediaType(contentType);
  if (type === 'application/octet-stream' || type === 'application/cloudevents+protobuf') return true;
  return type === 'application/x-protobuf' && isProtobufEvent(data);
}

/** io.cloudevents.v1.CloudEvent: id, source, spec_version and type are texts with the numbers 1 to 4, and none may be empty. */
const REQUIRED_FIELDS = 4;
const LENGTH_DELIMITED = 2;

function isProtobufEvent(data: Uint8Array): boolean {
  const reader = new CopyingReader(data);
  const present = new Set<number>();
  try {
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field > REQUIRED_FIELDS) reader.skip(type, field);
      else if (type !== LENGTH_DELIMITED) return false;
      else if (reader.string() !== '') present.add(field);
    }
  } catch {
    return false; // not protobuf, or not this message
  }
  return present.size === REQUIRED_FIELDS && reader.pos === reader.len;
}

/** In lower case, without what follows a `;`. */
export function mediaType(contentType: string): string {
  const end = contentType.indexOf(';');
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}
