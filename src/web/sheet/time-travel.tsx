/** Walks through the log: which state of the sheet is shown, when it was, and who wrote last then. */
import { useEffect, useState } from 'react';
import { formatCount } from '../format.ts';
import { Time } from '../time.tsx';
import { type Moment, momentOf } from './sheet-requests.ts';
import type { SheetClient } from './use-live-sheet.ts';

export interface TimeTravelProps {
  client: SheetClient;
  sheetId: string;
  /** States are those before each entry up to this one, the newest. */
  end: bigint;
  at: bigint;
  isThere: boolean;
  error: Error | undefined;
  onMove: (at: bigint) => void;
  onRetry: () => void;
  onClose: () => void;
}

const QUIET_MS = 120;

export function TimeTravel({ client, sheetId, end, at, isThere, error, onMove, onRetry, onClose }: TimeTravelProps) {
  const [known, setKnown] = useState<{ at: bigint; moment: Moment | undefined }>();
  useEffect(() => {
    const controller = new AbortController();
    const timer = setTimeout(() => {
      if (at > 0n) {
        // That the moment is not known is no reason not to show the cells.
        void momentOf(client, sheetId, at - 1n, controller.signal).then(
          (moment) => setKnown({ at, moment }),
          () => controller.signal.aborted || setKnown({ at, moment: undefined }),
        );
      }
    }, QUIET_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [client, sheetId, at]);

  const moment = known?.at === at ? known.moment : undefined;
  const step = (by: bigint) => {
    const to = at + by;
    if (to >= 0n && to <= end) {
      onMove(to);
    }
  };
  return (
    <section className="sheet-past" aria-label="Earlier states">
      <button type="button" className="sheet-tool" aria-label="One entry back" disabled={at <= 0n} onClick={() => step(-1n)}>
        ‹
      </button>
      <input
        type="range"
        aria-label="State of the sheet, by entry"
        aria-valuetext={`after ${at} of ${end} entries`}
        min={0}
        max={Number(end)}
        value={Number(at)}
        onChange={(event) => onMove(BigInt(event.target.value))}
      />
      <button type="button" className="sheet-tool" aria-label="One entry on" disabled={at >= end} onClick={() => step(1n)}>
        ›
      </button>
      <p className="sheet-past-moment" aria-live="polite" aria-busy={!isThere}>
        {error ? (
          <>
            {error.message}{' '}
            <button type="button" className="sheet-link" onClick={onRetry}>
              Try again
            </button>
          </>
        ) : at === 0n ? (
          'Before the first entry'
        ) : (
          <>
            After entry <strong>{formatCount(Number(at - 1n))}</strong>
            {moment && (
              <>
                , <Time at={moment.committedAt} />
                {moment.actor && <span className="sheet-wide"> by {moment.actor}</span>}
              </>
            )}
          </>
        )}
      </p>
      <button type="button" className="button" onClick={onClose}>
        Back to now
      </button>
    </section>
  );
}
