/** The work table and the drill's own record of what was asked for and how it ended. */
import type pg from 'pg';

/** @returns how many completions were recorded */
export async function checkWork(client: pg.Client, find: (finding: string) => void): Promise<number> {
  const list = async (sql: string, describe: (row: Record<string, unknown>) => string) => {
    for (const row of (await client.query(sql)).rows) find(describe(row));
  };

  await list(
    `select id, state, attempt, unended, error->>'message' as error from tidemark.work
     where state not in ('done', 'cancelled') order by id`,
    ({ id, state, attempt, unended, error }) => `unit ${id} is ${state} (attempt ${attempt}, ${unended} without an end, error: ${error})`,
  );
  await list(
    `select log_id, sequence_id, epoch, count(*) as times from drill.ended where state = 'done'
     group by 1, 2, 3 having count(*) > 1 order by 1, 2, 3`,
    ({ log_id, sequence_id, epoch, times }) => `unit of ${log_id}/${sequence_id}, epoch ${epoch}, completed ${times} times`,
  );
  await list(
    `select log_id, sequence_id, epoch, count(*) as times from drill.cleared
     group by 1, 2, 3 having count(*) > 1 order by 1, 2, 3`,
    ({ log_id, sequence_id, epoch, times }) => `entry ${log_id}/${sequence_id} was cleared ${times} times in epoch ${epoch}`,
  );
  await list(
    `select coalesce(d.log_id, c.log_id) as log_id, coalesce(d.sequence_id, c.sequence_id) as sequence_id, coalesce(d.epoch, c.epoch) as epoch,
       d.epoch is null as no_completion
     from (select distinct log_id, sequence_id, epoch from drill.ended where state = 'done') d
     full join (select distinct log_id, sequence_id, epoch from drill.cleared) c
       on c.log_id = d.log_id and c.sequence_id = d.sequence_id and c.epoch = d.epoch
     where d.epoch is null or c.epoch is null order by 1, 2, 3`,
    ({ log_id, sequence_id, epoch, no_completion }) =>
      no_completion
        ? `entry ${log_id}/${sequence_id} was cleared in epoch ${epoch}, in which its unit did not complete`
        : `unit of ${log_id}/${sequence_id} completed in epoch ${epoch} and cleared nothing`,
  );
  await list(
    `select coalesce(a.log_id, e.log_id) as log_id, coalesce(a.sequence_id, e.sequence_id) as sequence_id,
       coalesce(a.times, 0) as asked, coalesce(e.times, 0) as ended
     from (select log_id, sequence_id, count(*) as times from drill.asked group by 1, 2) a
     full join (select log_id, sequence_id, count(*) as times from drill.ended where state in ('done', 'cancelled') group by 1, 2) e
       on e.log_id = a.log_id and e.sequence_id = a.sequence_id
     where a.times is distinct from e.times order by 1, 2`,
    ({ log_id, sequence_id, asked, ended }) =>
      `entry ${log_id}/${sequence_id} asked for work ${asked} times, and ${ended} units of it ended`,
  );
  await list(
    `select e.log_id, e.sequence_id, e.epoch from drill.ended e
     where e.state = 'cancelled' and not exists (
       select 1 from drill.removed_entry r where r.log_id = e.log_id and r.sequence_id = e.sequence_id)
     order by 1, 2, 3`,
    ({ log_id, sequence_id, epoch }) => `unit of ${log_id}/${sequence_id} was cancelled in epoch ${epoch}, and its entry is there`,
  );
  const { rows } = await client.query(`select count(*)::integer as completions from drill.ended where state = 'done'`);
  return rows[0].completions;
}
