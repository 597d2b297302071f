/**
 * Enqueues a job, in the transaction of whoever enqueues. What is wrong with its input is refused before anything is written, so the transaction goes
 * on after it.
 */
import { randomUUID } from 'node:crypto';
import { checkOptionNames, type OptionNames } from '../check-option-names.ts';
import { describeIssues } from '../describe-issues.ts';
import { EnqueueUnavailableError, InvalidInputError, QueueFullError } from '../errors.ts';
import type { Provenance } from '../event-log/provenance.ts';
import type { Database } from '../postgres/queryable.ts';
import { FIRING_ID } from '../schedules/firing-id.ts';
import { jsonProblem } from '../snapshots/json-value.ts';
import { classifyError, isContention } from '../work/classify-error.ts';
import type { AnyJob, JobDefinition } from './define-job.ts';
import { countEnqueued } from './enqueued-counts.ts';
import type { JobHandle } from './job-handle.ts';
import { decodeJobId, jobIdOf, workIdOf } from './job-id.ts';

export interface JobDedupe {
  /** Within the jobs of one name. At most 500 characters. */
  key: string;
  /**
   * 'ignore': while one of the key waits or runs, and for `windowMs` after it was enqueued, that one is the answer.
   * 'replace': one that waits, also for another attempt, gets this input, priority and actor, and begins from its beginning. One that runs goes on, and this
   * one is new.
   * 'debounce': the same, and it begins `windowMs` after the last one was enqueued, at most `maxWaitMs` after the first.
   */
  mode: 'ignore' | 'replace' | 'debounce';
  /** Of 'debounce' required, of 'replace' none. */
  windowMs?: number;
  /** Of 'debounce'. Default: it may be put off for ever. */
  maxWaitMs?: number;
}

export interface EnqueueOptions extends Provenance {
  /** Enqueued again under its name within 7 days, or while it waits or runs, it is the same job. Default: one of its own. At most 200 characters, and not of the form of a schedule's jobs (`<schedule>/<time>`). */
  id?: string;
  /** From -100 to 100, lower first. Default 0. */
  priority?: number;
  /** Does not begin before. */
  notBefore?: Date;
  /** Jobs of a name take turns by it: whoever has 10,000 waiting does not hold up who has one. At most 200 characters. */
  fairnessKey?: string;
  /** Not together with `id`. */
  dedupe?: JobDedupe;
}

export interface Enqueuer {
  /**
   * Enqueues a job: it commits with the transaction, and is done after that.
   * @throws InvalidInputError naming where the input is wrong, QueueFullError where its actor has too many waiting, EnqueueUnavailableError where the
   * database does not answer: nothing was written; the driver's error where Postgres gives the transaction up for another one (40001, 40P01): run it again
   */
  enqueue<InputT, OutputT, SentT>(
    job: JobDefinition<InputT, OutputT, SentT>,
    input: SentT,
    options?: EnqueueOptions,
  ): Promise<JobHandle<OutputT>>;
}

export type EnqueueAnswer = 'created' | 'ignored' | 'replaced';

/** The same id is the same job for so long, whether or not it is kept. */
const ID_WINDOW_MS = 7 * 86_400_000;
const MAX_INPUT_BYTES = 256 * 1024;
/** What Postgres does not take as text. */
const UNFIT = /\0|\p{Surrogate}/u;
const MAX_WINDOW_MS = 366 * 86_400_000;

/** @returns the job's id, and whether it is new. @throws as Enqueuer says */
export async function enqueueJob(
  db: Database,
  job: AnyJob,
  input: unknown,
  options: EnqueueOptions = {},
): Promise<{ jobId: string; answer: EnqueueAnswer }> {
  const { name, maxWaitingPerActor } = job;
  const json = encodeInput(job, input);
  checkOptionNames('enqueue', options, OPTIONS);
  if (options.dedupe) checkOptionNames('dedupe', options.dedupe, OF_DEDUPE);
  checkOptions(name, options);
  const { id = randomUUID(), priority = 0, notBefore, fairnessKey, dedupe, actor, correlationId, causationId } = options;
  const encoded = encodeURIComponent(id);
  const [key, mode, windowMs] = dedupe
    ? [`key/${dedupe.key}`, dedupe.mode, dedupe.windowMs]
    : options.id === undefined
      ? [undefined, undefined, undefined]
      : [`id/${encoded}`, 'ignore', ID_WINDOW_MS];
  const { rows } = await db
    .prepared(
      `select answer, id from ${db.schema}.enqueue_job($1::text, $2::text, $3::json, $4::smallint, $5::timestamptz, $6::text, $7::text, $8::text,
         $9::bigint * interval '1 millisecond', $10::bigint * interval '1 millisecond', $11::integer, $12::text, $13::text, $14::text)`,
      [
        name,
        encoded,
        json,
        priority,
        notBefore ?? null,
        fairnessKey ?? null,
        key ?? null,
        mode ?? null,
        windowMs ?? null,
        dedupe?.maxWaitMs ?? null,
        maxWaitingPerActor ?? null,
        actor ?? null,
        correlationId ?? null,
        causationId ?? null,
      ],
    )
    .catch((error: unknown) => {
      throw classifyError(error) === 'infrastructure' && !isContention(error) ? new EnqueueUnavailableError(name, { cause: error }) : error;
    });
  const { answer, id: enqueued } = rows[0];
  if (answer === 'full') {
    throw new QueueFullError(name, String(actor), Number(maxWaitingPerActor));
  }
  if (answer === 'created') {
    countEnqueued(name);
  }
  return { jobId: jobIdOf({ name, id: decodeJobId(enqueued) }), answer };
}

