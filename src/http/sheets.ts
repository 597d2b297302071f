/** What a server offers of sheets: cells, snapshots, files in and out. The views that it reads from are shared. */
import { cellRoutes } from './cells.ts';
import { exportRoutes } from './exports.ts';
import type { HttpApp, HttpAppOptions } from './http-app.ts';
import { importRoutes } from './imports.ts';
import { createSheetReader } from './sheet-reader.ts';
import { snapshotRoutes } from './snapshots.ts';

export function sheetRoutes(app: HttpApp, options: HttpAppOptions): void {
  const sheets = createSheetReader(options, app.log);
  snapshotRoutes(app, options, sheets);
  cellRoutes(app, options, sheets);
  exportRoutes(app, sheets);
  importRoutes(app, options);
}
