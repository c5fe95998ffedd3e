// The ring against a model of it: whatever is written comes out, in order, once, also when its counters start over.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY, Kind, type Frame } from '../ipc/frame.ts';
import { CONTROL_BYTES, Consumer, Producer, largestPayload, ringAt, type RingMemory } from '../ipc/ring.ts';
import { isPattern, patternOf } from './fixtures/ipc-pattern.ts';

const memory = (ringBytes: number): RingMemory => ringAt(new ArrayBuffer(CONTROL_BYTES + ringBytes), 0, CONTROL_BYTES, ringBytes);

const NO_PIECES = {
  first: (): never => {
    throw new Error('a piece');
  },
  more: (): never => {
    throw new Error('a piece');
  },
};

describe('a ring', () => {
  it('gives back what was written, whatever the order of writing and reading', () => {
    fc.assert(
      fc.property(fc.constantFrom(4096, 8192), fc.array(fc.oneof(fc.record({ write: fc.nat(1000), publish: fc.boolean() }), fc.record({ drain: fc.integer({ min: 1, max: 9 }) })), { minLength: 1, maxLength: 200 }), (ringBytes, steps) => {
        const ring = memory(ringBytes);
        const producer = new Producer(ring);
        const consumer = new Consumer(ring, 0xdb);
        const waiting: number[] = [];
        let published = 0;
        let written = 0;
        let read = 0;
        const take = (frame: Frame): void => {
          expect([frame.call, frame.body.length, isPattern(frame.body, frame.call)]).toEqual([++read, waiting.shift(), true]);
        };
        const drain = (limit: number): void => {
          const count = consumer.drain(limit, take, NO_PIECES);
          expect(count).toBe(Math.min(limit, published));
          published -= count;
        };
        for (const step of steps) {
          if ('drain' in step) drain(step.drain);
          else if (producer.write(Kind.DATA, 0, 0, written + 1, 0, EMPTY, patternOf(step.write, written + 1))) {
            written++;
            waiting.push(step.write);
            if (step.publish) {
              producer.publish();
              published = waiting.length;
            }
          } else {
            // Full means full: at most a record's worth is lost before the end of the data, and this one doesn't fit.
            const held = waiting.reduce((sum, bytes) => sum + 32 + bytes, 0);
            expect(held + ringBytes / 4 + 32 + step.write).toBeGreaterThan(ringBytes);
          }
        }
        producer.publish();
        published = waiting.length;
        drain(Infinity);
        expect(read).toBe(written);
      }),
      { numRuns: 3_000, seed: 11 },
    );
  });

  it('outlives its counters: 9 GiB pass through 64 KiB', () => {
    const ringBytes = 1 << 16;
    const ring = memory(ringBytes);
    const producer = new Producer(ring);
    const consumer = new Consumer(ring);
    const body = Buffer.alloc(largestPayload(ringBytes), 3);
    let written = 0;
    let read = 0;
    let wrong = 0;
    const take = (frame: Frame): void => {
      if (frame.arg !== read++ || frame.body.length !== body.length - (frame.arg % 50)) wrong++;
    };
    for (let bytes = 0; bytes < 9 * 2 ** 30; ) {
      while (producer.write(Kind.DATA, 0, 0, 1, written, EMPTY, body.subarray(written % 50))) bytes += body.length - (written++ % 50);
      producer.publish();
      consumer.drain(Infinity, take, NO_PIECES);
    }
    expect([read, wrong]).toEqual([written, 0]);
  }, 60_000);

  it('says who must be woken', () => {
    const ring = memory(4096);
    const producer = new Producer(ring);
    const consumer = new Consumer(ring);
    expect(consumer.sleep()).toBe(true);
    producer.write(Kind.DATA, 0, 0, 1, 0, EMPTY, EMPTY);
    expect([producer.publish(), producer.publish()]).toEqual([true, false]);
    expect(consumer.sleep()).toBe(false);
    while (producer.write(Kind.DATA, 0, 0, 1, 0, EMPTY, Buffer.alloc(500)));
    producer.publish();
    expect([producer.waitForSpace(), consumer.takeStarved(), consumer.takeStarved()]).toEqual([true, true, false]);
    expect(producer.waitForSpace()).toBe(true);
    consumer.drain(Infinity, () => {}, NO_PIECES);
    expect(producer.waitForSpace()).toBe(false);
    expect(consumer.takeStarved()).toBe(false);
  });

  it.each([0, 1, 4095, 4097, 6000, 2048, -4096, 2 ** 31, 2 ** 32, NaN])('refuses to be of %d bytes', (ringBytes) => {
    expect(() => ringAt(new ArrayBuffer(0), 0, 0, ringBytes)).toThrow(RangeError);
  });
});
