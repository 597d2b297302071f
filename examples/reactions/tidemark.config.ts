/**
 * The application, as `tidemark worker --app` and `tidemark cdc --app` load it. Its settings: DATABASE_URL; SYNC_URL, of the service that keeps a copy of
 * the users.
 */
import pg from 'pg';
import { createTidemark } from 'tidemark';
import { reactions } from './reactions.ts';

const { DATABASE_URL, SYNC_URL = 'http://127.0.0.1:8080/users' } = process.env;

export default createTidemark({ db: new pg.Pool({ connectionString: DATABASE_URL }), changes: reactions(SYNC_URL) });
