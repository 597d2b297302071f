/**
 * Publishes as an application would, through outages: a transaction whose end nobody knows is looked up, and tried again where it is not there.
 * Published is what the database has confirmed and the file outside it has on disk.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage, TidemarkError } from '../../src/errors.ts';
import type { PublishOptions } from '../../src/messages/publish.ts';
import type { Pool } from '../../src/postgres/pool.ts';
import { createTidemark } from '../../src/tidemark.ts';
import type { LineFile } from './acknowledged-file.ts';
import { SCHEMA } from './drill-settings.ts';
import { drillTopics, type Task } from './message-app.ts';
import { isOutage } from './outage.ts';

export interface Publication {
  topic: 'drill-event' | 'drill-note';
  task: Task;
  options: Pick<PublishOptions, 'orderingKey' | 'dedupeKey' | 'notBefore'>;
}

export interface PublishCounts {
  /** Messages of transactions that the database has confirmed. */
  published: number;
  /** Of transactions whose answer was lost; a look showed them there. */
  found: number;
  /** As `found`, and not there. Tried again. */
  lost: number;
  /** Published again under their key: they were there. */
  duplicates: number;
  /** Messages of transactions that were rolled back. */
  rolledBack: number;
}

export interface Publisher {
  /** In one transaction. Resolves when all of them are there. */
  publish(publications: readonly Publication[]): Promise<void>;
  /** In one transaction, which does not commit. */
  publishAndRollBack(publications: readonly Publication[]): Promise<void>;
  readonly counts: Readonly<PublishCounts>;
  close(): Promise<void>;
}

/** One line of the file outside the database. */
export interface PublishRecord {
  outcome: 'acknowledged' | 'found';
  names: readonly string[];
}

const RETRY_MS = 50;

/** @param signal aborted when the drill cannot go on */
export function createPublisher(pool: Pool, file: LineFile<PublishRecord>, signal?: AbortSignal): Publisher {
  const tidemark = createTidemark({ db: pool, schema: SCHEMA, topics: drillTopics });
  const counts: PublishCounts = { published: 0, found: 0, lost: 0, duplicates: 0, rolledBack: 0 };

  /** @returns how many were published before, under their key */
  const publishAll = (publications: readonly Publication[], rollBack: boolean): Promise<number> =>
    tidemark.transaction(async ({ tx, publish }) => {
      let duplicates = 0;
      for (const { topic, task, options } of publications) {
        const { isDuplicate } = await publish(topic, task, options);
        if (isDuplicate) {
          duplicates += 1;
          continue;
        }
        // Of what the ordered subscription gets: the key is locked by now, and stays so until the commit.
        const key = topic === 'drill-event' ? options.orderingKey : undefined;
        await tx.query(
          `with drawn as (
             insert into drill.key_number as k (key, number) select $3::text, 1 where $3::text is not null
             on conflict (key) do update set number = k.number + 1 returning number)
           insert into drill.published (name, topic, key, number) values ($1, $2, $3, (select number from drawn))`,
          [task.name, topic, key ?? null],
        );
      }
      if (rollBack) throw new RolledBack();
      return duplicates;
    });

  const areThere = async (names: readonly string[]): Promise<boolean> => {
    for (;;) {
      try {
        const { rows } = await pool.query('select count(distinct name)::integer as there from drill.published where name = any ($1)', [
          names,
        ]);
        return rows[0].there === names.length;
      } catch (error) {
        if (!isOutage(error)) throw error;
        await pause();
      }
    }
  };
  const pause = async () => {
    await delay(RETRY_MS);
    signal?.throwIfAborted();
  };

  return {
    counts,
    async publish(publications) {
      const names = publications.map(({ task }) => task.name);
      for (;;) {
        try {
          const duplicates = await publishAll(publications, false);
          await file.add({ outcome: 'acknowledged', names });
          counts.published += publications.length - duplicates;
          counts.duplicates += duplicates;
          return;
        } catch (error) {
          refuseUnexplained(error, names);
          await pause();
          if (await areThere(names)) {
            await file.add({ outcome: 'found', names });
            counts.found += publications.length;
            return;
          }
          counts.lost += publications.length;
        }
      }
    },
    async publishAndRollBack(publications) {
      try {
        await publishAll(publications, true);
      } catch (error) {
        if (!(error instanceof RolledBack)) {
          refuseUnexplained(
            error,
            publications.map(({ task }) => task.name),
          );
        }
      }
      counts.rolledBack += publications.length;
    },
    close: () => tidemark.close(),
  };
}

class RolledBack extends Error {}

function refuseUnexplained(error: unknown, names: readonly string[]): void {
  if (error instanceof TidemarkError || !isOutage(error)) {
    throw new Error(`Publishing ${names.join(', ')} failed in a way that no outage explains: ${errorMessage(error)}`, { cause: error });
  }
}
