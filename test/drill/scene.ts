/** What a drill plays in: servers of its own, a database, two workers, a starter and two readers of row changes. One worker runs a starter loop too, and starts eagerly. */
import { join } from 'node:path';
import { applyChangesPlan, planChanges } from '../../src/changes/plan-changes.ts';
import type { EmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { applySubscriptions } from '../../src/messages/apply-subscriptions.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { inSchema } from '../../src/postgres/queryable.ts';
import { type BlobPlaces, createBlobPlaces } from './blob-places.ts';
import { drillChanges, STORED_ONLY } from './change-app.ts';
import { prepareDatabase } from './drill-database.ts';
import { SCHEMA } from './drill-settings.ts';
import { createGate, type Gate } from './gate.ts';
import { drillWorkers } from './message-app.ts';
import { createProcessTarget, type ProcessTarget } from './process-target.ts';
import { createPostgresTarget, createTemporalTarget, type ServerTarget } from './servers.ts';
import type { Target } from './target.ts';

export interface Scene {
  readonly targets: readonly Target[];
  readonly processes: readonly ProcessTarget[];
  /** Closed: no process with a starter loop is started. */
  readonly gate: Gate;
  readonly postgres: ServerTarget<EmbeddedPostgres>;
  /** As an application connects. */
  readonly pool: Pool;
  /** As superuser. */
  readonly owner: Pool;
  readonly ownerUrl: string;
  readonly blobs: BlobPlaces;
}

const PROCESSES = [
  { kind: 'worker', name: 'worker-1', startsExecutions: true },
  { kind: 'worker', name: 'worker-2', startsExecutions: false },
  { kind: 'starter', name: 'starter', startsExecutions: true },
  { kind: 'cdc', name: 'cdc-1', startsExecutions: false },
  { kind: 'cdc', name: 'cdc-2', startsExecutions: false },
] as const;

/** @param closing gets what ends each part of it, to be called last first */
export async function openScene(directory: string, kindOfBlobs: 'folder' | 's3', closing: (() => Promise<unknown>)[]): Promise<Scene> {
  const postgres = await createPostgresTarget(directory);
  closing.push(() => postgres.stop());
  const temporal = await createTemporalTarget(directory);
  closing.push(() => temporal.stop());
  const { appUrl, ownerUrl, cdcUrl } = await prepareDatabase(postgres.current().url);
  const open = (connectionString: string) => {
    const pool = createPool({ connectionString, max: 20, applicationName: 'drill' });
    closing.push(() => pool.end());
    return pool;
  };
  const pool = open(appUrl);
  const owner = open(ownerUrl);

  const changes = drillChanges();
  const db = inSchema(owner, SCHEMA);
  await applySubscriptions(db, [...drillWorkers(pool), ...changes]);
  await db.query(`update ${SCHEMA}.subscription set enabled = false where name = $1`, [STORED_ONLY]);
  await applyChangesPlan(db, await planChanges(db, changes));
  const blobs = await createBlobPlaces(kindOfBlobs, join(directory, 'blobs'), closing);
  const gate = createGate();
  const processes = PROCESSES.map(({ kind, name, startsExecutions }) =>
    createProcessTarget({
      kind,
      name,
      directory,
      settings: {
        databaseUrl: kind === 'cdc' ? cdcUrl : appUrl,
        temporalAddress: temporal.current().address,
        blobs: blobs.place,
        startsExecutions,
      },
      mayStart: startsExecutions ? gate.pass : async () => {},
    }),
  );
  closing.push(() => Promise.all(processes.map((process) => process.end())));
  await Promise.all(processes.map((process) => process.start()));
  await Promise.all(processes.map((process) => process.untilUp()));
  return { targets: [postgres, temporal, ...processes], processes, gate, postgres, pool, owner, ownerUrl, blobs };
}
