import type { Command } from 'commander';
import { formatJson, print } from './print.ts';
import { withSchedules } from './with-schedules.ts';

type Verb = 'pause' | 'resume';

const VERBS: Record<Verb, { meaning: string; done: string; more: string }> = {
  pause: {
    meaning: 'fire no more for now',
    done: 'paused',
    more: 'It stays so, whoever applies it. Its jobs that wait or run go on.',
  },
  resume: {
    meaning: 'fire again',
    done: 'resumed',
    more: "From its next time on. What was due meanwhile is not made up for: 'tidemark schedules backfill' does that.",
  },
};

export function addSchedulesPause(schedules: Command): void {
  for (const verb of Object.keys(VERBS) as Verb[]) {
    const { meaning, done, more } = VERBS[verb];
    schedules
      .command(verb)
      .description(meaning)
      .argument('<schedule>', 'its name')
      .option('--note <text>', 'why, shown with it')
      .option('--json', 'print as JSON')
      .addHelpText('after', `\nExamples:\n  $ tidemark schedules ${verb} newsletter --note 'mail server moves'\n\n${more}`)
      .action(async (schedule: string, { note, json }: { note?: string; json?: boolean }) => {
        await withSchedules(({ schedules: all }) => all[verb](schedule, note));
        print(json ? formatJson({ schedule, paused: verb === 'pause' }) : `Schedule ${schedule} is ${done}.`);
      });
  }
}
