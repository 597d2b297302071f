/** Dead units by what killed them: one line an error, however many there are. */

import type { ReactNode } from 'react';
import type { ErrorGroup } from '../api-types.ts';
import { formatCount, plural } from '../format.ts';
import { Empty } from '../notice.tsx';
import { Time } from '../time.tsx';
import { Decide } from './decide.tsx';

interface DeadProps {
  errors: readonly ErrorGroup[];
  /** Only of this one; '': of all. */
  group: string;
  /** Only of this one; absent: of all. */
  workflow?: string;
  linkWith: (filters: Readonly<Record<string, string>>) => string;
  onDone: () => void;
  /** Beside each of them. */
  more?: ((error: ErrorGroup) => ReactNode) | undefined;
}

export function Dead({ errors, group, workflow, linkWith, onDone, more }: DeadProps) {
  if (errors.length === 0) return <Empty>Nothing is dead.</Empty>;
  return (
    <ul className="dead">
      {errors.map((error) => {
        const { fingerprint, code, message, units, groups, oldestAt, newestAt } = error;
        return (
          <li key={fingerprint} className="dead-error">
            <a
              className="dead-count"
              href={linkWith({ state: 'dead', fingerprint })}
              aria-label={`List ${plural(units, 'unit')} dead of ${code}`}
            >
              {formatCount(units)}
            </a>
            <div className="dead-what">
              <p>
                <code>{code}</code> {message}
              </p>
              <p className="muted">
                {groups.join(', ')} · {units === 1 ? 'at ' : 'newest '}
                <Time at={newestAt} />
                {units > 1 && (
                  <>
                    , oldest <Time at={oldestAt} />
                  </>
                )}
              </p>
            </div>
            <Decide
              selection={{ fingerprint, ...(group === '' ? {} : { group }), ...(workflow === undefined ? {} : { workflow }) }}
              units={units}
              what={`${code} in ${groups.join(', ')}`}
              onDone={onDone}
            />
            {more?.(error)}
          </li>
        );
      })}
    </ul>
  );
}
