// Which path an event takes: rules in CEL, as cel-go understands them.
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import type { TopicEvent } from '../blocks/pubsub/deliver/delivery.ts';
import { compileRules } from '../blocks/pubsub/deliver/routing.ts';
import { messageOf } from '../proto/errors.ts';

const event = (attributes: Readonly<Record<string, unknown>>): TopicEvent => ({ attributes }) as unknown as TopicEvent;
const EVENT = event({
  id: '1', type: 'order.large', source: 'shop', topic: 'orders', time: '2026-01-02T03:04:05Z',
  data: { n: 7, half: 0.5, name: 'Größe 7', list: [1, 2, 3], nested: { deep: { yes: true } }, nothing: null, 'with-dash': 'd' },
});
const matches = async (match: string, of = EVENT): Promise<boolean> => (await compileRules([{ match, path: '/x' }])).route(of) === '/x';

describe('a rule', () => {
  it.each([
    'true', 'event.type == "order.large"', 'event.type != "x"', 'event.data.n == 7', 'event.data.n > 5', 'event.data.n >= 7.0', '5 < event.data.n', 'event.data.half < 1',
    'event.data.n == 7.0 && event.data.half == 0.5', 'event.type.startsWith("order.")', 'event.type.endsWith("large")', 'event.data.name.contains("öß")', 'event.type.matches("^order\\\\.(large|huge)$")',
    'size(event.data.list) == 3', 'event.data.list.size() == 3', '2.0 in event.data.list', '"n" in event.data', 'has(event.data.n)', '!has(event.data.none)', 'has(event.data.nothing)', 'event.data.nothing == null',
    'event.data.nested.deep.yes', 'event.data.n > 100 ? false : true', 'event.data["with-dash"] == "d"', 'event["type"] == "order.large"', 'event.data.list.exists(x, x > 2.0)', 'event.data.list.all(x, x > 0.0)',
    'event.data.list.filter(x, x > 1.0).size() == 2', 'event.data.list.map(x, x * 2.0) == [2.0, 4.0, 6.0]', 'event.data.n + 1.0 == 8.0', 'event.type in ["order.large", "other"]',
    'false || event.type == "order.large"', 'true || undeclared.thing', 'string(event.data.n) == "7"', 'timestamp(event.time) < timestamp("2027-01-01T00:00:00Z")', '  event.data.n == 7  ',
  ])('%s matches', async (match) => {
    expect(await matches(match)).toBe(true);
  });

  it.each(['false', 'event.type == "x"', 'event.data.n > 7', 'event.data.n == "7"', 'has(event.data.nested.none)', 'false && undeclared', 'event.data.name.contains("G" + "r" + "o")', '"__proto__" in event', 'has(event.data.toString)'])('%s does not', async (match) => {
    expect(await matches(match)).toBe(false);
  });

  it.each([
    ['event.data.none == 1', /failed/], ['undeclared == 1', /failed/], ['event.data.n + 1 == 8', /failed/], ['event.data.list[9] == 1.0', /failed/], ['1 / 0 == 1', /failed/],
    ['event.type', /the result of match expression event\.type was not a boolean/], ['event.data.n', /was not a boolean/], ['[true]', /was not a boolean/],
  ])('%s is an error of the event', async (match, text) => {
    const rules = await compileRules([{ match, path: '/x' }]);
    expect(() => rules.route(EVENT)).toThrow(text);
  });

  it.each([
    ['event.type ==', /^rule 2 has a bad match expression: .* in event\.type ==$/], ['event.type === 1', /line:column 1:12/], ['nofunction(event)', /there is no function nofunction/], ['"open', /bad match/],
    [`${'('.repeat(8_000)}true${')'.repeat(8_000)}`, /bad match/], ['a'.repeat(20_000), /it has 20000 characters, 16384 are allowed/],
  ])('%s is an error of the subscription, which names it', async (match, text) => {
    await expect((async () => compileRules([{ match: 'true', path: '/a' }, { match, path: '/b' }]))()).rejects.toThrow(text);
  });
});

describe('rules', () => {
  it('are tried in order, the first that matches counts, and one without an expression always does', async () => {
    const rules = await compileRules([{ match: 'event.n == 1', path: '/one' }, { match: 'event.n < 3', path: '/few' }, { match: '', path: '/rest' }]);
    expect([1, 2, 3].map((n) => rules.route(event({ n })))).toEqual(['/one', '/few', '/rest']);
  });

  it('that nothing matches give no path', async () => {
    expect((await compileRules([{ match: 'event.n == 1', path: '/one' }])).route(event({ n: 2 }))).toBeUndefined();
  });

  it('without any expression need no evaluator', () => {
    const rules = compileRules([{ match: ' ', path: '/first' }, { match: '', path: '/second' }]);
    expect(rules).not.toBeInstanceOf(Promise);
    expect((rules as Awaited<typeof rules>).route(EVENT)).toBe('/first');
  });

  it('bear any event and any expression: a path, none, or an Error', async () => {
    const rules = await compileRules([{ match: 'event.data.a == 1 || event.type == "x" && size(event.data.b) > 2', path: '/x' }]);
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), (attributes, data) => {
      try {
        expect([undefined, '/x']).toContain(rules.route(event({ ...attributes, data })));
      } catch (cause) {
        expect(messageOf(cause)).toMatch(/failed|not a boolean/);
      }
    }));
    await fc.assert(fc.asyncProperty(fc.string({ maxLength: 60, unit: fc.constantFrom(...'event.data()[]"&|!<>=+-*/?:,1 x') }), async (match) => {
      try {
        (await compileRules([{ match, path: '/x' }])).route(EVENT);
      } catch (cause) {
        expect(cause).toBeInstanceOf(Error);
      }
    }));
  });
});
