import type { WorkState } from './api-types.ts';

/** The state of a unit: a word, and a colour beside it. */
export function StateChip({ state }: { state: WorkState }) {
  return <span className={`chip chip--${state}`}>{state}</span>;
}
