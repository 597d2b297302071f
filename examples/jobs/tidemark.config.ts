/** The application, as `tidemark worker --app` loads it. Its settings: DATABASE_URL; CUSTOMERS_URL, of the service that is copied; REPORTS, the folder of the files. */
import pg from 'pg';
import { createDirectoryBlobStore, createTidemark } from 'tidemark';
import { archiveOrders } from './archive-orders.ts';
import { salesReport } from './sales-report.ts';
import { synchroniseCustomers } from './synchronise-customers.ts';

const { DATABASE_URL, CUSTOMERS_URL = 'http://127.0.0.1:8080/customers', REPORTS = './blobs' } = process.env;

const blobs = createDirectoryBlobStore({ path: REPORTS });

export default createTidemark({
  db: new pg.Pool({ connectionString: DATABASE_URL }),
  blobs,
  jobs: [salesReport(blobs), archiveOrders(), synchroniseCustomers(CUSTOMERS_URL)],
});
