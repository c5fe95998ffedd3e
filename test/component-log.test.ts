// Every line that a driver logs names its component: whoever reads the log need not know which driver words what how.
import { expect, it } from 'vitest';
import { ComponentSet } from '../blocks/components.ts';
import { componentSpec, driverContext, memoryLog } from './support.ts';

it('a driver\'s lines name its component, whatever fields it gives them', async () => {
  const log = memoryLog();
  const driver = { features: [], close: () => {} };
  const table = {
    'state.chatty': async () => (_spec: unknown, context: ReturnType<typeof driverContext>) => {
      for (const level of ['debug', 'info', 'warn', 'error'] as const) context.log[level]({ redis: 'r:1', component: 'its own idea' }, level);
      return driver;
    },
  };
  const set = new ComponentSet('state store', table, [componentSpec('state.chatty')], driverContext(log), () => {});
  await set.driver('store');
  const lines = log.records.filter(({ text }) => ['debug', 'info', 'warn', 'error'].includes(text));
  expect(lines.map(({ fields }) => fields)).toEqual(Array.from({ length: 4 }, () => ({ redis: 'r:1', component: 'store (state.chatty/v1)' })));
  await set.close();
});
