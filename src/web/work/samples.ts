/** Depth and age of each group while the page is open: the server says them as they are now, so what they were is kept here. */
import type { GroupStats } from '../api-types.ts';

export interface Sample {
  /** In seconds, as the charts count. */
  at: number;
  /** Units that wait or run, by group. */
  depth: Readonly<Record<string, number>>;
  /** Since the oldest waiting unit could have run, in seconds. */
  oldest: Readonly<Record<string, number>>;
}

const MOST = 900;
let samples: readonly Sample[] = [];

export function addSample(groups: readonly GroupStats[], now = Date.now()): readonly Sample[] {
  const sample: Sample = {
    at: now / 1_000,
    depth: Object.fromEntries(groups.map(({ group, depth }) => [group, depth.waiting + depth.running])),
    oldest: Object.fromEntries(groups.map(({ group, oldestWaitingMs = 0 }) => [group, oldestWaitingMs / 1_000])),
  };
  samples = [...samples.slice(-(MOST - 1)), sample];
  return samples;
}

export const allSamples = (): readonly Sample[] => samples;
