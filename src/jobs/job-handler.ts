/**
 * Units that belong to no log entry: `job/<name>/<id>`. Their group is the job's name; the handler is found by it.
 *
 * A job runs in a heartbeating activity and must be safe to run again: from the progress that it has recorded, or from its beginning.
 */
import { InvalidInputError } from '../errors.ts';
import type { Unit, UnitContext, UnitHandler, UnitOutcome } from '../work/unit.ts';

export const JOB_WORKFLOW = 'job';

export interface Job {
  /** `[a-z0-9][a-z0-9._-]{0,99}` */
  readonly name: string;
  run(unit: Unit, context: UnitContext): Promise<UnitOutcome>;
}

const DEADLINE_MS = 15 * 60_000;
const MAX_ATTEMPTS = 5;

export function jobHandler(jobs: readonly Job[]): UnitHandler {
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
