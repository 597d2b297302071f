/** The figures of the server as lines of charts. */
import type { Throughput } from '../api-types.ts';
import type { Sample } from './samples.ts';

export interface Line {
  label: string;
  /** Which colour of the palette; 'danger' for what has failed. */
  colour: number | 'danger';
  values: readonly (number | null)[];
}

export interface Series {
  /** In seconds. */
  times: readonly number[];
  lines: readonly Line[];
}

/** More would not be told apart. */
const MAX_LINES = 6;

/** Units done a minute, by group, and all that died. Minutes in which nothing ended are 0. */
export function throughputSeries({ bucketMs, buckets }: Throughput, groups: readonly string[], minutes: number, now = Date.now()): Series {
  const times = timesBack(bucketMs, minutes, now);
  const perMinute = 60_000 / bucketMs;
  const sum = (wanted: (group: string) => boolean, of: 'done' | 'dead') => {
    const values = new Map<number, number>();
    for (const bucket of buckets) {
      if (!wanted(bucket.group)) continue;
      const at = Date.parse(bucket.at) / 1_000;
      values.set(at, (values.get(at) ?? 0) + bucket[of] * perMinute);
    }
    return times.map((at) => values.get(at) ?? 0);
  };
  const lines: Line[] = linesOf(groups, (group) => sum((name) => name === group, 'done'));
  const dead = sum(() => true, 'dead');
  return { times, lines: dead.some((value) => value > 0) ? [...lines, { label: 'dead', colour: 'danger', values: dead }] : lines };
}

/** p95 of the time from being asked for to the end, in seconds, by group; of one group also p50. Minutes in which nothing ended are gaps. */
export function latencySeries({ bucketMs, buckets }: Throughput, groups: readonly string[], minutes: number, now = Date.now()): Series {
  const times = timesBack(bucketMs, minutes, now);
  const of = (group: string, field: 'p50Ms' | 'p95Ms') => {
    const values = new Map(
      buckets.filter((bucket) => bucket.group === group).map((bucket) => [Date.parse(bucket.at) / 1_000, bucket[field] ?? null]),
    );
    return times.map((at) => {
      const value = values.get(at) ?? null;
      return value === null ? null : value / 1_000;
    });
  };
  const lines = linesOf(groups, (group) => of(group, 'p95Ms'));
  const [only] = groups;
  if (groups.length !== 1 || only === undefined) return { times, lines };
  const [p95] = lines as [Line];
  return {
    times,
    lines: [
      { ...p95, label: 'p95' },
      { label: 'p50', colour: 1, values: of(only, 'p50Ms') },
    ],
  };
}

export function sampleSeries(samples: readonly Sample[], groups: readonly string[], figure: 'depth' | 'oldest'): Series {
  return {
    times: samples.map(({ at }) => at),
    lines: linesOf(groups, (group) => samples.map((sample) => sample[figure][group] ?? 0)),
  };
}

function linesOf(groups: readonly string[], values: (group: string) => readonly (number | null)[]): Line[] {
  return groups.slice(0, MAX_LINES).map((label, colour) => ({ label, colour, values: values(label) }));
}

function timesBack(bucketMs: number, minutes: number, now: number): number[] {
  const last = Math.floor(now / bucketMs) * bucketMs;
  const count = Math.ceil((minutes * 60_000) / bucketMs);
  return Array.from({ length: count }, (_, index) => (last - (count - 1 - index) * bucketMs) / 1_000);
}
