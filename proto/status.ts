// A failure as clients see it: the JSON body over HTTP, the status details over gRPC.
import { BadRequest, ErrorInfo, Help, ResourceInfo } from './gen/google/rpc/error_details.ts';
import { Status } from './gen/google/rpc/status.ts';
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
  return Status.encode({
    code: failure.grpc,
    message: failure.message,
    details: failure.details.map((detail) => ({ typeUrl: TYPE_URL + detail.type, value: detailBytes(detail) })),
  }).finish();
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

function detailBytes(detail: ErrorDetail): Uint8Array {
  switch (detail.type) {
    case 'ErrorInfo':
      return ErrorInfo.encode({ reason: detail.reason, domain: detail.domain, metadata: new Map(Object.entries(detail.metadata ?? {})) }).finish();
    case 'ResourceInfo':
      return ResourceInfo.encode({ resourceType: detail.resource_type, resourceName: detail.resource_name, owner: detail.owner, description: detail.description }).finish();
    case 'BadRequest':
      return BadRequest.encode({ fieldViolations: detail.field_violations.map(({ field, description }) => ({ field, description, reason: '' })) }).finish();
    case 'Help':
      return Help.encode({ links: detail.links.map(({ description, url }) => ({ description, url })) }).finish();
  }
}
