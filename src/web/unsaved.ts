/** What this page has not saved. While there is anything the browser asks before it closes the window. */
import { session } from './client.ts';
import { createUnsavedEdits } from './unsaved-edits.ts';

export const unsaved = createUnsavedEdits(session);

window.addEventListener('beforeunload', (event) => {
  if (unsaved.waiting.get() + unsaved.lost.get().length > 0) event.preventDefault();
});
