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

/** Asked with the snapshots of one log, newest first: whether each is kept. Without a time it is the last one of no day. */
export type Retention = (committedAt: Date | undefined) => boolean;

export function createRetention({ keepSnapshots, keepDays }: RetentionPolicy, now: Date): Retention {
  const today = dayOf(now);
  let seen = 0;
  let lastDay: number | undefined;
  return (committedAt) => {
    seen += 1;
    const day = committedAt === undefined ? lastDay : dayOf(committedAt);
    const isLastOfItsDay = day !== undefined && day !== lastDay && day > today - keepDays;
    lastDay = day;
    return seen <= keepSnapshots || isLastOfItsDay;
  };
}

function dayOf(date: Date): number {
  return Math.floor(date.getTime() / DAY_MS);
}
