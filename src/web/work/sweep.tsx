/** What the sweep had to put right since the installation. */
import { formatCount } from '../format.ts';

/** Of counters that say what a killed process left behind: 0 where nothing was killed. */
const MEANINGS: Record<string, string> = {
  expired_lease: 'claims taken back from a starter that was gone',
  gone_execution: 'units begun anew because their execution was gone',
  pending_without_unit: 'entries given the unit that they lacked',
  superseded: 'dead units that a later one stands for',
  expired: 'units that were not wanted any more',
  pruned: 'finished units removed after their time',
  unclaimed_workflow: 'workflows that no worker knows',
  missing_blob: 'blobs that were referred to and not there',
};

export function Sweep({ counters }: { counters: Readonly<Record<string, number>> }) {
  return (
    <section aria-labelledby="sweep">
      <h2 id="sweep">Sweep</h2>
      <p className="muted">
        What was found and put right since the installation. Where no process was ever killed, leases and executions stay at 0.
      </p>
      <dl className="figures">
        {Object.entries(counters).map(([name, count]) => (
          <div key={name} title={MEANINGS[name]}>
            <dt>{name.replaceAll('_', ' ')}</dt>
            <dd>{formatCount(count)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
