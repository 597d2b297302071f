import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRetention, type RetentionPolicy } from '../../src/garbage/retention.ts';

const DAY_MS = 86_400_000;
const NOW = Date.parse('2026-03-15T12:00:00Z');

/** Times of the snapshots that are kept, of times newest first. */
function kept(times: readonly number[], policy: RetentionPolicy, now: number): number[] {
  const keeps = createRetention(policy, new Date(now));
  return times.filter((time) => keeps(new Date(time)));
}

const dayOf = (time: number) => new Date(time).toISOString().slice(0, 10);

/** Newest first, all different, over two weeks, several on some days and none on others. */
const anyTimes = fc
  .uniqueArray(fc.integer({ min: 0, max: 14 * 24 * 60 }), { maxLength: 60 })
  .map((minutes) => minutes.sort((a, b) => a - b).map((ago) => NOW - ago * 60_000));
const anyPolicy = fc.record({ keepSnapshots: fc.integer({ min: 1, max: 12 }), keepDays: fc.integer({ min: 0, max: 16 }) });

describe('of the snapshots of a log', () => {
  test('the newest ones are kept, and the last one of each of the last days', () => {
    const hours = (count: number) => NOW - count * 3_600_000;
    const times = [hours(1), hours(2), hours(3), hours(20), hours(30), hours(60), hours(61), hours(100)];
    expect(kept(times, { keepSnapshots: 2, keepDays: 0 }, NOW)).toEqual([hours(1), hours(2)]);
    expect(kept(times, { keepSnapshots: 1, keepDays: 1 }, NOW)).toEqual([hours(1)]);
    // 12:00 of the 15th: 20 and 30 hours ago were the 14th, 60 and 61 the 13th.
    expect(kept(times, { keepSnapshots: 1, keepDays: 3 }, NOW)).toEqual([hours(1), hours(20), hours(60)]);
    expect(kept(times, { keepSnapshots: 10, keepDays: 30 }, NOW)).toEqual(times);
  });

  test('just these are kept, whatever there is', () => {
    fc.assert(
      fc.property(anyTimes, anyPolicy, (times, policy) => {
        const days = Array.from({ length: policy.keepDays }, (_, ago) => dayOf(NOW - ago * DAY_MS));
        const daily = days.flatMap((day) => times.find((time) => dayOf(time) === day) ?? []);
        const wanted = new Set([...times.slice(0, policy.keepSnapshots), ...daily]);
        expect(new Set(kept(times, policy, NOW))).toEqual(wanted);
      }),
    );
  });

  test('those that are kept are the same whether one chose seldom or often', () => {
    fc.assert(
      fc.property(anyTimes, anyPolicy, fc.array(fc.integer({ min: 0, max: 14 * 24 * 60 }), { maxLength: 10 }), (times, policy, looks) => {
        const moments = looks.map((ago) => NOW - ago * 60_000).sort((a, b) => a - b);
        let left = [...times];
        for (const moment of moments) {
          const later = left.filter((time) => time > moment);
          left = [...later, ...kept(left.slice(later.length), policy, moment)];
        }
        expect(kept(left, policy, NOW)).toEqual(kept(times, policy, NOW));
      }),
    );
  });
});
