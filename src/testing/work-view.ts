/** Units of work as a test looks at them, whatever keeps them: the table `work`, or a memory application. */
import type { SequenceId } from '../event-log/event-log.ts';
import type { WorkState } from '../work/unit.ts';

export interface WorkView {
  /** Work id, `<workflow>/<logId>/<sequenceId>` for entry work. */
  id: string;
  workflow: string;
  state: WorkState;
  attempt: number;
  log?: string;
  sequenceId?: SequenceId;
  group: string;
  progress: unknown;
  result: unknown;
  /** Of the last attempt that failed; of the end, where it is dead. */
  error?: { code: string; message: string };
  actor?: string;
  correlationId?: string;
  causationId?: string;
}

export interface WorkFilter {
  id?: string | undefined;
  log?: string | undefined;
  sequenceId?: SequenceId | undefined;
  workflow?: string | undefined;
  group?: string | undefined;
}

export function matchesFilter(unit: WorkView, { id, log, sequenceId, workflow, group }: WorkFilter): boolean {
  return (
    (id === undefined || unit.id === id) &&
    (log === undefined || unit.log === log) &&
    (sequenceId === undefined || unit.sequenceId === sequenceId) &&
    (workflow === undefined || unit.workflow === workflow) &&
    (group === undefined || unit.group === group)
  );
}

/** In an order that people expect: `…/2` before `…/10`. */
export function compareIds(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

const MAX_DESCRIBED = 10;

export function describeUnits(units: readonly WorkView[]): string {
  const lines = units.slice(0, MAX_DESCRIBED).map(({ id, state, attempt, error }) => {
    const attempts = attempt === 0 ? 'not begun' : attempt === 1 ? '1 attempt' : `${attempt} attempts`;
    return `  ${id}: ${state}, ${attempts}${error ? `; ${error.code}: ${error.message}` : ''}`;
  });
  if (units.length > MAX_DESCRIBED) {
    lines.push(`  … and ${units.length - MAX_DESCRIBED} more`);
  }
  return lines.join('\n');
}
