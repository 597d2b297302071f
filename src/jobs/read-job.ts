/** A job as a person looks at it: its unit, and what is kept beside it. */
import { JobNotFoundError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { listedUnit, UNIT_COLUMNS } from '../work/listed-unit.ts';
import type { ShownState } from '../work/select.ts';
import { jobIdOf, jobKeyOf, parseJobId, workIdOf } from './job-id.ts';
import type { JobProgress } from './job-progress.ts';

export interface JobSummary {
  /** `<name>:<id>`. */
  id: string;
  name: string;
  state: ShownState;
  /** Absent before its handler has said anything. */
  progress?: JobProgress;
  /** Which attempt runs, or was the last one. */
  attempt: number;
  /** Of the last attempt that failed. */
  error?: { code: string; message: string; stack?: string };
  result?: unknown;
  actor?: string;
  correlationId?: string;
  causationId?: string;
  /** Workflow id of its execution in Temporal. */
  execution?: string;
  enqueuedAt: Date;
  begunAt?: Date;
  finishedAt?: Date;
}

export interface JobAttempt {
  attempt: number;
  begunAt?: Date;
  failedAt: Date;
  error: { code: string; message: string; stack?: string };
}

export interface JobLine {
  attempt: number;
  level: 'debug' | 'info' | 'warn' | 'error';
  text: string;
  fields?: Record<string, unknown>;
  at: Date;
}

/** A job without its input, its attempts and its output. Its result may be large: up to 256 KB. */
export interface JobState extends JobSummary {
  /** Lower first. */
  priority: number;
  /** While it waits: does not begin before. */
  notBefore?: Date;
  /** While it waits: how many of its name begin before it, at most 10,000. Those whose time has not come do not count. */
  position?: number;
}

export interface JobStatus extends JobState {
  input: unknown;
  /** Attempts that failed, oldest first: the newest 100. */
  attempts: JobAttempt[];
  /** Of its handler's log, oldest first: the newest 1,000 lines. */
  output: JobLine[];
}

const MAX_POSITION = 10_000;

/** Of the work row `w`. @param counts how many are before it */
const stateColumns = (db: Database, counts = true) => `${UNIT_COLUMNS}, w.priority, w.not_before,
       case when ${counts} and w.state = 'ready' then (
         select count(*)::integer from (
           select 1 from ${db.schema}.work o
           where o.group_name = w.group_name and o.state = 'ready' and o.not_before <= clock_timestamp()
             and (o.priority, o.not_before, o.id) < (w.priority, w.not_before, w.id)
           limit ${MAX_POSITION}) n
       ) end as ahead`;

/** @param known `position` of a moment ago: it is not counted anew. @throws JobNotFoundError; InvalidInputError for an id that is none */
export async function readJob(db: Database, jobId: string, known: Pick<JobState, 'position'> = {}): Promise<JobStatus> {
  const workId = workIdOf(parseJobId(jobId));
  const { rows } = await db.prepared(
    `select ${stateColumns(db, known.position === undefined)}, w.input,
       (select coalesce(json_agg(json_build_object('attempt', a.attempt, 'begunAt', a.begun_at, 'failedAt', a.failed_at, 'error', a.error) order by a.id), '[]')
        from (select * from ${db.schema}.job_attempt where work_id = w.id order by id desc limit 100) a) as attempts,
       (select coalesce(json_agg(json_build_object('attempt', l.attempt, 'level', l.level, 'text', l.text, 'fields', l.fields, 'at', l.written_at) order by l.id), '[]')
        from (select * from ${db.schema}.job_line where work_id = w.id order by id desc limit 1000) l) as output
     from ${db.schema}.work w where w.id = $1::text and w.workflow = 'job'`,
    [workId],
  );
  const row = rows[0];
  if (row === undefined) {
    throw new JobNotFoundError(jobId);
  }
  return {
    ...jobState(row.state === 'waiting' && known.position !== undefined ? { ...row, ahead: known.position } : row),
    input: row.input,
    attempts: row.attempts.map(attemptFromRow),
    output: row.output.map(lineFromRow),
  };
}

/** @throws JobNotFoundError; InvalidInputError for an id that is none */
export async function readJobSummary(db: Database, jobId: string): Promise<JobSummary> {
  const { rows } = await db.prepared(`select ${UNIT_COLUMNS} from ${db.schema}.work w where w.id = $1::text and w.workflow = 'job'`, [
    workIdOf(parseJobId(jobId)),
  ]);
  if (rows[0] === undefined) {
    throw new JobNotFoundError(jobId);
  }
  return jobSummary(rows[0]);
}

/** Those of them that are there, by id. @throws InvalidInputError for an id that is none */
export async function readJobStates(db: Database, jobIds: readonly string[]): Promise<Map<string, JobState>> {
  const { rows } = await db.prepared(
    `select ${stateColumns(db)} from ${db.schema}.work w where w.id = any ($1::text[]) and w.workflow = 'job'`,
    [jobIds.map((id) => workIdOf(parseJobId(id)))],
  );
  return new Map(rows.map((row) => [jobIdOf(jobKeyOf(row.id)), jobState(row)]));
}

/** @param row of stateColumns */
// biome-ignore lint/suspicious/noExplicitAny: a row as pg returns it
function jobState(row: any): JobState {
  return {
    ...jobSummary(row),
    priority: row.priority,
    ...(row.state === 'waiting' ? { notBefore: row.not_before } : {}),
    ...(row.ahead === null ? {} : { position: row.ahead }),
  };
}

/** @param row of UNIT_COLUMNS */
// biome-ignore lint/suspicious/noExplicitAny: a row as pg returns it
export function jobSummary(row: any): JobSummary {
  const { id, state, attempt, error, progress, result, actor, correlationId, causationId, execution, createdAt, begunAt, finishedAt } =
    listedUnit(row);
  const key = jobKeyOf(id);
  const optional = { progress, error, result, actor, correlationId, causationId, execution, begunAt, finishedAt };
  return {
    id: jobIdOf(key),
    name: key.name,
    state,
    attempt,
    enqueuedAt: createdAt,
    ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) as Partial<JobSummary>),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: a row as Postgres makes it JSON
function attemptFromRow({ attempt, begunAt, failedAt, error }: any): JobAttempt {
  return { attempt, failedAt: new Date(failedAt), error, ...(begunAt === null ? {} : { begunAt: new Date(begunAt) }) };
}

// biome-ignore lint/suspicious/noExplicitAny: a row as Postgres makes it JSON
function lineFromRow({ attempt, level, text, fields, at }: any): JobLine {
  return { attempt, level, text, at: new Date(at), ...(fields === null ? {} : { fields }) };
}
