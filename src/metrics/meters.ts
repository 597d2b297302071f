/** What every part that measures is given, and how it reads what only Postgres knows. */
import type { Meter } from '@opentelemetry/api';
import { within } from '../health/within.ts';
import { atMostEvery } from './at-most-every.ts';

export type Meters = readonly Meter[];

const FRESH_MS = 1_000;
/** Below what a scrape may take. */
const READ_MS = 5_000;

/** One read for all meters of a scrape, that Postgres has to answer in time. */
export function fromPostgres<T>(read: () => Promise<T>): () => Promise<T> {
  return atMostEvery(FRESH_MS, () => within(READ_MS, 'Postgres', read()));
}
