/** What doctor says about schedules: whether Temporal has those of the app, as the app says. */
import type { Client } from '@temporalio/client';
import { createPool } from '../postgres/pool.ts';
import type { ScheduleChange } from '../temporal/change-schedule.ts';
import { appSchedules } from '../temporal/keep-schedules.ts';
import { reconcileSchedules } from '../temporal/reconcile-schedules.ts';
import { explainError } from './explain-error.ts';
import type { Finding } from './finding.ts';
import { findAppFile, loadApp } from './load-app.ts';
import { formatCount } from './print.ts';
import type { Targets } from './targets.ts';

/** Nothing where there is no app: checkPostgres says what is wrong with one that does not load. */
export async function checkSchedules(client: Client, { databaseUrl, schema }: Targets, app: string | undefined): Promise<Finding[]> {
  const loaded = await Promise.resolve()
    .then(() => (findAppFile(app) === undefined ? undefined : loadApp(app, schema)))
    .catch(() => undefined);
  if (loaded === undefined) return [];
  const pool = createPool({ connectionString: databaseUrl, max: 1, applicationName: 'tidemark doctor' });
  try {
    const { schedules } = loaded.registry;
    const changes = await reconcileSchedules({
      client,
      ...{ pool, schema },
      dryRun: true,
      ...appSchedules(schedules),
    });
    const findings = changes.flatMap(findingOf);
    return findings.length > 0 || schedules.size === 0
      ? findings
      : [{ check: 'schedules', state: 'ok', found: `${formatCount(schedules.size)}, as the app says` }];
  } catch (error) {
    return [{ check: 'schedules', state: 'warning', found: `unknown: ${explainError(error).message}` }];
  } finally {
    await pool.end();
  }
}

function findingOf({ schedule, change, differences }: ScheduleChange): Finding[] {
  const found = {
    create: `${schedule}: not in Temporal, it fires nothing`,
    update: `${schedule}: other than the app says in ${Object.keys(differences).join(', ')}`,
    remove: `${schedule}: fires, and the app does not name it`,
    none: undefined,
    unknown: undefined,
  }[change];
  return found === undefined
    ? []
    : [{ check: 'schedules', state: 'warning', found, fix: "Run 'tidemark schedules apply', or restart a worker of the app." }];
}
