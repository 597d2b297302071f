import type { Config } from '../config.ts';
import { executionUrl } from '../execution-url.ts';
import type { OnDead } from '../jobs/on-dead.ts';
import type { Targets } from './targets.ts';

/** Who is told of dead units, with links where the web UI is known. */
export function onDeadOf({ onDead }: Config, { uiUrl, temporal }: Targets): OnDead | undefined {
  return (
    onDead && {
      ...onDead,
      ...(uiUrl === undefined ? {} : { executionUrl: (execution) => executionUrl(uiUrl, temporal.namespace, execution) }),
    }
  );
}
