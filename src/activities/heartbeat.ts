import { activityInfo, heartbeat } from '@temporalio/activity';

/** Says "alive" every second while `body` runs: progress itself is kept in the unit's row. */
export async function withHeartbeat<T>(body: () => Promise<T>): Promise<T> {
  activityInfo();
  const timer = setInterval(() => heartbeat(), 1_000);
  try {
    return await body();
  } finally {
    clearInterval(timer);
  }
}
