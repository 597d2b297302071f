/** Schedules for a process that has no connection to Temporal otherwise: made when it is first needed, and again after it could not be. */
import type { Client, Connection } from '@temporalio/client';
import type { Pool } from '../postgres/pool.ts';
import type { Schedules } from '../schedules/schedules.ts';
import { connectClient, type TemporalOptions } from './connection.ts';
import { createSchedules } from './schedules.ts';

export interface ConnectSchedulesOptions {
  pool: Pool;
  schema: string;
  temporal: TemporalOptions;
}

export function connectSchedules({ pool, schema, temporal }: ConnectSchedulesOptions): {
  schedules: Schedules;
  client: () => Promise<Client>;
  close(): Promise<void>;
} {
  let connecting: Promise<Client> | undefined;
  const client = () => {
    connecting ??= connectClient(temporal).catch((error: unknown) => {
      connecting = undefined;
      throw error;
    });
    return connecting;
  };
  return {
    schedules: createSchedules({ client, pool, schema }),
    client,
    async close() {
      const connected = await connecting?.catch(() => undefined);
      await (connected?.connection as Connection | undefined)?.close();
    },
  };
}
