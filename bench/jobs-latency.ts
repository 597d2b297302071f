/** From the commit of a job to its work done, fifty jobs a second, against a bare workflow that does the same work. */
import type { Environment } from './support/environment.ts';
import type { Figure } from './support/figure.ts';
import { startJobApp } from './support/job-app.ts';
import { measureHandling } from './support/measure-handling.ts';

export default function measure(environment: Environment): Promise<Figure[]> {
  const text = { name: 'jobs-latency', what: 'enqueued to done' };
  return measureHandling(environment, text, async (database, carryOut) => {
    const app = await startJobApp(environment, database, { handler: carryOut });
    return {
      async ask(id) {
        await app.enqueue(id);
      },
      stop: () => app.stop(),
    };
  });
}
