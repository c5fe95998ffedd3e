// Subscribers of configuration with a ledger: what each was told of each key, over gRPC streams and as an HTTP application.
import { SubscribeConfigurationRequest, SubscribeConfigurationResponse } from '../../proto/gen/dapr/proto/runtime/v1/configuration.ts';
import type { App } from './app.ts';
import type { GrpcClient } from './grpc.ts';
import type { Sidecar } from './sidecar.ts';

/** What one subscriber was told, in order. */
export class Told {
  readonly byKey = new Map<string, string[]>();
  /** How the stream ended, if it did: the code's number. */
  ended: number | undefined;

  note(key: string, value: string): void {
    const values = this.byKey.get(key);
    if (values === undefined) this.byKey.set(key, [value]);
    else values.push(value);
  }

  last(key: string): string | undefined {
    return this.byKey.get(key)?.at(-1);
  }

  get count(): number {
    return [...this.byKey.values()].reduce((sum, values) => sum + values.length, 0);
  }

  /** Values that are numbers and did not grow, and values told twice: `[steps back, repeats]`. */
  get disorder(): [back: number, again: number] {
    let back = 0;
    let again = 0;
    for (const values of this.byKey.values()) {
      for (let i = 1; i < values.length; i++) {
        const [before, now] = [Number(values[i - 1]), Number(values[i])];
        if (now < before) back++;
        else if (now === before) again++;
      }
    }
    return [back, again];
  }
}

export interface StreamSubscriber {
  readonly id: string;
  readonly told: Told;
  cancel(): void;
}

/** Resolves with the first message, which is the id alone. @param keys none: all */
export function subscribeStream(grpc: GrpcClient, store: string, keys: readonly string[]): Promise<StreamSubscriber> {
  const told = new Told();
  const stream = grpc.serverStream('SubscribeConfiguration', SubscribeConfigurationRequest.encode({ storeName: store, keys: [...keys], metadata: new Map() }).finish(), { deadlineMs: 600_000 });
  return new Promise((resolve, reject) => {
    let known = '';
    stream.on('data', (bytes: Buffer) => {
      const { id, items } = SubscribeConfigurationResponse.decode(bytes);
      if (known === '') {
        known = id;
        if (items.size > 0) reject(new Error('the first message has items'));
        resolve({ id, told, cancel: () => stream.cancel() });
        return;
      }
      if (id !== known) told.note('another id', id);
      for (const [key, { value }] of items) told.note(key, value);
    });
    stream.on('error', reject); // after the first message it is the status that counts
    stream.on('status', ({ code }: { code: number }) => (told.ended = code));
  });
}

/** Makes the application a subscriber: what its pushes say is noted. */
export function noteDeliveries(app: App, told: Told): void {
  app.handler = ({ path, json }) => {
    const key = decodeURIComponent(path.split('/').at(-1) ?? '');
    const { items } = json as { readonly items: Readonly<Record<string, { readonly value?: string }>> };
    told.note(key, items[key]?.value ?? '');
    return undefined;
  };
}

export async function subscribeHttp(sidecar: Sidecar, store: string, keys: readonly string[]): Promise<string> {
  const { status, body } = await sidecar.client.get(`/v1.0/configuration/${store}/subscribe?${keys.map((key) => `key=${encodeURIComponent(key)}`).join('&')}`);
  if (status !== 200) throw new Error(`subscribing was answered with ${status} ${body}`);
  return (JSON.parse(body) as { readonly id: string }).id;
}
