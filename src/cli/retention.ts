import type { Command } from 'commander';
import { DEFAULT_RETENTION, MAX_KEEP, type RetentionSettings } from '../event-log/retention-settings.ts';
import { parseWhole } from './parse-option.ts';
import { formatCount, formatJson, print } from './print.ts';
import { withDatabase } from './with-database.ts';

interface RetentionOptions extends RetentionSettings {
  json?: boolean;
}

const EXAMPLES = `
Examples:
  $ tidemark retention flights                       what it keeps of its snapshots
  $ tidemark retention flights --keep-snapshots 3 --keep-days 7

Older snapshots are let go of by the next collection (tidemark gc --dry-run says how many). Entries always stay.`;

export function addRetention(program: Command): void {
  program
    .command('retention')
    .description('show or set which snapshots a log keeps')
    .argument('<log>', 'id of the log; of a sheet: its name')
    .option('--keep-snapshots <count>', 'the newest ones', parseWhole(1, MAX_KEEP))
    .option('--keep-days <days>', 'the last one of each of so many days, today included', parseWhole(0, MAX_KEEP))
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runRetention);
}

async function runRetention(logId: string, { keepSnapshots, keepDays, json }: RetentionOptions): Promise<void> {
  const { readLog } = await import('../event-log/read-log.ts');
  const { setRetention } = await import('../event-log/set-retention.ts');
  await withDatabase(async ({ db }) => {
    if (keepSnapshots !== undefined || keepDays !== undefined) {
      await setRetention(db, logId, { keepSnapshots, keepDays });
    }
    const stored = await readLog(db, logId);
    const newest = stored.keepSnapshots ?? DEFAULT_RETENTION.keepSnapshots;
    const days = stored.keepDays ?? DEFAULT_RETENTION.keepDays;
    if (json) {
      print(formatJson({ log: logId, keepSnapshots: newest, keepDays: days }));
      return;
    }
    const daily = days === 0 ? '' : `, and the last one of each of the last ${days === 1 ? 'day' : `${formatCount(days)} days`}`;
    print(`${logId} keeps its ${newest === 1 ? 'newest snapshot' : `${formatCount(newest)} newest snapshots`}${daily}.`);
  });
}
