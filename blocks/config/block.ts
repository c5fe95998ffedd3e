import type { Method, OpenBlock } from '../block.ts';
import { ComponentSet } from '../components.ts';
import { DRIVERS } from './drivers.ts';

export const openConfigBlock: OpenBlock = (init, host) => {
  const components = new ComponentSet('configuration store', DRIVERS, init.components, { appId: init.appId, namespace: init.namespace, log: host.log, checkpoints: host.checkpoints }, host.changed);
  return { methods: new Map<number, Method>(), components: () => components.status(), close: () => components.close() };
};
