/** A log as it is now: its tail, the work that its entries asked for, its snapshots. A page of its own, or beside its sheet. */
import './logs.css';
import type { LogDetails } from '../api-types.ts';
import { client } from '../client.ts';
import { formatCount } from '../format.ts';
import { Failure, Loading } from '../notice.tsx';
import { links } from '../router.ts';
import { usePolled } from '../use-polled.ts';
import { EntryList } from './entry-list.tsx';
import { Snapshots } from './snapshots.tsx';
import { useLogTail } from './use-log-tail.ts';
import { useUnitsOfLog } from './use-units-of-log.ts';

const EVERY_MS = 3_000;

export function LogPanel({ logId, isNarrow = false }: { logId: string; isNarrow?: boolean }) {
  const followed = useLogTail(logId);
  const log = usePolled((signal) => client.logs.get(logId, { signal }), EVERY_MS, logId);
  const hasPending = (log.data?.pending ?? 0) > 0 || (followed.tail?.entries.some(({ pending }) => pending !== undefined) ?? false);
  const units = useUnitsOfLog(logId, hasPending);

  if (log.data === undefined) {
    return log.error ? <Failure what={`${logId} could not be read.`} error={log.error} retry={log.reload} /> : <Loading what="the log" />;
  }
  return (
    <div className={isNarrow ? 'log log--narrow' : 'log'}>
      <Figures log={log.data} isNarrow={isNarrow} />
      <div className="log-columns">
        <section aria-labelledby="log-tail" className="log-tail">
          <div className="section-head">
            <h2 id="log-tail">Entries</h2>
            <span className={followed.isLive ? 'live live--on' : 'live'} role="status">
              {followed.isLive ? 'live' : 'not live'}
            </span>
          </div>
          <EntryList logId={logId} followed={followed} units={units} />
        </section>
        <Snapshots logId={logId} most={isNarrow ? 3 : 20} newest={log.data.lastSnapshot?.sequenceId} isSheet={log.data.type === 'sheet'} />
      </div>
    </div>
  );
}

function Figures({ log, isNarrow }: { log: LogDetails; isNarrow: boolean }) {
  const held = Number(log.nextSequenceId) - Number(log.firstSequenceId);
  return (
    <dl className="figures">
      <div>
        <dt>Entries held</dt>
        <dd>{formatCount(held)}</dd>
      </div>
      <div>
        <dt>Next entry</dt>
        <dd>#{formatCount(Number(log.nextSequenceId))}</dd>
      </div>
      {!isNarrow && Number(log.firstSequenceId) > 0 && (
        <div>
          <dt>Begins at</dt>
          <dd>#{formatCount(Number(log.firstSequenceId))}</dd>
        </div>
      )}
      <div>
        <dt>Newest snapshot</dt>
        <dd>{log.lastSnapshot ? `#${formatCount(Number(log.lastSnapshot.sequenceId))}` : 'none'}</dd>
      </div>
      <div>
        <dt>Work not done</dt>
        <dd>{log.pending === 0 ? '0' : <a href={links.work({ log: log.id })}>{formatCount(log.pending)}</a>}</dd>
      </div>
      {!isNarrow && (
        <div>
          <dt>A snapshot</dt>
          <dd>{log.snapshotEvery === undefined ? 'when asked for' : `every ${formatCount(log.snapshotEvery)} entries`}</dd>
        </div>
      )}
    </dl>
  );
}
