/**
 * What a process counts and measures, through OpenTelemetry: always in a provider of its own, which `scrape` reads as Prometheus text, and beside it in the
 * one that the application has registered globally, where it has.
 *
 * What all processes would say alike (depths, ages, what the sweep found) is read from Postgres when it is asked for, at most once a second. Where Postgres
 * does not answer, these are missing, `tidemark_postgres_up` is 0, and the rest is there.
 */
import { createNoopMeter, metrics as globalMetrics } from '@opentelemetry/api';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { enqueuedCounts } from '../jobs/enqueued-counts.ts';
import { publishedCounts } from '../messages/published-counts.ts';
import type { Database } from '../postgres/queryable.ts';
import type { ObserveEnd } from '../work/observe.ts';
import { observeChanges } from './change-metrics.ts';
import { observeProcess } from './process-metrics.ts';
import { observeWork } from './work-metrics.ts';

export interface MetricsOptions {
  /** What kind of process this is. */
  door: 'server' | 'worker' | 'starter' | 'cdc';
  version: string;
  db: Database;
}

export interface Metrics {
  /** Of an attempt of a unit. */
  attemptEnded: ObserveEnd;
  /** @param route its pattern, never its path */
  requestEnded(request: { method: string; route: string; status: number; durationMs: number }): void;
  /** A value that is read whenever it is asked for. */
  gauge(name: string, description: string, read: () => number): void;
  /** Everything, as Prometheus text (version 0.0.4). */
  scrape(): Promise<string>;
  close(): Promise<void>;
}

export const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const LONG_SECONDS = [...SECONDS, 30, 60, 300, 900, 3_600];

export function createMetrics({ door, version, db }: MetricsOptions): Metrics {
  const reader = new ScrapeReader();
  const provider = new MeterProvider({ readers: [reader] });
  // Names alone: of which library and version a series is would be a label on each of them.
  const serializer = new PrometheusSerializer('', false, undefined, true, true);
  const meters = [provider.getMeter('tidemark', version)];
  const ofApplication = globalMetrics.getMeter('tidemark', version);
  if (ofApplication !== createNoopMeter()) {
    meters.push(ofApplication);
  }
  const units = meters.map((meter) =>
    meter.createCounter('tidemark_units_total', { description: 'Units that ended here, by outcome: done, dead' }),
  );
  const failures = meters.map((meter) =>
    meter.createCounter('tidemark_failed_attempts_total', { description: 'Attempts that failed here and are followed by another' }),
  );
  const durations = meters.map((meter) =>
    meter.createHistogram('tidemark_unit_duration_seconds', {
      description: 'How long the attempt took that ended the unit',
      advice: { explicitBucketBoundaries: LONG_SECONDS },
    }),
  );
  const requests = meters.map((meter) =>
    meter.createHistogram('http_server_request_duration_seconds', {
      description: 'How long requests took; streams are not among them',
      advice: { explicitBucketBoundaries: SECONDS },
    }),
  );
  const gauge = (name: string, description: string, read: () => number, labels = {}) => {
    for (const meter of meters) {
      meter.createObservableGauge(name, { description }).addCallback((result) => result.observe(read(), labels));
    }
  };
  gauge('tidemark_process_info', 'Always 1: which kind of process runs, in which version', () => 1, { door, version });
  const stopProcess = observeProcess(meters);
  // Its role may not look at work.
  if (door !== 'cdc') observeWork(meters, db);
  for (const meter of meters) {
    meter
      .createObservableCounter('tidemark_published_messages_total', { description: 'Messages that this process has published, by topic' })
      .addCallback((result) => {
        for (const [topic, count] of publishedCounts()) result.observe(count, { topic });
      });
  }
  for (const meter of meters) {
    meter
      .createObservableCounter('tidemark_jobs_enqueued_total', { description: 'Jobs that this process has enqueued, by name' })
      .addCallback((result) => {
        for (const [group, count] of enqueuedCounts()) result.observe(count, { group });
      });
  }
  observeChanges(meters, db, door === 'cdc');

  return {
    attemptEnded({ group, outcome, durationMs }) {
      if (outcome === 'failed') {
        for (const counter of failures) counter.add(1, { group });
        return;
      }
      for (const counter of units) counter.add(1, { group, outcome });
      for (const histogram of durations) histogram.record(durationMs / 1_000, { group });
    },
    requestEnded({ method, route, status, durationMs }) {
      for (const histogram of requests) histogram.record(durationMs / 1_000, { method, route, status });
    },
    gauge,
    async scrape() {
      const { resourceMetrics } = await reader.collect();
      return `${serializer.serialize(resourceMetrics)}\n`;
    },
    async close() {
      stopProcess();
      await provider.shutdown();
    },
  };
}

/** Collects when it is asked to, and never by itself. */
class ScrapeReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}
