import type { Method, OpenBlock } from '../block.ts';
import { ComponentSet } from '../components.ts';
import { DRIVERS } from './drivers.ts';

export const openLockBlock: OpenBlock = (init, host) => {
  const components = new ComponentSet('lock store', DRIVERS, init.components, { appId: init.appId, namespace: init.namespace, log: host.log, checkpoints: host.checkpoints }, host.changed);
  return { methods: new Map<number, Method>(), components: () => components.status(), close: () => components.close() };
};
