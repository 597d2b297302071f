/**
 * The id of a job is `<name>:<id>`: the same in TypeScript, REST, CLI and messages. Its unit's is `job/<name>/<id>`, percent-encoded.
 */
import { InvalidInputError } from '../errors.ts';

export const JOB_WORKFLOW = 'job';

export interface JobKey {
  name: string;
  /** The caller's, or made for it. */
  id: string;
}

export const jobIdOf = ({ name, id }: JobKey): string => `${name}:${id}`;
export const workIdOf = ({ name, id }: JobKey): string => `${JOB_WORKFLOW}/${name}/${encodeURIComponent(id)}`;

/** @throws InvalidInputError */
export function parseJobId(jobId: string): JobKey {
  const [, name, id] = /^([a-z0-9][a-z0-9._-]{0,99}):(.+)$/s.exec(jobId) ?? [];
  if (name === undefined || id === undefined || /\0|\p{Surrogate}/u.test(id)) {
    throw new InvalidInputError(`'${jobId.slice(0, 120)}' is not the id of a job: use <name>:<id>, as enqueue answers it.`);
  }
  return { name, id };
}

/** @param workId of a job's unit */
export function jobKeyOf(workId: string): JobKey {
  const [, name = '', id = ''] = /^[^/]*\/([^/]*)\/(.*)$/s.exec(workId) ?? [];
  return { name, id: decodeJobId(id) };
}

/** What nobody has encoded, as `enqueue_job` of the migrations refuses it, is as it stands: a list of jobs is no place to find out. */
export function decodeJobId(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
