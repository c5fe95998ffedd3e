// Every line that a driver logs names its component: whoever reads the log need not know which driver words what how.
import { expect, it } from 'vitest';
import { ComponentSet } from '../blocks/components.ts';
import { eventually } from './harness/awaiting.ts';
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

it('a component that is tried again and again says the same once', async () => {
  const log = memoryLog();
  let attempts = 0;
  const table = {
    'state.absent': async () => (_spec: unknown, context: ReturnType<typeof driverContext>) => {
      attempts++;
      context.log.warn({}, 'a field is misspelt');
      if (attempts < 4) throw new Error('nobody is there');
      return { features: [], close: () => {}, complain: () => context.log.warn({}, 'a field is misspelt') };
    },
  };
  const set = new ComponentSet('state store', table, [componentSpec('state.absent')], driverContext(log), () => {});
  await eventually('it has started', () => set.status()[0]?.state === 'ready');
  expect([attempts, log.texts('warn')]).toEqual([4, ['a field is misspelt']]);
  (await set.driver('store')).complain();
  expect(log.texts('warn'), 'once it runs, it may say what it likes').toHaveLength(2);
  await set.close();
});
