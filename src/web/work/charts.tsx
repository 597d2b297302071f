/** Four small charts: throughput and latency of the last hour, depth and age since the page was opened. */
import { lazy, Suspense } from 'react';
import type { Throughput } from '../api-types.ts';
import { formatCompact, formatDuration } from '../format.ts';
import type { Sample } from './samples.ts';
import { latencySeries, type Series, sampleSeries, throughputSeries } from './series.ts';

const Plot = lazy(() => import('./plot.tsx'));

export const CHART_MINUTES = 60;

interface ChartsProps {
  groups: readonly string[];
  throughput: Throughput | undefined;
  samples: readonly Sample[];
}

const seconds = (value: number) => formatDuration(value * 1_000);

export function Charts({ groups, throughput, samples }: ChartsProps) {
  const measured = throughput ?? { bucketMs: 60_000, buckets: [] };
  return (
    <div className="charts">
      <Chart
        title="Throughput"
        unit="units a minute, last hour"
        series={throughputSeries(measured, groups, CHART_MINUTES)}
        format={formatCompact}
      />
      <Chart
        title="Latency"
        unit={groups.length === 1 ? 'asked for to done, last hour' : 'p95, asked for to done, last hour'}
        series={latencySeries(measured, groups, CHART_MINUTES)}
        format={seconds}
      />
      <Chart title="Depth" unit="waiting + running, since opened" series={sampleSeries(samples, groups, 'depth')} format={formatCompact} />
      <Chart title="Oldest waiting" unit="since this page was opened" series={sampleSeries(samples, groups, 'oldest')} format={seconds} />
    </div>
  );
}

function Chart({ title, unit, series, format }: { title: string; unit: string; series: Series; format: (value: number) => string }) {
  return (
    <figure className="chart">
      <figcaption>
        <strong>{title}</strong> <span className="muted">{unit}</span>
      </figcaption>
      <Suspense fallback={<div className="plot" />}>
        <Plot series={series} format={format} label={`${title}, ${unit}: ${describeSeries(series, format)}`} />
      </Suspense>
    </figure>
  );
}

/** The newest figure and the largest one, of each line. */
function describeSeries({ lines }: Series, format: (value: number) => string): string {
  const parts = lines.map(({ label, values }) => {
    const present = values.filter((value) => value !== null);
    const last = present.at(-1);
    return last === undefined ? `${label} nothing yet` : `${label} ${format(last)}, at most ${format(Math.max(...present))}`;
  });
  return parts.join('; ') || 'nothing yet';
}
