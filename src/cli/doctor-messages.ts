/** What doctor says about messages: what each role may, whether the database is as the app says, and subscriptions that no worker knows or takes. */
import { planSubscriptions } from '../messages/apply-subscriptions.ts';
import { describeDifferences } from '../messages/keep-subscriptions.ts';
import { type ListedSubscription, listSubscriptions } from '../messages/list-subscriptions.ts';
import { countTakingProcesses } from '../messages/taking-processes.ts';
import type { Pool } from '../postgres/pool.ts';
import { inSchema } from '../postgres/queryable.ts';
import { explainError } from './explain-error.ts';
import type { Finding } from './finding.ts';
import { findAppFile, loadApp } from './load-app.ts';
import { howToTake } from './not-taken.ts';
import { formatCount, formatDuration } from './print.ts';

/** Workers say that they know a subscription at their start and once a day. */
const UNUSED_MS = 2 * 86_400_000;

export async function checkMessages(pool: Pool, schema: string, app: string | undefined): Promise<Finding[]> {
  const subscriptions = await listSubscriptions(inSchema(pool, schema));
  return [
    ...(await checkGrants(pool, schema)),
    ...(await checkApplied(pool, schema, app)),
    ...checkUsed(subscriptions),
    ...checkTaken(subscriptions),
  ];
}

/** Those that the migrations gave: somebody may have taken one away, or restored a dump without them. */
async function checkGrants(pool: Pool, schema: string): Promise<Finding[]> {
  const { rows } = await pool.query(
    `with table_of as (
       select c.oid, format('%I.%I', $1::text, c.relname) as name, c.relname from pg_class c
       where c.relnamespace = to_regnamespace(quote_ident($1::text)) and c.relkind = 'r'
     )
     select format('grant usage on schema %I to %I;', $1::text, r) as statement
     from unnest(array['tidemark_app', 'tidemark_reader', 'tidemark_publisher', 'tidemark_enqueuer', 'tidemark_cdc']) r
     where not has_schema_privilege(r, quote_ident($1::text), 'usage')
     union all
     select format('grant execute on function %s to %I;', p.oid::regprocedure, r)
     from pg_proc p
     join (values ('publish_message', 'tidemark_app'), ('publish_message', 'tidemark_publisher'), ('publish_message', 'tidemark_cdc'),
       ('enqueue_job', 'tidemark_app'), ('enqueue_job', 'tidemark_enqueuer')) g (name, r) on g.name = p.proname
     where p.pronamespace = to_regnamespace(quote_ident($1::text)) and not has_function_privilege(r, p.oid, 'execute')
     union all
     select format('grant select on %s to %I;', t.name, r) from table_of t cross join unnest(array['tidemark_app', 'tidemark_reader']) r
     where not has_table_privilege(r, t.oid, 'select')
     union all
     select format('grant insert, update, delete on %s to tidemark_app;', t.name) from table_of t
     where t.relname in ('subscription', 'message', 'message_dedupe', 'processed', 'work_decision', 'backfill', 'job_attempt', 'job_line', 'job_step', 'job_dedupe', 'work', 'work_group', 'work_key', 'work_part', 'worker_process', 'entries', 'logs')
       and not (has_table_privilege('tidemark_app', t.oid, 'insert') and has_table_privilege('tidemark_app', t.oid, 'update')
         and has_table_privilege('tidemark_app', t.oid, 'delete'))`,
    [schema],
  );
  return rows.length === 0
    ? [{ check: 'grants', state: 'ok', found: 'app, reader, publisher, enqueuer and cdc may what they need' }]
    : rows.map(({ statement }) => ({
        check: 'grants',
        state: 'wrong',
        found: 'a grant is missing',
        fix: `Run, as the owner: ${statement}`,
      }));
}

async function checkApplied(pool: Pool, schema: string, app: string | undefined): Promise<Finding[]> {
  try {
    if (findAppFile(app) === undefined) return [];
    const { registry } = await loadApp(app, schema);
    const db = inSchema(pool, schema);
    const lines = describeDifferences(await planSubscriptions(db, [...registry.workers.values()]), await countTakingProcesses(db));
    return lines.map((line) => {
      const [found = line, fix] = line.split(/(?<=\.) (?=Run |Start )/);
      return { check: 'subscriptions', state: 'warning', found, ...(fix === undefined ? {} : { fix }) };
    });
  } catch (error) {
    return [{ check: 'app', state: 'warning', found: explainError(error).message, fix: 'Mend it, or name another one with --app.' }];
  }
}

/** Also of processes that run a part of them: what each leaves, another one has to take. */
function checkTaken(subscriptions: readonly ListedSubscription[]): Finding[] {
  const notTaken = subscriptions.filter(({ processes, paused }) => processes === 0 && !paused);
  return notTaken.map(({ name, depth }) => ({
    check: 'subscriptions',
    state: 'warning',
    found: `${name}: no worker process takes it, ${formatCount(depth.waiting)} waiting`,
    fix: howToTake([name]),
  }));
}

function checkUsed(subscriptions: readonly ListedSubscription[]): Finding[] {
  const unused = subscriptions.filter(({ usedAt }) => Date.now() - usedAt.getTime() > UNUSED_MS);
  if (unused.length === 0) {
    return [
      { check: 'subscriptions', state: 'ok', found: `${formatCount(subscriptions.length)}, each known to a worker of the last two days` },
    ];
  }
  return unused.map(({ name, usedAt, depth }) => ({
    check: 'subscriptions',
    state: 'warning',
    found: `${name}: no worker has known it for ${formatDuration(Date.now() - usedAt.getTime())}, ${formatCount(depth.waiting)} waiting`,
    fix: `Start a worker whose app defines it, or run 'tidemark subscriptions remove ${name}'.`,
  }));
}
