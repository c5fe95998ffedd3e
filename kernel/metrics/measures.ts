// What the kernel counts beside the blocks, as a table (contract: metrics endpoint).
import { MEASURES, type Measure, type MeasureTable } from '../../proto/measures.ts';

const REQUEST = ['method', 'path', 'status'] as const;

/** By name without the prefix. */
export const KERNEL_MEASURES = {
  http_server_request_count: { kind: 'counter', labels: REQUEST, open: 'path', help: 'Requests to the HTTP API.' },
  http_server_latency: { kind: 'histogram', unit: 'milliseconds', labels: REQUEST, open: 'path', help: 'Time from a request to the HTTP API to its answer, in milliseconds.' },
  http_server_request_bytes: { kind: 'histogram', unit: 'bytes', labels: [], help: 'Size of requests to the HTTP API, as their headers say it.' },
  http_server_response_bytes: { kind: 'histogram', unit: 'bytes', labels: [], help: 'Size of answers of the HTTP API.' },
  http_client_completed_count: { kind: 'counter', labels: REQUEST, open: 'path', help: 'Calls to the application.' },
  http_client_roundtrip_latency: { kind: 'histogram', unit: 'milliseconds', labels: REQUEST, open: 'path', help: 'Time the application took for a call, in milliseconds.' },
  http_client_sent_bytes: { kind: 'histogram', unit: 'bytes', labels: REQUEST, open: 'path', help: 'Size of requests to the application.' },
  http_client_received_bytes: { kind: 'histogram', unit: 'bytes', labels: [], help: 'Size of answers of the application.' },
  http_healthprobes_completed_count: { kind: 'counter', labels: ['status'], help: 'Health probes of the application.' },
  http_healthprobes_roundtrip_latency: { kind: 'histogram', unit: 'milliseconds', labels: ['status'], help: 'Time the application took for a health probe, in milliseconds.' },

  grpc_io_server_received_bytes_per_rpc: { kind: 'histogram', unit: 'bytes', labels: ['grpc_server_method'], help: 'Size of requests to the gRPC API.' },
  grpc_io_server_sent_bytes_per_rpc: { kind: 'histogram', unit: 'bytes', labels: ['grpc_server_method'], help: 'Size of answers of the gRPC API.' },
  grpc_io_server_server_latency: { kind: 'histogram', unit: 'milliseconds', labels: ['grpc_server_method', 'grpc_server_status'], help: 'Time from a call of the gRPC API to its answer, in milliseconds.' },
  grpc_io_server_completed_rpcs: { kind: 'counter', labels: ['grpc_server_method', 'grpc_server_status'], help: 'Calls of the gRPC API.' },
  grpc_io_client_sent_bytes_per_rpc: { kind: 'histogram', unit: 'bytes', labels: ['grpc_client_method'], open: 'grpc_client_method', help: 'Size of requests to the application.' },
  grpc_io_client_received_bytes_per_rpc: { kind: 'histogram', unit: 'bytes', labels: ['grpc_client_method'], open: 'grpc_client_method', help: 'Size of answers of the application.' },
  grpc_io_client_roundtrip_latency: { kind: 'histogram', unit: 'milliseconds', labels: ['grpc_client_method', 'grpc_client_status'], open: 'grpc_client_method', help: 'Time the application took for a call, in milliseconds.' },
  grpc_io_client_completed_rpcs: { kind: 'counter', labels: ['grpc_client_method', 'grpc_client_status'], open: 'grpc_client_method', help: 'Calls to the application.' },
  grpc_io_healthprobes_completed_count: { kind: 'counter', labels: ['grpc_client_status'], help: 'Health probes of the application.' },
  grpc_io_healthprobes_roundtrip_latency: { kind: 'histogram', unit: 'milliseconds', labels: ['grpc_client_status'], help: 'Time the application took for a health probe, in milliseconds.' },

  runtime_component_loaded: { kind: 'counter', labels: [], help: 'Components loaded from manifests.' },
  runtime_component_init_total: { kind: 'counter', labels: ['component'], help: 'Components that have started, by type. Those of a next life start again.' },
  runtime_component_init_fail_total: { kind: 'counter', labels: ['component', 'componentName', 'reason'], open: 'componentName', help: 'Components that could not start.' },
  resiliency_loaded: { kind: 'counter', labels: ['name', 'namespace'], open: 'name', help: 'Resiliency resources loaded.' },
} as const satisfies MeasureTable;

export type KernelMeasureName = keyof typeof KERNEL_MEASURES;

/** All that may be shown, the blocks' among them. */
export const ALL_MEASURES: MeasureTable = { ...KERNEL_MEASURES, ...MEASURES };

/** A copy of `http_server_request_count`, shown where paths are (contract: metrics configuration). */
export const RESPONSE_COUNT = { of: 'http_server_request_count', name: 'http_server_response_count', help: 'Answers of the HTTP API.' } as const;

/** The name in the exposition. */
export function shownName(name: string, { own }: Measure): string {
  return `${own === true ? 'bulkhead' : 'dapr'}_${name}`;
}
