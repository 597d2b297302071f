import type { Command } from 'commander';
import type { Firing } from '../schedules/list-firings.ts';
import { describeTimes } from '../schedules/schedule-action.ts';
import { formatJson, formatTable, print } from './print.ts';
import { withSchedules } from './with-schedules.ts';

const EXAMPLES = `
Examples:
  $ tidemark schedules list
  $ tidemark schedules list --json                   with the last and the next 10 times of each

Times are UTC. 'last' is the newest time that it fired, and what became of it: the state of its job; skipped: an earlier job still waited or
ran; missed: it came too late.`;

export function addSchedulesList(schedules: Command): void {
  schedules
    .command('list')
    .description('list schedules: when each is due next, and what the last time became')
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runList);
}

async function runList({ json }: { json?: boolean }): Promise<void> {
  await withSchedules(async ({ schedules }) => {
    const listed = await schedules.list();
    if (json) {
      print(formatJson({ schedules: listed }));
      return;
    }
    const rows = listed.map(({ name, action, paused, next, firings: [last] }) => [
      paused ? `${name} (paused)` : name,
      action ? describeTimes(action) : 'not in Temporal: apply it',
      action?.job ?? '-',
      action?.overlap ?? '-',
      next[0]?.toISOString() ?? '-',
      last ? `${last.dueAt.toISOString()} ${outcomeOf(last)}` : '-',
    ]);
    print(
      rows.length === 0
        ? "No schedules. Run 'tidemark schedules apply', or start a worker whose app defines some."
        : formatTable(['schedule', 'due', 'job', 'overlap', 'next', 'last'], rows),
    );
  });
}

function outcomeOf({ answer, state }: Firing): string {
  return answer === 'created' ? (state ?? 'ended') : answer;
}
