/** What `tidemark cdc` of the drill loads. */
import pg from 'pg';
import { createTidemark } from '../../src/tidemark.ts';
import { drillChanges } from './change-app.ts';

export default createTidemark({ db: new pg.Pool({ connectionString: process.env.DATABASE_URL }), changes: drillChanges() });
