/** Which units a person means: the conditions that listing, counting, redriving and discarding share. */
import { InvalidInputError } from '../errors.ts';
import type { WorkState } from './unit.ts';

/** The states as a person reads them, each with the row states it stands for. */
export const SHOWN_STATES = {
  waiting: ['waiting', 'ready'],
  running: ['claimed', 'started'],
  done: ['done'],
  dead: ['dead'],
  cancelled: ['cancelled'],
  expired: ['expired'],
} as const satisfies Record<string, readonly WorkState[]>;

export type ShownState = keyof typeof SHOWN_STATES;

export interface WorkSelection {
  /** These units, whatever else is asked for. */
  ids?: readonly string[];
  state?: ShownState;
  /** In any of these. */
  states?: readonly ShownState[];
  group?: string;
  workflow?: string;
  /** Asked for by them. */
  actor?: string;
  /** Of this log. */
  log?: string;
  /** Of logs whose ids begin with one of these only; what belongs to no log is not among them. */
  logPrefixes?: readonly string[];
  /** Of the error of a dead unit: see `groupDeadWork`. */
  fingerprint?: string;
  /** Part of the error's code or message, whatever the case. What is done has none. */
  error?: string;
  /** At least this old: since its end where it has ended, else since it was added. */
  olderThanMs?: number;
}

/** @throws InvalidInputError */
export function parseShownState(text: string): ShownState {
  if (!Object.hasOwn(SHOWN_STATES, text)) {
    throw new InvalidInputError(`'${text}' is not a state of work: use one of ${Object.keys(SHOWN_STATES).join(', ')}.`);
  }
  return text as ShownState;
}

/** SQL of a unit's state as a person reads it; `w` is the work row. */
export const SHOWN_STATE_SQL = `case when w.state in ('waiting', 'ready') then 'waiting' when w.state in ('claimed', 'started') then 'running' else w.state end`;

/** Conditions on the work row `w`, with `values` bound from $1 on; true where nothing is asked for. */
export function selectionSql(selection: WorkSelection): { condition: string; values: unknown[] } {
  const { ids, state, states, group, workflow, actor, log, logPrefixes, fingerprint, error, olderThanMs } = selection;
  const conditions: string[] = [];
  const values: unknown[] = [];
  const bind = (value: unknown) => `$${values.push(value)}`;
  if (ids) conditions.push(`w.id = any (${bind(ids)}::text[])`);
  // As a literal list: so the partial indexes of states can be used.
  if (state) conditions.push(`w.state in (${SHOWN_STATES[state].map((name) => `'${name}'`).join(', ')})`);
  if (states) conditions.push(`w.state in (${states.flatMap((shown) => SHOWN_STATES[shown].map((name) => `'${name}'`)).join(', ')})`);
  if (group !== undefined) conditions.push(`w.group_name = ${bind(group)}::text`);
  if (workflow !== undefined) conditions.push(`w.workflow = ${bind(workflow)}::text`);
  if (actor !== undefined) conditions.push(`w.actor = ${bind(actor)}::text`);
  if (log !== undefined) conditions.push(`w.log_id = ${bind(log)}::text`);
  if (logPrefixes) conditions.push(`w.log_id ^@ any (${bind(logPrefixes)}::text[])`);
  // The state is said again: the index of fingerprints is one of dead units.
  if (fingerprint !== undefined) conditions.push(`w.state = 'dead' and w.error_fingerprint = ${bind(fingerprint)}::text`);
  if (error !== undefined) {
    const part = `${bind(error)}::text`;
    // Said for the index of what has failed: without it every unit would be looked at.
    conditions.push(state === 'done' ? 'false' : 'w.error is not null');
    conditions.push(`strpos(lower(coalesce(w.error ->> 'code', '') || ' ' || coalesce(w.error ->> 'message', '')), lower(${part})) > 0`);
  }
  if (olderThanMs !== undefined) {
    conditions.push(`coalesce(w.finished_at, w.created_at) <= clock_timestamp() - ${bind(olderThanMs)}::float8 * interval '1 millisecond'`);
  }
  return { condition: conditions.length > 0 ? conditions.join(' and ') : 'true', values };
}
