/** How a process of the drill begins. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Queryable } from '../../src/postgres/queryable.ts';
import type { TemporalOptions } from '../../src/temporal/connection.ts';
import { probeTemporal } from '../../src/temporal/probe.ts';
import { installRuntime } from '../../src/temporal/runtime.ts';
import type { ProcessSettings } from './process-target.ts';

type Log = (level: string, message: string, details?: Record<string, unknown>) => void;

export function beginProcess(): ProcessSettings & { log: Log } {
  const log: Log = (level, message, details) =>
    console.log(JSON.stringify({ at: new Date().toISOString(), pid: process.pid, level, message, ...details }));
  installRuntime({ verbose: false, log });
  return { ...JSON.parse(process.argv[2] as string), log };
}

/** Being started while they are down is no reason to end. */
export async function untilServersAnswer(queryable: Queryable, temporal: TemporalOptions): Promise<void> {
  for (;;) {
    try {
      await queryable.query('select 1');
      await probeTemporal(temporal);
      return;
    } catch {
      await delay(100);
    }
  }
}
