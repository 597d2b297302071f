/**
 * Hints that something was committed: 'work' for starters, 'log:<id>' for whoever follows a log.
 *
 * They are sent after commit, from a connection of their own, never awaited and never an error: the poll of whoever waits is the guarantee.
 * While one statement is on its way the next hints are collected, so a busy process sends one statement at a time, however many commits.
 * Whether a log's entry asked for work by the policy is looked up in that same statement.
 */
import type { SequenceId } from '../event-log/event-log.ts';
import { notifyChannel } from './listen.ts';
import type { Database } from './queryable.ts';

export interface AppendHint {
  logId: string;
  /** The last entry of one append: the one that a snapshot policy may have made pending. */
  sequenceId: SequenceId;
  /** Known to have asked for work. */
  pending: boolean;
}

export interface HintSender {
  appended(hints: readonly AppendHint[]): void;
  /** Something may be claimable, whatever it is. */
  work(): void;
  /** Resolves when every hint so far has been sent, or was lost. */
  settled(): Promise<void>;
}

export const WORK_HINT = 'work';
export const logHint = (logId: string): string => `log:${logId}`;

export function createHintSender(db: Database, schema: string): HintSender {
  let collected: AppendHint[] = [];
  let work = false;
  let sending: Promise<void> | undefined;

  async function send(): Promise<void> {
    while (work || collected.length > 0) {
      const batch = { hints: collected, work };
      collected = [];
      work = false;
      await sendHints(db, schema, batch.hints, batch.work).catch(() => {});
    }
    // In the same turn as the look above: a hint that comes later starts anew.
    sending = undefined;
  }

  function start(): void {
    sending ??= send();
  }

  return {
    appended(hints) {
      collected.push(...hints);
      work ||= hints.some((hint) => hint.pending);
      start();
    },
    work() {
      work = true;
      start();
    },
    async settled() {
      await sending;
    },
  };
}

async function sendHints(db: Database, schema: string, hints: readonly AppendHint[], work: boolean): Promise<void> {
  await db.query(
    `with appended as (select * from unnest($2::text[], $3::bigint[]) as a (log_id, sequence_id))
     select pg_notify($1::text, hint)::text from (
       select '${WORK_HINT}' as hint
       where $4::boolean or exists (
         select 1 from appended a
         join ${db.schema}.entries e on e.log_id = a.log_id and e.sequence_id = a.sequence_id
         where e.pending is not null)
       union all
       select distinct '${logHint('')}' || log_id from appended
     ) h`,
    [notifyChannel(schema), hints.map((hint) => hint.logId), hints.map((hint) => hint.sequenceId.toString()), work],
  );
}
