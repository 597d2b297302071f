/** Whether the server answers, as the last request found it. */
import { createStore } from './store.ts';

export type Connection = 'connected' | 'reconnecting';

export const connection = createStore<Connection>('connected');
export const heardFromServer = (): void => connection.set('connected');
export const lostServer = (): void => connection.set('reconnecting');
