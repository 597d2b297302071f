import type { Command } from 'commander';
import { parseWhole } from './parse-option.ts';
import { formatJson, print } from './print.ts';
import { withSchedules } from './with-schedules.ts';

const EXAMPLES = `
Examples:
  $ tidemark schedules next newsletter
  $ tidemark schedules next newsletter --count 365 --json

As Temporal's server lists them, in UTC and in the schedule's time zone, whether or not it is paused.`;

export function addSchedulesNext(schedules: Command): void {
  schedules
    .command('next')
    .description('list the times that it is due next')
    .argument('<schedule>', 'its name')
    .option('--count <number>', 'how many (default: 10)', parseWhole(1, 1_000))
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runNext);
}

async function runNext(schedule: string, { count = 10, json }: { count?: number; json?: boolean }): Promise<void> {
  await withSchedules(async ({ schedules }) => {
    const [{ action }, next] = await Promise.all([schedules.read(schedule), schedules.next(schedule, count)]);
    if (json) {
      print(formatJson({ schedule, timezone: action?.timezone ?? 'UTC', next }));
      return;
    }
    const { timezone = 'UTC' } = action ?? {};
    const local = new Intl.DateTimeFormat('en-GB', { timeZone: timezone, dateStyle: 'full', timeStyle: 'medium' });
    for (const time of next) print(`${time.toISOString()}  ${local.format(time)} ${timezone}`);
  });
}
