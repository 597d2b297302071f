import { createContext, use } from 'react';
import type { Session } from './api-types.ts';

/** Who uses the page. */
export const SessionContext = createContext<Session>({ scopes: [], auth: 'tokens', readOnly: true });

/** What the page offers them; what the server allows is the server's to say. */
export function useMay(): { write: boolean; admin: boolean } {
  const { scopes, readOnly } = use(SessionContext);
  const admin = scopes.includes('admin') && !readOnly;
  return { admin, write: admin || (scopes.includes('write') && !readOnly) };
}
