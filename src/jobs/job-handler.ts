/**
 * Runs a job: checks its input and its actor again, runs the handler, and ends the unit with the result and what the handler has written. An input that the
 * job cannot read is dead at once. What the handler throws is a failed attempt, whatever its kind; only the worker's own database is not.
 *
 * Once an attempt of a job has taken longer than a few seconds, its next ones begin in a heartbeating activity, which costs more to begin and less to hold.
 * One that begins as short work and turns out long moves there by itself: activities/carry-out.ts.
 */
import { describeIssues } from '../describe-issues.ts';
import { InvalidInputError } from '../errors.ts';
import { mergeProvenance } from '../event-log/provenance.ts';
import { publishingDatabase } from '../messages/publishing-database.ts';
import { inSchema } from '../postgres/queryable.ts';
import type { Registry } from '../registry.ts';
import { jsonProblem } from '../snapshots/json-value.ts';
import { createHeartbeat } from '../work/create-heartbeat.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import { createHandlerErrors } from '../work/handler-errors.ts';
import { NonRetryableError, type RetryPolicy } from '../work/retry-policy.ts';
import type { Unit, UnitContext, UnitHandler } from '../work/unit.ts';
import { checkKnownJob } from './check-job.ts';
import { type AnyJob, DEFAULT_JOB_ATTEMPTS, DEFAULT_JOB_DEADLINE_MS, type JobRetry } from './define-job.ts';
import { enqueueJob } from './enqueue.ts';
import type { JobContext } from './job-context.ts';
import { createJobHandle } from './job-handle.ts';
import { JOB_WORKFLOW, jobIdOf, jobKeyOf } from './job-id.ts';
import { createJobOutput } from './job-output.ts';
import { createProgressRecorder, type JobProgress } from './job-progress.ts';
import { createJobSteps } from './job-steps.ts';

/** An attempt that took longer: the next one is taken for long, too. Where it is not, it has begun in the cheaper place, and no more. */
const SHORT_ATTEMPT_MS = 5_000;
const SHOWN_AFTER_MS = 100;

/** @param application what may be published and enqueued */
export function jobHandler(
  job: AnyJob,
  { topics, jobs }: Pick<Registry, 'topics' | 'jobs'>,
  dependencies: HandlerDependencies,
): UnitHandler {
  const { pool, statements = pool, schema, log, jobDefaults = {}, enqueueJob: enqueue = enqueueJob, onJobChange } = dependencies;
  const { name, deadlineMs = DEFAULT_JOB_DEADLINE_MS } = job;
  const retry = { ...(jobDefaults.backoffMs === undefined ? {} : { initialMs: jobDefaults.backoffMs }), ...job.retry };
  const errors = createHandlerErrors({ owner: `job '${name}'`, retry: retryPolicyOf(retry) }, log);
  let lastTookMs = 0;

  function contextOf(unit: Unit, context: UnitContext) {
    const jobId = jobIdOf(jobKeyOf(unit.id));
    const { attempt, actor, correlationId, causationId } = unit;
    const output = createJobOutput(inSchema(statements, schema), unit, log, { jobId, attempt });
    const progress = createProgressRecorder((unit.progress ?? {}) as JobProgress, async (value) => {
      // A heartbeat before anything was said says nothing.
      await errors.watch(context.recordProgress(Object.keys(value).length === 0 ? null : value));
      onJobChange?.(unit.id);
    });
    const provenance = { actor, correlationId, causationId: unit.id };
    const { db, publish } = publishingDatabase({ db: context.db, schema, topics, errors, provenance });
    const steps = createJobSteps({ pool, schema, unit, signal: context.signal, onFinished: context.extend, watch: errors.watch });
    const jobContext: JobContext = {
      jobId,
      db,
      schema,
      publish,
      async enqueue(next, input, options = {}) {
        checkKnownJob(jobs, next);
        const asked = { ...options, ...mergeProvenance(options, provenance) };
        const { jobId: enqueued, answer } = await enqueue(inSchema(db, schema), next, input, asked);
        return createJobHandle(inSchema(statements, schema), enqueued, answer);
      },
      progress: (update) => progress.say(update),
      heartbeat: createHeartbeat(context, deadlineMs, () => progress.beat()),
      step: steps.step,
      signal: context.signal,
      logger: output.logger,
      attempt,
      idempotencyKey: unit.id,
      ...(actor === undefined ? {} : { actor }),
      ...(correlationId === undefined ? {} : { correlationId }),
      ...(causationId === undefined ? {} : { causationId }),
    };
    return { jobContext, progress, output, steps };
  }

  return {
    workflow: JOB_WORKFLOW,
    group: name,
    get long() {
      return lastTookMs > SHORT_ATTEMPT_MS;
    },
    deadlineMs,
    strictDeadline: true,
    cancellable: true,
    maxAttempts: retry.attempts ?? jobDefaults.attempts ?? DEFAULT_JOB_ATTEMPTS,
    async run(unit, context) {
      const input = readInput(job, unit);
      const { jobContext, progress, output, steps } = contextOf(unit, context);
      // Of one that is about to end, its end is news enough.
      const begun = setTimeout(() => onJobChange?.(unit.id), SHOWN_AFTER_MS);
      const beganAt = performance.now();
      try {
        await authorize(job, unit, input, jobContext);
        const result = checkResult(job, await job.handler(input, jobContext));
        await progress.flush();
        return result === undefined ? {} : { result };
      } catch (error) {
        // How far it came is worth to know; that it cannot be written is not worth the error.
        if (!context.signal.aborted) await progress.flush().catch(() => {});
        throw errors.own(error);
      } finally {
        clearTimeout(begun);
        steps.end();
        lastTookMs = performance.now() - beganAt;
        await output.flush();
      }
    },
    onError: errors.verdictOf,
  };
}

function retryPolicyOf({ attempts: _, backoff, ...policy }: JobRetry): RetryPolicy {
  return backoff === 'fixed' ? { ...policy, factor: 1 } : policy;
}

export function readInput({ name, input }: AnyJob, unit: Pick<Unit, 'id' | 'input'>): unknown {
  const parsed = input.safeParse(unit.input ?? undefined);
  if (!parsed.success) {
    throw new InvalidInputError(
      `The input of ${unit.id} is none of job '${name}' any more: ${describeIssues(parsed.error)}. Start a worker that reads it, then redrive it.`,
    );
  }
  return parsed.data;
}

export async function authorize(
  { name, authorize: isAllowed }: AnyJob,
  { actor }: Pick<Unit, 'actor'>,
  input: unknown,
  { db }: Pick<JobContext, 'db'>,
): Promise<void> {
  if (isAllowed && !(await isAllowed(actor, input, { db }))) {
    throw Object.assign(
      new NonRetryableError(`${actor === undefined ? 'Nobody in particular' : `'${actor}'`} may not run job '${name}' with this input.`),
      { code: 'not_authorized' },
    );
  }
}

export function checkResult({ name, output }: AnyJob, result: unknown): unknown {
  const parsed = output?.safeParse(result);
  if (parsed && !parsed.success) {
    throw new InvalidInputError(`Job '${name}' returned what its output is not: ${describeIssues(parsed.error)}.`);
  }
  const value = parsed ? parsed.data : result;
  const problem = value === undefined ? undefined : jsonProblem(value);
  if (problem !== undefined) {
    throw new InvalidInputError(`Job '${name}' returned ${problem}, which JSON does not keep. Use text or a number for it.`);
  }
  return value;
}
