// Key prefixes of state stores.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidMetadata, type ComponentSpec } from '../blocks/driver.ts';
import { isIllegalKey, keyPrefix, originalKey } from '../blocks/state/keys.ts';

function spec(value?: string, name = 'keyPrefix'): ComponentSpec {
  return { name: 'store', type: 'state.fake', version: 'v1', metadata: value === undefined ? [] : [{ name, value }], ignoreErrors: false, initTimeoutMs: 1000 };
}
const owner = { appId: 'app', namespace: 'ns' };

describe('keyPrefix', () => {
  it.each([
    [undefined, 'app||'],
    ['', 'app||'],
    ['appid', 'app||'],
    ['APPID', 'app||'],
    ['name', 'store||'],
    ['Name', 'store||'],
    ['namespace', 'ns.app||'],
    ['none', ''],
    ['None', ''],
    ['Shared', 'shared||'],
    ['ключ', 'ключ||'],
  ])('%j makes %j', (strategy, prefix) => {
    expect(keyPrefix(spec(strategy), owner)).toBe(prefix);
  });
  it('finds its field whatever the case', () => {
    expect(keyPrefix(spec('none', 'KEYPREFIX'), owner)).toBe('');
  });
  it('is the app id alone without a namespace', () => {
    expect(keyPrefix(spec('namespace'), { appId: 'app', namespace: '' })).toBe('app||');
  });
  it('is nothing without an app id', () => {
    expect(keyPrefix(spec(), { appId: '', namespace: '' })).toBe('');
    expect(keyPrefix(spec('namespace'), { appId: '', namespace: 'ns' })).toBe('');
  });
  it('refuses the separator', () => {
    expect(() => keyPrefix(spec('a||b'), owner)).toThrow(new InvalidMetadata("input key/keyPrefix 'a||b' can't contain '||'"));
  });
});

describe('originalKey', () => {
  it.each([['app||k', 'k'], ['k', 'k'], ['', ''], ['app||', ''], ['a||b||c', 'b'], ['a|b', 'a|b'], ['app||k|x', 'k|x']])('of %j is %j', (stored, key) => {
    expect(originalKey(stored)).toBe(key);
  });
  it('undoes any prefix', () => {
    fc.assert(fc.property(fc.string(), (key) => {
      // A bar at the edge of key and separator is Dapr's own ambiguity; clients see the key they sent, not this one.
      fc.pre(!isIllegalKey(key) && !key.startsWith('|'));
      expect(originalKey(keyPrefix(spec(), owner) + key)).toBe(key);
    }));
  });
});
