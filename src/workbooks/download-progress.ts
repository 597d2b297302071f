/** How far a download is, as people read it: records by table, and a fraction in which each table has an equal share. */
import type { JobContext } from '../jobs/job-context.ts';
import type { TableProgress } from './download-table.ts';

export interface DownloadProgress {
  say(tableId: string, progress: TableProgress): Promise<void>;
}

const number = new Intl.NumberFormat('en-US');

export function downloadProgress(tableIds: readonly string[], say: JobContext['progress']): DownloadProgress {
  const counts: Record<string, number> = Object.fromEntries(tableIds.map((id) => [id, 0]));
  return {
    async say(tableId, { records, total, waiting }) {
      counts[tableId] = records;
      const before = tableIds.indexOf(tableId);
      const ofTable = total === undefined ? 0 : Math.min(total === 0 ? 1 : records / total, 1);
      const of = total === undefined ? '' : ` of ${number.format(total)}`;
      await say({
        fraction: (before + ofTable) / tableIds.length,
        message: `${tableId}: ${number.format(records)}${of} records${waiting === undefined ? '' : `; ${waiting}`}`,
        counts,
      });
    },
  };
}
