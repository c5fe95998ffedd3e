// The metrics port of a sidecar under test.
import { Exposition } from './exposition.ts';
import { HttpClient, type HttpReply } from './http.ts';
import type { Sidecar } from './sidecar.ts';

/** Metrics on any free port. */
export const METRICS: readonly string[] = ['--enable-metrics=true', '--metrics-port=0', '--metrics-listen-address=127.0.0.1'];

const LINE = /msg="metrics server started on 127\.0\.0\.1:(\d+)\/"/;

export async function metricsPort(sidecar: Sidecar): Promise<number> {
  return Number(await sidecar.logs.match(LINE, 10_000));
}

export async function scrapeText(sidecar: Sidecar): Promise<HttpReply> {
  const client = HttpClient.to(await metricsPort(sidecar));
  try {
    return await client.get('/metrics');
  } finally {
    client.close();
  }
}

/** @throws Error where the exposition breaks a rule of its format */
export async function scrape(sidecar: Sidecar): Promise<Exposition> {
  const { status, body } = await scrapeText(sidecar);
  if (status !== 200) throw new Error(`the metrics port answered ${status}: ${body}`);
  return new Exposition(body);
}
