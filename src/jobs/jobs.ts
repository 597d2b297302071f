/** The jobs of an installation, for an application: one by its id, or many at once. What was decided is told to starters and to whoever waits. */
import type { Provenance } from '../event-log/provenance.ts';
import type { HintListener } from '../postgres/hint-listener.ts';
import { createJobHintSender, jobHint } from '../postgres/job-hints.ts';
import type { Database } from '../postgres/queryable.ts';
import { cancelJobs } from './cancel-jobs.ts';
import type { EnqueueAnswer } from './enqueue.ts';
import { createJobHandle, type JobHandle, type JobHints } from './job-handle.ts';
import { parseJobId, workIdOf } from './job-id.ts';
import { type JobPage, type JobSelection, type ListJobsOptions, listJobs } from './list-jobs.ts';
import { type DecidedBy, redriveJobs } from './redrive-jobs.ts';
import { runJobsNow } from './run-jobs-now.ts';

export interface Jobs {
  /** A job that was enqueued, by its id `<name>:<id>`. It is looked for when it is asked. */
  job<OutputT = unknown>(id: string): JobHandle<OutputT>;
  /** Newest first, a page at a time. @throws InvalidInputError */
  listJobs(options?: ListJobsOptions): Promise<JobPage>;
  /**
   * Of those that are asked for, the ones that wait or run; `{}` means all. Each is a transaction of its own: what is cut off may be repeated.
   * @returns how many were cancelled
   */
  cancelJobs(selection: JobSelection, signal?: AbortSignal): Promise<number>;
  /** Of those that are asked for, the dead ones: they run again, without the steps that they have finished. @returns how many */
  redriveJobs(selection: JobSelection, by?: DecidedBy, signal?: AbortSignal): Promise<number>;
  /** Of those that are asked for, the ones that wait go before all others of their name. @returns how many */
  runJobsNow(selection: JobSelection, signal?: AbortSignal): Promise<number>;
  /** Hints that a job has changed, as `subscribe` does of logs. @returns stops them. @throws InvalidInputError for an id that is none */
  subscribeJob(jobId: string, onChange: () => void): () => void;
}

export interface OpenJobs extends Jobs {
  handleOf<OutputT>(jobId: string, answer?: EnqueueAnswer): JobHandle<OutputT>;
  /** Resolves when every hint so far has been sent, or was lost. */
  settled(): Promise<void>;
}

export interface JobsOptions {
  db: Database;
  /** Unquoted. */
  schema: string;
  listener: HintListener;
  /** Something may be claimable: tells whoever runs it. */
  wake: () => Promise<void>;
  /** Who decides, where nobody says. */
  provenance: () => Provenance;
}

export function openJobs({ db, schema, listener, wake, provenance }: JobsOptions): OpenJobs {
  const sender = createJobHintSender(db, schema);
  // What is not heard, a poll finds.
  const wakeSoon = () => void wake().catch(() => {});
  const subscribeJob = (jobId: string, onChange: () => void) => listener.subscribe(jobHint(workIdOf(parseJobId(jobId))), onChange);
  const ofHandles: JobHints = {
    ...(listener.listens ? { subscribe: subscribeJob } : {}),
    changed(jobId) {
      sender.changed(workIdOf(parseJobId(jobId)));
      wakeSoon();
    },
    provenance,
  };
  const handleOf = <OutputT>(jobId: string, answer?: EnqueueAnswer) => createJobHandle<OutputT>(db, jobId, answer, ofHandles);

  async function wakeFor(counted: Promise<number>): Promise<number> {
    const count = await counted;
    if (count > 0) wakeSoon();
    return count;
  }

  return {
    handleOf,
    job: (id) => handleOf(id),
    listJobs: (options) => listJobs(db, options),
    cancelJobs: (selection, signal) => wakeFor(cancelJobs(db, selection, signal)),
    redriveJobs: (selection, by, signal) => wakeFor(redriveJobs(db, selection, { ...provenance(), ...by }, signal)),
    runJobsNow: (selection, signal) => wakeFor(runJobsNow(db, selection, signal)),
    subscribeJob,
    settled: () => sender.settled(),
  };
}
