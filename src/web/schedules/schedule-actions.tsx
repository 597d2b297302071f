/** Trigger, pause, resume. */
import { useState } from 'react';
import type { Schedule } from '../api-types.ts';
import { client } from '../client.ts';
import { useMay } from '../session-context.ts';
import { toast } from '../toasts.tsx';

type Verb = 'trigger' | 'pause' | 'resume';

const LABEL: Record<Verb, string> = { trigger: 'Trigger', pause: 'Pause', resume: 'Resume' };

export function ScheduleActions({ schedule: { name, paused, deployed }, onDone }: { schedule: Schedule; onDone: () => void }) {
  const may = useMay();
  const [isDoing, setIsDoing] = useState(false);
  if (!deployed) return null;

  const act = async (verb: Verb) => {
    if (isDoing) return;
    setIsDoing(true);
    try {
      toast(await done(verb, name));
      onDone();
    } catch (error) {
      toast(`${LABEL[verb]}: ${(error as Error).message}`, 'danger');
    }
    setIsDoing(false);
  };
  const verbs: Verb[] = [
    ...(may.jobs ? (['trigger'] as const) : []),
    ...(may.admin ? [paused ? ('resume' as const) : ('pause' as const)] : []),
  ];
  return (
    <span className="row">
      {verbs.map((verb) => (
        <button
          // What resumes is what paused: the keyboard stays on it.
          key={verb === 'trigger' ? verb : 'pause'}
          type="button"
          className="button"
          aria-disabled={isDoing}
          onClick={() => act(verb)}
          aria-label={`${LABEL[verb]} ${name}`}
        >
          {LABEL[verb]}
        </button>
      ))}
    </span>
  );
}

/** @returns what to say of it */
async function done(verb: Verb, name: string): Promise<string> {
  if (verb === 'trigger') {
    const { answer, jobId } = await client.schedules.trigger(name);
    return answer === 'created' ? `${name} is enqueued now.` : `Skipped: ${jobId} has not ended.`;
  }
  await client.schedules[verb](name);
  return verb === 'pause' ? `${name} is paused.` : `${name} fires again, from its next time on.`;
}
