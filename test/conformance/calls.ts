// What calls do over any channel: answers, cancellation, deadlines, streams with credit, and the end of everything; run on
// each transport by test/calls.test.ts.
import { afterEach, describe, expect, it } from 'vitest';
import { Calls, INITIAL_CREDIT, type CallsOptions, type Reply } from '../../ipc/calls.ts';
import { EMPTY, Flag } from '../../ipc/frame.ts';
import { Grpc } from '../../proto/errors.ts';
import type { Near, OpenPair, PairOptions } from '../fixtures/ipc-pairs.ts';
import { Method, SERVER_LIMITS, type Orders, type Stats } from '../fixtures/ipc-server.ts';

interface Answer {
  readonly code: number;
  readonly flags: number;
  readonly head: unknown;
  readonly body: Buffer;
}

export function callsConformance(name: string, openPair: OpenPair): void {
  describe(`calls over ${name}`, () => {
    const open: Near[] = [];
    let faults: string[] = [];

    async function connect(options: Partial<CallsOptions> = {}, pairOptions?: Partial<PairOptions>): Promise<{ calls: Calls; pair: Near; hung: number[]; aborted: number[] }> {
      const pair = await openPair('serve', { poison: true, ...pairOptions });
      open.push(pair);
      const hung: number[] = [];
      const aborted: number[] = [];
      const calls = new Calls(pair.channel, {
        ids: 'odd',
        maxIncoming: 100,
        maxQueuedBytes: 1 << 20,
        serve(call, head, body) {
          if (call.method === Method.ECHO) return call.end(9, 0, head, Buffer.from(body));
          hung.push(call.id);
          call.signal.addEventListener('abort', () => aborted.push(call.id));
        },
        ...options,
      });
      return { calls, pair, hung, aborted };
    }

    /** A reply that fails the test when it is called twice, and a promise of its end. */
    function expectAnswer(rest: Omit<Reply, 'onEnd'> = {}): { reply: Reply; answer: Promise<Answer> } {
      let ends = 0;
      let resolve: (answer: Answer) => void = () => {};
      const answer = new Promise<Answer>((settle) => {
        resolve = settle;
      });
      const reply: Reply = {
        ...rest,
        onEnd(code, flags, head, body) {
          if (++ends > 1) faults.push(`a second end: ${code} ${JSON.stringify(head)}`);
          resolve({ code, flags, head, body: Buffer.from(body) });
        },
      };
      return { reply, answer };
    }

    function ask(calls: Calls, method: number, head?: unknown, body: Uint8Array = EMPTY, deadlineMs = 0): Promise<Answer> {
      const { reply, answer } = expectAnswer();
      calls.open(method, 0, head, body, deadlineMs, reply);
      return answer;
    }

    const stats = async (calls: Calls): Promise<Stats> => (await ask(calls, Method.STATS)).head as Stats;

    afterEach(async () => {
      await Promise.all(open.splice(0).map((pair) => pair.close()));
      const found = faults;
      faults = [];
      expect(found).toEqual([]);
    });

    it('answers each call with its own answer', async () => {
      const { calls } = await connect();
      const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(calls, Method.ECHO, { i }, Buffer.from(`body ${i}`))));
      answers.forEach((answer, i) => expect(answer).toEqual({ code: 7, flags: 0, head: { i }, body: Buffer.from(`body ${i}`) }));
      expect(calls.inFlight).toBe(0);
    });

    it('turns what a method throws into INTERNAL, also within a stream', async () => {
      const { calls } = await connect();
      expect(await ask(calls, Method.FAIL)).toMatchObject({ code: Grpc.INTERNAL, flags: Flag.FAILED, head: { message: 'a bug of the method' } });
      const { reply, answer } = expectAnswer();
      const id = calls.open(Method.FAIL_LATER, Flag.STREAM, undefined, EMPTY, 0, reply);
      calls.sendData(id, undefined, EMPTY);
      expect(await answer).toMatchObject({ code: Grpc.INTERNAL, head: { message: 'a bug of the stream' } });
      expect((await ask(calls, Method.ECHO)).code).toBe(7);
    });

    it('takes the first of two answers', async () => {
      const { calls } = await connect();
      expect(await ask(calls, Method.TWICE)).toMatchObject({ code: 1, head: 'first' });
      expect((await ask(calls, Method.ECHO)).code).toBe(7);
    });

    it('tells the server of a cancellation, and the late answer goes nowhere', async () => {
      const { calls } = await connect();
      const { reply, answer } = expectAnswer();
      const id = calls.open(Method.HANG, 0, undefined, EMPTY, 0, reply);
      expect(await stats(calls)).toEqual({ hanging: 1, cancelled: 0, serving: 2, remainingMs: 0 });
      calls.cancel(id);
      calls.cancel(id);
      expect(await stats(calls)).toEqual({ hanging: 1, cancelled: 1, serving: 1, remainingMs: 0 });
      expect(calls.inFlight).toBe(0);
      await expect(Promise.race([answer, stats(calls).then(() => 'nothing')])).resolves.toBe('nothing');
    });

    it('ignores answers that cross a cancellation', async () => {
      const { calls } = await connect();
      for (let i = 0; i < 100; i++) {
        const { reply } = expectAnswer();
        calls.cancel(calls.open(Method.ECHO, 0, undefined, EMPTY, 0, { ...reply, onEnd: () => faults.push('a cancelled call was answered') }));
      }
      expect((await ask(calls, Method.ECHO)).code).toBe(7);
    });

    it('keeps deadlines, tells the server how long it has, and tells it when they passed', async () => {
      const { calls } = await connect();
      const waits = await Promise.all(
        [30, 55, 80].map(async (deadlineMs) => {
          const start = performance.now();
          const answer = await ask(calls, Method.HANG, undefined, EMPTY, deadlineMs);
          expect(answer).toMatchObject({ code: Grpc.DEADLINE_EXCEEDED, flags: Flag.FAILED | Flag.EXPIRED, head: { message: 'context deadline exceeded' } });
          return performance.now() - start - deadlineMs;
        }),
      );
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...waits)).toBeLessThan(500); // 10 ms, if the machine has nothing else to do
      expect(await stats(calls)).toMatchObject({ hanging: 3, cancelled: 3, serving: 1, remainingMs: 80 });
      expect((await ask(calls, Method.ECHO, undefined, EMPTY, 10_000)).code).toBe(7);
    });

    it('lets either side open calls', async () => {
      const { calls } = await connect();
      expect(await ask(calls, Method.BACK, { method: Method.ECHO } satisfies Orders, Buffer.from('to and fro'))).toMatchObject({ code: 9, head: { method: Method.ECHO }, body: Buffer.from('to and fro') });
    });

    it('lets either side set deadlines', async () => {
      const { calls, hung, aborted } = await connect();
      expect(await ask(calls, Method.BACK, { method: Method.HANG, deadlineMs: 20 } satisfies Orders)).toMatchObject({ code: Grpc.DEADLINE_EXCEEDED });
      expect([hung.length, aborted.length, calls.serving]).toEqual([1, 1, 0]);
    });

    it('lets either side cancel', async () => {
      const { calls, hung, aborted } = await connect();
      const { reply, answer } = expectAnswer();
      const id = calls.open(Method.BACK_CANCEL, Flag.STREAM, undefined, EMPTY, 0, reply);
      while (hung.length === 0) await stats(calls);
      expect(aborted).toEqual([]);
      calls.sendData(id, undefined, EMPTY);
      expect((await answer).code).toBe(0);
      expect(aborted).toEqual(hung);
    });

    it('streams answers no faster than they are taken', async () => {
      const { calls } = await connect({}, { ringBytes: 1 << 16 });
      let taken = 0;
      let wrong = 0;
      const { reply, answer } = expectAnswer({
        onData(head, body) {
          taken++;
          if ((head as { sent: number }).sent !== taken || body.length !== 2_000 || body[1_999] !== (taken & 0xff)) wrong++;
        },
      });
      const id = calls.open(Method.DOWNLOAD, 0, { messages: 500, bytes: 2_000 } satisfies Orders, EMPTY, 0, reply);
      // A reader that grants nothing gets what was promised at the start, and others aren't held up by it.
      while (taken < INITIAL_CREDIT) expect((await ask(calls, Method.ECHO)).code).toBe(7);
      for (let i = 0; i < 5; i++) await stats(calls);
      expect(taken).toBe(INITIAL_CREDIT);
      calls.grant(id, 1);
      while (taken < INITIAL_CREDIT + 1) await stats(calls);
      for (let i = 0; i < 5; i++) await stats(calls);
      expect(taken).toBe(INITIAL_CREDIT + 1);
      calls.grant(id, 1_000);
      expect(await answer).toMatchObject({ code: 0, head: { sent: 500 } });
      expect([taken, wrong]).toEqual([500, 0]);
    });

    it('streams requests no faster than they are taken', async () => {
      const { calls } = await connect({}, { ringBytes: 1 << 16 });
      let resume: () => void = () => {};
      const { reply, answer } = expectAnswer({ onCredit: () => resume() });
      const id = calls.open(Method.UPLOAD, Flag.STREAM, { grant: 2 } satisfies Orders, EMPTY, 0, reply);
      let waits = 0;
      for (let sent = 0; sent < 600; sent++) {
        if (calls.sendData(id, { sent }, Buffer.alloc(3_000))) continue;
        waits++;
        await new Promise<void>((resolve) => {
          resume = resolve;
        });
      }
      calls.sendEnd(id);
      expect(await answer).toMatchObject({ code: 0, head: { messages: 600, bytes: 1_800_000 } });
      expect(waits).toBeGreaterThan(0);
    });

    it('stops a stream while the channel is full, whatever credit is left', async () => {
      const { calls } = await connect({}, { ringBytes: 1 << 16, maxFrameBytes: 100_000 });
      let resume: () => void = () => {};
      const { reply, answer } = expectAnswer({ onCredit: () => resume() });
      const id = calls.open(Method.UPLOAD, Flag.STREAM, { grant: INITIAL_CREDIT } satisfies Orders, EMPTY, 0, reply);
      const stops: number[] = [];
      for (let sent = 0; sent < INITIAL_CREDIT; sent++) {
        if (calls.sendData(id, { sent }, Buffer.alloc(90_000))) continue;
        stops.push(sent);
        await new Promise<void>((resolve) => {
          resume = resolve;
        });
      }
      calls.sendEnd(id);
      expect(await answer).toMatchObject({ code: 0, head: { messages: INITIAL_CREDIT, bytes: INITIAL_CREDIT * 90_000 } });
      expect(stops[0]).toBeLessThan(INITIAL_CREDIT - 1);
    });

    it('refuses to send without credit', async () => {
      const { calls } = await connect();
      const { reply } = expectAnswer();
      const id = calls.open(Method.UPLOAD, Flag.STREAM, { grant: 0 } satisfies Orders, EMPTY, 0, reply);
      for (let i = 1; i <= INITIAL_CREDIT; i++) expect(calls.sendData(id, undefined, EMPTY)).toBe(i < INITIAL_CREDIT);
      expect(() => calls.sendData(id, undefined, EMPTY)).toThrow(RangeError);
      calls.cancel(id);
      expect(calls.sendData(id, undefined, EMPTY)).toBe(false);
    });

    it('keeps the credit of a message that was too large', async () => {
      const { calls } = await connect({}, { maxFrameBytes: 10_000 });
      const { reply, answer } = expectAnswer();
      const id = calls.open(Method.UPLOAD, Flag.STREAM, { grant: 0 } satisfies Orders, EMPTY, 0, reply);
      for (let i = 0; i < INITIAL_CREDIT * 2; i++) expect(() => calls.sendData(id, undefined, Buffer.alloc(10_001))).toThrow(RangeError);
      for (let i = 0; i < INITIAL_CREDIT; i++) calls.sendData(id, undefined, Buffer.alloc(1));
      calls.sendEnd(id);
      expect(await answer).toMatchObject({ head: { messages: INITIAL_CREDIT } });
    });

    it('turns an answer that is too large into RESOURCE_EXHAUSTED', async () => {
      const { calls } = await connect({}, { maxFrameBytes: 10_000 });
      expect(await ask(calls, Method.LARGE, { bytes: 10_001 } satisfies Orders)).toMatchObject({ code: Grpc.RESOURCE_EXHAUSTED, flags: Flag.FAILED });
      expect((await ask(calls, Method.LARGE, { bytes: 10_000 } satisfies Orders)).body.length).toBe(10_000);
    });

    it('refuses a request that is too large, in a later turn', async () => {
      const { calls } = await connect({}, { maxFrameBytes: 10_000 });
      const { reply, answer } = expectAnswer();
      expect(calls.open(Method.ECHO, 0, undefined, Buffer.alloc(10_001), 0, reply)).toBe(0);
      expect(await answer).toMatchObject({ code: Grpc.RESOURCE_EXHAUSTED, flags: Flag.FAILED });
      expect(calls.inFlight).toBe(0);
    });

    it('refuses calls while too much is queued, and takes them again afterwards', async () => {
      const { calls, pair } = await connect({ maxQueuedBytes: 100_000 }, { ringBytes: 1 << 14, maxFrameBytes: 1 << 20 });
      const answers: Promise<Answer>[] = [];
      for (let i = 0; i < 200; i++) answers.push(ask(calls, Method.ECHO, undefined, Buffer.alloc(3_000)));
      expect(pair.channel.queuedBytes).toBeLessThan(200_000);
      const codes = (await Promise.all(answers)).map(({ code }) => code);
      const refused = codes.filter((code) => code === Grpc.RESOURCE_EXHAUSTED).length;
      expect(refused).toBeGreaterThan(0);
      expect(codes.filter((code) => code === 7).length).toBe(200 - refused);
      expect((await ask(calls, Method.ECHO)).code).toBe(7);
    });

    it('fails every open call once with UNAVAILABLE when the channel ends', async () => {
      const { calls, pair, aborted } = await connect();
      const answers = Array.from({ length: 50 }, () => ask(calls, Method.HANG, undefined, EMPTY, 60_000));
      void ask(calls, Method.BACK, { method: Method.HANG } satisfies Orders);
      await stats(calls);
      while (calls.serving === 0) await stats(calls);
      if (pair.kill === undefined) calls.close();
      else pair.kill();
      for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ code: Grpc.UNAVAILABLE, flags: Flag.FAILED | Flag.LOST });
      expect((await calls.ended).kind).toBe(pair.kill === undefined ? 'closed' : 'peer');
      expect([calls.inFlight, calls.serving, aborted.length]).toEqual([0, 0, 1]);
      expect(await ask(calls, Method.ECHO)).toMatchObject({ code: Grpc.UNAVAILABLE });
      calls.close();
      calls.close();
    });

    it('ends the channel when more calls come than were agreed', async () => {
      const { calls } = await connect({ maxQueuedBytes: 1 << 24 });
      const answers = await Promise.all(Array.from({ length: SERVER_LIMITS.maxIncoming + 1 }, () => ask(calls, Method.HANG)));
      for (const { code } of answers) expect(code).toBe(Grpc.UNAVAILABLE);
      expect(await calls.ended).toEqual({ kind: 'peer' });
    });

    it('goes on after the last id with the first, past those still in use', async () => {
      const { calls } = await connect({ firstId: 0xffff_fff9 });
      const ids: number[] = [];
      const opened = (): number => {
        const { reply } = expectAnswer();
        const id = calls.open(Method.HANG, 0, undefined, EMPTY, 0, reply);
        ids.push(id);
        return id;
      };
      for (let i = 0; i < 5; i++) opened();
      expect(ids).toEqual([0xffff_fff9, 0xffff_fffb, 0xffff_fffd, 1, 3]);
      expect(await ask(calls, Method.ECHO, 'after')).toMatchObject({ code: 7, head: 'after' });
      expect(calls.inFlight).toBe(5);
    });
  });
}
