/** What doctor says about Postgres: whether it answers, how it is set, roles, migrations, hints, and the work in it. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { parseBlobLocation } from '../blob-store/blob-location.ts';
import { maskSecrets } from '../logging.ts';
import { listen, notify } from '../postgres/listen.ts';
import { createPool, type Pool } from '../postgres/pool.ts';
import { inSchema, quoteSchema } from '../postgres/queryable.ts';
import { workStats } from '../work/stats.ts';
import { checkChanges } from './doctor-changes.ts';
import { checkMessages } from './doctor-messages.ts';
import { explainError } from './explain-error.ts';
import type { Finding } from './finding.ts';
import { formatBytes, formatCount, formatDuration } from './print.ts';
import type { Targets } from './targets.ts';
import { requireMigrated } from './with-database.ts';

const OLDEST_VERSION = 15;
/** A worker takes 40, with its starter and some commands beside it. */
const FEW_CONNECTIONS = 60;
const ROLES = ['tidemark_owner', 'tidemark_app', 'tidemark_reader', 'tidemark_publisher', 'tidemark_enqueuer', 'tidemark_cdc'];
const OLD_MS = 60_000;

/** @param app file to compare the subscriptions with */
export async function checkPostgres(targets: Targets, app?: string): Promise<Finding[]> {
  const pool = createPool({ connectionString: targets.databaseUrl, max: 2, applicationName: 'tidemark doctor' });
  const findings: Finding[] = [];
  try {
    findings.push(await checkServer(pool, targets));
    findings.push(...(await checkSettings(pool)), await checkRole(pool));
    await requireMigrated(pool, targets.schema);
    findings.push({ check: 'migrations', state: 'ok', found: `schema '${targets.schema}' is of this version` });
    if (parseBlobLocation(targets.blobs).kind === 'postgres') findings.push(await checkBlobs(pool, targets.schema));
    findings.push(
      await checkHints(pool, targets),
      ...(await checkWork(pool, targets.schema)),
      ...(await checkMessages(pool, targets.schema, app)),
      ...(await checkChanges(inSchema(pool, targets.schema))),
    );
  } catch (error) {
    const { message } = explainError(error);
    findings.push({ check: findings.length === 0 ? 'postgres' : 'database', state: 'wrong', found: maskSecrets(message) });
  } finally {
    await pool.end();
  }
  return findings;
}

async function checkServer(pool: Pool, { databaseUrl }: Targets): Promise<Finding> {
  const { rows } = await pool.query(
    `select current_setting('server_version') as version, current_setting('server_version_num')::integer as number`,
  );
  const isOld = rows[0].number < OLDEST_VERSION * 10_000;
  return {
    check: 'postgres',
    state: isOld ? 'wrong' : 'ok',
    found: `PostgreSQL ${rows[0].version} at ${maskSecrets(databaseUrl)}`,
    ...(isOld ? { fix: `Use PostgreSQL ${OLDEST_VERSION} or newer.` } : {}),
  };
}

async function checkSettings(pool: Pool): Promise<Finding[]> {
  const { rows } = await pool.query(
    `select name, setting from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit', 'max_connections')`,
  );
  const settings: Record<string, string> = Object.fromEntries(rows.map((row) => [row.name, row.setting]));
  const bad: Finding[] = [];
  for (const name of ['fsync', 'full_page_writes']) {
    if (settings[name] !== 'on') {
      bad.push({
        check: 'settings',
        state: 'wrong',
        found: `${name} is ${settings[name]}: a crash of the machine can corrupt the database`,
        fix: `Set ${name} = on.`,
      });
    }
  }
  if (settings.synchronous_commit === 'off') {
    bad.push({
      check: 'settings',
      state: 'warning',
      found: 'synchronous_commit is off: a crash loses the last commits, and the work they ask for',
      fix: 'Set synchronous_commit = on.',
    });
  }
  if (Number(settings.max_connections) < FEW_CONNECTIONS) {
    bad.push({
      check: 'settings',
      state: 'warning',
      found: `max_connections is ${settings.max_connections}; one worker takes up to 40`,
      fix: `Set max_connections to ${FEW_CONNECTIONS} or more for each worker.`,
    });
  }
  const all = ['fsync', 'full_page_writes', 'synchronous_commit', 'max_connections'].map((name) => `${name} ${settings[name]}`).join(', ');
  return bad.length > 0 ? bad : [{ check: 'settings', state: 'ok', found: all }];
}

