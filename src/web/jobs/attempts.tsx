import type { JobDetails } from '../api-types.ts';
import { Time } from '../time.tsx';

/** Those that have failed. */
export function Attempts({ attempts }: { attempts: JobDetails['attempts'] }) {
  if (attempts.length === 0) return null;
  return (
    <section aria-labelledby="attempts">
      <h2 id="attempts">Attempts that failed</h2>
      <ol className="job-attempts">
        {attempts.map(({ attempt, failedAt, error }) => (
          <li key={failedAt}>
            <strong>{attempt}.</strong> <Time at={failedAt} /> <code>{error.code}</code> {error.message}
          </li>
        ))}
      </ol>
    </section>
  );
}
