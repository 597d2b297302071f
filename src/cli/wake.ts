import type { Connection } from '@temporalio/client';
import { type Command, Option } from 'commander';
import type { Database } from '../postgres/queryable.ts';
import type { TemporalOptions } from '../temporal/connection.ts';
import { type DueWork, readDueWork } from '../work/due-work.ts';
import { installationId } from '../work/register.ts';
import { checkSubscriptions } from './check-subscriptions.ts';
import { parseNames } from './parse-option.ts';
import { formatJson, print } from './print.ts';
import { withDatabase } from './with-database.ts';

/** Nothing failed, and there is nothing to do. */
const NOTHING_DUE = 3;

const EXAMPLES = `
Examples:
  $ flock -n /run/lock/tidemark sh -c 'tidemark wake && tidemark worker --exit-when-idle 60'
                                                     from cron: one worker, for as long as there is work
  $ tidemark wake --json                             {"due":12,"running":0,"abandoned":0}
  $ tidemark wake --subscriptions mail               what 'tidemark worker --subscriptions mail' would run
  $ tidemark wake --except mail                      what 'tidemark worker --except mail' would

Exit codes of this command: 0 work is due, 3 none is. What waits for a later time, or is paused, is not due.`;

interface Options {
  json?: boolean;
  subscriptions?: string[];
  except?: string[];
}

interface Wake extends DueWork {
  /** Firings of schedules that wait for a worker; absent where Temporal was not asked, because it does not decide. */
  scheduled?: number;
}

export function addWake(program: Command): void {
  program
    .command('wake')
    .description('say whether work is due that needs a worker (exit code 0), or none (3)')
    .addOption(new Option('--subscriptions <names>', 'of these alone').argParser(parseNames).conflicts('except'))
    .addOption(new Option('--except <names>', 'of all but these subscriptions').argParser(parseNames))
    .option('--json', 'as one line of JSON')
    .addHelpText('after', EXAMPLES)
    .action(async ({ json = false, subscriptions, except }: Options) => {
      const wake = await withDatabase(async ({ db, targets }): Promise<Wake> => {
        await checkNames(db, [...(subscriptions ?? []), ...(except ?? [])]);
        const work = await readDueWork(db, { ...(subscriptions ? { only: subscriptions } : {}), ...(except ? { except } : {}) });
        // A worker of subscriptions fires nothing.
        if (isDue(work) || subscriptions) return work;
        return { ...work, scheduled: await waitingFirings(targets.temporal, await installationId(db)) };
      });
      print(json ? formatJson(wake) : sentenceOf(wake));
      process.exitCode = isDue(wake) || (wake.scheduled ?? 0) > 0 ? 0 : NOTHING_DUE;
    });
}

/** @throws UsageError for a name that is none here: misspelt, no worker would ever be started for it */
async function checkNames(db: Database, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const { rows } = await db.query(`select name from ${db.schema}.subscription order by name`);
  checkSubscriptions(
    names,
    rows.map(({ name }) => name),
    'database',
  );
}

const isDue = ({ due, abandoned }: DueWork): boolean => due + abandoned > 0;

async function waitingFirings(temporal: TemporalOptions, installation: string): Promise<number> {
  const { connectClient } = await import('../temporal/connection.ts');
  const { waitingSchedules } = await import('../temporal/waiting-schedules.ts');
  const client = await connectClient(temporal);
  try {
    return await waitingSchedules(client, installation);
  } finally {
    await (client.connection as Connection).close();
  }
}

function sentenceOf({ due, running, abandoned, scheduled = 0, nextAt }: Wake): string {
  const parts = [
    [due, 'due'],
    [abandoned, 'left by a worker that died'],
    [scheduled, 'asked for by a schedule'],
  ] as const;
  const waiting = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const next = nextAt ? `; the next is due at ${nextAt.toISOString()}` : '';
  return waiting.length > 0 ? `Work waits: ${waiting.join(', ')}.` : `Nothing is due${running > 0 ? `, ${running} running` : ''}${next}.`;
}
