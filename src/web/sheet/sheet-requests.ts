/** What the sheet asks the server for beside its log and blobs. Errors are the library's. */

import { rangeName } from '../../spreadsheet/a1.ts';
import type { Cell, CellRange, CellValue } from '../../spreadsheet/cell.ts';
import type { WaitingWork } from './save-status.ts';
import type { SheetClient } from './use-live-sheet.ts';

/** One write of a cell, as its log has it. */
export interface CellWrite {
  sequenceId: string;
  value: CellValue;
  format?: string;
  actor?: string;
  committedAt?: string;
  type: string;
}

export interface Moment {
  actor?: string;
  committedAt?: string;
}

interface GroupDepth {
  depth: { waiting: number; running: number };
  oldestWaitingMs?: number;
  lastSignMs?: number;
  paused: boolean;
}

const logPath = (sheetId: string, rest: string) => `logs/${encodeURIComponent(sheetId)}/${rest}`;

/** Newest first; an answer may hold none and a `next`. @param before of an earlier answer's `next` */
export function cellHistory(
  client: SheetClient,
  sheetId: string,
  cell: string,
  { before, signal }: { before?: string | undefined; signal?: AbortSignal } = {},
): Promise<{ writes: CellWrite[]; next?: string }> {
  return client.request('GET', logPath(sheetId, `cells/${cell}/history`), { query: { limit: 25, before }, signal });
}

export async function cellsAt(client: SheetClient, sheetId: string, range: CellRange, at: bigint, signal?: AbortSignal): Promise<Cell[][]> {
  const query = { range: rangeName(range), at: String(at), format: 'json' };
  const { rows } = await client.request<{ rows: (Cell | null)[][] }>('GET', logPath(sheetId, 'cells'), { query, signal });
  return rows.map((line) => line.map((cell) => cell ?? { value: null }));
}

/** Who wrote the entry, and when. undefined where the log does not hold it any more. */
export async function momentOf(
  client: SheetClient,
  sheetId: string,
  sequenceId: bigint,
  signal?: AbortSignal,
): Promise<Moment | undefined> {
  const query = { start: String(sequenceId), end: String(sequenceId + 1n), limit: 1, provenance: 'true', archived: 'true' };
  const { provenance } = await client.request<{ provenance?: Moment[] }>('GET', logPath(sheetId, 'entries'), { query, signal });
  return provenance?.[0];
}

/** Snapshots and other work of sheets; where the group is paused, a person means it to wait. */
export async function waitingWork(client: SheetClient, signal: AbortSignal): Promise<WaitingWork> {
  const { groups } = await client.request<{ groups: GroupDepth[] }>('GET', 'work/stats?group=sheet', { signal });
  const [group] = groups;
  return group === undefined || group.paused
    ? { waiting: 0, running: 0, oldestMs: 0 }
    : { ...group.depth, oldestMs: group.oldestWaitingMs ?? 0, lastSignMs: group.lastSignMs };
}

/** In 'csv' a text that another program would run as a formula begins with an apostrophe; in 'csv-exact' all is as it is in the sheet. */
export type ExportFormat = 'csv' | 'csv-exact' | 'xlsx';

export function exportAddress(sheetId: string, format: ExportFormat, at: bigint | undefined): string {
  const query = new URLSearchParams({ format: format === 'xlsx' ? 'xlsx' : 'csv', escapeFormulas: String(format === 'csv') });
  if (at !== undefined) {
    query.set('at', String(at));
  }
  return new URL(`${logPath(sheetId, 'export')}?${query}`, document.baseURI).href;
}
