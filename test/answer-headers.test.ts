// Headers of an answer, which over gRPC are metadata: from the block through the real gRPC listener, and what becomes of a
// block that sends something else in their place.
import { afterEach, describe, expect, it } from 'vitest';
import { Calls } from '../ipc/calls.ts';
import { openLocalPair } from '../ipc/local.ts';
import type { GrpcListenerKind } from '../kernel/grpc/kinds.ts';
import { openGrpcListener } from '../kernel/grpc/listener.ts';
import { Seat } from '../kernel/seat.ts';
import { Switch } from '../kernel/switch.ts';
import { Grpc } from '../proto/errors.ts';
import { ROUTES } from '../proto/routes.ts';
import { GrpcClient, GrpcFailure } from './harness/grpc.ts';
import { LISTENERS } from './harness/sidecar.ts';

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

/** A block that answers every call with this head and the body `x`. */
async function sidecarThatAnswers(kind: GrpcListenerKind, head: unknown): Promise<GrpcClient> {
  const seat = new Seat('config', { holdMs: 0, maxHeld: 1, maxHeldBytes: 1, maxInFlight: 10, maxStreams: 1 });
  const [near, far] = openLocalPair({ maxFrameBytes: 1 << 20, poison: true });
  seat.attach(new Calls(near, { ids: 'odd', maxIncoming: 1, maxQueuedBytes: 1 << 20, serve: () => {} }), () => {});
  const block = new Calls(far, { ids: 'even', maxIncoming: 10, maxQueuedBytes: 1 << 20, serve: (call) => call.end(Grpc.OK, 0, head, Buffer.from('x')) });
  const server = await openGrpcListener(kind, new Switch(new Map([['config', { shared: [seat], own: new Map() }]]), new Map()), {
    addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }], routes: ROUTES, admit: () => true, token: undefined, maxBodyBytes: 1 << 20, maxHeaderBytes: 1 << 16, log: undefined,
  });
  const [address = ''] = await server.listen();
  const client = new GrpcClient(address);
  closers.push(() => client.close(), () => server.close(), () => block.close());
  return client;
}

async function ask(kind: GrpcListenerKind, head: unknown): Promise<{ metadata: Readonly<Record<string, string>>; end: string }> {
  let metadata: Readonly<Record<string, string>> = {};
  const client = await sidecarThatAnswers(kind, head);
  const end = await client.bytes('GetConfiguration', Buffer.alloc(0), { onMetadata: (received) => (metadata = received) }).then(
    (body) => body.toString(),
    (cause: unknown) => (cause instanceof GrpcFailure ? `${cause.code}: ${cause.text}` : String(cause)),
  );
  return { metadata, end };
}

describe.each(LISTENERS)('headers of an answer on %s', (kind) => {
  it('come before a gRPC answer as its metadata', async () => {
    expect(await ask(kind, ['bulkhead-cache', 'hit', 'bulkhead-fencing-token', '42'])).toMatchObject({ metadata: { 'bulkhead-cache': 'hit', 'bulkhead-fencing-token': '42' }, end: 'x' });
  });

  it('need not be there', async () => {
    const { metadata, end } = await ask(kind, undefined);
    expect([Object.keys(metadata).filter((name) => name.startsWith('bulkhead')), end]).toEqual([[], 'x']);
  });

  it.each<[string, unknown]>([
    ['half a header', ['a']], ['a number', ['a', 1]], ['a line break', ['a', 'b\r\nc: d']], ['a name that is none', ['a b', 'c']], ['no name', ['', 'c']], ['text beyond Latin-1', ['a', '\u{1f6a2}']], ['an object', { a: 'b' }],
  ])('with %s fail the call and nothing else', async (_, head) => {
    expect((await ask(kind, head)).end).toBe('Internal: the block answered with headers that are none');
  });

  it.each<[string, readonly string[]]>([['beyond ASCII', ['a', '\xff']], ['binary by name', ['a-bin', 'text']]])('%s fail a gRPC call and nothing else', async (_, head) => {
    expect((await ask(kind, head)).end).toBe('Internal: the block answered with metadata that is none');
  });
});
