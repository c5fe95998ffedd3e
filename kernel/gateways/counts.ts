// What a gateway counts of the calls it answers; the supervisor adds it up over all of them when somebody scrapes.
import { categoryOf } from '../../proto/error-category.ts';
import type { Failure } from '../../proto/errors.ts';
import type { MeasureName, PackedMeasures } from '../../proto/measures.ts';
import { CountingMeter } from '../../proto/meter.ts';
import type { MetricSettings } from '../configuration.ts';
import { ALL_MEASURES } from '../metrics/measures.ts';
import { countsAlike } from '../metrics/counts-alike.ts';
import { PathLabels } from '../metrics/paths.ts';
import { GrpcServerCounts, HttpServerCounts, type ApiCounts } from '../metrics/server-counts.ts';

export class GatewayCounts implements ApiCounts {
  readonly #enabled: boolean;
  #settings: MetricSettings | undefined;
  #meter: CountingMeter | undefined;
  #http: HttpServerCounts | undefined;
  #grpc: GrpcServerCounts | undefined;

  /** @param enabled the flag's; off there means off, whatever the Configuration says */
  constructor(enabled: boolean) {
    this.#enabled = enabled;
  }

  get http(): HttpServerCounts | undefined {
    return this.#http;
  }
  get grpc(): GrpcServerCounts | undefined {
    return this.#grpc;
  }

  error(failure: Failure): void {
    if (this.#settings?.recordErrorCodes !== true) return;
    const category = categoryOf(failure);
    if (category !== undefined) this.#meter?.counter('error_code_total' satisfies MeasureName, category, failure.code).add(1);
  }

  /** Other buckets or rules begin all counts anew, as they do at the supervisor's. Rules apply there. */
  apply(settings: MetricSettings): void {
    if (!this.#enabled || !settings.enabled) {
      this.#settings = this.#meter = this.#http = this.#grpc = undefined;
      return;
    }
    if (this.#meter === undefined || this.#settings === undefined || !countsAlike(this.#settings, settings)) this.#meter = new CountingMeter({ table: ALL_MEASURES, latencyBuckets: settings.latencyBuckets });
    this.#settings = settings;
    this.#http = new HttpServerCounts(this.#meter, new PathLabels(settings.http), settings.http.excludeVerbs);
    this.#grpc = new GrpcServerCounts(this.#meter);
  }

  pack(): PackedMeasures {
    return this.#meter?.pack() ?? [];
  }
}