async function checkRole(pool: Pool): Promise<Finding> {
  const { rows } = await pool.query(
    `select current_user as name, (select rolsuper from pg_roles where rolname = current_user) as super,
       (select array_agg(r order by r) from unnest($1::text[]) r where not exists (select 1 from pg_roles where rolname = r)) as missing,
       coalesce((select pg_has_role(current_user, oid, 'member') from pg_roles where rolname = 'tidemark_app'), false) as is_app`,
    [ROLES],
  );
  const { name, super: isSuper, missing, is_app: isApp } = rows[0];
  if (missing !== null) {
    return {
      check: 'roles',
      state: 'wrong',
      found: `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`,
      fix: "Run 'tidemark migrate' as a superuser.",
    };
  }
  if (!isApp) {
    return {
      check: 'roles',
      state: 'wrong',
      found: `${name} is not a member of tidemark_app`,
      fix: `Run, as the owner: grant tidemark_app to "${name}";`,
    };
  }
  return {
    check: 'roles',
    state: 'ok',
    found: isSuper ? `${name} is a superuser (a member of tidemark_app is enough)` : `${name} is a member of tidemark_app`,
  };
}

/** The size on disk is without counting: what has been removed is in it until vacuum gives its place to something new. */
async function checkBlobs(pool: Pool, schema: string): Promise<Finding> {
  const { rows } = await pool.query(
    `select bool_and(has_table_privilege(t, 'insert') and has_table_privilege(t, 'delete')) as may_write, sum(pg_total_relation_size(t)) as bytes
     from unnest(array[$1::regclass, $2::regclass]) t`,
    [`${quoteSchema(schema)}.blob`, `${quoteSchema(schema)}.blob_chunk`],
  );
  const found = `in this database (TIDEMARK_BLOBS=postgres:), ${formatBytes(Number(rows[0].bytes))} on its disk`;
  return rows[0].may_write
    ? { check: 'blobs', state: 'ok', found }
    : { check: 'blobs', state: 'wrong', found: `${found}; this role cannot write them`, fix: 'Connect as a member of tidemark_app.' };
}

/** Behind a transaction pooler LISTEN hears nothing: all works, a little later. */
async function checkHints(pool: Pool, { databaseUrl, schema }: Targets): Promise<Finding> {
  const payload = `doctor:${randomUUID()}`;
  let heard = () => {};
  let listening = () => {};
  const arrived = new Promise<boolean>((resolve) => {
    heard = () => resolve(true);
  });
  const ready = new Promise<void>((resolve) => {
    listening = resolve;
  });
  const stop = listen({ connectionString: databaseUrl, schema, onNotify: (text) => (text === payload ? heard() : listening()) });
  try {
    await Promise.race([ready, delay(2_000)]);
    await notify(pool, payload, schema);
    const works = await Promise.race([arrived, delay(2_000, false)]);
    return works
      ? { check: 'hints', state: 'ok', found: 'LISTEN and NOTIFY work on this connection' }
      : {
          check: 'hints',
          state: 'warning',
          found: 'LISTEN hears nothing, so work starts up to 200 ms later',
          fix: 'Give workers and starters a direct connection, not one through a transaction pooler.',
        };
  } finally {
    await stop();
  }
}

async function checkWork(pool: Pool, schema: string): Promise<Finding[]> {
  const { groups } = await workStats(inSchema(pool, schema));
  const dead = groups.reduce((sum, { depth }) => sum + depth.dead, 0);
  const old = groups.filter(({ oldestWaitingMs, paused }) => !paused && (oldestWaitingMs ?? 0) > OLD_MS);
  const findings: Finding[] = [];
  if (dead > 0) {
    findings.push({
      check: 'work',
      state: 'warning',
      found: `${formatCount(dead)} dead`,
      fix: "See 'tidemark work --state dead', then redrive or discard.",
    });
  }
  for (const { group, depth, oldestWaitingMs } of old) {
    findings.push({
      check: 'work',
      state: 'warning',
      found: `group ${group}: ${formatCount(depth.waiting)} waiting, the oldest for ${formatDuration(oldestWaitingMs ?? 0)}`,
      fix: 'Start a worker whose app defines it, or more of them.',
    });
  }
  const waiting = groups.reduce((sum, { depth }) => sum + depth.waiting, 0);
  return findings.length > 0 ? findings : [{ check: 'work', state: 'ok', found: `${formatCount(waiting)} waiting, none dead` }];
}
