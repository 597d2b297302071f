/** What the REST API answers, under the names that the page has for it. All but the last of it is inferred from the schemas that describe it. */
import type { DeadGroup, EntriesPage, LogBody, SessionBody, ThroughputBucket, UnitBody, WorkState } from '../client/api-types.ts';

export type { EntriesPage, GroupStats, LogDetails, LogEvent, UnitDetails, WorkState } from '../client/api-types.ts';

export type Session = SessionBody;
export type Log = LogBody;
export type Unit = UnitBody;
export type ErrorGroup = DeadGroup;
export type Entry = EntriesPage['entries'][number];
export type Metadata = Pick<Entry, 'snapshot' | 'history' | 'pending'>;
export type Provenance = NonNullable<EntriesPage['provenance']>[number];

/** In the order that they are shown. */
export const WORK_STATES = ['waiting', 'running', 'done', 'dead', 'cancelled', 'expired'] as const satisfies readonly WorkState[];

export interface Throughput {
  bucketMs: number;
  buckets: ThroughputBucket[];
}

export interface SnapshotListing {
  sequenceId: string;
  blobId: string;
  committedAt: string;
}

export interface Tile {
  /** Of its top left cell. */
  row: number;
  column: number;
  rowCount: number;
  columnCount: number;
  /** Before compression; absent where one item stands for several tiles. */
  bytes?: number;
  isRewritten: boolean;
}

export interface Tiles {
  tiles: Tile[];
  /** Of the sheet: more than there are items where one stands for several. */
  tileCount: number;
  /** Of the items. */
  rewrittenCount: number;
  cells: number;
  bytes?: number;
  /** What it is compared with. */
  previous?: { sequenceId: string };
}
