/** What a server offers of sheets: cells, snapshots, files in and out. The views that it reads from are shared. */
import { cellRoutes } from './cells.ts';
import { exportRoutes } from './exports.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import { importRoutes, type UploadOptions } from './imports.ts';
import { createSheetReader } from './sheet-reader.ts';
import { snapshotRoutes } from './snapshots.ts';

export function sheetRoutes(app: HttpApp, context: HttpContext, uploads: UploadOptions): void {
  const sheets = createSheetReader(context, app.log);
  snapshotRoutes(app, context, sheets);
  cellRoutes(app, context, sheets);
  exportRoutes(app, sheets);
  importRoutes(app, context, uploads);
}
