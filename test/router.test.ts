// Paths to rows of the route table: cleaning, matching, unescaping (contract: transport rules, routes).
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BadEscape, cleanPath, Router } from '../kernel/router.ts';
import { ROUTES, type Route } from '../proto/routes.ts';

const router = new Router(ROUTES);
const found = (verb: string, path: string): [string, ...string[]] | undefined => {
  const match = router.match(verb, path);
  return match === undefined ? undefined : [match.route.name, ...match.params];
};

describe('cleanPath', () => {
  it.each([
    ['/', '/'], ['//', '/'], ['/a', '/a'], ['/a/', '/a'], ['/a//b', '/a/b'], ['/./a', '/a'], ['/a/.', '/a'], ['/a/./b/', '/a/b'], ['/a/../b', '/b'], ['/a/b/..', '/a'], ['/..', '/'],
    ['/../../a', '/a'], ['/a/...', '/a/...'], ['/a/.b', '/a/.b'], ['/a/b.', '/a/b.'], ['/a/..b', '/a/..b'], ['/%2e%2e/a', '/%2e%2e/a'], ['/a%2F', '/a%2F'], ['a', '/a'], ['', '/'], ['*', '/*'],
  ])('makes %j to %j', (path, clean) => {
    expect(cleanPath(path)).toBe(clean);
  });

  it('is done after one pass, whatever the path', () => {
    const segment = fc.constantFrom('', '.', '..', 'a', '.b', 'c.', '%2e', '%2F', '...');
    fc.assert(fc.property(fc.array(segment, { maxLength: 8 }), (segments) => {
      const clean = cleanPath(`/${segments.join('/')}`);
      expect(cleanPath(clean)).toBe(clean);
      expect(clean).toMatch(/^\/(?:[^/]+(?:\/[^/]+)*)?$/);
      expect(clean.split('/').some((one) => one === '.' || one === '..')).toBe(false);
    }));
  });
});

