import { type Command, Option } from 'commander';
import type { ScheduleOverlap } from '../schedules/define-schedule.ts';
import { ownName } from './own-name.ts';
import { parseTime } from './parse-option.ts';
import { formatCount, formatJson, print } from './print.ts';
import { withSchedules } from './with-schedules.ts';

const EXAMPLES = `
Examples:
  $ tidemark schedules backfill newsletter --from 2026-11-01T00:00:00Z --to 2026-11-08T00:00:00Z
  $ tidemark schedules backfill newsletter --from 2026-11-01T00:00:00+01:00 --to 2026-11-08T00:00:00+01:00 --overlap allow --json

Each of its times between, both ends included, that has added no job adds one now: those that were missed, skipped, or before it was there. A
time that has had its job is left alone: redrive the job. The jobs run one after another, unless the schedule or --overlap says 'allow'.
At most 1,000 times at once, and all of them or none.`;

interface BackfillOptions {
  from: Date;
  to: Date;
  overlap?: ScheduleOverlap;
  actor?: string;
  json?: boolean;
}

export function addSchedulesBackfill(schedules: Command): void {
  schedules
    .command('backfill')
    .description('enqueue the jobs of times that are past')
    .argument('<schedule>', 'its name')
    .requiredOption('--from <time>', 'the first time, ISO 8601 with its offset', parseTime)
    .requiredOption('--to <time>', 'the last time', parseTime)
    .addOption(
      new Option('--overlap <policy>', 'what becomes of a time whose earlier job has not ended').choices(['skip', 'buffer', 'allow']),
    )
    .option(
      '--actor <name>',
      'who asks, kept with the jobs (default: your name on this machine); a schedule that has an actor keeps its own',
    )
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runBackfill);
}

async function runBackfill(schedule: string, { from, to, overlap, actor = ownName(), json }: BackfillOptions): Promise<void> {
  await withSchedules(async ({ schedules }) => {
    const value = await schedules.backfill(schedule, { from, to, overlap, actor });
    const { times, created, existed, skipped } = value;
    print(
      json
        ? formatJson({ schedule, ...value })
        : `${formatCount(times)} times: ${formatCount(created)} jobs enqueued, ${formatCount(existed)} had theirs, ${formatCount(skipped)} skipped.`,
    );
  });
}
