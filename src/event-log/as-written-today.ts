import type { LogEntry, LogMetadata } from './event-log.ts';
import type { LogType } from './log-type.ts';

/** Stored entries may be of an older shape; what workflows have set stays with them. */
// biome-ignore lint/suspicious/noExplicitAny: the state plays no part
export function asWrittenToday<EntryT extends LogEntry>({ upcast }: LogType<EntryT, any>, stored: LogEntry): EntryT {
  if (!upcast) {
    return stored as EntryT;
  }
  const { snapshot, history, pending } = stored;
  const metadata: LogMetadata = {
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(history === undefined ? {} : { history }),
    ...(pending === undefined ? {} : { pending }),
  };
  return { ...upcast(stored), ...metadata };
}