describe('the router', () => {
  it.each([
    ['GET', '/v1.0/state/s/k', ['GetState', 's', 'k']],
    ['DELETE', '/v1.0/state/s/k', ['DeleteState', 's', 'k']],
    ['POST', '/v1.0/state/s', ['SaveState', 's']],
    ['PUT', '/v1.0/state/s', ['SaveState', 's']],
    ['POST', '/v1.0/state/s/bulk', ['GetBulkState', 's']],
    ['PUT', '/v1.0/state/s/bulk', ['GetBulkState', 's']],
    ['GET', '/v1.0/state/s/bulk', ['GetState', 's', 'bulk']],
    ['DELETE', '/v1.0/state/s/bulk', ['DeleteState', 's', 'bulk']],
    ['POST', '/v1.0/state/s/transaction', ['ExecuteStateTransaction', 's']],
    ['GET', '/v1.0/state/s/transaction', ['GetState', 's', 'transaction']],
    ['POST', '/v1.0-alpha1/state/s/query', ['QueryStateAlpha1', 's']],
    ['GET', '/v1.0/configuration/s', ['GetConfiguration', 's']],
    ['GET', '/v1.0-alpha1/configuration/s', ['GetConfigurationAlpha1', 's']],
    ['GET', '/v1.0/configuration/s/subscribe', ['SubscribeConfiguration', 's']],
    ['GET', '/v1.0/configuration/s/id/unsubscribe', ['UnsubscribeConfiguration', 's', 'id']],
    ['POST', '/v1.0-alpha1/lock/s', ['TryLockAlpha1', 's']],
    ['POST', '/v1.0-alpha1/unlock/s', ['UnlockAlpha1', 's']],
    ['GET', '/v1.0/secrets/s/k', ['GetSecret', 's', 'k']],
    ['GET', '/v1.0/secrets/s/bulk', ['GetBulkSecret', 's']],
    ['POST', '/v1.0/publish/p/a/b//c', ['PublishEvent', 'p', 'a/b//c']],
    ['PUT', '/v1.0/publish/p/a%2Fb/c+d%2B', ['PublishEvent', 'p', 'a/b/c d+']],
    ['POST', '/v1.0/publish/p/%252F', ['PublishEvent', 'p', '%2F']],
    ['POST', '/v1.0/publish/p/bulk/t', ['PublishEvent', 'p', 'bulk/t']],
    ['POST', '/v1.0/publish/bulk/p/t', ['BulkPublishEvent', 'p', 't']],
    ['POST', '/v1.0/publish/bulk/bulk/t/u', ['BulkPublishEvent', 'bulk', 't/u']],
    ['POST', '/v1.0-alpha1/publish/bulk/p/t', ['BulkPublishEventAlpha1', 'p', 't']],
    ['PATCH', '/v1.0/invoke/app/method/x/y', ['InvokeService', 'app', 'x/y']],
    ['GET', '/v1.0/metadata', ['GetMetadata']],
    ['PUT', '/v1.0/metadata/k', ['SetMetadata', 'k']],
    ['GET', '/v1.0/healthz', ['Healthz']],
    ['GET', '/v1.0/healthz/outbound', ['HealthzOutbound']],
    ['POST', '/v1.0/shutdown', ['Shutdown']],
    ['GET', '/actuator/blocks', ['ActuatorBlocks']],
  ])('%s %s is %j', (verb, path, expected) => {
    expect(found(verb, path)).toEqual(expected);
  });

  it.each([['PATCH', '/v1.0/state/s'], ['GET', '/v1.0/state/s'], ['GET', '/v1.0/state/s/k/more'], ['GET', '/v1.0/state'], ['GET', '/'], ['HEAD', '/v1.0/healthz'], ['GET', '/v1.0/lock/s']])('%s %s is nothing', (verb, path) => {
    expect(found(verb, path)).toBeUndefined();
  });

  // The names that are missing are empty ones, and the block says which (contract: messaging, error table of publish).
  it.each([
    ['/v1.0/publish/p', ['PublishEvent', 'p', '']],
    ['/v1.0/publish/p/', ['PublishEvent', 'p', '']],
    ['/v1.0/publish//topic', ['PublishEvent', 'topic', '']],
    ['/v1.0/publish', ['PublishEvent', '', '']],
    ['/v1.0/publish//', ['PublishEvent', '', '']],
    ['/v1.0/publish/bulk/p/', ['BulkPublishEvent', 'p', '']],
    ['/v1.0/publish/bulk', ['BulkPublishEvent', '', '']],
    ['/v1.0-alpha1/publish/bulk//', ['BulkPublishEventAlpha1', '', '']],
    ['/v1.0-alpha1/publish/bulk/p', ['BulkPublishEventAlpha1', 'p', '']],
    ['/v1.0-alpha1/publish', undefined],
    ['/v1.0/invoke/app/method', undefined],
  ])('POST %s, once it is clean, is %j, again and again', (path, expected) => {
    for (let i = 0; i < 3; i++) expect(found('POST', cleanPath(path))).toEqual(expected);
    expect(found('GET', cleanPath(path))).toBeUndefined();
  });

  it('remembers no path that ended before its last parameter', () => {
    const route: Route = { id: 1, name: 'Optional', http: ['GET /a/:x/:y?'], owner: 'none', kind: 'unary', safe: true, group: '', version: '' };
    const small = new Router([route]);
    for (const [path, params] of [['/a/1', ['1', '']], ['/a/2', ['2', '']], ['/a/1/2', ['1', '2']], ['/a/1/3', ['1', '3']], ['/a/4', ['4', '']]] as const) expect([path, small.match('GET', path)?.params]).toEqual([path, params]);
    expect(small.match('GET', '/b')).toBeUndefined();
  });

  it('gives the key that was escaped, whatever it is', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', minLength: 1 }), (key) => {
      expect(found('GET', `/v1.0/state/s/${encodeURIComponent(key)}`)).toEqual(['GetState', 's', key]);
      const asForm = new URLSearchParams([['', key]]).toString().slice(1);
      expect(found('GET', `/v1.0/state/s/${asForm}`)).toEqual(['GetState', 's', key]);
    }));
  });

  it('names the parameter and the escape that can\'t be read', () => {
    expect(() => found('GET', '/v1.0/state/s%/k')).toThrow(new BadEscape('failed to unescape request parameter "store". Error: invalid URL escape "%"'));
    expect(() => found('GET', '/v1.0/state/s/k%zzz')).toThrow(new BadEscape('failed to unescape request parameter "key". Error: invalid URL escape "%zz"'));
  });

  it('replaces bytes that are no UTF-8', () => {
    expect(found('GET', '/v1.0/state/s/a%FFb+%C3%A9')).toEqual(['GetState', 's', 'a\ufffdb é']);
  });

  it('takes property names of objects for names', () => {
    expect(found('GET', '/v1.0/state/__proto__/constructor')).toEqual(['GetState', '__proto__', 'constructor']);
    expect(found('GET', '/constructor')).toBeUndefined();
  });

  it('leaves out patterns that are not admitted, by route and version of the path', () => {
    const admitted = (route: Route, version: string): boolean => route.group !== 'state' && version !== 'v1.0-beta1';
    const reduced = new Router(ROUTES, admitted);
    expect(reduced.match('GET', '/v1.0/state/s/k')).toBeUndefined();
    expect(reduced.match('GET', '/v1.0/workflows/dapr/i')?.route.name).toBe('GetWorkflowBeta1');
    expect(reduced.match('GET', '/v1.0-beta1/workflows/dapr/i')).toBeUndefined();
  });
});

