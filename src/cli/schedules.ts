import type { Command } from 'commander';
import { addSchedulesApply } from './schedules-apply.ts';
import { addSchedulesBackfill } from './schedules-backfill.ts';
import { addSchedulesList } from './schedules-list.ts';
import { addSchedulesNext } from './schedules-next.ts';
import { addSchedulesPause } from './schedules-pause.ts';
import { addSchedulesTrigger } from './schedules-trigger.ts';

const EXAMPLES = `
Examples:
  $ tidemark schedules list                          when each is due next, and what the last time became
  $ tidemark schedules next newsletter --count 30
  $ tidemark schedules trigger newsletter            now, beside its times
  $ tidemark schedules pause newsletter --note 'mail server moves'
  $ tidemark schedules backfill newsletter --from 2026-11-01T00:00:00Z --to 2026-11-08T00:00:00Z
  $ tidemark schedules plan                          what 'apply' would change; exit code 1 where that is anything
  $ tidemark schedules apply

A worker brings Temporal to what its app says when it starts. 'apply' does it without one, and removes also the last schedule of an app.`;

export function addSchedules(program: Command): void {
  const schedules = program
    .command('schedules')
    .description('jobs that a clock enqueues: list, next, trigger, pause, resume, backfill, plan, apply')
    .addHelpText('after', EXAMPLES);
  for (const add of [addSchedulesList, addSchedulesNext, addSchedulesTrigger, addSchedulesPause, addSchedulesBackfill, addSchedulesApply]) {
    add(schedules);
  }
}
