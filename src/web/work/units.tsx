/** Units by state, group, workflow, log and error, newest first, a page at a time. The first page is kept fresh; those after it stand still. */
import { useState } from 'react';
import { type Unit, WORK_STATES } from '../api-types.ts';
import { client, filled } from '../client.ts';
import { Choice, Typed } from '../filters.tsx';
import { Empty, Failure, Loading } from '../notice.tsx';
import { goInPlace, links } from '../router.ts';
import { usePolled } from '../use-polled.ts';
import { UnitTable } from './unit-table.tsx';

const EVERY_MS = 3_000;
const PAGE = 50;

export const FILTERS = ['state', 'group', 'workflow', 'log', 'error', 'fingerprint'] as const;
/** The state is one of a list, or a person's own doing in the address: the server says so. */
type WorkQuery = Parameters<typeof client.work.list>[0];
export type Filters = Record<(typeof FILTERS)[number], string>;

export function Units({ filters, groups }: { filters: Filters; groups: readonly string[] }) {
  const key = JSON.stringify(filters);
  const { data, error, reload } = usePolled(
    (signal) => client.work.list({ ...filled(filters), limit: PAGE, signal } as WorkQuery),
    EVERY_MS,
    key,
  );
  const [further, setFurther] = useState<{ key: string; units: Unit[]; next?: string }>();
  const [problem, setProblem] = useState<Error>();
  const after = further?.key === key ? further : undefined;
  const next = after ? after.next : data?.next;
  const set = (change: Partial<Filters>) => goInPlace(links.work({ ...filters, ...change }));

  const more = async () => {
    try {
      const page = await client.work.list({ ...filled(filters), limit: PAGE, ...(next ? { after: next } : {}) } as WorkQuery);
      setFurther({ key, units: [...(after?.units ?? []), ...page.units], ...(page.next ? { next: page.next } : {}) });
      setProblem(undefined);
    } catch (failure) {
      setProblem(failure as Error);
    }
  };

  const fresh = data?.units ?? [];
  const seen = new Set(fresh.map(({ id }) => id));
  const units = [...fresh, ...(after?.units.filter(({ id }) => !seen.has(id)) ?? [])];
  return (
    <>
      <fieldset className="filters">
        <legend className="visually-hidden">Which units</legend>
        <Choice label="State" value={filters.state} values={WORK_STATES} onChange={(state) => set({ state })} />
        <Choice label="Group" value={filters.group} values={groups} onChange={(group) => set({ group })} />
        <Typed label="Workflow" value={filters.workflow} onChange={(workflow) => set({ workflow })} />
        <Typed label="Log" value={filters.log} onChange={(log) => set({ log })} />
        <Typed label="Error contains" value={filters.error} onChange={(text) => set({ error: text })} />
        {filters.fingerprint !== '' && (
          <button type="button" className="button button--quiet" onClick={() => set({ fingerprint: '' })}>
            One error only ×
          </button>
        )}
      </fieldset>
      {error && <Failure what="The units could not be listed." error={error} retry={reload} />}
      {data === undefined && !error && <Loading what="units" />}
      {data && units.length === 0 && <Empty>No unit is like that.</Empty>}
      {units.length > 0 && <UnitTable units={units} caption="Units, newest first" />}
      {problem && <Failure what="The next page could not be read." error={problem} />}
      {next !== undefined && (
        <button type="button" className="button" onClick={more}>
          More units
        </button>
      )}
    </>
  );
}
