/** A job's handler, called by a test as an attempt would. */

import { randomUUID } from 'node:crypto';
import { deadlineSignal } from '../deadline-signal.ts';
import { InvalidInputError } from '../errors.ts';
import { type AnyJob, DEFAULT_JOB_DEADLINE_MS, type JobDefinition } from '../jobs/define-job.ts';
import type { EnqueueOptions } from '../jobs/enqueue.ts';
import type { JobContext } from '../jobs/job-context.ts';
import { createJobHandle } from '../jobs/job-handle.ts';
import { authorize, checkResult, readInput } from '../jobs/job-handler.ts';
import { jobIdOf, workIdOf } from '../jobs/job-id.ts';
import { createProgressRecorder, type JobProgress } from '../jobs/job-progress.ts';
import type { RunStep } from '../jobs/job-steps.ts';
import type { MessageLogger } from '../messages/message.ts';
import type { PublishOptions } from '../messages/publish.ts';
import { rememberPublisher } from '../messages/trigger-typed-event.ts';
import { DEFAULT_SCHEMA, inSchema, type Queryable } from '../postgres/queryable.ts';
import type { Tidemark } from '../tidemark.ts';
import { noDatabase } from './no-database.ts';
import { orAborted } from './or-aborted.ts';

export interface RunJobOptions {
  /** On its database, in one transaction that commits when the handler has ended; each step in one of its own. Without it nothing is published or enqueued: see `published`. */
  app?: Tidemark;
  /** The handler's `db` and that of its steps, where there is no app. Default: one that says what to do. */
  db?: Queryable;
  /** Who enqueued it: asked about where the job has `authorize`. */
  actor?: string;
  /** Behind `<name>:`. Default: one of its own. */
  id?: string;
  /** Default 1. */
  attempt?: number;
  /** Steps that an earlier attempt has finished, with their results: they are not run. */
  finished?: Readonly<Record<string, unknown>>;
  signal?: AbortSignal;
}

export interface RunJobValue<OutputT> {
  result: OutputT;
  /** As whoever looks at the job would see it in the end. */
  progress: JobProgress;
  /** Results of the steps that it ran, by their names. */
  steps: Record<string, unknown>;
  published: { topic: string; payload: unknown; options: PublishOptions }[];
  enqueued: { job: string; input: unknown; options: EnqueueOptions }[];
  logs: { level: keyof MessageLogger; text: string; fields: Record<string, unknown> }[];
  heartbeats: number;
}

/**
 * Runs the handler once, for its `deadlineMs` at most: its input and what it returns are checked, and `authorize` is asked.
 * @param input as it would be enqueued
 * @example const { result, progress } = await runJob(report, { month: '2026-11' }, { app: tidemark, actor: 'ann' });
 * @throws what the handler throws: nothing was written then, but by steps that had finished
 */
export async function runJob<OutputT, SentT>(
  // biome-ignore lint/suspicious/noExplicitAny: of whatever input
  job: JobDefinition<any, OutputT, SentT>,
  input: SentT,
  options: RunJobOptions = {},
): Promise<RunJobValue<OutputT>> {
  const { app, db = noDatabase('Give runJob({ app }), or { db }.'), ...rest } = options;
  if (app === undefined) {
    const nothing = createJobHandle(inSchema(db), jobIdOf({ name: job.name, id: 'not-enqueued' }), 'created');
    return run(job, input, rest, {
      db,
      schema: DEFAULT_SCHEMA,
      publish: async () => ({ messageId: '', deliveries: 0, isDuplicate: false }),
      enqueue: async () => nothing as never,
      inStep: (body) => body(db),
    });
  }
  return app.transaction(({ tx, publish, enqueue }) =>
    run(job, input, rest, {
      db: { query: (text, values) => tx.query(text, values) },
      schema: app.schema,
      publish: publish as JobContext['publish'],
      enqueue,
      inStep: (body) => app.transaction((step) => body(step.tx)),
    }),
  );
}

interface Surroundings extends Pick<JobContext, 'db' | 'schema' | 'publish' | 'enqueue'> {
  inStep<T>(body: (db: Queryable) => Promise<T>): Promise<T>;
}

async function run<OutputT>(
  job: AnyJob,
  given: unknown,
  { actor, id = randomUUID(), attempt = 1, finished = {}, signal }: Omit<RunJobOptions, 'app' | 'db'>,
  { db, schema, publish, enqueue, inStep }: Surroundings,
): Promise<RunJobValue<OutputT>> {
  const { name, deadlineMs = DEFAULT_JOB_DEADLINE_MS } = job;
  const unit = { id: workIdOf({ name, id }), input: given, ...(actor === undefined ? {} : { actor }) };
  const value: RunJobValue<OutputT> = {
    result: undefined as OutputT,
    progress: {},
    steps: {},
    published: [],
    enqueued: [],
    logs: [],
    heartbeats: 0,
  };
  const attemptSignal = deadlineSignal(deadlineMs, ...(signal ? [signal] : []));
  const recorder = createProgressRecorder({}, async (progress) => {
    value.progress = progress;
  });
  const at =
    (level: keyof MessageLogger) =>
    (text: string, fields: Record<string, unknown> = {}) =>
      void value.logs.push({ level, text, fields });
  const context: JobContext = {
    jobId: jobIdOf({ name, id }),
    db,
    schema,
    signal: attemptSignal,
    attempt,
    idempotencyKey: unit.id,
    logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    step: runSteps(new Map(Object.entries(finished)), value.steps, inStep, attemptSignal),
    async publish(topic, payload, options = {}) {
      const answer = await publish(topic, payload, options);
      value.published.push({ topic, payload, options });
      return answer;
    },
    async enqueue(next, input, options = {}) {
      const handle = await enqueue(next, input, options);
      value.enqueued.push({ job: next.name, input, options });
      return handle;
    },
    progress: (update) => recorder.say(update),
    async heartbeat() {
      attemptSignal.throwIfAborted();
      value.heartbeats += 1;
    },
    ...(actor === undefined ? {} : { actor }),
  };
  rememberPublisher(db, context.publish);
  const input = readInput(job, unit);
  await authorize(job, unit, input, context);
  const returned = await orAborted((async () => job.handler(input, context))(), attemptSignal);
  await recorder.flush();
  value.result = checkResult(job, returned) as OutputT;
  return value;
}

function runSteps(
  finished: Map<string, unknown>,
  ran: Record<string, unknown>,
  inStep: Surroundings['inStep'],
  signal: AbortSignal,
): RunStep {
  const running = new Set<string>();
  return async <T>(name: string, body: Parameters<RunStep>[1]): Promise<T> => {
    if (finished.has(name)) return finished.get(name) as T;
    if (running.has(name)) throw new InvalidInputError(`Step '${name}' runs already: give each step a name of its own.`);
    signal.throwIfAborted();
    running.add(name);
    try {
      const result = await inStep(async (db) => body({ db }));
      // As an attempt that comes later would have it.
      const kept = result === undefined ? undefined : JSON.parse(JSON.stringify(result));
      finished.set(name, kept);
      ran[name] = kept;
      return kept;
    } finally {
      running.delete(name);
    }
  };
}
