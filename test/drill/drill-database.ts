import { randomBytes } from 'node:crypto';
import { migrate } from '../../src/postgres/migrate.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { SCHEMA } from './drill-settings.ts';
import { installMessageRecording, MESSAGE_GRANTS } from './message-recording.ts';
import { installRecording } from './recording.ts';

/** Migrates a database of the drill's own, with its recording; applications connect to it as a member of tidemark_app. */
export async function prepareDatabase(superuserUrl: string): Promise<{ ownerUrl: string; appUrl: string }> {
  const password = randomBytes(12).toString('hex');
  const superuser = createPool({ connectionString: superuserUrl, max: 1, applicationName: 'drill' });
  const ownerUrl = new URL(superuserUrl);
  ownerUrl.pathname = '/drill';
  try {
    await superuser.query('create database drill');
    await migrate({ connectionString: ownerUrl.href, schema: SCHEMA });
    await superuser.query(`create role drill_app login password '${password}' in role tidemark_app`);
  } finally {
    await superuser.end();
  }
  const owner = createPool({ connectionString: ownerUrl.href, max: 1, applicationName: 'drill' });
  try {
    await installRecording(owner);
    await installMessageRecording(owner);
    await owner.query('grant usage on schema drill to drill_app; grant select on all tables in schema drill to drill_app');
    await owner.query(MESSAGE_GRANTS);
  } finally {
    await owner.end();
  }
  const appUrl = new URL(ownerUrl);
  appUrl.username = 'drill_app';
  appUrl.password = password;
  return { ownerUrl: ownerUrl.href, appUrl: appUrl.href };
}
