// A failure as clients see it: the JSON body over HTTP, the status details over gRPC.
import { encodeFields, encodeRepeated, type Field } from './delimited.ts';
import type { ErrorDetail, Failure } from './errors.ts';
import { compareUtf8, quote } from './gojson.ts';

const TYPE_URL = 'type.googleapis.com/google.rpc.';

/** The HTTP body: the legacy one of code and message, or with details. */
export function httpBody(failure: Failure): string {
  const { httpDetails } = failure;
  const code = failure.code === '' ? reasonOf(httpDetails) : failure.code;
  const message = `"message":${quote(failure.httpMessage ?? failure.message)}`;
  const head = code === '' ? message : `"errorCode":${quote(code)},${message}`;
  return httpDetails === undefined ? `{${head}}` : `{${head},"details":[${httpDetails.map(detailJson).join(',')}]}`;
}

/** The value of `grpc-status-details-bin`: an encoded google.rpc.Status. Undefined when there are no details. */
export function statusDetails(failure: Failure): Uint8Array | undefined {
  if (failure.details === undefined || failure.details.length === 0) return undefined;
  const details = failure.details.map((detail): Field => [3, encodeFields([[1, TYPE_URL + detail.type], [2, detailBytes(detail)]])]);
  return encodeRepeated(failure.grpc, failure.message === '' ? details : [[2, failure.message], ...details]);
}

function reasonOf(details: readonly ErrorDetail[] | undefined): string {
  return details?.find((detail) => detail.type === 'ErrorInfo')?.reason ?? '';
}

/** Members in the order of their names: Go prints these from a map. */
function detailJson(detail: ErrorDetail): string {
  const type = `"@type":"${TYPE_URL}${detail.type}"`;
  switch (detail.type) {
    case 'ErrorInfo':
      return `{${type},"domain":${quote(detail.domain)},"metadata":${textsJson(detail.metadata)},"reason":${quote(detail.reason)}}`;
    case 'ResourceInfo':
      return `{${type},"description":${quote(detail.description)},"owner":${quote(detail.owner)},"resource_name":${quote(detail.resource_name)},"resource_type":${quote(detail.resource_type)}}`;
    case 'BadRequest':
      return `{${type},"field_violations":[${detail.field_violations.map(({ field, description }) => `{"field":${quote(field)},"description":${quote(description)}}`).join(',')}]}`;
    case 'Help':
      return `{${type},"links":[${detail.links.map(({ description, url }) => `{"description":${quote(description)},"url":${quote(url)}}`).join(',')}]}`;
  }
}

function textsJson(texts: Readonly<Record<string, string>> | null): string {
  if (texts === null) return 'null';
  return `{${Object.keys(texts).sort(compareUtf8).map((key) => `${quote(key)}:${quote(texts[key]!)}`).join(',')}}`;
}

/** Field numbers of google/rpc/error_details.proto. */
function detailBytes(detail: ErrorDetail): Uint8Array {
  switch (detail.type) {
    case 'ErrorInfo':
      return encodeRepeated(0, [...present([1, detail.reason], [2, detail.domain]), ...Object.entries(detail.metadata ?? {}).map(([key, value]): Field => [3, encodeFields([[1, key], [2, value]])])]);
    case 'ResourceInfo':
      return encodeFields([[1, detail.resource_type], [2, detail.resource_name], [3, detail.owner], [4, detail.description]]);
    case 'BadRequest':
      return encodeRepeated(0, detail.field_violations.map(({ field, description }): Field => [1, encodeFields([[1, field], [2, description]])]));
    case 'Help':
      return encodeRepeated(0, detail.links.map(({ description, url }): Field => [1, encodeFields([[1, description], [2, url]])]));
  }
}

const present = (...fields: readonly Field[]): Field[] => fields.filter(([, value]) => value.length > 0);
