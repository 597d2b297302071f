/** What the REST API answers, as far as the page shows it. */

export interface Session {
  actor?: string;
  scopes: readonly string[];
  logPrefixes?: readonly string[];
  auth: 'tokens' | 'off' | 'own';
  readOnly: boolean;
}

export interface Snapshot {
  sequenceId: string;
  blobId: string;
}

export interface Log {
  id: string;
  type: string;
  typeVersion: number;
  firstSequenceId: string;
  nextSequenceId: string;
  snapshotEvery?: number;
  compactEvery?: number;
  createdAt: string;
}

export interface LogDetails extends Log {
  lastSnapshot?: Snapshot;
  lastHistory?: Snapshot;
  pending: number;
}

export interface Metadata {
  snapshot?: string;
  history?: string;
  pending?: string;
}

export interface Entry extends Metadata {
  type: string;
  [field: string]: unknown;
}

export interface Provenance {
  actor?: string;
  correlationId?: string;
  causationId?: string;
  committedAt?: string;
}

export interface EntryPage {
  startSequenceId: string;
  endSequenceId: string;
  entries: Entry[];
  provenance?: Provenance[];
}

export interface SnapshotListing extends Snapshot {
  committedAt: string;
}

export interface Tile {
  row: number;
  column: number;
  rowCount: number;
  columnCount: number;
  bytes: number;
  isRewritten: boolean;
}

export interface Tiles {
  tiles: Tile[];
  bytes: number;
  tileRows: number;
  tileColumns: number;
  cells: number;
  /** Sequence id of the snapshot it is compared with. */
  previous?: string;
}

export const WORK_STATES = ['waiting', 'running', 'done', 'dead', 'cancelled', 'expired'] as const;
export type WorkState = (typeof WORK_STATES)[number];

export interface WorkError {
  code: string;
  message: string;
  stack?: string;
}

export interface Unit {
  id: string;
  workflow: string;
  state: WorkState;
  group: string;
  orderingKey?: string;
  attempt: number;
  execution?: string;
  uiUrl?: string;
  error?: WorkError;
  stack?: string;
  input?: unknown;
  progress?: unknown;
  result?: unknown;
  actor?: string;
  correlationId?: string;
  causationId?: string;
  createdAt: string;
  begunAt?: string;
  finishedAt?: string;
}

export interface UnitPage {
  units: Unit[];
  next?: string;
}

export interface GroupStats {
  group: string;
  depth: Record<WorkState, number>;
  scheduled: number;
  oldestWaitingMs?: number;
  oldestRunningMs?: number;
  paused: boolean;
}

export interface WorkStats {
  groups: GroupStats[];
  sweep: Record<string, number>;
}

export interface Bucket {
  at: string;
  group: string;
  done: number;
  dead: number;
  p50Ms?: number;
  p95Ms?: number;
}

export interface Throughput {
  bucketMs: number;
  buckets: Bucket[];
}

export interface ErrorGroup {
  fingerprint: string;
  code: string;
  message: string;
  units: number;
  groups: string[];
  oldestAt: string;
  newestAt: string;
}

export interface WorkSelection {
  ids?: readonly string[];
  fingerprint?: string;
  group?: string;
}
