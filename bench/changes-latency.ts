/** From the commit of a row to its change handled, fifty a second, against a bare workflow that does the same work. */
import { missingBlobStore } from '../src/blob-store/missing-blob-store.ts';
import { onChange } from '../src/changes/on-change.ts';
import { startWorker } from '../src/temporal/start-worker.ts';
import { createTidemark } from '../src/tidemark.ts';
import { createChangeTable, startReader } from './support/change-backlog.ts';
import type { Environment } from './support/environment.ts';
import type { Figure } from './support/figure.ts';
import { measureHandling } from './support/measure-handling.ts';

export default function measure(environment: Environment): Promise<Figure[]> {
  const text = { name: 'changes-latency', what: 'commit of a row to its change handled, each row in its order' };
  return measureHandling(environment, text, async (database, carryOut) => {
    const changes = [
      onChange<{ id: number }>('unit', {}, async ({ after }) => {
        if (after) await carryOut(after.id);
      }),
    ];
    await createChangeTable(database, 'create table public.unit (id integer primary key)', changes);
    const tidemark = createTidemark({ db: database.pool, changes });
    const worker = await startWorker({
      registry: tidemark.registry,
      pool: database.pool,
      statements: database.statements,
      schema: 'tidemark',
      blobs: missingBlobStore,
      temporal: await environment.temporal(),
      starter: { connectionString: database.url, log: (_, message) => environment.say(message) },
    });
    const reader = await startReader(database, changes);
    return {
      async ask(id) {
        await database.owner.query('insert into public.unit (id) values ($1)', [id]);
      },
      async stop() {
        await reader.stop();
        await worker.stop();
        await tidemark.close();
      },
    };
  });
}
