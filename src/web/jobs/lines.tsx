import type { JobDetails } from '../api-types.ts';
import { Time } from '../time.tsx';

/** What its handler has logged. */
export function Lines({ lines }: { lines: JobDetails['output'] }) {
  if (lines.length === 0) return null;
  return (
    <section aria-labelledby="output">
      <h2 id="output">Output</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <ol className="job-lines" aria-labelledby="output" tabIndex={0}>
        {lines.map(({ at, level, text, fields }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines are only added, and two may be alike
          <li key={index} className={`job-line--${level}`}>
            <Time at={at} />
            <span className="job-text">
              {level === 'info' ? '' : `${level} `}
              {text}
              {fields === undefined ? '' : ` ${JSON.stringify(fields)}`}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
