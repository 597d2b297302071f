import type { ReactNode } from 'react';
import { UnavailableError } from '../errors.ts';

/** Something that has failed, with the way out of it. */
export function Failure({ error, retry, what }: { error: Error; retry?: (() => void) | undefined; what: string }) {
  const isAway = error instanceof UnavailableError;
  return (
    <div className={`notice ${isAway ? 'notice--warning' : 'notice--danger'}`} role="alert">
      <p>
        <strong>{what}</strong> {error.message}
      </p>
      {retry && (
        <button type="button" className="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Where a list has nothing in it. */
export function Empty({ children }: { children: ReactNode }) {
  return <p className="empty">{children}</p>;
}

/** In the place of what is not there yet. */
export function Loading({ what }: { what: string }) {
  return (
    <p className="empty" aria-busy="true">
      Loading {what} …
    </p>
  );
}
