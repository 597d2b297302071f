/** The process itself: names as every Prometheus client for Node has them. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Meters } from './meters.ts';

/** @returns ends the measuring */
export function observeProcess(meters: Meters): () => void {
  const delays = monitorEventLoopDelay({ resolution: 20 });
  delays.enable();
  const startedAt = Date.now() / 1_000 - process.uptime();
  const gauges: [name: string, description: string, read: () => number][] = [
    ['process_resident_memory_bytes', 'Memory that the process holds', () => process.memoryUsage.rss()],
    ['nodejs_heap_size_used_bytes', 'Of its JavaScript heap', () => process.memoryUsage().heapUsed],
    ['process_start_time_seconds', 'When it started, in Unix time', () => startedAt],
    ['nodejs_eventloop_lag_p99_seconds', 'How late timers were since the start, 99th percentile', () => delays.percentile(99) / 1e9],
  ];
  for (const meter of meters) {
    for (const [name, description, read] of gauges) {
      meter.createObservableGauge(name, { description }).addCallback((result) => result.observe(read()));
    }
    meter
      .createObservableCounter('process_cpu_seconds_total', { description: 'Time on processors, of its own and in the system for it' })
      .addCallback((result) => {
        const { user, system } = process.cpuUsage();
        result.observe((user + system) / 1e6);
      });
  }
  return () => delays.disable();
}
