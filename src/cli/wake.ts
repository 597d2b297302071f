import type { Connection } from '@temporalio/client';
import type { Command } from 'commander';
import type { TemporalOptions } from '../temporal/connection.ts';
import { type DueWork, readDueWork } from '../work/due-work.ts';
import { installationId } from '../work/register.ts';
import { parseNames } from './parse-option.ts';
import { withDatabase } from './with-database.ts';

/** Nothing failed, and there is nothing to do. */
const NOTHING_DUE = 3;

const EXAMPLES = `
Examples:
  $ flock -n /run/lock/tidemark sh -c 'tidemark wake && tidemark worker --exit-when-idle 60'
                                                     from cron: one worker, for as long as there is work
  $ tidemark wake --json                             {"due":12,"running":0,"abandoned":0,"scheduled":0}
  $ tidemark wake --subscriptions mail               of these groups alone

Exit codes of this command: 0 work is due, 3 none is. What waits for a later time, or is paused, is not due.`;

interface Options {
  json?: boolean;
  subscriptions?: string[];
}

interface Wake extends DueWork {
  /** Firings of schedules that wait for a worker. */
  scheduled: number;
}

export function addWake(program: Command): void {
  program
    .command('wake')
    .description('say whether work is due that needs a worker (exit code 0), or none (3)')
    .option('--subscriptions <names>', 'of these alone', parseNames)
    .option('--json', 'as one line of JSON')
    .addHelpText('after', EXAMPLES)
    .action(async ({ json = false, subscriptions }: Options) => {
      const wake = await withDatabase(async ({ db, targets }): Promise<Wake> => {
        const work = await readDueWork(db, subscriptions ? { only: subscriptions } : {});
        // Temporal is asked only where it decides.
        const scheduled = isDue(work) || subscriptions ? 0 : await waitingFirings(targets.temporal, await installationId(db));
        return { ...work, scheduled };
      });
      process.stdout.write(`${json ? JSON.stringify(wake) : sentenceOf(wake)}\n`);
      process.exitCode = isDue(wake) || wake.scheduled > 0 ? 0 : NOTHING_DUE;
    });
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

function sentenceOf({ due, running, abandoned, scheduled, nextAt }: Wake): string {
  const parts = [
    [due, 'due'],
    [abandoned, 'left by a worker that died'],
    [scheduled, 'asked for by a schedule'],
  ] as const;
  const waiting = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const next = nextAt ? `; the next is due at ${nextAt.toISOString()}` : '';
  return waiting.length > 0 ? `Work waits: ${waiting.join(', ')}.` : `Nothing is due${running > 0 ? `, ${running} running` : ''}${next}.`;
}
