/** Entries, newest first, each with the work it asked for: waiting, running, done, as it happens. */
import type { Unit, WorkState } from '../api-types.ts';
import { formatCount } from '../format.ts';
import { Empty, Failure, Loading } from '../notice.tsx';
import { links } from '../router.ts';
import { StateChip } from '../state-chip.tsx';
import { Time } from '../time.tsx';
import { describeEntry } from './describe-entry.ts';
import type { TailEntry } from './log-tail.ts';
import type { FollowedTail } from './use-log-tail.ts';

interface EntryListProps {
  logId: string;
  followed: FollowedTail;
  units: ReadonlyMap<bigint, Unit>;
}

export function EntryList({ logId, followed, units }: EntryListProps) {
  const { tail, error, hasEarlier, earlier } = followed;
  if (tail === undefined) {
    return error ? <Failure what="The entries could not be read." error={error} /> : <Loading what="entries" />;
  }
  return (
    <>
      {error && <Failure what="Earlier entries could not be read." error={error} />}
      {tail.entries.length === 0 && <Empty>The log holds no entries.</Empty>}
      <ol className="entries" reversed>
        {[...tail.entries].reverse().map((entry) => (
          <EntryRow key={String(entry.sequenceId)} logId={logId} entry={entry} unit={units.get(entry.sequenceId)} />
        ))}
      </ol>
      {hasEarlier && (
        <button type="button" className="button" onClick={earlier}>
          Earlier entries
        </button>
      )}
      {!hasEarlier && tail.start > 0n && (
        <p className="muted">The log begins at #{formatCount(Number(tail.start))}. What came before is in its history.</p>
      )}
    </>
  );
}

function EntryRow({ logId, entry, unit }: { logId: string; entry: TailEntry; unit: Unit | undefined }) {
  const { sequenceId, type, actor, committedAt, snapshot, history, asked, isNew } = entry;
  // What a finished unit has made, its own name says.
  const hasWork = asked !== undefined || unit !== undefined;
  return (
    <li className={isNew ? 'entry entry--new' : 'entry'}>
      <span className="entry-id">#{formatCount(Number(sequenceId))}</span>
      <span className="entry-what">
        <span className="entry-text">{describeEntry(entry)}</span>
        <span className="entry-type">{type}</span>
      </span>
      <span className="entry-who">
        {actor ?? <span className="muted">nobody named</span>}
        <Time at={committedAt} />
      </span>
      <span className="entry-work">
        {!hasWork && history && <span className="tag">history</span>}
        {!hasWork && snapshot && <span className="tag tag--accent">snapshot</span>}
        <EntryWork logId={logId} entry={entry} unit={unit} />
      </span>
    </li>
  );
}

function EntryWork({ logId, entry: { sequenceId, pending, asked }, unit }: { logId: string; entry: TailEntry; unit: Unit | undefined }) {
  const workflow = unit?.workflow ?? asked;
  if (workflow === undefined) return null;
  const id = unit?.id ?? `${workflow}/${logId}/${sequenceId}`;
  return (
    <>
      <a href={links.unit(id)} title={id}>
        {workflow}
      </a>
      <StateChip state={stateOf(pending, unit)} />
      {unit?.uiUrl && (
        <a href={unit.uiUrl} target="_blank" rel="noreferrer" aria-label={`Execution of ${id} in Temporal's web UI`}>
          Temporal ↗
        </a>
      )}
    </>
  );
}

/** The entry knows first that its work is done; the unit, how far it is until then. */
function stateOf(pending: string | undefined, unit: Unit | undefined): WorkState {
  if (pending === undefined) return unit && unit.state !== 'waiting' && unit.state !== 'running' ? unit.state : 'done';
  return unit?.state ?? 'waiting';
}
