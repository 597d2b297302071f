/** Schedules over HTTP: what there is, what is next, and what a person decides about them. */
import type { BackfilledBody, FiredBody, ScheduleBody } from './api-types.ts';
import type { RequestOptions, Transport } from './transport.ts';

type Signal = Pick<RequestOptions, 'signal'>;
/** What becomes of a time while an earlier job of the schedule waits or runs. */
type Overlap = NonNullable<ScheduleBody['overlap']>;

export interface ScheduleClient {
  /** By name, each with its last and next times. */
  list(options?: Signal): Promise<{ schedules: ScheduleBody[] }>;
  /** @throws ScheduleNotFoundError */
  get(schedule: string, options?: Signal): Promise<ScheduleBody>;
  /** Its next times, whether or not it is paused. @param options `limit`: from 1 to 1,000, default 10 @throws ScheduleNotFoundError */
  next(schedule: string, options?: { limit?: number } & Signal): Promise<{ next: string[] }>;
  /**
   * Enqueues its job now, also while it is paused. Each call is one more, so it is sent once: of one without an answer nobody knows.
   * @param options `overlap`: in place of the schedule's own @throws ScheduleNotFoundError, QueueFullError
   */
  trigger(schedule: string, options?: { overlap?: Overlap } & Signal): Promise<FiredBody>;
  /** It fires no more until it is resumed. Twice is as once. @param options `note`: why, shown with it @throws ScheduleNotFoundError */
  pause(schedule: string, options?: { note?: string } & Signal): Promise<{ schedule: string; paused: boolean }>;
  /** It fires again from now on: what was due meanwhile is for `backfill`. @throws ScheduleNotFoundError */
  resume(schedule: string, options?: { note?: string } & Signal): Promise<{ schedule: string; paused: boolean }>;
  /**
   * Enqueues the jobs of past times that have none, both ends included: all or none. Sent once; a time that has its job is left alone, so after a lost
   * answer it may be called again.
   * @throws ScheduleNotFoundError; InvalidInputError for more than 1,000 times, times to come, and times so long ago that nothing is known of them
   */
  backfill(schedule: string, range: { from: Date; to: Date; overlap?: Overlap } & Signal): Promise<BackfilledBody>;
}

export function createScheduleClient(transport: Transport): ScheduleClient {
  const of = (schedule: string, path = '') => `schedules/${encodeURIComponent(schedule)}${path}`;
  const setPaused =
    (verb: 'pause' | 'resume'): ScheduleClient['pause'] =>
    (schedule, { signal, ...body } = {}) =>
      transport.json('POST', of(schedule, `/${verb}`), { body, isRepeatable: true, subject: { name: schedule }, signal });
  return {
    list: ({ signal } = {}) => transport.json('GET', 'schedules', { signal }),
    get: (schedule, { signal } = {}) => transport.json('GET', of(schedule), { subject: { name: schedule }, signal }),
    next: (schedule, { signal, ...query } = {}) =>
      transport.json('GET', of(schedule, '/next'), { query, subject: { name: schedule }, signal }),
    trigger: (schedule, { signal, ...body } = {}) =>
      transport.json('POST', of(schedule, '/trigger'), { body, subject: { name: schedule }, signal }),
    pause: setPaused('pause'),
    resume: setPaused('resume'),
    backfill: (schedule, { signal, ...body }) =>
      transport.json('POST', of(schedule, '/backfill'), { body, subject: { name: schedule }, signal }),
  };
}
