// A block's host seen from the kernel's end of a channel: what it says and refuses, whatever the block.
import { describe, expect, it } from 'vitest';
import { serveBlock } from '../blocks/host.ts';
import { Calls } from '../ipc/calls.ts';
import { EMPTY, Flag } from '../ipc/frame.ts';
import { openLocalPair } from '../ipc/local.ts';
import { Control, PROTOCOL_VERSION } from '../proto/control.ts';
import { Grpc } from '../proto/errors.ts';
import type { BlockInit, ComponentStatus } from '../proto/init.ts';
import { outputTo } from '../proto/log.ts';
import { ROUTE } from '../proto/routes.ts';
import { componentSpec } from './support.ts';

interface Answered {
  readonly code: number;
  readonly flags: number;
  readonly head: unknown;
}

/** The kernel's end, with all component reports in order. */
function kernelOf(block: string) {
  const [near, far] = openLocalPair({ maxFrameBytes: 1 << 20, poison: true });
  const reports: ComponentStatus[][] = [];
  let heard: (() => void) | undefined;
  const calls = new Calls(near, {
    ids: 'odd', maxIncoming: 16, maxQueuedBytes: 1 << 20,
    serve: (call, head) => {
      expect(call.method).toBe(Control.COMPONENTS);
      reports.push(head as ComponentStatus[]);
      call.end(Grpc.OK, 0, undefined, EMPTY);
      heard?.();
    },
  });
  const ended = serveBlock(block, far, outputTo(2));
  const ask = (method: number, head?: unknown): Promise<Answered> =>
    new Promise((resolve) => void calls.open(method, 0, head, EMPTY, 5_000, { onEnd: (code, flags, answer) => resolve({ code, flags, head: answer }) }));
  const report = async (wanted: (components: ComponentStatus[]) => boolean): Promise<ComponentStatus[]> => {
    for (;;) {
      const found = reports.find(wanted);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => (heard = resolve));
    }
  };
  return { ask, report, close: async () => (calls.close(), ended) };
}

const init = (components: BlockInit['components']): BlockInit => ({
  block: 'state', appId: 'app', namespace: '', components, maxBodyBytes: 1 << 20, log: { level: 'fatal', json: false, appId: 'app', instance: 'i', version: 'v' }, tracing: {}, elsewhere: [], subscriptions: [],
});

describe('the host of a block', () => {
  it.each([0, 1])('reports its components after init, also when there are %d', async (count) => {
    const kernel = kernelOf('state');
    const components = Array.from({ length: count }, () => componentSpec('state.in-memory'));
    expect(await kernel.ask(Control.INIT, { protocol: PROTOCOL_VERSION, suspects: [], init: init(components) })).toEqual({ code: Grpc.OK, flags: 0, head: { protocol: PROTOCOL_VERSION } });
    const ready = await kernel.report((statuses) => statuses.length === count && statuses.every(({ state }) => state === 'ready'));
    expect(ready.map(({ name }) => name)).toEqual(components.map(({ name }) => name));
    await kernel.close();
  });

  it('refuses a kernel of another protocol, and says what to do', async () => {
    const kernel = kernelOf('state');
    const { code, flags, head } = await kernel.ask(Control.INIT, { protocol: PROTOCOL_VERSION + 1, suspects: [], init: init([]) });
    expect([code, flags]).toEqual([Grpc.INTERNAL, Flag.FAILED]);
    expect(head).toMatchObject({ message: `the kernel speaks protocol ${PROTOCOL_VERSION + 1}, this block ${PROTOCOL_VERSION}: install the same version of both` });
    await kernel.close();
  });

  it('takes no API call before init, and one init only', async () => {
    const kernel = kernelOf('state');
    expect(await kernel.ask(ROUTE.GetState.id)).toMatchObject({ code: Grpc.FAILED_PRECONDITION, flags: Flag.FAILED });
    await kernel.ask(Control.INIT, { protocol: PROTOCOL_VERSION, suspects: [], init: init([]) });
    expect(await kernel.ask(Control.INIT, { protocol: PROTOCOL_VERSION, suspects: [], init: init([]) })).toMatchObject({ code: Grpc.INTERNAL, head: { message: 'the block was initialised before' } });
    await kernel.close();
  });

  it('answers what it has no method for with UNIMPLEMENTED', async () => {
    const kernel = kernelOf('state');
    await kernel.ask(Control.INIT, { protocol: PROTOCOL_VERSION, suspects: [], init: init([]) });
    expect(await kernel.ask(ROUTE.PublishEvent.id)).toMatchObject({ code: Grpc.UNIMPLEMENTED, flags: Flag.FAILED });
    await kernel.close();
  });

  it('names the blocks there are for one that there is not', async () => {
    const [, far] = openLocalPair({ maxFrameBytes: 1024 });
    await expect(serveBlock('stat', far, outputTo(2))).rejects.toThrow('there is no block stat; the blocks are state');
  });
});
