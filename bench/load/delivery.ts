// Messages published through a sidecar over gRPC, and counted where they arrive.
import { Client, credentials } from '@grpc/grpc-js';
import { Stamped } from '../deliveries.ts';
import { serveDeliveries, type DeliverySpec } from './outstanding.ts';

export interface SidecarDeliverySpec extends DeliverySpec {
  /** `/package.Service/Method` */
  readonly path: string;
  /** Protobuf in base64; each payload in it has a place for the time. */
  readonly message: string;
}

const asIs = (bytes: Buffer): Buffer => bytes;

serveDeliveries<SidecarDeliverySpec>(({ port, path, message }) => {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const request = new Stamped(Buffer.from(message, 'base64'));
  return {
    messagesPerCall: request.payloads,
    publish: (atUs) => new Promise((resolve, reject) => {
      request.stamp(atUs);
      client.makeUnaryRequest(path, asIs, asIs, request.bytes, (cause) => (cause === null ? resolve() : reject(cause)));
    }),
    close: () => client.close(),
  };
});
