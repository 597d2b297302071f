/** What the routes answer, inferred from the schemas that describe them. Types alone: nothing of the server is loaded. */
import type { z } from 'zod';
import type * as entries from '../http/entry-schemas.ts';
import type * as events from '../http/event-schemas.ts';
import type * as logs from '../http/logs.ts';
import type * as schemas from '../http/schemas.ts';

export type SnapshotBody = z.output<typeof schemas.Snapshot>;
export type LogBody = z.output<typeof logs.LogBody>;
export type LogDetails = z.output<typeof logs.LogDetails>;
export type EntriesPage = z.output<typeof entries.EntriesPage>;
export type Appended = z.output<typeof entries.Appended>;
export type ProvenanceBody = z.output<typeof entries.Provenance>;

/** One event of a log's stream, by its name. */
export type LogEvent = {
  [Name in keyof typeof events.LogEvents]: { event: Name } & z.output<(typeof events.LogEvents)[Name]>;
}[keyof typeof events.LogEvents];
