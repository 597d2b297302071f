import { createContext, use } from 'react';
import type { Session } from './api-types.ts';

/** Who uses the page. */
export const SessionContext = createContext<Session>({ scopes: [], auth: 'tokens', readOnly: true, schedules: false });

/** Whether there is anything to see of schedules here. */
export const useHasSchedules = (): boolean => use(SessionContext).schedules;

/** What the page offers them; what the server allows is the server's to say. */
export function useMay(): { write: boolean; jobs: boolean; admin: boolean } {
  const { scopes, readOnly } = use(SessionContext);
  const admin = scopes.includes('admin') && !readOnly;
  const may = (scope: 'write' | 'jobs') => admin || (scopes.includes(scope) && !readOnly);
  return { admin, write: may('write'), jobs: may('jobs') };
}
