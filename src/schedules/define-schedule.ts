/**
 * A schedule: a job that a clock asks for. Temporal says when; each time it does, one job is enqueued, whose id is made of the schedule's name and that
 * time. What is wrong with a definition is refused when the application is made, before anything runs.
 */
import { checkOptionNames, type OptionNames } from '../check-option-names.ts';
import { InvalidInputError } from '../errors.ts';
import type { AnyJob, JobDefinition } from '../jobs/define-job.ts';
import { encodeInput } from '../jobs/enqueue.ts';
import { SYSTEM_JOBS } from '../jobs/system-jobs.ts';
import { cronProblem } from './cron.ts';

/** What becomes of a firing while an earlier job of the schedule still waits or runs. */
export type ScheduleOverlap = 'skip' | 'buffer' | 'allow';

export interface ScheduleDefinition<SentT> {
  /** `[a-z0-9][a-z0-9._-]{0,99}` */
  readonly name: string;
  /** When: five fields, minute, hour, day of the month, month, weekday. Or `everyMs`. */
  readonly cron?: string;
  /** Of `cron`: a name of the IANA time zone database, such as Europe/Berlin. Default UTC. */
  readonly timezone?: string;
  /** When: so often, counted from 1970-01-01T00:00:00Z. Whole seconds. Or `cron`. */
  readonly everyMs?: number;
  /** What is enqueued. */
  // biome-ignore lint/suspicious/noExplicitAny: of whatever its handler gets and returns
  readonly job: JobDefinition<any, any, SentT>;
  /** Its input, the same each time. Default `{}`. */
  readonly input?: NoInfer<SentT>;
  /**
   * 'skip' (the default): that firing adds no job. 'buffer': its job waits until the earlier one has ended. 'allow': its job does not care.
   * It is about jobs: one that waits because no worker runs, or that is retried, has not ended.
   */
  readonly overlap?: ScheduleOverlap;
  /**
   * How late a firing may be carried out, after an outage of Temporal, the workers or the database; later than that it is missed. Default 12 hours,
   * or 1,000 intervals where that is less. At least 10,000.
   */
  readonly catchUpMs?: number;
  /** Jobs begin up to so long after their time, each time by an amount of its own. Default 0. */
  readonly jitterMs?: number;
  /** For whom: what `authorize` of the job is asked about, and `maxWaitingPerActor` counts. Default: nobody. */
  readonly actor?: string;
}

// biome-ignore lint/suspicious/noExplicitAny: of whatever job
export type AnySchedule = ScheduleDefinition<any>;

/**
 * @example export const newsletter = defineSchedule({ name: 'newsletter', cron: '0 10 * * *', timezone: 'Europe/Berlin', job: sendNewsletter });
 * @throws InvalidInputError naming the schedule, the option and what it may be
 */
export function defineSchedule<SentT>(schedule: ScheduleDefinition<SentT>): ScheduleDefinition<SentT> {
  checkSchedule(schedule);
  return schedule;
}

/** So many firings of one schedule Temporal keeps when they cannot be carried out. */
export const MOST_CAUGHT_UP = 1_000;
export const DEFAULT_CATCH_UP_MS = 12 * 3_600_000;
const OPTIONS = {
  ...{ name: true, cron: true, timezone: true, everyMs: true, job: true, input: true },
  ...{ overlap: true, catchUpMs: true, jitterMs: true, actor: true },
} as const satisfies OptionNames<ScheduleDefinition<unknown>>;
const SCHEDULE_NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const YEAR_MS = 366 * 86_400_000;

/** @throws InvalidInputError */
export function checkSchedule(schedule: AnySchedule): void {
  const { name, cron, timezone, everyMs, job, input = {}, overlap = 'skip', catchUpMs, jitterMs, actor } = schedule;
  if (typeof name !== 'string' || !SCHEDULE_NAME.test(name)) {
    throw new InvalidInputError(
      `'${String(name).slice(0, 120)}' is not the name of a schedule: use 1 to 100 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit.`,
    );
  }
  const refuse = (problem: string) => new InvalidInputError(`Schedule '${name}': ${problem}.`);
  checkOptionNames(`schedule '${name}'`, schedule, OPTIONS);
  if (SYSTEM_JOBS.includes(name)) {
    throw refuse("that name is Tidemark's own. Rename it");
  }
  if ((cron === undefined) === (everyMs === undefined)) {
    throw refuse('it needs cron or everyMs, and not both');
  }
  if (cron !== undefined) {
    const problem = typeof cron === 'string' ? cronProblem(cron) : 'it is no text';
    if (problem !== undefined) throw refuse(`its cron '${String(cron).slice(0, 100)}' cannot be used: ${problem}`);
  }
  if (timezone !== undefined) {
    if (cron === undefined) throw refuse('timezone is of cron; everyMs counts from 1970 whatever the zone. Leave one of them out');
    if (!isTimeZone(timezone)) {
      throw refuse(`its timezone '${String(timezone).slice(0, 60)}' is unknown: use a name such as Europe/Berlin or UTC`);
    }
  }
  const check = (option: string, value: number | undefined, least: number, most: number, step = 1) => {
    if (value !== undefined && !(Number.isInteger(value) && value >= least && value <= most && value % step === 0)) {
      throw refuse(`${option} is ${value}: use a whole number${step === 1 ? '' : ` of ${step}s`} from ${least} to ${most}`);
    }
  };
  check('everyMs', everyMs, 1_000, YEAR_MS, 1_000);
  check('catchUpMs', catchUpMs, 10_000, YEAR_MS);
  check('jitterMs', jitterMs, 0, YEAR_MS);
  if (overlap !== 'skip' && overlap !== 'buffer' && overlap !== 'allow') {
    throw refuse(`overlap is '${String(overlap).slice(0, 60)}': use 'skip', 'buffer' or 'allow'`);
  }
  if (everyMs !== undefined && catchUpMs !== undefined && overlap !== 'skip' && catchUpMs > Math.max(everyMs * MOST_CAUGHT_UP, 10_000)) {
    throw refuse(
      `catchUpMs ${catchUpMs} is more than ${MOST_CAUGHT_UP} times everyMs, and so many firings are kept at most: use ${everyMs * MOST_CAUGHT_UP} or less`,
    );
  }
  if (actor !== undefined && (typeof actor !== 'string' || !/^[^\0]{1,500}$/s.test(actor))) {
    throw refuse('actor cannot be used: give 1 to 500 characters, without NUL');
  }
  if (typeof job?.name !== 'string') {
    throw refuse('job is no job: give it one that defineJob has made');
  }
  try {
    encodeInput(job, input);
  } catch (error) {
    throw refuse((error as Error).message.replace(/\.$/, ''));
  }
}

/** @throws InvalidInputError where its job is not one of the instance */
export function checkScheduledJob({ name, job }: AnySchedule, jobs: ReadonlyMap<string, AnyJob>): void {
  if (jobs.get(job.name) !== job) {
    throw new InvalidInputError(
      `Schedule '${name}': its job '${job.name}' is not one of this instance. Add it to createTidemark({ jobs }).`,
    );
  }
}

/** As Temporal's server has them: names of the database in their own spelling, no offsets. */
function isTimeZone(timezone: unknown): boolean {
  if (typeof timezone !== 'string' || !/^[A-Za-z]/.test(timezone)) return false;
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: timezone }).resolvedOptions();
    return timeZone.toLowerCase() !== timezone.toLowerCase() || timeZone === timezone;
  } catch {
    return false;
  }
}
