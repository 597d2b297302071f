/** What the routes answer, inferred from the schemas that describe them. Types alone: nothing of the server is loaded. */
import type { z } from 'zod';
import type * as entries from '../http/entry-schemas.ts';
import type * as events from '../http/event-schemas.ts';
import type * as jobs from '../http/job-schemas.ts';
import type * as logs from '../http/logs.ts';
import type * as messages from '../http/message-schemas.ts';
import type * as schedules from '../http/schedule-schemas.ts';
import type * as schemas from '../http/schemas.ts';
import type * as session from '../http/session.ts';
import type * as snapshots from '../http/snapshots.ts';
import type * as work from '../http/work-schemas.ts';

export type SnapshotBody = z.output<typeof schemas.Snapshot>;
export type LogBody = z.output<typeof logs.LogBody>;
export type LogDetails = z.output<typeof logs.LogDetails>;
export type EntriesPage = z.output<typeof entries.EntriesPage>;
export type Appended = z.output<typeof entries.Appended>;

export type SnapshotItem = z.output<typeof snapshots.SnapshotItem>;
export type SnapshotsPage = z.output<typeof snapshots.SnapshotsPage>;
export type TileBody = z.output<typeof snapshots.TileBody>;
export type TilesBody = z.output<typeof snapshots.TilesBody>;

/** One event of a log's stream, by its name. */
export type LogEvent = {
  [Name in keyof typeof events.LogEvents]: { event: Name } & z.output<(typeof events.LogEvents)[Name]>;
}[keyof typeof events.LogEvents];

export type UnitBody = z.output<typeof work.Unit>;
export type UnitDetails = z.output<typeof work.UnitWithDetails>;
export type GroupStats = z.output<typeof work.GroupStats>;
export type ThroughputBucket = z.output<typeof work.ThroughputBucket>;
export type DeadGroup = z.output<typeof work.DeadGroup>;
export type WorkState = z.output<typeof work.WorkState>;
/** Which units. */
export type WorkSelection = { [Field in keyof typeof work.Selection]?: z.output<(typeof work.Selection)[Field]> };
export type JobBody = z.output<typeof jobs.Job>;
export type JobState = z.output<typeof jobs.JobNow>;
export type JobDetails = z.output<typeof jobs.JobWithDetails>;
export type EnqueuedBody = z.output<typeof jobs.Enqueued>;

export type ScheduleBody = z.output<typeof schedules.Schedule>;
export type FiredBody = z.output<typeof schedules.Fired>;
export type BackfilledBody = z.output<typeof schedules.Backfilled>;

export type SessionBody = z.output<typeof session.SessionBody>;

export type TopicBody = z.output<typeof messages.TopicBody>;
export type PublishedBody = z.output<typeof messages.Published>;
export type SubscriptionBody = z.output<typeof messages.Subscription>;
export type MessageBody = z.output<typeof messages.Message>;
export type DeadLetterBody = z.output<typeof messages.DeadLetter>;
export type DeadLetterDetails = z.output<typeof messages.DeadLetterWithDetails>;
/** Which dead letters. */
export type DeadLetterSelection = {
  [Field in keyof typeof messages.DeadLetterSelection]?: z.output<(typeof messages.DeadLetterSelection)[Field]>;
};
