/**
 * The settings of jobs, and where they run. Read by a worker or server with all others, and by `createTidemark` by itself: an application that enqueues
 * loads nothing of Temporal for it.
 */
import { z } from 'zod';
import { type Environment, readVariables, setting, setVariables, whole } from './setting.ts';

/** What a process is: 'frontend' enqueues and serves, 'worker' runs, 'monolith' does both. */
export type ServiceType = (typeof SERVICE_TYPES)[number];

export interface JobSettings {
  /** False: whoever enqueues a job runs it, without Temporal. */
  readonly useJobs: boolean;
  /** Undefined: the command decides. */
  readonly serviceType: ServiceType | undefined;
  readonly defaults: JobDefaults;
}

/** What a job has that does not say it itself. */
export interface JobDefaults {
  /** Attempts that may fail before it is dead. Default 3. */
  readonly attempts?: number | undefined;
  /** Before the second attempt. Default 500. */
  readonly backoffMs?: number | undefined;
  /** How many that are done or cancelled are kept, of each name. Default 10. */
  readonly keepCompleted?: number | undefined;
  /** How many that are dead are kept, of each name. Default 5. */
  readonly keepFailed?: number | undefined;
}

const SERVICE_TYPES = ['frontend', 'worker', 'monolith'] as const;
const ON = ['on', 'true', '1', 'yes'];
const OFF = ['off', 'false', '0', 'no'];

export const JOB_VARIABLES = {
  USE_JOBS: setting(
    z
      .string()
      .toLowerCase()
      .refine((value) => ON.includes(value) || OFF.includes(value), "use 'on' or 'off'")
      .transform((value) => ON.includes(value))
      .optional(),
    '[where jobs run](#where-jobs-run): `on`, in workers, through Temporal; `off`, in the process that enqueues them, which waits for them. `createTidemark({ useJobs })` goes before it',
    '`on`',
  ),
  SERVICE_TYPE: setting(
    z.enum(SERVICE_TYPES, `use one of ${SERVICE_TYPES.join(', ')}`).optional(),
    'what a process is: `frontend` (enqueues and serves), `worker` (runs, and starts executions), `monolith` (both). `tidemark run` does what it says; a command that it does not go with is refused at the start',
    'what the command is; `monolith` of `tidemark run`',
  ),
  JOB_ATTEMPTS: setting(
    whole(1, 1_000),
    'attempts of a job that may fail before it is dead, where it does not say so itself: 1 to 1,000',
    '3',
  ),
  JOB_BACKOFF_MS: setting(
    whole(0, 2_147_483_647),
    'ms before the second attempt of a job, where it does not say so itself; doubled for each one after it, up to 600,000 (ten minutes) or this, whichever is more',
    '500',
  ),
  JOB_KEEP_COMPLETED: setting(whole(0, 1_000_000), 'completed and cancelled jobs that are kept, of each name: 0 to 1,000,000', '10'),
  JOB_KEEP_FAILED: setting(whole(0, 1_000_000), 'dead jobs that are kept, of each name: 0 to 1,000,000', '5'),
};

const VARIABLES = z.object(JOB_VARIABLES);

/** @throws SetupError naming the first variable that is wrong */
export function loadJobSettings(environment: Environment = process.env): JobSettings {
  return jobSettingsOf(readVariables(VARIABLES, setVariables(environment)));
}

export function jobSettingsOf(variables: z.output<typeof VARIABLES>): JobSettings {
  return Object.freeze({
    useJobs: variables.USE_JOBS ?? true,
    serviceType: variables.SERVICE_TYPE,
    defaults: Object.freeze({
      attempts: variables.JOB_ATTEMPTS,
      backoffMs: variables.JOB_BACKOFF_MS,
      keepCompleted: variables.JOB_KEEP_COMPLETED,
      keepFailed: variables.JOB_KEEP_FAILED,
    }),
  });
}
