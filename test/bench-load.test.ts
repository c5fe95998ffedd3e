// The generator of gRPC load: what it counts as answered was answered as it should be.
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startGenerator, type Generator } from '../bench/load/generator.ts';
import type { GrpcSpec } from '../bench/load/grpc.ts';

const PATH = '/test.Bench/Get';
const ANSWERS = ['one', 'another, which is longer'];
const asIs = (bytes: Buffer): Buffer => bytes;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

let server: Server;
let generator: Generator<GrpcSpec>;
let port: number;
/** What becomes of the n-th call. */
let answer: (n: number, message: string, done: sendUnaryData<Buffer>) => void;
let calls = 0;

beforeAll(async () => {
  server = new Server();
  server.register<Buffer, Buffer>(PATH, ({ request }: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => answer(calls++, request.toString(), done), asIs, asIs, 'unary');
  port = await new Promise<number>((resolve, reject) => server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (cause, bound) => (cause ? reject(cause) : resolve(bound))));
  generator = startGenerator<GrpcSpec>('grpc');
});

afterAll(() => {
  generator.stop();
  server.forceShutdown();
});

const run = (streams: number): ReturnType<Generator<GrpcSpec>['run']> =>
  generator.run({ port, connections: 2, streams, path: PATH, messages: ['0', '1'].map(base64), answers: ANSWERS.map(base64), answerBytes: 1, warmMs: 50, windowMs: 150, watch: {} });

const right = (message: string): Buffer => Buffer.from(ANSWERS[Number(message)] as string);

it('counts answers that have the bytes they should have', async () => {
  answer = (_n, message, done) => done(null, right(message));
  calls = 0;
  const report = await run(8);
  expect(report.errors).toBe(0);
  expect(report.calls).toBeGreaterThan(0);
  expect(report.calls).toBeLessThanOrEqual(calls);
});

it('counts no answer with another status, with other bytes, with more or with fewer', async () => {
  let wrong = 0;
  const faults: readonly ((message: string, done: sendUnaryData<Buffer>) => void)[] = [
    (_message, done) => done({ code: status.NOT_FOUND, details: 'there is none' }),
    (message, done) => done(null, Buffer.concat([right(message), Buffer.from('x')])),
    (message, done) => done(null, right(message).subarray(1)),
    (message, done) => done(null, right(message === '0' ? '1' : '0')),
  ];
  answer = (n, message, done) => {
    const fault = n % 2 === 0 ? undefined : faults[((n - 1) / 2) % faults.length];
    if (fault === undefined) return done(null, right(message));
    wrong++;
    fault(message, done);
  };
  calls = 0;
  const report = await run(8);
  expect(report.calls).toBeGreaterThan(0);
  expect(report.calls).toBeLessThanOrEqual(calls - wrong);
  expect(report.errors).toBeGreaterThan(0);
  expect(report.errors).toBeLessThanOrEqual(wrong);
});

it.each([
  ['a status other than 0', (_message: string, done: sendUnaryData<Buffer>) => done({ code: status.INTERNAL, details: 'broken' }), /^status 13: broken/],
  ['other bytes', (_message: string, done: sendUnaryData<Buffer>) => done(null, Buffer.from('two')), /other bytes/],
])('says what was wrong: %s', async (_what, fault, said) => {
  answer = (_n, message, done) => fault(message, done);
  const report = await run(1);
  expect(report.calls).toBe(0);
  expect(report.firstError).toMatch(said);
});
