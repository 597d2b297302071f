/** A command's work through the library itself: with the jobs of an app where it needs them, with hints where the connection takes them. */
import { createTidemark, type Tidemark } from '../tidemark.ts';
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
    const { schema, databaseUrl } = context.targets;
    const jobs = needsApp ? [...(await loadApp(app, schema)).registry.jobs.values()] : [];
    const tidemark = createTidemark({ db: context.pool, schema, jobs, connectionString: databaseUrl });
    try {
      return await body({ ...context, tidemark });
    } finally {
      await tidemark.close();
    }
  });
}
