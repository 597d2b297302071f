/**
 * An application whose entries say what shall happen to their work, so that a test can make a unit wait, fail, burn or kill its
 * worker, in whatever process it runs. Each run is recorded at once, each effect with the end of its unit.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { UnavailableError } from '../../src/errors.ts';
import { defineLogType } from '../../src/event-log/define-log-type.ts';
import { defineEntryWork, type EntryWork, type EntryWorkContext } from '../../src/event-log/entry-work.ts';
import type { Queryable } from '../../src/postgres/queryable.ts';
import { createRegistry, type Registry } from '../../src/registry.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { bankAccount } from './bank-account.ts';
import { scriptedTopics, scriptedWorkers } from './scripted-workers.ts';

export const script = z.object({
  type: z.literal('Step'),
  /** Takes so long, in ms, waiting. */
  takesMs: z.number().optional(),
  /** Keeps its process busy for so long, in ms. */
  burnsMs: z.number().optional(),
  /** Waits until the test opens this gate. */
  gate: z.string().optional(),
  /** Meets the gate only in a process of its own, not in the test's. */
  elsewhere: z.boolean().optional(),
  /** Only this attempt (and those before it) burns, meets the gate, fails or kills; absent: every one. */
  attempts: z.number().optional(),
  /** Ends in an error of its own with this message. */
  fails: z.string().optional(),
  /** Ends in an infrastructure error while the test has this gate shut. */
  needs: z.string().optional(),
  /** Kills its process, once it has done everything but end. */
  kills: z.boolean().optional(),
  /** Records progress at each look at its gate. */
  reports: z.boolean().optional(),
});

export type Script = Omit<z.output<typeof script>, 'type'>;

const ledger = defineLogType({
  type: 'ledger',
  version: 1,
  entry: script,
  initial: () => ({ steps: 0 }),
  apply: ({ steps }) => ({ steps: steps + 1 }),
});

/** Tables of the test's own: what has run, what got through a gate, what took effect, and every end of a unit, whoever ended it. */
export const SCRIPT_TABLES = `
  create table public.run (number bigint generated always as identity, unit text, attempt integer, pid integer, at timestamptz default clock_timestamp());
  create table public.passed (unit text, attempt integer, pid integer);
  create table public.effect (unit text, attempt integer);
  create table public.gate (name text primary key);
  create table public.ended (unit text, epoch bigint, state text, at timestamptz default clock_timestamp());
  create function public.record_end() returns trigger language plpgsql security definer as $$
  begin
    insert into public.ended (unit, epoch, state) values (new.id, new.epoch, new.state);
    return null;
  end $$;
  create trigger record_end after update of state on tidemark.work for each row
    when (new.state in ('done', 'dead', 'cancelled', 'expired') and new.state <> old.state) execute function public.record_end();
  grant all on public.run, public.passed, public.effect, public.gate, public.ended to tidemark_app`;

/** `pool`: a worker's own, beside the transaction of a unit. `elsewhere`: in a process of its own. */
export function scriptedRegistry(pool: Queryable, elsewhere: boolean): Registry {
  const isOpen = async (name: string) => (await pool.query('select 1 from public.gate where name = $1', [name])).rows.length > 0;

  const handler: EntryWork<z.output<typeof script>>['handler'] = async ({ entry, logId, sequenceId }, context) => {
    const unit = `${logId}/${sequenceId}`;
    const { attempt, db } = context;
    const special = entry.attempts === undefined || attempt <= entry.attempts;
    await pool.query('insert into public.run (unit, attempt, pid) values ($1, $2, $3)', [unit, attempt, process.pid]);
    if (entry.needs !== undefined && !(await isOpen(entry.needs))) throw new UnavailableError(`'${entry.needs}' is down`);
    if (entry.takesMs !== undefined) await delay(entry.takesMs, undefined, { signal: context.signal });
    if (entry.burnsMs !== undefined && special) burn(entry.burnsMs);
    if (entry.gate !== undefined && special && (elsewhere || !entry.elsewhere)) {
      await pass(entry.gate, entry.reports === true, context);
      await pool.query('insert into public.passed (unit, attempt, pid) values ($1, $2, $3)', [unit, attempt, process.pid]);
    }
    if (entry.fails !== undefined && special) throw new Error(entry.fails);
    await db.query('insert into public.effect (unit, attempt) values ($1, $2)', [unit, attempt]);
    if (entry.kills && special) process.kill(process.pid, 'SIGKILL');
    return { result: { attempt } };
  };

  /** Ignores its signal: as a process that was stopped would, it finds out by its fence. */
  async function pass(gate: string, reports: boolean, { progress }: EntryWorkContext): Promise<void> {
    for (let looks = 0; !(await isOpen(gate)); looks += 1) {
      if (reports) await progress({ looks });
      await delay(20);
    }
  }

  return createRegistry({
    logTypes: [ledger, bankAccount, sheet],
    entryWork: [
      defineEntryWork({ name: 'step', logType: ledger, handler, deadlineMs: 60_000, maxAttempts: 3 }),
      defineEntryWork({ name: 'other-step', logType: ledger, handler, deadlineMs: 60_000, maxAttempts: 3 }),
      defineEntryWork({ name: 'long-step', logType: ledger, handler, long: true, maxAttempts: 3 }),
    ],
    topics: scriptedTopics,
    workers: scriptedWorkers(pool),
  });
}

function burn(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}
