// What is counted of calls to the application and of its health probes (contract: metrics endpoint).
import type { PackedAppRequest } from '../../proto/control.ts';
import type { Meter } from '../../proto/meter.ts';
import type { KernelMeasureName } from './measures.ts';
import type { PathLabels } from './paths.ts';
import { codeLabel, statusLabel, verbLabel } from './server-counts.ts';

/** What an HTTP application's call counts as that got no answer. */
const NO_ANSWER = 500;

export class AppCounts {
  readonly #meter: Meter;
  readonly #paths: PathLabels;

  constructor(meter: Meter, paths: PathLabels) {
    this.#meter = meter;
    this.#paths = paths;
  }

  /** A request leaves. */
  sent([verb, target]: PackedAppRequest, bytes: number): void {
    if (verb === 'RPC') this.#meter.histogram('grpc_io_client_sent_bytes_per_rpc' satisfies KernelMeasureName, target).observe(bytes);
    else this.#meter.histogram('http_client_sent_bytes' satisfies KernelMeasureName, verbLabel(verb), this.#paths.client(target), '').observe(bytes);
  }

  /**
   * It is over.
   * @param end an HTTP status, or a gRPC code; undefined: an HTTP application gave no answer
   */
  over([verb, target]: PackedAppRequest, end: number | undefined, bytes: number, ms: number): void {
    if (verb === 'RPC') {
      const labels = [target, codeLabel(end ?? 2)] as const;
      this.#meter.counter('grpc_io_client_completed_rpcs' satisfies KernelMeasureName, ...labels).add(1);
      this.#meter.histogram('grpc_io_client_roundtrip_latency' satisfies KernelMeasureName, ...labels).observe(ms);
      this.#meter.histogram('grpc_io_client_received_bytes_per_rpc' satisfies KernelMeasureName, target).observe(bytes);
      return;
    }
    const labels = [verbLabel(verb), this.#paths.client(target), statusLabel(end ?? NO_ANSWER)] as const;
    this.#meter.counter('http_client_completed_count' satisfies KernelMeasureName, ...labels).add(1);
    this.#meter.histogram('http_client_roundtrip_latency' satisfies KernelMeasureName, ...labels).observe(ms);
    this.#meter.histogram('http_client_received_bytes' satisfies KernelMeasureName).observe(bytes);
  }

  /** The same of a health probe. */
  probed(verb: PackedAppRequest[0], end: number | undefined, ms: number): void {
    if (verb === 'RPC') {
      const label = codeLabel(end ?? 2);
      this.#meter.counter('grpc_io_healthprobes_completed_count' satisfies KernelMeasureName, label).add(1);
      this.#meter.histogram('grpc_io_healthprobes_roundtrip_latency' satisfies KernelMeasureName, label).observe(ms);
      return;
    }
    const label = statusLabel(end ?? NO_ANSWER);
    this.#meter.counter('http_healthprobes_completed_count' satisfies KernelMeasureName, label).add(1);
    this.#meter.histogram('http_healthprobes_roundtrip_latency' satisfies KernelMeasureName, label).observe(ms);
  }
}
