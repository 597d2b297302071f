/** The snapshots of a log; of a sheet's, how large one is and a picture of what it rewrote. */
import { useState } from 'react';
import type { SnapshotListing } from '../api-types.ts';
import { api } from '../client.ts';
import { formatBytes, formatCount, plural } from '../format.ts';
import { Empty, Failure, Loading } from '../notice.tsx';
import { Time } from '../time.tsx';
import { usePolled } from '../use-polled.ts';
import { TilePicture } from './tile-picture.tsx';

const EVERY_MS = 10_000;

interface SnapshotsProps {
  logId: string;
  newest: string | undefined;
  isSheet: boolean;
  /** In the list. */
  most: number;
}

export function Snapshots({ logId, newest, isSheet, most }: SnapshotsProps) {
  // A new snapshot is looked for at once.
  const { data, error, reload } = usePolled((signal) => api.snapshots(logId, signal), EVERY_MS, `${logId} ${newest}`);
  const [chosen, setChosen] = useState<string>();
  const snapshots = data?.snapshots;
  const shown = snapshots?.find(({ sequenceId }) => sequenceId === chosen) ?? snapshots?.[0];

  return (
    <section aria-labelledby="snapshots" className="snapshots">
      <div className="section-head">
        <h2 id="snapshots">Snapshots</h2>
        {snapshots && (
          <span className="muted">
            {plural(snapshots.length, 'snapshot')}
            {data?.next === undefined ? '' : ' and more'}
          </span>
        )}
      </div>
      {error && <Failure what="The snapshots could not be listed." error={error} retry={reload} />}
      {snapshots === undefined && !error && <Loading what="snapshots" />}
      {snapshots?.length === 0 && <Empty>No snapshot has been taken yet.</Empty>}
      {shown && isSheet && <Picture logId={logId} snapshot={shown} />}
      {snapshots && snapshots.length > 0 && (
        <ol className="snapshot-list">
          {snapshots.slice(0, most).map((snapshot) => (
            <li key={snapshot.sequenceId}>
              <button
                type="button"
                className="snapshot"
                aria-pressed={snapshot === shown}
                onClick={() => setChosen(snapshot.sequenceId)}
                disabled={!isSheet}
              >
                <span className="strong">before #{formatCount(Number(snapshot.sequenceId))}</span>
                <Time at={snapshot.committedAt} />
              </button>
            </li>
          ))}
        </ol>
      )}
      {snapshots && snapshots.length > most && <p className="muted">and {formatCount(snapshots.length - most)} older ones</p>}
    </section>
  );
}

function Picture({ logId, snapshot: { sequenceId } }: { logId: string; snapshot: SnapshotListing }) {
  const { data, error, reload } = usePolled((signal) => api.tiles(logId, sequenceId, signal), 0, `${logId} ${sequenceId}`);
  if (data === undefined) {
    return error ? <Failure what="Its tiles could not be read." error={error} retry={reload} /> : <Loading what="its tiles" />;
  }
  const { tiles, tileCount, rewrittenCount, cells, bytes, previous } = data;
  const rewrittenBytes = tiles.reduce((sum, tile) => sum + (tile.isRewritten ? (tile.bytes ?? 0) : 0), 0);
  return (
    <figure className="tiles">
      <TilePicture tiles={tiles} rewrittenCount={rewrittenCount} />
      <figcaption>
        <dl className="figures figures--small">
          <div>
            <dt>Rewritten</dt>
            <dd>
              {formatCount(rewrittenCount)} of {plural(tiles.length, tiles.length === tileCount ? 'tile' : 'block')}
            </dd>
          </div>
          {tiles.length !== tileCount && (
            <div>
              <dt>Tiles</dt>
              <dd>{formatCount(tileCount)}</dd>
            </div>
          )}
          {bytes !== undefined && (
            <div title="Before compression">
              <dt>Content</dt>
              <dd>
                {formatBytes(rewrittenBytes)} of {formatBytes(bytes)}
              </dd>
            </div>
          )}
          <div>
            <dt>Cells</dt>
            <dd>{formatCount(cells)}</dd>
          </div>
        </dl>
        <p className="muted tile-key">
          <span className="swatch swatch--rewritten" /> rewritten
          <span className="swatch swatch--kept" />
          {previous === undefined
            ? 'nothing to keep: the first one'
            : `kept from the snapshot before #${formatCount(Number(previous.sequenceId))}`}
        </p>
      </figcaption>
    </figure>
  );
}
