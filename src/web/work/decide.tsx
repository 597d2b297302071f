/** Redrive or discard, by a person: asked once more with the number of units, done, and said how many it were. */
import { useLayoutEffect, useRef, useState } from 'react';
import { client } from '../client.ts';
import { formatCount, plural } from '../format.ts';
import { useMay } from '../session-context.ts';
import { toast } from '../toasts.tsx';

type Decision = 'redrive' | 'discard';

interface DecideProps {
  selection: { ids: readonly string[] } | { fingerprint: string; group?: string; workflow?: string };
  /** How many units it is about now. */
  units: number;
  /** What they are, as a part of a sentence. */
  what: string;
  onDone: () => void;
}

const WORDS = {
  redrive: {
    verb: 'Redrive',
    effect: 'Each runs again from its beginning, in a new epoch.',
    done: (units: number) => `${plural(units, 'unit')} ${units === 1 ? 'runs' : 'run'} again.`,
  },
  discard: {
    verb: 'Discard',
    effect: 'Their work is given up for good, and their entries are not pending any more.',
    done: (units: number) => `${plural(units, 'unit')} discarded.`,
  },
} as const;

export function Decide({ selection, units, what, onDone }: DecideProps) {
  const [decision, setDecision] = useState<Decision>();
  const [isDoing, setIsDoing] = useState(false);
  const may = useMay();
  if (!may.admin) return <span className="muted">needs the scope admin</span>;

  const decide = async (chosen: Decision) => {
    setIsDoing(true);
    try {
      const { units: changed } = await client.work[chosen](selection);
      toast(WORDS[chosen].done(changed));
      onDone();
    } catch (error) {
      toast(`${WORDS[chosen].verb}: ${(error as Error).message}`, 'danger');
    }
    setIsDoing(false);
    setDecision(undefined);
  };

  return (
    <>
      <span className="row">
        <button type="button" className="button" onClick={() => setDecision('redrive')} aria-label={`Redrive ${what}`}>
          Redrive
        </button>
        <button type="button" className="button button--danger" onClick={() => setDecision('discard')} aria-label={`Discard ${what}`}>
          Discard
        </button>
      </span>
      {decision && (
        <ConfirmDialog
          title={`${WORDS[decision].verb} ${plural(units, 'dead unit')}?`}
          text={`${what}. ${WORDS[decision].effect}`}
          confirm={isDoing ? 'At it …' : `${WORDS[decision].verb} ${formatCount(units)}`}
          isDanger={decision === 'discard'}
          isDoing={isDoing}
          onConfirm={() => decide(decision)}
          onCancel={() => setDecision(undefined)}
        />
      )}
    </>
  );
}

export interface ConfirmDialogProps {
  title: string;
  text: string;
  confirm: string;
  /** Of the button that changes nothing. */
  back?: string;
  isDanger: boolean;
  isDoing: boolean;
  onConfirm: () => void;
  onCancel: () => void;
}

export function ConfirmDialog({ title, text, confirm, back = 'Cancel', isDanger, isDoing, onConfirm, onCancel }: ConfirmDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const opened = dialog.current;
    opened?.showModal();
    // Closed while it is still there, it gives the keyboard back to where it came from.
    return () => opened?.close();
  }, []);
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby="dialog-title" aria-describedby="dialog-text" onClose={onCancel}>
      <h2 id="dialog-title">{title}</h2>
      <p id="dialog-text">{text}</p>
      <div className="row row--end">
        <button type="button" className="button" onClick={onCancel}>
          {back}
        </button>
        <button
          type="button"
          className={`button ${isDanger ? 'button--danger-full' : 'button--primary'}`}
          disabled={isDoing}
          onClick={onConfirm}
        >
          {confirm}
        </button>
      </div>
    </dialog>
  );
}
