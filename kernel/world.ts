// Everything the files say, as the sidecar goes by it now. A reload puts another one in its place.
import type { Configuration } from './configuration.ts';
import type { Resources } from './resources.ts';

export interface World {
  readonly configuration: Configuration;
  readonly resources: Resources;
}
