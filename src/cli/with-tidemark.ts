/**
 * A command's work through the library itself, with hints where the connection takes them: with an app where it needs one, whose jobs this process may have
 * to carry out; without one only facts are written, and whoever runs jobs finds them.
 */
import { openBlobStore } from '../blob-store/open-blob-store.ts';
import { loadJobSettings } from '../settings/job-settings.ts';
import { createTidemark, type Tidemark } from '../tidemark.ts';
import { createAppInstance } from './app-instance.ts';
import { loadApp } from './load-app.ts';
import { type DatabaseContext, withDatabase } from './with-database.ts';

export interface TidemarkContext extends DatabaseContext {
  tidemark: Tidemark;
}

/** @param options `app`: its file, or the default one; `needsApp`: whether it is loaded */
export async function withTidemark<T>(
  { app, needsApp = false }: { app?: string | undefined; needsApp?: boolean },
  body: (context: TidemarkContext) => Promise<T>,
): Promise<T> {
  return withDatabase(async (context) => {
    const tidemark = needsApp ? await instanceOfApp(app, context) : instanceWithoutApp(context);
    try {
      return await body({ ...context, tidemark });
    } finally {
      await tidemark.close();
    }
  });
}

function instanceWithoutApp({ pool, targets: { schema, databaseUrl } }: DatabaseContext): Tidemark {
  return createTidemark({ db: pool, schema, useJobs: true, connectionString: databaseUrl });
}

async function instanceOfApp(file: string | undefined, { pool, targets }: DatabaseContext): Promise<Tidemark> {
  const { schema, databaseUrl } = targets;
  const app = await loadApp(file, schema);
  const runsHere = !(app.useJobs ?? loadJobSettings().useJobs);
  const blobs = app.blobs ?? (runsHere ? await openBlobStore(targets.blobs, { pool, schema }) : undefined);
  return createAppInstance(app, { pool, schema, blobs, databaseUrl });
}
