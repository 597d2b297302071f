import type { Command } from 'commander';
import type { ListedUnit } from '../work/listed-unit.ts';
import { formatCount, formatEntries, formatJson, print } from './print.ts';
import { untilEnded } from './until-ended.ts';
import { withDatabase } from './with-database.ts';

interface CompactOptions {
  wait?: boolean;
  json?: boolean;
}

const EXAMPLES = `
Examples:
  $ tidemark compact flights                         asks a worker for it, and says how to follow it
  $ tidemark compact flights --wait                  until it is done
  $ tidemark log flights --all                       every entry, archived ones included`;

export function addCompact(program: Command): void {
  program
    .command('compact')
    .description('move all but the newest entries of a log to compressed blobs, where they stay readable')
    .argument('<log>', 'id of the log; of a sheet: its name')
    .option('--wait', 'until a worker has done it')
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runCompact);
}

async function runCompact(logId: string, { wait, json }: CompactOptions): Promise<void> {
  const { askForCompaction } = await import('../history/ask-for-compaction.ts');
  const { notify } = await import('../postgres/listen.ts');
  await withDatabase(async ({ pool, db, targets }) => {
    const asked = await askForCompaction(db, logId);
    if (asked.status === 'nothing-to-do') {
      print(json ? formatJson({ log: logId, ...asked }) : `${logId}: nothing to compact, at most one entry is in the log.`);
      return;
    }
    await notify(pool, 'work', targets.schema);
    const unit = wait ? await untilEnded(db, asked.workId, json !== true) : undefined;
    if (json) {
      print(formatJson({ log: logId, ...asked, ...(unit ? { state: unit.state, result: unit.result, error: unit.error } : {}) }));
    } else {
      print(unit ? describeEnd(logId, unit) : describeAsked(asked.workId, asked.status));
    }
    if (unit && unit.state !== 'done') process.exitCode = 1;
  });
}

function describeAsked(workId: string, status: 'asked' | 'open'): string {
  return `${workId}: ${status === 'asked' ? 'asked for' : 'asked for already'}. See it with 'tidemark work ${workId}', or wait with --wait.`;
}

function describeEnd(logId: string, { id, state, result, error }: ListedUnit): string {
  if (state !== 'done') {
    return `${id} is ${state}${error ? `; ${error.code}: ${error.message}` : ''}`;
  }
  const { archived, logFrom } = (result ?? {}) as { archived?: number; logFrom?: string };
  return archived === undefined
    ? `${logId}: nothing was left to compact.`
    : `${logId}: ${formatEntries(archived)} archived; the log begins at ${formatCount(BigInt(logFrom ?? 0))}.`;
}
