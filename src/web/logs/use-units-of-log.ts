/** The units that entries of a log asked for, by the entries' sequence ids. Looked at often only while one of them is not done. */
import { useMemo } from 'react';
import type { Unit } from '../api-types.ts';
import { client } from '../client.ts';
import { usePolled } from '../use-polled.ts';

const BUSY_MS = 700;
const QUIET_MS = 10_000;
const NEWEST = 100;

export function useUnitsOfLog(logId: string, isBusy: boolean): ReadonlyMap<bigint, Unit> {
  const { data } = usePolled((signal) => client.work.list({ log: logId, limit: NEWEST, signal }), isBusy ? BUSY_MS : QUIET_MS, logId);
  return useMemo(() => {
    const units = new Map<bigint, Unit>();
    for (const unit of data?.units ?? []) {
      const sequenceId = unit.entry && BigInt(unit.entry.sequenceId);
      // Newest first: an entry's newest unit stands for it.
      if (sequenceId !== undefined && !units.has(sequenceId)) units.set(sequenceId, unit);
    }
    return units;
  }, [data]);
}
