/**
 * Which snapshots of a log are kept: the newest K, and of each of the last D days the last one.
 *
 * Choosing often or seldom ends the same: a snapshot that is kept at a later time is kept at every time before. The day is that of UTC.
 */
export interface RetentionPolicy {
  /** At least 1. */
  keepSnapshots: number;
  /** Days, today included; 0 for none. */
  keepDays: number;
}

const DAY_MS = 86_400_000;

/** @returns asked with the snapshots of one log, newest first: whether each is kept */
export function createRetention({ keepSnapshots, keepDays }: RetentionPolicy, now: Date): (committedAt: Date) => boolean {
  const today = dayOf(now);
  let seen = 0;
  let lastDay: number | undefined;
  return (committedAt) => {
    const day = dayOf(committedAt);
    const isLastOfItsDay = day !== lastDay;
    seen += 1;
    lastDay = day;
    return seen <= keepSnapshots || (isLastOfItsDay && day > today - keepDays);
  };
}

function dayOf(date: Date): number {
  return Math.floor(date.getTime() / DAY_MS);
}
