/** Every write of the active cell, newest first: what, who, when, and in which entry of the log. */
import { useEffect, useState } from 'react';
import { plural } from '../format.ts';
import { Failure } from '../notice.tsx';
import { links } from '../router.ts';
import { Time } from '../time.tsx';
import { type CellWrite, cellHistory } from './sheet-requests.ts';
import type { SheetClient } from './use-live-sheet.ts';
import { formatValue } from './values/format-value.ts';

export interface HistoryPanelProps {
  client: SheetClient;
  sheetId: string;
  cell: string;
  /** Changes when the cell may have been written. */
  version: string;
  onClose: () => void;
}

interface Loaded {
  cell: string;
  writes: CellWrite[];
  next?: string | undefined;
  error?: Error;
}

const QUIET_MS = 150;

export function HistoryPanel({ client, sheetId, cell, version, onClose }: HistoryPanelProps) {
  const [loaded, setLoaded] = useState<Loaded>();
  const [attempt, setAttempt] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was read before another version is old
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    // While somebody walks through cells with the arrow keys, none of them is asked for.
    const timer = setTimeout(() => {
      void cellHistory(client, sheetId, cell, { signal }).then(
        ({ writes, next }) => setLoaded({ cell, writes, next }),
        (error) => signal.aborted || setLoaded({ cell, writes: [], error }),
      );
    }, QUIET_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [client, sheetId, cell, version, attempt]);

  async function more(before: string): Promise<void> {
    try {
      const { writes, next } = await cellHistory(client, sheetId, cell, { before });
      setLoaded((known) => (known?.cell === cell ? { cell, writes: [...known.writes, ...writes], next } : known));
    } catch (error) {
      setLoaded((known) => (known?.cell === cell ? { ...known, error: error as Error } : known));
    }
  }

  const shown = loaded?.cell === cell ? loaded : undefined;
  const next = shown?.next;
  return (
    <aside className="sheet-history" aria-label={`History of ${cell}`}>
      <header>
        <h2>History of {cell}</h2>
        <button type="button" className="icon-button" aria-label="Close the history" onClick={onClose}>
          ×
        </button>
      </header>
      {shown?.error && <Failure error={shown.error} what="The history cannot be read." retry={() => setAttempt((count) => count + 1)} />}
      {shown === undefined && <p className="sheet-quiet">Reading …</p>}
      {shown && !shown.error && shown.writes.length === 0 && next === undefined && <p className="sheet-quiet">Nobody has written here.</p>}
      <ol aria-busy={shown === undefined}>
        {shown?.writes.map((write) => (
          <li key={write.sequenceId}>
            <span className={`sheet-history-value${typeof write.value === 'number' ? ' is-number' : ''}`}>
              {write.value === null ? <em>emptied</em> : formatValue(write)}
            </span>
            <span className="sheet-history-who">
              {write.actor ?? 'unknown'}, <Time at={write.committedAt} />
            </span>
            <a className="sheet-history-entry" href={links.log(sheetId)} title={write.type}>
              entry {write.sequenceId}
            </a>
          </li>
        ))}
      </ol>
      {next !== undefined && (
        <button type="button" className="button" onClick={() => void more(next)}>
          Earlier
        </button>
      )}
      {shown && shown.writes.length > 0 && next === undefined && (
        <p className="sheet-quiet">{plural(shown.writes.length, 'write')} in all.</p>
      )}
    </aside>
  );
}
