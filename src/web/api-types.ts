/** What the REST API answers, under the names that the page has for it, inferred from the schemas that describe it. Types alone. */
import type {
  DeadGroup,
  EntriesPage,
  JobBody,
  LogBody,
  MessageBody,
  ScheduleBody,
  SessionBody,
  SnapshotItem,
  SubscriptionBody,
  TileBody,
  TilesBody,
  UnitBody,
  WorkState,
} from '../client/api-types.ts';
import type { WorkClient } from '../client/work-client.ts';

export type {
  EntriesPage,
  GroupStats,
  JobDetails,
  JobState,
  LogDetails,
  LogEvent,
  SnapshotsPage,
  UnitDetails,
  WorkState,
} from '../client/api-types.ts';

export type Job = JobBody;
export type Schedule = ScheduleBody;
export type Session = SessionBody;
export type Log = LogBody;
export type Unit = UnitBody;
export type ErrorGroup = DeadGroup;
export type Subscription = SubscriptionBody;
export type Message = MessageBody;
export type SnapshotListing = SnapshotItem;
export type Tile = TileBody;
export type Tiles = TilesBody;
export type Entry = EntriesPage['entries'][number];
export type Metadata = Pick<Entry, 'snapshot' | 'history' | 'pending'>;
export type Provenance = NonNullable<EntriesPage['provenance']>[number];

/** In the order that they are shown. */
export const WORK_STATES = ['waiting', 'running', 'done', 'dead', 'cancelled', 'expired'] as const satisfies readonly WorkState[];

export type Throughput = Awaited<ReturnType<WorkClient['throughput']>>;
