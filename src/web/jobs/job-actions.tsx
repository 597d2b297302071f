/**
 * Cancel, redrive, run now: what can be done about a job as it is. A button is never disabled while it has the keyboard, which would be lost; after a
 * decision most of them are gone, so `onDone` has to take it.
 */
import { useState } from 'react';
import { flushSync } from 'react-dom';
import type { JobDetails } from '../api-types.ts';
import { client } from '../client.ts';
import { useMay } from '../session-context.ts';
import { toast } from '../toasts.tsx';
import { ConfirmDialog } from '../work/decide.tsx';

type Verb = 'cancel' | 'redrive' | 'runNow';

const DONE: Record<Verb, string> = { cancel: 'It is cancelled.', redrive: 'It runs again.', runNow: 'It goes first.' };

export function JobActions({ job: { id, state }, onDone }: { job: Pick<JobDetails, 'id' | 'state'>; onDone: () => void }) {
  const may = useMay();
  const [asks, setAsks] = useState(false);
  const [isDoing, setIsDoing] = useState(false);
  if (state === 'done' || state === 'cancelled' || state === 'expired') return null;
  if (!may.jobs) return <span className="muted">Deciding about it needs the scope jobs.</span>;

  const decide = async (verb: Verb) => {
    if (isDoing) return;
    setIsDoing(true);
    let isDone = false;
    try {
      const { changed, job } = await client.jobs[verb](id);
      toast(changed ? DONE[verb] : `It is ${job.state}: left as it is.`);
      isDone = true;
    } catch (error) {
      toast((error as Error).message, 'danger');
    }
    flushSync(() => {
      setIsDoing(false);
      setAsks(false);
    });
    if (isDone) onDone();
  };

  return (
    <span className="row">
      {state === 'dead' && (
        <button type="button" className="button button--primary" aria-disabled={isDoing} onClick={() => decide('redrive')}>
          Redrive
        </button>
      )}
      {state === 'waiting' && (
        <button type="button" className="button" aria-disabled={isDoing} onClick={() => decide('runNow')}>
          Run now
        </button>
      )}
      {state !== 'dead' && (
        <button type="button" className="button button--danger" aria-disabled={isDoing} onClick={() => setAsks(true)}>
          Cancel job
        </button>
      )}
      {asks && (
        <ConfirmDialog
          title="Cancel this job?"
          text={`${id} ends here. What its attempt has not committed is not kept.`}
          confirm={isDoing ? 'At it …' : 'Cancel job'}
          back="Keep it"
          isDanger
          isDoing={isDoing}
          onConfirm={() => decide('cancel')}
          onCancel={() => setAsks(false)}
        />
      )}
    </span>
  );
}