describe('a plain target', () => {
  const stores = fc.constantFrom('s', 'state.store', 'a%2Fb', 'x+y', '%zz', '.s', 'bulk', '');
  const tails = fc.oneof(
    fc.constantFrom('', 'k', 'bulk', 'transaction', '.', '..', '.k', 'k.', 'k/', 'k//', '/k', 'a/b', 'k?a=b', '?', '%6b', '%', '+', 'a+b', 'a#b', 'ключ', '||', "-._~!$&'()*,;=:@", 'k\u0000', 'k\\'),
    fc.string({ maxLength: 6 }), fc.stringMatching(/^[\w.~-]{1,40}$/),
  );
  const beginnings = fc.constantFrom('/v1.0/state/', '/v1.0/state/', '/v1.0/state/', '/v1.0//state/', '/v1.0/./state/', '/v1.0/publish/', '/v1.0-alpha1/state/', '/v1.0/configuration/', '/v1.0/metadata', '/', 'http://x/v1.0/state/');
  const verbs = fc.constantFrom('GET', 'GET', 'GET', 'POST', 'PUT', 'DELETE', 'HEAD');
  /** Requests that begin alike: the first ones make it known, the others end in all kinds of ways. */
  const alike = fc.tuple(verbs, beginnings, stores, fc.constantFrom('', '/', '/'), fc.array(tails, { minLength: 1, maxLength: 8 }))
    .map(([verb, beginning, store, slash, ends]) => ['k', 'l', ...ends].map((end) => [verb, `${beginning}${store}${slash}${end}`] as const));
  /** The general way, as a listener goes it. */
  const closely = (one: Router, verb: string, target: string): unknown => {
    try {
      const match = one.match(verb, cleanPath(target.split('?', 1)[0] ?? ''));
      return match === undefined ? undefined : [match.route.name, ...match.params];
    } catch (cause) {
      return cause;
    }
  };

  it('means what a close look finds, whatever came before it', () => {
    let plain = 0;
    fc.assert(fc.property(fc.array(alike, { minLength: 1, maxLength: 5 }), (requests) => {
      const used = new Router(ROUTES);
      for (const [verb, target] of [...requests, ...requests].flat()) {
        const quick = used.matchPlain(verb, target);
        closely(used, verb, target);
        if (quick === undefined) continue;
        plain++;
        expect([quick.route.name, ...quick.params]).toEqual(closely(new Router(ROUTES), verb, target));
        expect(cleanPath(target)).toBe(target);
        expect(target.startsWith(`${quick.beginning}/`)).toBe(true);
      }
    }), { numRuns: 300 });
    expect(plain).toBeGreaterThan(100);
  });

  it('is found for the beginnings that came last, and the oldest of them makes room', () => {
    const used = new Router(ROUTES);
    const see = (store: string): void => {
      for (let i = 0; i < 2; i++) used.match('GET', `/v1.0/state/${store}/k`);
    };
    const finds = (store: string): unknown => used.matchPlain('GET', `/v1.0/state/${store}/key`)?.params;
    for (const store of ['a', 'b', 'c', 'd']) see(store);
    expect(['a', 'b', 'c', 'd'].map(finds)).toEqual([['a', 'key'], ['b', 'key'], ['c', 'key'], ['d', 'key']]);
    see('e');
    expect(['a', 'b', 'e'].map(finds)).toEqual([undefined, ['b', 'key'], ['e', 'key']]);
    expect(used.matchPlain('DELETE', '/v1.0/state/b/key')).toBeUndefined();
  });
});
