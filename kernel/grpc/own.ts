// The gRPC listener on kernel/h2.
import type { Switch } from '../switch.ts';
import type { GrpcListener, GrpcOptions } from './listener.ts';

export function openOwnListener(_dispatch: Switch, _options: GrpcOptions): GrpcListener {
  throw new Error('not there yet');
}
