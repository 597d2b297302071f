/** The application, as `tidemark worker --app` loads it. Its settings: DATABASE_URL; CUSTOMERS_URL, of the service that is copied; REPORTS, the folder of the files. */
import pg from 'pg';
import { createDirectoryBlobStore, createTidemark, defineSchedule } from 'tidemark';
import { archiveOrders } from './archive-orders.ts';
import { salesReport } from './sales-report.ts';
import { synchroniseCustomers } from './synchronise-customers.ts';

const { DATABASE_URL, CUSTOMERS_URL = 'http://127.0.0.1:8080/customers', REPORTS = './blobs' } = process.env;

const blobs = createDirectoryBlobStore({ path: REPORTS });
const synchronise = synchroniseCustomers(CUSTOMERS_URL);

export default createTidemark({
  db: new pg.Pool({ connectionString: DATABASE_URL }),
  blobs,
  jobs: [salesReport(blobs), archiveOrders(), synchronise],
  schedules: [defineSchedule({ name: 'customers', everyMs: 15 * 60_000, job: synchronise })],
});
