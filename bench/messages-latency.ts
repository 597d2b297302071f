/** From a commit to the message handled, fifty commits a second, against a bare workflow that does the same work. */
import type { Environment } from './support/environment.ts';
import type { Figure } from './support/figure.ts';
import { measureHandling } from './support/measure-handling.ts';
import { startMessageApp } from './support/message-app.ts';

export default function measure(environment: Environment): Promise<Figure[]> {
  const text = { name: 'messages-latency', what: 'commit to handled, one subscription' };
  return measureHandling(environment, text, async (database, carryOut) => {
    const app = await startMessageApp(environment, database, { units: carryOut });
    return { ask: (id) => app.publish('units', id), stop: () => app.stop() };
  });
}
