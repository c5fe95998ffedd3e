// Sidecars with several gateways, and what they show of them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './awaiting.ts';
import { faultArgs, orderFault, type GatewayFault } from './gateway-faults.ts';
import { startSidecar, type Sidecar, type SidecarOptions } from './sidecar.ts';

/** One row of `gateways` in `GET /actuator/blocks`. */
export interface GatewayRow {
  readonly index: number;
  readonly state: string;
  readonly restarts: number;
  readonly lastExit?: string;
  readonly connections?: number;
}

export class GatewaySidecar implements AsyncDisposable {
  readonly sidecar: Sidecar;
  readonly #folder: string;

  constructor(sidecar: Sidecar, folder: string) {
    this.sidecar = sidecar;
    this.#folder = folder;
  }

  /** With two of them. */
  static async start(options: SidecarOptions): Promise<GatewaySidecar> {
    const folder = mkdtempSync(join(tmpdir(), 'bulkhead-gateways-'));
    const sidecar = await startSidecar({ ...options, listener: 'own', nodeArgs: [...(options.nodeArgs ?? []), ...faultArgs(folder)], flags: ['--gateways=2', ...(options.flags ?? [])] });
    return new GatewaySidecar(sidecar, folder);
  }

  async rows(): Promise<readonly GatewayRow[]> {
    const { body } = await this.sidecar.client.get('/actuator/blocks');
    return (JSON.parse(body) as { readonly gateways: readonly GatewayRow[] }).gateways;
  }

  /** @param thread `gateway-0`, or `supervisor` */
  fail(thread: string, fault: GatewayFault): void {
    orderFault(this.#folder, thread, fault);
  }

  /** Resolves with its row when the gateway has been started again so often and serves. */
  isBack(index: number, restarts: number): Promise<GatewayRow> {
    return eventually(`gateway ${index} serves after ${restarts} restarts`, async () => {
      const row = await this.rows().then((rows) => rows[index], () => undefined); // this very connection may have been its
      return row?.state === 'ready' && row.restarts === restarts ? row : undefined;
    }, 30_000) as Promise<GatewayRow>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sidecar.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
