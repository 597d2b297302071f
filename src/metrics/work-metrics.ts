/** How much work there is and what the sweep has found: the same from every process, read from Postgres. */
import type { BatchObservableResult } from '@opentelemetry/api';
import type { Database } from '../postgres/queryable.ts';
import { type WorkStats, workStats } from '../work/stats.ts';
import { fromPostgres, type Meters } from './meters.ts';

/** What the sweep keeps beside its counts: how many there are now. */
const NOW = new Set(['missing_blob', 'unclaimed_workflow']);

export function observeWork(meters: Meters, db: Database): void {
  const read = fromPostgres(() => workStats(db));
  for (const meter of meters) {
    const up = meter.createObservableGauge('tidemark_postgres_up', { description: 'Whether Postgres answers this process' });
    const depth = meter.createObservableGauge('tidemark_queue_depth', { description: 'Units that are waiting, running or dead' });
    const waiting = meter.createObservableGauge('tidemark_oldest_waiting_seconds', {
      description: 'Since the oldest waiting unit could have run; 0 where none waits',
    });
    const running = meter.createObservableGauge('tidemark_oldest_running_seconds', {
      description: 'Since the oldest running unit last began; 0 where none runs',
    });
    const paused = meter.createObservableGauge('tidemark_group_paused', { description: 'Whether a group is paused' });
    const sweep = meter.createObservableCounter('tidemark_sweep_total', {
      description: 'What the sweep has found since the installation; 0 where nothing was killed',
    });
    const unclaimed = meter.createObservableGauge('tidemark_unclaimed_workflows', {
      description: 'Workflows that have had ready units for ten minutes and no worker that knows them',
    });
    const missing = meter.createObservableGauge('tidemark_missing_blobs', {
      description: 'Blobs that something refers to and that the last garbage collection did not find',
    });
    const observe = (result: BatchObservableResult, { groups, sweep: found }: WorkStats) => {
      for (const { group, depth: units, oldestWaitingMs = 0, oldestRunningMs = 0, paused: isPaused } of groups) {
        for (const state of ['waiting', 'running', 'dead'] as const) {
          result.observe(depth, units[state], { group, state });
        }
        result.observe(waiting, oldestWaitingMs / 1_000, { group });
        result.observe(running, oldestRunningMs / 1_000, { group });
        result.observe(paused, isPaused ? 1 : 0, { group });
      }
      for (const [name, count] of Object.entries(found)) {
        if (!NOW.has(name)) result.observe(sweep, count, { found: name });
      }
      result.observe(unclaimed, found.unclaimed_workflow ?? 0);
      result.observe(missing, found.missing_blob ?? 0);
    };
    meter.addBatchObservableCallback(
      async (result) => {
        const stats = await read().catch(() => undefined);
        result.observe(up, stats ? 1 : 0);
        if (stats) observe(result, stats);
      },
      [up, depth, waiting, running, paused, sweep, unclaimed, missing],
    );
  }
}
