import { activityInfo, heartbeat } from '@temporalio/activity';

/**
 * Says "alive" every second while `body` runs, with what it said last, for whoever looks: progress itself is kept in the unit's row.
 * Not each time that it says something: a heartbeat costs as much as a small statement.
 */
export async function withHeartbeat<T>(body: (say: (details: object) => void) => Promise<T>): Promise<T> {
  activityInfo();
  let said: object | undefined;
  const timer = setInterval(() => heartbeat(said), 1_000);
  try {
    return await body((details) => {
      said = details;
    });
  } finally {
    clearInterval(timer);
  }
}
