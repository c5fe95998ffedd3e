// How traces are sampled, from the Configuration and the environment of OpenTelemetry (contract: messaging, trace context).
// Nothing is exported yet; what exporters are configured still decides whether spans get ids of their own.
import type { TracingSettings } from '../proto/init.ts';
import { variable, type Environment } from './environment.ts';
import { booleanAt, member, objectAt, textAt } from './shape.ts';
import type { Yaml } from './yaml.ts';

/** Dapr's, where a rate is wanted and none is given that can be read. */
const DEFAULT_RATE = 0.0001;

/** @throws ShapeError */
export function decodeTracing(value: Yaml | undefined, env: Environment): TracingSettings {
  const tracing = objectAt(value, 'spec.tracing');
  const addressOf = (exporter: string) => textAt(member(objectAt(member(tracing, exporter), `spec.tracing.${exporter}`), 'endpointAddress'), `spec.tracing.${exporter}.endpointAddress`);
  const written = textAt(member(tracing, 'samplingRate'), 'spec.tracing.samplingRate');
  const fromEnvironment = variable(env, 'OTEL_EXPORTER_OTLP_ENDPOINT') !== '' || variable(env, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') !== '';
  const exports = addressOf('zipkin') !== '' || addressOf('otel') !== '' || booleanAt(member(tracing, 'stdout'), 'spec.tracing.stdout', false);
  if (written === '' && !fromEnvironment) return exports ? { samplingRate: DEFAULT_RATE } : {};
  const rate = written === '' ? 1 : rateOf(written);
  return rate === 0 ? {} : { samplingRate: Math.min(Math.max(rate, 0), 1) };
}

/** A decimal number as Go reads it; anything else is the default. */
function rateOf(written: string): number {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(written) ? Number(written) : DEFAULT_RATE;
}
