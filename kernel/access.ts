// Which API methods the Configuration admits (contract: Configuration resource, `api.allowed` and `api.denied`).
import type { Route } from '../proto/routes.ts';
import type { ApiRule, ApiRules } from './configuration.ts';

/** Denied first; a list of allowed ones that isn't empty shuts out the rest. Health, and a look at the blocks, are always admitted. */
export function admits({ allowed, denied }: ApiRules, route: Route, version: string): boolean {
  const isActuator = route.group === 'actuator';
  if (route.group === 'healthz' || (isActuator && route.safe)) return true;
  const served = groupVersion(isActuator ? route.version : version); // the actuator's paths have no version
  const hit = (rule: ApiRule): boolean => rule.name === route.group && groupVersion(rule.version) === served;
  if (denied.some(hit)) return false;
  return allowed.length === 0 || allowed.some(hit);
}

/** `v1.0-alpha1`, the path's form, and `v1alpha1` are the same version. */
function groupVersion(version: string): string {
  return version.replace(/^v1\.0-?/, 'v1');
}
