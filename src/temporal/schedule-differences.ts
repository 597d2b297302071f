/** What of a schedule in Temporal is other than the app says, or other than it was when we last wrote it: then somebody else has changed it there. */
import type { ScheduleDescription } from '@temporalio/client';
import type { ScheduleAction } from '../schedules/schedule-action.ts';
import { actionOf, type scheduleSettings } from './schedule-settings.ts';

export type ScheduleDifferences = Record<string, { is: unknown; wanted: unknown }>;

interface Wanted {
  action: ScheduleAction;
  settings: ReturnType<typeof scheduleSettings>;
  /** As `describedParts` had it after the last write; null: nobody knows, so it is written again. */
  described: Record<string, unknown> | null;
}

/** All that makes it fire, by option of Temporal's, as the server gives it back. Not its state: whether it is paused is a person's. */
export function describedParts({ spec, policies, action, state }: ScheduleDescription): Record<string, unknown> {
  const { args: _, ...started } = action;
  const parts = { ...spec, timezone: spec.timezone || 'UTC', ...policies, ...started, remainingActions: state.remainingActions };
  return Object.fromEntries(
    Object.entries(JSON.parse(JSON.stringify(parts)))
      .filter(([, value]) => typeof value !== 'object' || !isEmpty(value))
      .map(([option, value]) => [`temporal${option.slice(0, 1).toUpperCase()}${option.slice(1)}`, value]),
  );
}

/** What was never set comes back in several ways: as nothing, as an empty object, or as one of zeros. */
function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null ? Object.values(value).every(isEmpty) : !value;
}

export function scheduleDifferences(found: ScheduleDescription, { action, settings, described }: Wanted): ScheduleDifferences {
  const is: Record<string, unknown> = { ...actionOf(found), ...describedParts(found), applied: described !== null };
  const wanted: Record<string, unknown> = { ...action, ...(described ?? describedParts(found)), ...wantedParts(settings), applied: true };
  return Object.fromEntries(
    [...new Set([...Object.keys(is), ...Object.keys(wanted)])]
      .filter((option) => canonicalJson(is[option]) !== canonicalJson(wanted[option]))
      .map((option) => [option, { is: is[option] ?? null, wanted: wanted[option] ?? null }]),
  );
}

/** What of it the server gives back as it was given. */
function wantedParts({ spec, policies, action }: Wanted['settings']): Record<string, unknown> {
  return {
    temporalOverlap: policies.overlap,
    temporalCatchupWindow: policies.catchupWindow,
    temporalTimezone: ('timezone' in spec && spec.timezone) || 'UTC',
    temporalTaskQueue: action.taskQueue,
    temporalWorkflowRunTimeout: action.workflowRunTimeout,
  };
}

/** As text, whatever the order of its keys. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value ?? null, (_, part) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
