/** What was not saved of sheets that nobody looks at any more. It stays until somebody has looked at it, or has said that it may go. */

import { session } from './client.ts';
import { links } from './router.ts';
import { useStore } from './store.ts';
import { unsaved } from './unsaved.ts';
import { isSamePerson, type LostEdits } from './unsaved-edits.ts';

export function UnsavedNotice() {
  const lost = useStore(unsaved.lost);
  const who = useStore(session);
  return (
    <div className="unsaved" role="alert">
      {lost.map((one) => (
        <div key={one.key} className="notice notice--danger">
          <p>{isSamePerson(one.owner, who) ? <Own {...one} /> : <OfAnother {...one} />}</p>
          <button type="button" className="button button--quiet" onClick={() => unsaved.discard(one.key)}>
            Discard
          </button>
        </div>
      ))}
    </div>
  );
}

function Own({ sheetId, errors }: LostEdits) {
  const reasons = new Set(errors.map(({ message }) => message));
  return (
    <>
      <strong>Not everything that you wrote in {sheetId} was saved.</strong> {[...reasons].slice(0, 3).join(' ')}{' '}
      <a href={links.sheet(sheetId)}>Decide in the sheet</a>
    </>
  );
}

/** Not what they wrote: that is for them to see. */
function OfAnother({ sheetId, owner: { actor } }: LostEdits) {
  return (
    <>
      <strong>
        Not everything that {actor ?? 'somebody'} wrote in {sheetId} was saved
      </strong>{' '}
      before the session ended.
      {actor !== undefined && ` It is kept on this page until ${actor} signs in again.`}
    </>
  );
}