/** @returns it as it is kept: as it was given, what the schema makes of it is made for the handler. @throws InvalidInputError */
export function encodeInput({ name, input: schema }: AnyJob, input: unknown): string {
  const parsed = schema.safeParse(input);
  if (!parsed.success) {
    throw new InvalidInputError(`The input of job '${name}' is refused: ${describeIssues(parsed.error)}.`);
  }
  const problem = input === undefined ? undefined : jsonProblem(input);
  if (problem !== undefined) {
    throw new InvalidInputError(`The input of job '${name}' holds ${problem}, which JSON does not keep. Use text or a number for it.`);
  }
  const json = JSON.stringify(input ?? null);
  if (Buffer.byteLength(json) > MAX_INPUT_BYTES) {
    throw new InvalidInputError(
      `The input of job '${name}' is ${Buffer.byteLength(json)} bytes; the limit is ${MAX_INPUT_BYTES}. Write it to a blob or a table and give its id.`,
    );
  }
  return json;
}

const OPTIONS = {
  ...{ id: true, priority: true, notBefore: true, fairnessKey: true, dedupe: true },
  ...{ actor: true, correlationId: true, causationId: true },
} as const satisfies OptionNames<EnqueueOptions>;
const OF_DEDUPE = { key: true, mode: true, windowMs: true, maxWaitMs: true } as const satisfies OptionNames<JobDedupe>;

function checkOptions(
  name: string,
  { id, priority, notBefore, fairnessKey, dedupe, actor, correlationId, causationId }: EnqueueOptions,
): void {
  const texts: [string, string | undefined, number][] = [
    ['id', id, 200],
    ['fairnessKey', fairnessKey, 200],
    ['dedupe.key', dedupe?.key, 500],
    ['actor', actor, 500],
    ['correlationId', correlationId, 500],
    ['causationId', causationId, 500],
  ];
  for (const [option, value, most] of texts) {
    if (value !== undefined && (typeof value !== 'string' || value === '' || value.length > most || UNFIT.test(value))) {
      throw new InvalidInputError(`${option} '${String(value).slice(0, 60)}' cannot be used: give 1 to ${most} characters, without NUL.`);
    }
  }
  if (id !== undefined && workIdOf({ name, id }).length > 500) {
    throw new InvalidInputError(
      `The id '${id.slice(0, 60)}' cannot be used: percent-encoded it is too long. Use fewer special characters.`,
    );
  }
  if (id !== undefined && FIRING_ID.test(id)) {
    throw new InvalidInputError(`The id '${id.slice(0, 120)}' cannot be used: ids of that form are those of schedules' jobs. Use another.`);
  }
  if (priority !== undefined && !(Number.isInteger(priority) && Math.abs(priority) <= 100)) {
    throw new InvalidInputError(`priority ${priority} cannot be used: give a whole number from -100 to 100, lower first.`);
  }
  if (notBefore !== undefined && (!(notBefore instanceof Date) || Number.isNaN(notBefore.getTime()))) {
    throw new InvalidInputError(`notBefore '${String(notBefore)}' is no date. Give a Date.`);
  }
  if (dedupe) checkDedupe(dedupe, { hasId: id !== undefined, isPutOff: notBefore !== undefined });
}

function checkDedupe({ key, mode, windowMs, maxWaitMs }: JobDedupe, { hasId, isPutOff }: { hasId: boolean; isPutOff: boolean }): void {
  if (key === undefined) {
    throw new InvalidInputError('dedupe has no key. Give it one: { key, mode }.');
  }
  if (hasId) {
    throw new InvalidInputError('A job was given both id and dedupe, which both say what it is the same as. Use one of them.');
  }
  if (mode !== 'ignore' && mode !== 'replace' && mode !== 'debounce') {
    throw new InvalidInputError(`dedupe.mode '${String(mode)}' cannot be used: use 'ignore', 'replace' or 'debounce'.`);
  }
  if (mode === 'debounce' && isPutOff) {
    throw new InvalidInputError(
      "A job was given both notBefore and dedupe mode 'debounce', which both say when it begins. Use one of them.",
    );
  }
  for (const [option, value, has] of [
    ['windowMs', windowMs, mode !== 'replace'],
    ['maxWaitMs', maxWaitMs, mode === 'debounce'],
  ] as const) {
    if (value === undefined ? mode === 'debounce' && option === 'windowMs' : !has) {
      throw new InvalidInputError(`dedupe mode '${mode}' ${value === undefined ? 'needs' : 'has no'} ${option}.`);
    }
    if (value !== undefined && !(Number.isInteger(value) && value >= 1 && value <= MAX_WINDOW_MS)) {
      throw new InvalidInputError(
        `dedupe.${option} ${value} cannot be used: give a whole number of milliseconds from 1 to ${MAX_WINDOW_MS}.`,
      );
    }
  }
}
