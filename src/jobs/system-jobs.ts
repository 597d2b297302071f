/**
 * Jobs of Tidemark's own, which no application defines or enqueues: garbage collection, telling of deaths. Those that nobody knows end up here too.
 *
 * One runs in a heartbeating activity and must be safe to run again: from the progress that it has recorded, or from its beginning.
 */
import { InvalidInputError } from '../errors.ts';
import type { Unit, UnitContext, UnitHandler, UnitOutcome } from '../work/unit.ts';
import { JOB_WORKFLOW } from './job-id.ts';

/** Their names, which no other job may have. */
export const SYSTEM_JOBS: readonly string[] = ['collect-garbage', 'on-dead'];

export interface SystemJob {
  /** `[a-z0-9][a-z0-9._-]{0,99}` */
  readonly name: string;
  run(unit: Unit, context: UnitContext): Promise<UnitOutcome>;
}

const DEADLINE_MS = 15 * 60_000;
const MAX_ATTEMPTS = 5;

export function systemJobHandler(jobs: readonly SystemJob[]): UnitHandler {
  const byName = new Map(jobs.map((job) => [job.name, job]));
  return {
    workflow: JOB_WORKFLOW,
    long: true,
    deadlineMs: DEADLINE_MS,
    maxAttempts: MAX_ATTEMPTS,
    async run(unit, context) {
      const job = byName.get(unit.group);
      if (!job) {
        throw new InvalidInputError(
          `This worker does not know the job '${unit.group}'. Start one of a version that does, then redrive ${unit.id}.`,
        );
      }
      return job.run(unit, context);
    },
  };
}
