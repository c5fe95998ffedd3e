// The registry alone: the package's main module loads an OpenTelemetry API, two HTTP clients and a cluster besides.
declare module 'prom-client/lib/registry.js' {
  import type { Registry } from 'prom-client';
  const RegistryClass: { new (): Registry };
  export default RegistryClass;
}
