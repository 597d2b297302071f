import { type Command, Option } from 'commander';
import type { ScheduleOverlap } from '../schedules/define-schedule.ts';
import { ownName } from './own-name.ts';
import { formatJson, print } from './print.ts';
import { withSchedules } from './with-schedules.ts';

const EXAMPLES = `
Examples:
  $ tidemark schedules trigger newsletter
  $ tidemark schedules trigger newsletter --overlap allow

Its job has an id of its own, never that of one of its times. The exit code is 1 where an earlier job of it still waits or runs and it was skipped.`;

interface TriggerOptions {
  overlap?: ScheduleOverlap;
  actor?: string;
  json?: boolean;
}

export function addSchedulesTrigger(schedules: Command): void {
  schedules
    .command('trigger')
    .description('enqueue its job now, beside its times; also while it is paused')
    .argument('<schedule>', 'its name')
    .addOption(new Option('--overlap <policy>', "instead of the schedule's own").choices(['skip', 'buffer', 'allow']))
    .option(
      '--actor <name>',
      'who asks, kept with the job (default: your name on this machine); a schedule that has an actor keeps its own',
    )
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runTrigger);
}

async function runTrigger(schedule: string, { overlap, actor = ownName(), json }: TriggerOptions): Promise<void> {
  await withSchedules(async ({ schedules }) => {
    const { answer, jobId } = await schedules.trigger(schedule, { overlap, actor });
    if (json) print(formatJson({ schedule, answer, jobId }));
    else
      print(answer === 'created' ? `Enqueued ${jobId}.` : `Skipped: ${jobId} still waits or runs. Use --overlap allow to run beside it.`);
    if (answer !== 'created') process.exitCode = 1;
  });
}
