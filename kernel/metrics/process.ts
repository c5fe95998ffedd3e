// The kernel's own process, under the names that Prometheus' client libraries share (contract: metrics endpoint). Read when
// somebody scrapes; nothing runs in between.
import { readFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import { openFiles, residentBytes } from '../process-usage.ts';
import type { Shown } from './registry.ts';

export function processMetrics(): Shown[] {
  const { user, system } = process.cpuUsage();
  const { used_heap_size: used, total_heap_size: total, external_memory: external } = getHeapStatistics();
  const files = openFiles(process.pid);
  const maxFiles = mostOpenFiles();
  return [
    one('process_cpu_user_seconds_total', 'counter', 'User CPU time in seconds.', user / 1e6),
    one('process_cpu_system_seconds_total', 'counter', 'System CPU time in seconds.', system / 1e6),
    one('process_cpu_seconds_total', 'counter', 'User and system CPU time in seconds.', (user + system) / 1e6),
    one('process_start_time_seconds', 'gauge', 'When the process started, in seconds since 1970.', Math.round((Date.now() / 1000 - process.uptime()) * 10) / 10),
    one('process_resident_memory_bytes', 'gauge', 'Resident memory in bytes.', residentBytes(process.pid) ?? process.memoryUsage.rss()),
    ...(files === undefined ? [] : [one('process_open_fds', 'gauge', 'Open file descriptors.', files)]),
    ...(maxFiles === undefined ? [] : [one('process_max_fds', 'gauge', 'Most file descriptors that may be open.', maxFiles)]),
    one('nodejs_heap_size_total_bytes', 'gauge', 'Size of the JavaScript heap in bytes.', total),
    one('nodejs_heap_size_used_bytes', 'gauge', 'JavaScript heap in use, in bytes.', used),
    one('nodejs_external_memory_bytes', 'gauge', 'Memory of JavaScript objects outside the heap, in bytes.', external),
    one('nodejs_eventloop_utilization', 'gauge', 'Share of its time in which the event loop was busy, since the start.', performance.eventLoopUtilization().utilization),
    { name: 'nodejs_version_info', kind: 'gauge', help: 'Node.js version.', bounds: [], samples: [{ labels: { version: process.version }, value: 1, counts: [] }] },
  ];
}

function one(name: string, kind: 'counter' | 'gauge', help: string, value: number): Shown {
  return { name, kind, help, bounds: [], samples: [{ labels: {}, value, counts: [] }] };
}

function mostOpenFiles(): number | undefined {
  try {
    const text = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return text === undefined ? undefined : Number(text);
  } catch {
    return undefined;
  }
}
