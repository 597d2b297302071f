import { randomBytes } from 'node:crypto';
import { migrate } from '../../src/postgres/migrate.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { CHANGE_GRANTS, installChangeRecording } from './change-recording.ts';
import { SCHEMA } from './drill-settings.ts';
import { installMessageRecording, MESSAGE_GRANTS } from './message-recording.ts';
import { installRecording } from './recording.ts';

/** Migrates a database of the drill's own, with its recording; applications connect to it as a member of tidemark_app, readers of changes as one of tidemark_cdc. */
export async function prepareDatabase(superuserUrl: string): Promise<{ ownerUrl: string; appUrl: string; cdcUrl: string }> {
  const password = randomBytes(12).toString('hex');
  const superuser = createPool({ connectionString: superuserUrl, max: 1, applicationName: 'drill' });
  const ownerUrl = new URL(superuserUrl);
  ownerUrl.pathname = '/drill';
  try {
    await superuser.query('create database drill');
    await migrate({ connectionString: ownerUrl.href, schema: SCHEMA });
    await superuser.query(`create role drill_app login password '${password}' in role tidemark_app`);
    await superuser.query(`create role drill_cdc login replication password '${password}' in role tidemark_cdc`);
  } finally {
    await superuser.end();
  }
  const owner = createPool({ connectionString: ownerUrl.href, max: 1, applicationName: 'drill' });
  try {
    await installRecording(owner);
    await installMessageRecording(owner);
    await installChangeRecording(owner);
    await owner.query('grant usage on schema drill to drill_app, drill_cdc; grant select on all tables in schema drill to drill_app');
    await owner.query(MESSAGE_GRANTS + CHANGE_GRANTS);
  } finally {
    await owner.end();
  }
  const urlOf = (role: string) => {
    const url = new URL(ownerUrl);
    url.username = role;
    url.password = password;
    return url.href;
  };
  return { ownerUrl: ownerUrl.href, appUrl: urlOf('drill_app'), cdcUrl: urlOf('drill_cdc') };
}
