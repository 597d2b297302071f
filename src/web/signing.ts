/**
 * Signing in and out. The session is a cookie that all tabs of a browser share: each tab is told, so that none goes on in the name of somebody who
 * is not there any more.
 */
import { BASE, client, session } from './client.ts';
import { unsaved } from './unsaved.ts';

const SETTLE_MS = 3_000;
const tabs = new BroadcastChannel(`tidemark session ${BASE.pathname}`);

/** First nobody, then whoever it is now. */
tabs.onmessage = async () => {
  const before = session.get();
  if (before === undefined || (typeof before === 'object' && before.auth !== 'tokens')) return;
  session.set('nobody');
  try {
    session.set(await client.session.get());
  } catch {
    // Nobody, or nobody knows: the form to sign in is there.
  }
};

/** @throws what the server answers */
export async function signIn(token: string): Promise<void> {
  await client.session.start(token);
  tabs.postMessage('signed in');
  session.set(await client.session.get());
}

/** Edits that are on their way are saved first, as far as that is quick; the others are kept for who wrote them. @throws where it could not be ended */
export async function signOut(): Promise<void> {
  await unsaved.settle(SETTLE_MS);
  await client.session.end();
  tabs.postMessage('signed out');
  session.set('nobody');
}
